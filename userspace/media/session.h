/* SPDX-License-Identifier: Apache-2.0 */
/* One media session, on the media thread. */
#ifndef MEDIA_SESSION_H
#define MEDIA_SESSION_H

#include "media/keys.h"
#include "media/worker.h"

struct digits;
struct sip_crypt;
struct srtcp;

/* The two streams of an m-line. */
enum { TO_SIP = 0, TO_WEB = 1, DIRECTIONS = 2 };

/* A flow of the SIP side, as the datapath has it. */
struct sip_flow {
	bool is_set;
	struct sluice_flow_key key;
};

enum { FLOW_RTP, FLOW_RTP_ANY, FLOW_RTCP, FLOW_RTCP_ANY, SIP_FLOWS };

struct session_stream {
	struct port_pair ports;
	struct endpoint rtp;
	struct endpoint rtcp;
	struct addr local;		/* RTP */
	uint32_t transport;
	uint32_t stream[DIRECTIONS];	/* ids; 0: not made yet */
	bool is_installed[DIRECTIONS];
	bool is_transport_installed;
	struct sip_crypt *crypt;	/* of the SIP side; NULL: plain RTP */
	struct sip_flow flow[SIP_FLOWS];
	struct addr sdp_remote;		/* the newest SDP's */
	struct addr sdp_rtcp;
	struct addr remote;		/* in use: the SDP's or learned */
	struct addr rtcp_remote;
	bool is_learning;		/* source port still open */
	bool is_rtcp_learning;
	uint64_t learn_base;		/* packets received when it began */
	uint64_t rtcp_learn_base;
	uint64_t active_since_ms;	/* TO_WEB; 0: held */
	uint64_t last_sip_ms;		/* RTCP, and RTP seen by the daemon */
};

/* A generation of our ICE credentials (RFC 8445 9). */
struct credentials {
	uint32_t generation;		/* 1..; 0: none */
	struct ufrag_entry entry;
	char password[33];
};

/* The newest RFC 4733 event that was reported. */
struct heard_digit {
	bool is_open;			/* not told yet: its end is awaited */
	uint64_t free_ms;		/* when those told would be over */
	uint32_t value;
	uint32_t timestamp;
};

struct session {
	struct worker *w;
	uint32_t id;
	char call[MEDIA_CALL_ID_LEN];
	struct media_local local;
	struct media_config config;
	bool is_configured;
	uint32_t stream_count;
	struct session_stream stream[MEDIA_STREAMS];

	enum datapath_backend backend;
	char backend_reason[64];
	uint32_t generation;
	uint32_t web_transport;
	bool is_web_installed;
	uint32_t rx_key;		/* slots; 0: plain, no keys yet */
	uint32_t tx_key;
	bool are_keys_installed;
	bool lacks_flows;		/* a backend did not take one */
	bool is_lack_told;		/* once a call */
	bool is_lack_logged;		/* and its end is not */

	/* ICE */
	struct credentials ours[2];	/* before and after a restart */
	uint32_t newest;		/* of the two */
	char previous_ufrag[257];	/* of the peer, before its restart */
	struct tuple *tuple[LIMIT_ICE_REMOTE_TUPLES];
	uint32_t tuple_count;
	struct tuple *selected;
	uint32_t selected_generation;	/* of the credentials that did it */
	uint64_t ice_selected_ms;

	/* DTLS-SRTP */
	struct session *dtls_next;	/* worker's list of handshakes */
	bool is_handshaking;		/* in that list */
	struct dtls *dtls;
	struct addr dtls_peer;		/* of the last datagram; may be unset */
	uint64_t dtls_started_ms;	/* 0: nobody could have begun yet */
	uint64_t dtls_due_ms;		/* retransmission; UINT64_MAX: none */
	uint64_t dtls_done_ms;
	bool has_keys;			/* of a peer whose certificate matched */
	bool is_dtls_dead;		/* failed or closed: ignore the rest */
	char checked_hash[16];		/* the fingerprint that matched */
	uint8_t checked_fingerprint[64];
	uint32_t checked_len;
	struct sluice_key rx_keys;	/* what the slots hold */
	struct sluice_key tx_keys;
	struct srtcp *srtcp;
	uint32_t srtcp_ceiling;		/* indices below may have been used */

	struct digits *digits;		/* being sent; NULL: none */
	struct heard_digit heard[DIRECTIONS];
	uint64_t picture_told_ms;

	/* life */
	uint64_t web_alive_ms;		/* newest authenticated sign; 0: none */
	uint64_t web_checks;		/* answered by the kernel */
	uint64_t first_ms[2];		/* by enum media_side */
	bool is_lost[2];		/* told already */
	bool is_failed;
	bool is_saved;			/* the store has it */
};

/* session.c */
int session_open(struct worker *w, const struct worker_open *open);
int session_extend(struct session *s, const struct worker_open *open);
void session_configure(struct session *s, const struct media_config *config);
void session_close(struct session *s);	/* tells MEDIA_CLOSED, frees */
/* Frees what is this process's; the datapath and the store keep theirs. */
void session_leave(struct session *s);
void session_move(struct session *s, enum datapath_backend to);
/* It is in another backend by now: stored, and told. */
void session_moved(struct session *s);
void session_restart_ice(struct session *s, const char *ufrag,
			 const char *password);
/* Where its SDP wants RTCP without mux. */
struct addr session_rtcp_of(const struct media_stream_config *c);
void session_tick(struct session *s, uint64_t now_ms);
void session_event(struct session *s, enum media_message type,
		   enum media_side side, const struct addr *peer,
		   const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* MEDIA_FAILED, once. */
void session_failed(struct session *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void session_first_packet(struct session *s, enum media_side side,
			  const struct addr *peer);
/* What the kernel saw of one of its transports. */
void session_kernel_event(struct session *s, const struct sluice_event *e);

/* The browser wants a whole picture, and the SIP side takes no RTCP for it. */
void session_picture_wanted(struct session *s);

/* ice.c: a STUN message on the browser port. */
void ice_input(struct worker *w, const struct addr *remote,
	       const uint8_t *data, size_t len);
void ice_forget(struct session *s);	/* every tuple of it */
/* The session's first credentials, or the next ones; the last two count. */
int ice_restart(struct session *s, const char *ufrag, const char *password);
void ice_close(struct session *s);
/* Of this process only; the datapath keeps flows and credentials. */
void ice_leave(struct session *s);
/* The remote of a flow that the datapath has, of an earlier run. */
int ice_adopt(struct session *s, const struct addr *remote, bool is_selected);
/* Credentials of an earlier run, as s->ours has them. */
int ice_adopt_credentials(struct session *s);

/* association.c: DTLS of a session. */
void association_input(struct tuple *t, const uint8_t *data, size_t len);
void association_configured(struct session *s);
void association_pair_verified(struct session *s);
void association_timers(struct worker *w, uint64_t now_ms);
/* Milliseconds until association_timers() is wanted; -1: not at all. */
int association_wait_ms(struct worker *w, uint64_t now_ms);
void association_tick(struct session *s, uint64_t now_ms);
void association_close(struct session *s);
/* Without a word to the peer. */
void association_leave(struct session *s);

/* digits.c: RFC 4733 by the daemon. */
void digits_queue(struct session *s, enum media_side to, uint8_t event,
		  uint32_t duration_ms);
void digits_timers(struct worker *w, uint64_t now_ms);
int digits_wait_ms(struct worker *w, uint64_t now_ms);	/* -1: not at all */
void digits_heard(struct session *s, const struct sluice_event *e);
/* The session goes back to where it was. */
void digits_end(struct session *s);
void digits_close(struct session *s);

/* packets.c: RTP and RTCP that came to a socket. */
/* A PLI for each video that the browser sends. */
void packets_ask_picture(struct session *s);
void packets_web(struct worker *w, const struct addr *remote, uint8_t *data,
		 size_t len, size_t capacity);
void packets_sip(struct session *s, uint32_t stream, bool is_rtcp_port,
		 const struct addr *remote, uint8_t *data, size_t len,
		 size_t capacity);

/* saved.c: what outlives the daemon, brought up to date. */
void session_save(struct session *s);
void session_unsave(struct session *s);
/*
 * Before an SRTCP packet is protected: its index must be below the stored
 * ceiling, or a later run might use it again.
 */
void session_reserve_srtcp(struct session *s, const struct srtcp *srtcp);

/* relay.c: the session in the datapath. */
/* What is wrong, for the operator; err: -errno of what follows. */
const char *relay_strerror(int err);
int relay_open(struct session *s);
int relay_open_stream(struct session *s, uint32_t i);
/* Ports, names and flows once more, for a backend that came later. */
int relay_announce(struct session *s);
/* Brings keys, transports and streams to what the session says. */
int relay_apply(struct session *s);
/* err: what the backend said. 0: the user path has the session now, as it was. */
int relay_fall_back(struct session *s, int err);
/*
 * New keys of the browser's side in s: fresh slots, the old ones wiped; what
 * goes to and comes from the SIP side goes on.
 */
int relay_rekey(struct session *s);
/* The index space goes on with ROC 0; no receiver has it from before. */
void relay_restart_out(struct datapath_stream_state *state);
/* Sources begin with ROC 0 as well; what was counted of them stays. */
void relay_restart_in(struct datapath_stream_state *state);
int relay_ufrag(struct session *s, const struct credentials *c, bool is_there);
/* Of flows: one that is not taken makes the session lack flows, and is told. */
void relay_web_flow(struct session *s, const struct addr *remote, bool is_there);
void relay_sip_flows(struct session *s, uint32_t i);
/* All of them, once more. */
void relay_flows(struct session *s);
/* The same for a session that lacked some. */
void relay_retry_flows(struct session *s);
/* Out of the datapath, and the slot is free. */
void relay_drop_key(struct session *s, uint32_t slot);
/* Zeroes where there is no stream. */
void relay_stats(struct session *s, uint32_t i, int direction,
		 struct datapath_stream_stats *ret);
/* The far end of a transport of ours, as the datapath heard of it. */
void relay_peer(struct session *s, uint32_t transport,
		struct sluice_peer *ret);
void relay_close(struct session *s);
/* In s->backend. state: NULL for a new stream or an update of one. */
int relay_install_keys(struct session *s);
int relay_install_transports(struct session *s);
int relay_install_stream(struct session *s, uint32_t i, int direction,
			 const struct datapath_stream_state *state);

/*
 * move.c: the live session into another backend; -errno: it stays where it
 * is. reason: why it is not in the preferred one, or "".
 */
int relay_move(struct session *s, enum datapath_backend to,
	       const char *reason);
/* Before several are frozen: it is waited for once. */
void relay_stop_streams(struct session *s, enum datapath_backend from);
#define RELAY_TOGETHER	64
/* At most so many, all of them to the user path or one alone. */
void relay_move_together(struct session **all, uint32_t count,
			 enum datapath_backend to, const char *reason,
			 int *ret_err);

#endif
