/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session descriptions (RFC 8866) as a tree of ours: parsed, changed, printed.
 * Nothing of a peer's text is passed on but what the tree holds.
 */
#ifndef SDP_SDP_H
#define SDP_SDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/limits.h"

enum sdp_direction {	/* bit 0: sends, bit 1: receives */
	SDP_INACTIVE = 0, SDP_SENDONLY = 1, SDP_RECVONLY = 2, SDP_SENDRECV = 3
};

enum sdp_setup { SDP_SETUP_NONE = 0, SDP_SETUP_ACTPASS, SDP_SETUP_ACTIVE,
		 SDP_SETUP_PASSIVE, SDP_SETUP_HOLDCONN };

struct sdp_codec {
	uint8_t pt;
	char name[20];		/* encoding name as written; static PTs filled in */
	uint32_t clock_hz;
	uint8_t channels;	/* 1 unless stated */
	char fmtp[512];		/* parameters, "" if none */
	uint32_t feedback;	/* bits of enum sdp_feedback */
};

enum sdp_feedback {		/* RFC 4585, 5104; what the gateway knows */
	SDP_FB_NACK = 1, SDP_FB_PLI = 2, SDP_FB_FIR = 4, SDP_FB_REMB = 8,
	SDP_FB_TRANSPORT_CC = 16,
};

/* Header extensions (RFC 8285) that pass from leg to leg. */
enum sdp_extension_kind {
	SDP_EXTENSION_NONE = 0,
	SDP_EXTENSION_OTHER,		/* any other: its id is taken */
	SDP_EXTENSION_AUDIO_LEVEL,	/* RFC 6464 */
	SDP_EXTENSION_TOFFSET,		/* RFC 5450 */
	SDP_EXTENSION_ORIENTATION,	/* 3GPP TS 26.114 7.4.5 */
	SDP_EXTENSION_SEND_TIME,
	SDP_EXTENSION_TRANSPORT_CC,
	SDP_EXTENSION_PLAYOUT_DELAY,
	SDP_EXTENSION_COLOR_SPACE,
	SDP_EXTENSION_KINDS
};

#define SDP_EXTENSION_IDS	15	/* 1 to 14: RFC 8285 4.2 */

struct sdp_extension {
	uint8_t kind;		/* enum sdp_extension_kind */
	uint8_t direction;	/* enum sdp_direction */
	uint8_t vad;		/* RFC 6464 4: 0 not said, 1 off, 2 on */
};

struct sdp_fingerprint {
	char hash[16];		/* lower case: "sha-256" */
	uint8_t digest[64];
	uint32_t len;		/* 0: none */
};

/* RFC 4568 9.1: an a=crypto that the gateway can use. */
struct sdp_crypto {
	uint32_t tag;
	char suite[32];		/* "AES_CM_128_HMAC_SHA1_80" */
	uint8_t key_len;
	uint8_t key[46];	/* master key, then salt */
	uint8_t mki_len;	/* bytes, RFC 3711 3.1; 0: packets have none */
	uint8_t mki[LIMIT_SDP_MKI];	/* network order, then 0 */
	uint8_t more_keys;	/* of the same line, which are not used */
};

struct sdp_media {
	char kind[16];		/* "audio", "video", "application", ... */
	char proto[32];		/* "RTP/AVP", "UDP/TLS/RTP/SAVPF", ... */
	uint16_t port;		/* 0: rejected (or bundle-only) */
	bool bundle_only;
	struct addr addr;	/* c= in force, port from m=; may be unset */
	char connection_host[64]; /* c= as written, if it is a name */
	bool is_rtp;		/* proto is one of the RTP profiles */
	enum sdp_direction direction;
	char mid[32];		/* "" if none */
	bool rtcp_mux;
	bool rtcp_rsize;
	struct addr rtcp;	/* a=rtcp, if given */
	char ice_ufrag[257], ice_pwd[257];	/* media or session level */
	bool ice_lite;
	struct sdp_fingerprint fingerprint;	/* media or session level */
	enum sdp_setup setup;
	uint32_t ptime_ms, maxptime_ms;		/* 0: none */
	uint32_t bandwidth_as_kbps, bandwidth_tias_bps;	/* 0: none */
	uint32_t ssrc;		/* first a=ssrc, 0: none */
	char cname[64];
	struct sdp_extension extension[SDP_EXTENSION_IDS];	/* by id */
	bool has_sdes;		/* a=crypto present, of whatever suite */
	uint32_t crypto_count;
	struct sdp_crypto crypto[LIMIT_SDP_CRYPTO];
	/* an m-line the gateway cannot carry: formats kept as written */
	char raw_formats[256];
	uint32_t codec_count;
	struct sdp_codec *codec;	/* codec_count of them */
	/* printing only, web profile: */
	char msid[80];
	uint32_t candidate_count;
	struct addr candidate[4];	/* host candidates, component 1, UDP */
};

struct sdp {
	char origin_user[64];
	uint64_t session_id, session_version;
	struct addr origin_addr;
	char session_name[64];
	bool ice_lite;
	bool has_bundle;	/* a=group:BUNDLE naming at least one mid */
	char bundle_mids[256];	/* the mids, space separated */
	uint32_t media_count;
	struct sdp_media *media;	/* media_count of them */
};

/*
 * What is inherited is filled in: from the session level, within a BUNDLE from
 * its tagged m-line. c=0.0.0.0 without ICE is a hold (RFC 3264 8.4): addr
 * stays unset and direction loses its receiving half. Above LIMIT_SDP_CODECS
 * formats RTX, RED and FEC are dropped first: a browser offers each codec with
 * one.
 *
 * -EINVAL: not SDP; -E2BIG: above a limit of core/limits.h; -ENOMEM. On error
 * `reason` (of 128 bytes, may be NULL) says what and on which line.
 */
int sdp_parse(const char *text, size_t len, struct sdp **ret, char *reason);
void sdp_free(struct sdp *s);	/* accepts NULL */
struct sdp *sdp_copy(const struct sdp *s);
/* CRLF text, to be freed by the caller; NULL if memory is out. */
char *sdp_print(const struct sdp *s);
/* In all that the gateway knows of them. */
bool sdp_same(const struct sdp *a, const struct sdp *b);

const struct sdp_codec *sdp_codec_by_pt(const struct sdp_media *m, uint8_t pt);
/* telephone-event in an m-line that is not refused. */
bool sdp_has_events(const struct sdp *s);
/* Bytes of key and salt; 0: unknown suite. */
uint32_t sdp_suite_key_len(const char *suite);
/*
 * The line that is in both: the answer has the offer's tag and suite. false:
 * the m-line is not secured by a=crypto.
 */
bool sdp_shared_crypto(const struct sdp_media *told,
		       const struct sdp_media *said,
		       const struct sdp_crypto **ret_told,
		       const struct sdp_crypto **ret_said);
/* Same encoding name (no case), clock, channels and compatible fmtp. */
bool sdp_codec_same(const struct sdp_codec *a, const struct sdp_codec *b);

#endif
