/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of call/ only. */
#ifndef CALL_INTERNAL_H
#define CALL_INTERNAL_H

#include <uthash.h>

#include "call/call.h"
#include "call/call_fsm.h"
#include "call/request.h"
#include "registrar/registrar.h"
#include "rules/rules.h"
#include "sip/dialog.h"
#include "store/record.h"

struct call;
struct call_sdes;

/* A leg's session timer (RFC 4028). */
struct call_session {
	uint32_t interval_s;	/* 0: the session does not expire */
	uint32_t min_se_s;	/* what a 422 asked for */
	bool we_refresh;
	bool peer_has_update;	/* its Allow names UPDATE */
	uint64_t expires_ms;	/* then BYE */
	struct loop_timer *timer;
	struct sip_client *client; /* our refresh on its way */
};

struct call_leg {
	struct call *call;
	bool is_web;
	bool is_a;
	struct sip_dialog *dialog;
	char alias[64];		/* web: follows the newest flow of this alias */
	char uri[256];		/* the party */
	uint64_t sdp_session_id, sdp_version;
	bool bye_done;		/* no BYE is due on this leg any more */
	struct call_session session;
	struct sip_msg *ack;	/* of our newest re-INVITE, for repeats */
	char *dialog_key;	/* "call-id local-tag" */
	UT_hash_handle hh;	/* in calls.legs */
};

/*
 * A re-INVITE or UPDATE on its way from one leg to the other. Without an offer
 * (is_late) it is turned round: to_offer is what `to` offers in its 2xx,
 * from_offer what `from` was offered in ours.
 */
struct call_reoffer {
	struct call *call;
	struct call_leg *from, *to;
	struct sip_server *server;	/* NULL: the gateway's own, or answered */
	struct sip_client *client;
	struct sdp *from_offer, *to_offer;
	bool is_late;
	bool awaits_ack;		/* of `from`, with its answer */
	uint32_t ack_cseq;
	bool is_own;			/* nobody asked for it */
	bool is_cancelled;
	unsigned int tries;
	struct loop_timer *retry;	/* after 491 */
};

/* A browser's re-INVITE or UPDATE that came while another exchange is on. */
struct call_waiting {
	struct sip_server *server;	/* NULL: none */
	struct call_leg *leg;
	struct loop_timer *timer;
	uint64_t until_ms;
};

/* What one branch of leg B's fork said before the answer. */
struct call_early {
	char *tag;
	uint32_t rseq;			/* of its last reliable response */
	bool is_agreed;			/* its answer came reliably */
	struct sdp *answer;
	struct sdp *told;		/* our answer to its UPDATE; or NULL */
	struct call_early *next;
};

/* Reliable provisional responses to A (RFC 3262). */
struct call_reliable {
	bool is_wanted;
	bool is_agreed;			/* A acknowledged one with SDP */
	bool has_sdp;			/* the pending one */
	uint32_t rseq, cseq;		/* of the pending one */
	uint32_t interval_ms, waited_ms;
	struct sip_msg *pending;	/* B's, awaits A's PRACK */
	struct sip_msg *next;		/* B's newest after it */
	struct sip_msg *final;		/* B's 2xx */
	struct loop_timer *timer;
};

/* A final response to leg A's INVITE that is no 2xx. */
struct call_refusal {
	int status;
	const char *phrase;		/* NULL: the usual */
	const char *reason;		/* text of a Reason header, or NULL */
	const struct sip_msg *m;	/* it is leg B's; or NULL */
};

struct call {
	struct calls *calls;
	char id[MEDIA_CALL_ID_LEN];
	enum call_state state;
	struct call_leg a, b;
	struct sip_server *invite;	/* A's, until answered */
	struct call_fork *fork;		/* of that INVITE, or NULL */
	struct sip_client *invite_client; /* ours to B */
	struct sip_target b_target;
	char b_branch[SIP_BRANCH_SIZE];	/* of our INVITE to B */
	char *a_invite, a_source[256];	/* stored.c: A's, until its ACK */
	bool is_stored;
	bool is_stranded;		/* ends as soon as A allows it */
	char b_ruri[256], b_contact[320];
	struct sip_msg *b_ack;		/* ACK of B's 2xx, for repeats */
	struct sip_msg *b_bye;		/* waits for A's ACK */
	uint64_t source_conn;		/* A's flow, 0: SIP side */

	uint32_t media_id;
	struct media_local local;
	/* The exchange in force; A is who offered it. */
	struct sdp *a_offer, *a_answer, *b_offer, *b_answer;
	bool offerer_is_a;
	bool is_secured;		/* DTLS is done */
	bool has_early_answer;		/* a_answer went out in a 183 */
	bool is_late;			/* A's INVITE had no offer */
	bool is_late_done;		/* ... and its answer is here */
	bool needs_resync;		/* the browser sends what B cannot take */
	struct call_sdes *sdes;		/* ours for the SIP side; NULL: RTP */
	struct call_early *early;
	struct call_reliable reliable;
	bool b_failed_locally;		/* nobody answered B's INVITE */
	struct media_figures figures;
	bool has_figures;
	uint64_t lost_seen[2];		/* as counted in calls_stats */
	enum quality_silent silent, suspect; /* told; seen for the first time */
	uint64_t suspect_ms;		/* ... then */
	bool was_one_way, was_cancelled;

	struct call_reoffer *reoffer;
	struct call_waiting waiting;
	struct call_transfer *transfer;
	bool is_direct;			/* two SIP legs, media of their own */
	unsigned int refers;		/* subscriptions by REFER in it */
	struct loop_timer *timer;

	uint64_t started_ms, started_wall_ms, answered_ms, ended_ms;
	struct loop_timer *max_timer;	/* longest duration */
	char *cancel_reason;		/* Reason of A's CANCEL, for B's */
	char cause[96];			/* of the end, for the log line */
	const char *ended_by;		/* "web", "sip", "gateway" */
	bool counted_up;

	struct call *next, *prev;
	UT_hash_handle by_media;
};

struct call_cancel;
struct call_fork;
struct call_transfer;
struct farewell;

struct calls {
	struct calls_settings settings;
	struct farewell *farewells;	/* BYEs to browsers that are away */
	unsigned int farewell_count;
	struct call_cancel *cancels;	/* CANCELs for such */
	struct sip_stack *stack;
	struct call *list;		/* utlist, newest first */
	struct call *by_media;
	struct call_leg *legs;
	struct call_forward *forwards;
	unsigned int forward_count;
	struct call_sub *subs;
	struct sub_leg *sub_legs;
	uint64_t last_sub;
	uint64_t seeds[4];		/* of call_derive_ids() */
	struct calls_stats stats;
	bool draining;
	void (*drained)(void *arg);
	void *drained_arg;
};

/* call.c */
struct call *call_create(struct calls *cs);
void call_free(struct call *c);
/* Runs the state machine and does what the step says; c may be gone after. */
void call_event(struct call *c, enum call_event event,
		const struct sip_msg *m);
void call_set_cause(struct call *c, const char *by, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int call_leg_attach(struct call_leg *leg, struct sip_dialog *dialog);
struct call_leg *call_leg_of(struct calls *cs, const struct sip_msg *m);
struct call_leg *call_leg_by_tag(struct calls *cs, const char *call_id,
				 const char *local_tag);
struct call_leg *call_other(struct call_leg *leg);
/* Aims the dialog at the newest flow of the browser; false: none is there. */
bool call_leg_refresh_flow(struct call_leg *leg);
void call_timer(struct call *c, uint32_t ms, void (*cb)(void *arg));
void call_limit_duration(struct call *c);
/* A browser without a flow has a while to come back. */
void call_await_flow(struct call_leg *leg);
/* show.c */
void call_log_end(const struct call *c);
void call_info_of(const struct call *c, struct call_info *ret);
/* watch.c */
void call_notify(struct call *c, enum calls_notice what);
/* New figures are there. */
void call_watch(struct call *c);
/*
 * A request of ours in the leg's dialog failed: 408 and 481 end the call
 * (RFC 5057 5.1), but for a browser whose WebSocket is gone.
 */
void call_request_failed(struct call_leg *leg, int status, bool is_local);

/* setup.c */
#define CHALLENGE_WAIT_MS	32000	/* for the retry with credentials */
void call_invite(struct calls *cs, struct sip_server *st);
/* Sends B's INVITE for the state machine; 0 or -errno. */
int call_invite_b(struct call *c);
/* answer.c */
void call_pass_provisional(struct call *c, const struct sip_msg *m);
void call_ack_b(struct call *c, const struct sip_msg *m);
void call_answer_a(struct call *c, const struct sip_msg *m);
/* m: B's final response, or NULL for one of the gateway's own. */
void call_refuse_a(struct call *c, const struct sip_msg *m);
/* As sip_server_reply(). */
int call_reply_from_b(struct call *c, const struct sip_msg *m, int status,
		      bool with_sdp, const char *extra);
void call_ack_received(struct call_leg *leg, const struct sip_msg *ack);
/* A's answer to the offer that it asked for; 0 or -errno. */
int call_late_answer(struct call *c, const struct sip_msg *m);
/* Offers A what the gateway knows, before B has said anything. */
int call_late_offer(struct call *c);

/* fork.c */
/* c rings besides `to` for the same INVITE (or is it); -1: no room. */
int call_fork_add(struct call *to, struct call *c);
/* Does it stand for the INVITE? Also if it rings alone. */
bool call_fork_is_first(const struct call *c);
/* c is no branch any more. */
void call_fork_leave(struct call *c);
/* c has answered: the others are cancelled. */
void call_fork_won(struct call *c);
void call_fork_cancelled(struct call *c);
/* The end of c->invite, but while other branches may do better. */
void call_refuse(struct call *c, const struct call_refusal *r);

/* early.c */
/* A provisional response of B: PRACKed if reliable; false: a repeat of one. */
bool call_early_received(struct call *c, struct sip_client *invite,
			 const struct sip_msg *m);
/* The answer that this response means, to be freed; -ENODATA: none. */
int call_early_answer(struct call *c, const struct sip_msg *m,
		      struct sdp **ret);
/* A request of an early dialog that was not the last one to speak? Now it is. */
bool call_early_speaks(struct call_leg *leg, const struct sip_msg *m);
void call_early_free(struct call *c);
/* An offer before the call's answer: 0, or the status to refuse with. */
int call_early_offer(struct call_leg *leg, const struct sip_msg *m,
		     char **ret_body);
void call_early_update(struct call_leg *leg, struct sip_server *st);

/* prack.c */
void call_reliable_init(struct call *c);
void call_reliable_free(struct call *c);
/* false: A does not require it. */
bool call_reliable_send(struct call *c, const struct sip_msg *m);
/* B's 2xx has to wait for A's PRACK; it is kept. */
bool call_reliable_holds(struct call *c, const struct sip_msg *m);
/* A has its description already. */
bool call_reliable_agreed(const struct call *c);
void call_prack_received(struct call_leg *leg, struct sip_server *st);

/* indialog.c */
void call_indialog(struct call_leg *leg, struct sip_server *st);

/* bye.c */
/* src: the other leg's BYE, whose headers pass (Reason), or NULL. */
void call_bye(struct call_leg *leg, const struct sip_msg *src);
void call_bye_received(struct call_leg *leg, struct sip_server *st);
/* A 2xx repeated, because our ACK was lost: acknowledged again. */
bool call_repeated_2xx(struct calls *cs, const struct sip_msg *m);
/* For requests whose outcome changes nothing: frees the client at its end. */
void call_forget_response(void *arg, struct sip_client *ct,
			  const struct sip_msg *m);

/* farewell.c: BYE to a browser, now or when it is back; -ENOBUFS. */
int call_farewell(struct call_leg *leg, const struct sip_request *q,
		  const struct sip_msg *src);
/* false: none is left for this call; else they remove it from the store. */
bool call_farewells_own(const struct call *c);
void call_farewells_free(struct calls *cs);

/* session.c: session timers */
#define CALL_SESSION_HEADERS	160
/* Header lines for our INVITE, re-INVITE or UPDATE; NULL: none. */
const char *call_session_request(const struct call_leg *leg,
				 char ret[CALL_SESSION_HEADERS]);
/* Header lines for our 2xx to one; starts the timer anew. NULL: none. */
const char *call_session_reply(struct call_leg *leg, const struct sip_msg *req,
			       char ret[CALL_SESSION_HEADERS]);
/* The peer's 2xx to one: starts the timer anew. */
void call_session_answered(struct call_leg *leg, const struct sip_msg *m);
/* 422: true if the request is to be sent again, with a longer interval. */
bool call_session_too_small(struct call_leg *leg, const struct sip_msg *m);
/* An interval below the minimum: answers 422. */
bool call_session_refuses(struct calls *cs, struct sip_server *st);
/* UPDATE without a description. */
void call_session_update(struct call_leg *leg, struct sip_server *st);
/* The same offer as before: answered as before; false: it is a new one. */
bool call_session_same_offer(struct call_leg *leg, struct sip_server *st,
			     const struct sdp *offer);
void call_session_stop(struct call_leg *leg);

/* After a restart: the timer goes on from expires_ms. */
void call_session_resume(struct call_leg *leg);

/* stored.c */
#define CALL_SDP_JUMP	100	/* versions that may have been sent since */
/* As it is now; a failure is the store's to tell. */
void call_store(struct call *c);
void call_unstore(struct call *c);
/* Out of the store, or, while a browser is owed its BYE, what that takes. */
void call_store_ended(struct call *c);
/* What of a caller's INVITE is stored; to be freed. */
char *call_invite_text(const struct sip_msg *m);
/* Into a new call: 0 or -errno. */
int call_unpack(struct call *c, const char *id, const struct record *r);
/* revive.c */
void call_cancels_free(struct calls *cs);
uint32_t call_cancels_count(const struct calls *cs);
/* The INVITE that an earlier run sent there with this branch. */
void call_cancel_resumed(struct calls *cs, const struct sip_target *to,
			 struct sip_msg *invite, const char *branch);

/* transfer.c */
/* false: it asks for something else than a call, and passes. */
bool call_transfer_received(struct call_leg *leg, struct sip_server *st);
/* The transferor's BYE before the outcome ends its leg only; false: no such. */
bool call_transfer_bye(struct call_leg *leg, struct sip_server *st);
void call_transfer_free(struct call *c);
/* An INVITE to a target leaves again like this. */
void call_transfer_renumbered(struct calls *cs, const struct sip_msg *request,
			      const char *branch);
/* One goes on. */
bool call_transfer_is_open(const struct call *c);
/* ... and who asked, on that side, has hung up before its outcome. */
bool call_transfer_has_left(const struct call *c, bool is_web);
void call_transfer_store(const struct call *c, struct record *r);
void call_transfer_restore(struct call *c, const struct record *r);
/* One that an earlier run began has failed: each side is told. */
void call_transfer_resume(struct call *c);

/* reoffer.c */
struct call_body {		/* a description, as bytes */
	const void *data;
	size_t len;
};

/* ACK of a 2xx (m) to an INVITE of ours in the dialog; body: or NULL. */
void call_send_ack(struct call_leg *leg, const struct sip_msg *m,
		   const struct call_body *body);
/* ... and of its repetitions. */
void call_ack_2xx(struct call_leg *leg, const struct sip_msg *m);
/* No exchange can begin now. */
bool call_is_busy(const struct call *c);
void call_reoffer_received(struct call_leg *leg, struct sip_server *st);
void call_reoffer_free(struct call *c);
/* The end of one that waits: 487. */
void call_waiting_free(struct call *c);
/* false: st is no re-INVITE under way. */
bool call_reoffer_cancelled(struct call *c, struct sip_server *st);
void call_reoffer_acked(struct call_leg *leg, const struct sip_msg *ack);
/* No ACK, and so no answer, for our offer: true if it concerned st's call. */
bool call_reoffer_unacked(struct call *c, struct sip_server *st);
/* A re-INVITE of the gateway's own, if the browser needs one. */
void call_resync(struct call *c);
/* One to the SIP side that changes nothing but SRTP keys; 0 or -errno. */
int call_rekey(struct call *c);

/* relay.c */
void call_relay_received(struct call_leg *leg, struct sip_server *st);
void call_relay_answered(struct call *c, const struct sip_msg *request,
			 const struct sip_msg *response, bool is_local);

/*
 * multipart.c: the description in a multipart body. -ENOTSUP: there is none, or
 * another part must be understood (RFC 5621 4).
 */
int call_sdp_part(const char *type, const char *body, size_t len,
		  const char **ret, size_t *ret_len);

/* describe.c: descriptions and what the media thread is told */
void call_sdp_local(const struct call *c, struct call_leg *leg,
		    struct sdp_local *ret);
int call_parse_sdp(const struct call *c, const struct sip_msg *m,
		   struct sdp **ret);
enum sdp_profile call_leg_profile(const struct call_leg *leg);
/* What this leg has from us last, offer or answer. */
const struct sdp *call_local_sdp(const struct call_leg *leg);
/* What it sent last; NULL: nothing yet. */
const struct sdp *call_remote_sdp(const struct call_leg *leg);
/* Takes both: what the leg said, what it was told. */
void call_set_leg_sdp(struct call_leg *leg, struct sdp *said,
		      struct sdp *told);
/* What a leg of this profile is taken to offer if it makes none. */
int call_default_sdp(const struct calls *cs, enum sdp_profile profile,
		     struct sdp **ret);
/* The browser's new offer has new ICE credentials: so have we (RFC 8839
 * 4.4.1.1.1).
 */
int call_follow_ice_restart(struct call *c, const struct sdp *offer);
/* Tells media what the exchange in force means. */
int call_configure_media(struct call *c);
/* Makes these four the exchange in force; takes them. */
void call_set_exchange(struct call *c, bool offerer_is_a, struct sdp *a_offer,
		       struct sdp *b_offer, struct sdp *b_answer,
		       struct sdp *a_answer);

/* digits.c: digits and pictures, INFO on one leg only */
/* false: not an INFO that ends here; it passes. */
bool call_info_received(struct call_leg *leg, struct sip_server *st);
void call_digit_heard(struct call *c, const struct media_digit *d);
void call_picture_wanted(struct call *c);
/* SLUICE_FEEDBACK_x that the SIP side gets of what it says it takes. */
uint32_t call_picture_config(const struct call *c, const char *kind,
			     uint32_t said);
/* Media's m-line, whose payloads are there. */
void call_digits_config(const struct call *c, uint32_t index,
			struct media_stream_config *s);

/* sdes.c: SRTP keys of the SIP leg */
int call_sdes_init(struct call *c);
void call_sdes_free(struct call *c);
/* said: what the SIP leg said last, or NULL. */
void call_sdes_local(const struct call *c, const struct sdp *said,
		     struct sdp_local *ret);
/* Those in force are known to the kernel only: restored after a restart. */
bool call_sdes_unknown(const struct call *c);
/* A new offer of the SIP leg, before it is answered. */
void call_sdes_follow(struct call *c, const struct sdp *offer);
void call_sdes_config(const struct sdp_media *told,
		      const struct sdp_media *said, struct media_sdes *ret);

/* A response of the gateway's own; reason: text of a Reason header, or NULL.
 * to_tag NULL: one is made if the request has none.
 */
void call_reply(struct sip_server *st, int status, const char *phrase,
		const char *to_tag, const char *reason);
/* setup.c: a request gets 503 for what it says; logged, but not each. */
void call_limit_reached(const struct sip_msg *m, const char *what);

#endif
