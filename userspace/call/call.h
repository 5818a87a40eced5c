/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back-to-back user agent: a call joins leg A (who called) and leg B (who
 * is called). One leg is a browser, the other the SIP side. Signalling thread.
 */
#ifndef CALL_CALL_H
#define CALL_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/queue.h"
#include "media/media.h"
#include "media/quality.h"
#include "sdp/nego.h"
#include "sip/transaction.h"

struct calls;
struct registrar;
struct store;

/* Append-only, like its names. */
enum calls_notice {
	CALLS_STARTED,		/* an INVITE that has a way */
	CALLS_RINGING,
	CALLS_ANSWERED,
	CALLS_ONE_WAY,		/* info->silent says who is not heard */
	CALLS_HEARD,		/* both again */
	CALLS_ENDED,		/* with the last figures; the call goes now */
};

#define CALLS_NOTICE_NAMES { "started", "ringing", "answered", "one-way", \
			     "heard", "ended" }

struct call_info;

/* Digits, and a browser's wish for a picture, towards the SIP side. */
enum calls_dtmf { CALLS_DTMF_PASS, CALLS_DTMF_RTP, CALLS_DTMF_INFO,
		  CALLS_DTMF_AUTO };
enum calls_keyframes { CALLS_KEYFRAMES_AUTO, CALLS_KEYFRAMES_RTCP,
		       CALLS_KEYFRAMES_INFO };

struct calls_settings {
	struct loop *loop;
	struct media *media;
	struct registrar *registrar;
	struct store *store;		/* NULL: calls end with the process */
	const char *pbx;
	struct addr web;		/* as browsers know the gateway */
	bool check_from;
	bool executes_refer;		/* else it passes */
	uint32_t no_answer_ms;		/* 180000 */
	uint32_t reconnect_ms;		/* a call up without a WebSocket */
	uint32_t max_duration_ms;	/* of a call; 0: any */
	uint32_t session_expires_s;	/* what we ask for, RFC 4028; 0: none */
	uint32_t session_min_s;		/* and accept */
	/* Told as it happens, or NULL; info is valid during the call only. */
	void (*notify)(void *arg, enum calls_notice what,
		       const struct call_info *info);
	void *notify_arg;
	/* media of the SIP side */
	enum sdp_srtp sip_srtp;
	bool sip_avpf;
	enum sdp_extensions sip_extensions;
	char srtp_suite[SDP_SUITES][32];	/* by preference; "": end */
	enum calls_dtmf sip_dtmf;
	bool web_dtmf_info;		/* events become INFO for browsers */
	enum calls_keyframes keyframes;
};


int calls_create(const struct calls_settings *s, struct calls **ret);
/* Needs the stack for answers; set once after sip_stack_create(). */
void calls_set_stack(struct calls *c, struct sip_stack *stack);
void calls_free(struct calls *c);
/* The calls of an earlier run, once everything else is ready. */
void calls_restore(struct calls *c);

/* From struct sip_user, for what is not REGISTER. */
void calls_request(struct calls *c, struct sip_server *st);
void calls_cancelled(struct calls *c, struct sip_server *st);
void calls_ack(struct calls *c, const struct sip_msg *ack,
	       const struct sip_target *from);
void calls_ack_missing(struct calls *c, struct sip_server *st);
void calls_stray_2xx(struct calls *c, const struct sip_msg *response,
		     const struct sip_target *from);
/* A request of ours leaves again under another CSeq (struct sip_user). */
void calls_renumbered(struct calls *c, const struct sip_msg *request,
		      const char *branch);
/* From the media thread's queue (enum media_message). */
void calls_media_message(struct calls *c, const struct message *m);
/* Browser connection gone, or a new one took over its registrations. */
void calls_conn_closed(struct calls *c, uint64_t conn);

/* Ends a call with BYE or 5xx on both legs. Id or unique prefix, Call-ID, user.
 * -ENOENT, -EEXIST (ambiguous).
 */
int calls_terminate(struct calls *c, const char *id, const char *cause);
/*
 * Its media into another backend. -ENOENT, -EEXIST as above; -EOPNOTSUPP: that
 * backend is not open.
 */
int calls_move(struct calls *c, const char *id, enum datapath_backend to);
/* No new calls (503); cb once the last is gone. */
void calls_drain(struct calls *c, void (*cb)(void *arg), void *arg);
void calls_terminate_all(struct calls *c, const char *cause);

/* ---- for ctl/ -------------------------------------------------------- */

struct call_leg_info {
	bool is_web;
	char uri[256];		/* of the party */
	char call_id[256];
	char peer[64];		/* flow's or trunk's address */
	const char *state;	/* of the leg */
};

struct call_info {
	char id[MEDIA_CALL_ID_LEN];
	const char *state;	/* "setup", "ringing", "up", "ending" */
	const char *direction;	/* "web-to-sip", "sip-to-web" */
	uint64_t started_wall_ms;
	uint64_t age_ms;
	uint64_t setup_ms;	/* INVITE to answer, 0: not answered */
	uint64_t answer_to_audio_ms; /* 0: none yet */
	enum quality_silent silent;
	bool was_one_way;	/* at any time */
	const char *result;	/* "answered", "refused", "cancelled",
				 * "failed" (by us), as it stands
				 */
	const char *ended_by;	/* "web", "sip", "gateway"; "": it goes on */
	const char *cause;	/* of the end; "" */
	struct call_leg_info a, b;
	bool has_media;
	struct media_figures media;
};

/* Id of the call with that Call-ID on a leg, or of that session; or NULL. */
const char *calls_id_by_call_id(const struct calls *c, const char *call_id);
const char *calls_id_by_media(const struct calls *c, uint32_t media_id);

/*
 * Until each() returns false. The pointer is valid during the call only. All
 * figures are copied for each: not for what comes with each message.
 */
void calls_each(struct calls *c, bool (*each)(void *arg,
		const struct call_info *info), void *arg);

struct calls_stats {
	uint32_t live, up;
	uint32_t dialogs;		/* of calls and subscriptions */
	uint32_t requests;		/* passed on outside of calls */
	uint32_t subscriptions;
	uint32_t farewells;		/* BYE, CANCEL for who is away */
	uint64_t attempts, answered, failed_by_us;
	uint64_t lost[2];	/* packets, by enum media_side of the sender */
};

void calls_stats(const struct calls *c, struct calls_stats *ret);

#endif
