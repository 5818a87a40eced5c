/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Media sessions: one per leg pair (browser leg, SIP leg). The media thread
 * owns the sockets, ICE-lite, DTLS-SRTP, RTCP and the datapath; the signalling
 * thread opens, configures and closes sessions by id and hears of them by
 * messages. Nothing here knows SIP or calls.
 *
 * All functions are called on the signalling thread.
 */
#ifndef MEDIA_MEDIA_H
#define MEDIA_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/queue.h"
#include "datapath/datapath.h"

#define MEDIA_STREAMS		SLUICE_STREAMS_PER_TRANSPORT	/* m-lines */
#define MEDIA_PAYLOADS		32	/* payload types of one m-line */
#define MEDIA_CALL_ID_LEN	16

struct media;

enum media_side { MEDIA_SIDE_WEB = 0, MEDIA_SIDE_SIP = 1 };

struct store;

struct media_settings {
	struct addr web;		/* bind address and port of browser media */
	struct addr web_public;		/* advertised; same as web if not NATed */
	struct addr sip;		/* bind address of RTP ports; port unused */
	uint16_t rtp_port_min;		/* even */
	uint16_t rtp_port_max;
	struct datapath_config datapath; /* .sockets is filled in by media */
	struct store *store;		/* NULL: nothing outlives the daemon */
	/* The DTLS identity: PEM files, made at first start if missing. */
	const char *certificate;
	const char *private_key;
	/* SRTP profiles in order of preference, 0-terminated. */
	uint16_t srtp_profiles[5];	/* enum sluice_srtp_profile */
	uint32_t web_timeout_ms;	/* no authenticated packet: lost (30000) */
	uint32_t sip_timeout_ms;	/* no RTP nor RTCP while active (60000); 0: off */
};

/*
 * Binds the browser port, opens the datapath, starts the thread. Messages
 * (enum media_message) go to `events`, owned by the caller. Errors are logged
 * with the address or file they concern.
 */
int media_start(const struct media_settings *settings, struct queue *events,
		struct media **ret);
/*
 * Ends every session, stops the thread, detaches the datapath. keep: the
 * sessions in the kernel go on, for the next run to adopt.
 */
void media_stop(struct media *m, bool keep);

/* ---- what an earlier run left (Documentation/restart.rst) ---------------- */

struct media_adoption {
	bool is_adopted;	/* pins of an earlier run were taken over */
	uint32_t sessions;
	uint32_t lost;
	uint32_t orphans;	/* entries of nobody, removed */
	uint64_t absent_ms;	/* nobody watched for that long */
	uint64_t at_ms;		/* CLOCK_MONOTONIC */
};
void media_adoption(const struct media *m, struct media_adoption *ret);

/* Name for log lines: shown until the settings of the session say more. */
struct media_open {
	char call[MEDIA_CALL_ID_LEN];
	uint32_t stream_count;		/* m-lines, 1..MEDIA_STREAMS */
	bool rtcp_ports;		/* reserve RTP and RTCP port pairs */
	bool is_secured;		/* the SIP side may have keys (SDES) */
};

/* What the SDP of both legs announces. Stable for the session's life. */
struct media_local {
	uint32_t id;			/* never 0 */
	struct addr web;		/* public address and port */
	char ufrag[SLUICE_UFRAG_LEN + 1];
	char password[33];
	char fingerprint[128];		/* "sha-256 AA:BB:..." */
	char cname[17];
	uint32_t web_ssrc[MEDIA_STREAMS];	/* sent towards the browser */
	uint32_t sip_ssrc[MEDIA_STREAMS];	/* sent towards the SIP side */
	struct addr sip[MEDIA_STREAMS];		/* RTP; RTCP is port + 1 */
};

/*
 * Takes ports and credentials. -EMFILE: no RTP port left; -ENFILE: no file
 * descriptor; -ENOSPC: LIMIT_MEDIA_SESSIONS or datapath_streams; -ENOBUFS: the
 * media thread is behind; else what the RTP ports' address met.
 */
int media_open(struct media *m, const struct media_open *open,
	       struct media_local *ret);
/* More m-lines in a re-offer; keeps what is there. */
int media_extend(struct media *m, uint32_t id, uint32_t stream_count,
		 struct media_local *ret);

/*
 * A session of an earlier run, by the id it had there: from now on it is as if
 * this run had opened it. -ESTALE: it is lost, *ret_lost tells why (static);
 * -ENOENT: there never was one with keys.
 */
int media_adopt(struct media *m, uint32_t id, struct media_local *ret,
		const char **ret_lost);
/* Closes those that media_adopt() was not asked for. */
void media_adopt_done(struct media *m);

/*
 * New ICE credentials (RFC 8445 9), accepted at once beside those in force;
 * those before are forgotten. Keys and the selected pair stay.
 */
int media_restart_ice(struct media *m, uint32_t id, struct media_local *ret);

enum media_dtls_role { MEDIA_DTLS_SERVER = 0,	/* we are a=setup:passive */
		       MEDIA_DTLS_CLIENT = 1 };	/* we are a=setup:active */

#define MEDIA_NO_PAYLOAD	0xff	/* not on that side, or not from there */

struct media_payload {
	uint8_t web_rx;		/* PT in packets from the browser */
	uint8_t sip_tx;		/* the same codec's PT towards the SIP side */
	uint8_t sip_rx;		/* PT in packets from the SIP side */
	uint8_t web_tx;		/* PT towards the browser */
	uint8_t to_sip, to_web;	/* enum sluice_convert */
	uint8_t ratio;		/* of an event's clocks */
	uint32_t clock_hz;	/* of the browser's */
	char name[20];		/* encoding name, for show and logs */
};

/* SRTP with keys from the SDP (RFC 4568): key, then salt, then zeros. */
struct media_sdes {
	uint16_t profile;		/* enum sluice_srtp_profile; 0: RTP */
	uint8_t rx[46], tx[46];
	uint8_t rx_mki_len, tx_mki_len;	/* bytes of the MKI; 0: none */
	uint8_t rx_mki[SLUICE_MKI_MAX], tx_mki[SLUICE_MKI_MAX];
	uint8_t more_keys;		/* that side has, and must not use */
};

struct media_stream_config {
	bool enabled;			/* false: m-line rejected */
	bool web_to_sip;		/* direction allowed by both SDPs */
	bool sip_to_web;
	bool sip_rtcp_mux;
	bool extensions_to_sip;		/* RFC 8285: kept, else taken out */
	bool extensions_to_web;
	uint32_t web_feedback;		/* SLUICE_FEEDBACK_x that side takes */
	uint32_t sip_feedback;
	char kind[12];			/* "audio", "video" */
	struct addr sip_remote;		/* of the SIP side's SDP; may be unset */
	struct addr sip_remote_rtcp;	/* unset: port + 1, or the mux */
	struct media_sdes sdes;
	uint32_t payload_count;
	struct media_payload payload[MEDIA_PAYLOADS];
};

/* The whole wanted state; sent again after every new SDP. */
struct media_config {
	bool has_web;			/* the browser's SDP is known */
	enum media_dtls_role role;
	char remote_ufrag[257];		/* RFC 8839: 4 to 256 ice-chars */
	char remote_password[257];
	char fingerprint_hash[16];	/* "sha-256", "sha-384", "sha-512" */
	uint8_t fingerprint[64];
	uint32_t fingerprint_len;
	uint32_t stream_count;
	struct media_stream_config stream[MEDIA_STREAMS];
};

/* Asynchronous: a failure comes as MEDIA_FAILED. -EINVAL: unknown id. */
int media_configure(struct media *m, uint32_t id,
		    const struct media_config *config);
/*
 * Into another backend in mid-call, where it stays. Asynchronous: MEDIA_STATS
 * tells where it is then. -EINVAL: unknown id; -EOPNOTSUPP: not open.
 */
int media_move(struct media *m, uint32_t id, enum datapath_backend to);
/*
 * A digit (RFC 4733 3.2: 0 to 15) as telephone-event to that side, after those
 * before it. Asynchronous; -EINVAL: unknown id.
 */
int media_digit(struct media *m, uint32_t id, enum media_side to,
		uint8_t event, uint32_t duration_ms);
/* Asks the browser for whole pictures (RFC 4585 6.3.1). As above. */
int media_picture(struct media *m, uint32_t id);
/* Always answered by MEDIA_CLOSED with the last figures. */
void media_close(struct media *m, uint32_t id);

/* "AEAD_AES_128_GCM" to enum sluice_srtp_profile; 0: no such profile. */
uint16_t media_profile_by_name(const char *name);

/*
 * The operator's orders to the kernel path. Both wait for the media thread.
 * moves: the sessions that are on the other path go along.
 */
struct media_kernel {
	bool is_changed;	/* false: it was so already */
	uint32_t moved;		/* sessions */
	uint32_t stay;		/* sessions that are in the way, or stay put */
	char reason[256];	/* of a failure */
};
/* -EBUSY: the kernel carries sessions, and they are not to move. */
int media_detach(struct media *m, bool moves, struct media_kernel *ret);
/*
 * Attaches where nothing is, or where others took the program away. -errno
 * with a reason; what is already attached is no failure.
 */
int media_attach(struct media *m, bool moves, struct media_kernel *ret);

/* ---- messages to the signalling thread ------------------------------- */

enum media_message {
	MEDIA_ICE_SELECTED = 1,	/* struct media_event: pair nominated */
	MEDIA_DTLS_DONE,	/* keys installed; detail: profile name */
	MEDIA_FIRST_PACKET,	/* side says from where */
	MEDIA_FAILED,		/* detail says why: "dtls: ...", "ports ..." */
	MEDIA_LOST,		/* side went silent for its timeout */
	MEDIA_FORGED,		/* many packets that do not authenticate */
	MEDIA_STATS,		/* struct media_figures: each second, and when
				 * it was configured or moved */
	MEDIA_CLOSED,		/* struct media_figures, last of its session */
	MEDIA_DIGIT,		/* struct media_digit: one that is not relayed */
	MEDIA_PICTURE,		/* struct media_event: the browser wants one */
};

/* An RFC 4733 event whose payload type is SLUICE_CONVERT_REPORT. */
struct media_digit {
	uint32_t id;
	uint32_t side;		/* enum media_side that it came from */
	uint32_t duration_ms;
	uint8_t event;
};

struct media_event {
	uint32_t id;
	uint32_t side;		/* enum media_side */
	struct addr peer;
	uint64_t time_ms;	/* CLOCK_MONOTONIC */
	char detail[128];
};

struct media_stream_figures {
	char kind[12];
	char codec[20];		/* the first that both sides take */
	struct datapath_stream_stats web_to_sip;
	struct datapath_stream_stats sip_to_web;
	bool may_web_to_sip;	/* as both SDPs allow */
	bool may_sip_to_web;
	struct addr sip_local;
	struct addr sip_remote;	/* as learned */
};

struct media_figures {
	uint32_t id;
	uint32_t backend;	/* enum datapath_backend */
	char backend_reason[64]; /* why not the preferred one; else "" */
	char profile[32];	/* SRTP profile name; "" before DTLS */
	struct addr web_remote;	/* selected pair */
	uint64_t ice_selected_ms; /* CLOCK_MONOTONIC, 0: not yet */
	uint64_t dtls_done_ms;
	uint64_t web_alive_ms;	/* last authenticated sign of the browser */
	uint64_t consent_checks; /* answered by the kernel itself */
	uint64_t first_web_ms;	/* first authenticated media packet */
	uint64_t first_sip_ms;
	uint32_t stream_count;
	struct media_stream_figures stream[MEDIA_STREAMS];
};

/* End of validity of a PEM file's first certificate, seconds since 1970. */
int media_certificate_expiry(const char *file, int64_t *ret);

/* Whole datapath, refreshed each second by the media thread. Any thread. */
void media_totals(struct media *m, struct datapath_totals ret[DATAPATH_BACKENDS]);

/* As the media thread saw it within the last second, but for the first three. */
struct media_usage {
	uint32_t sessions;
	uint32_t rtp_ports, rtp_port_limit;	/* pairs */
	uint32_t lacking_flows;		/* sessions */
	struct datapath_usage datapath;
};
void media_usage(struct media *m, struct media_usage *ret);
const struct datapath *media_datapath(const struct media *m);

#endif
