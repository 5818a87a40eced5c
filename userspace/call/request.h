/* SPDX-License-Identifier: Apache-2.0 */
/* Inside call/: requests passed on, subscriptions, references to dialogs. */
#ifndef CALL_REQUEST_H
#define CALL_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "sip/dialog.h"

#define CALL_EXTRA_BYTES	8192	/* header lines made for a request */

struct call;
struct call_leg;
struct call_sub;
struct calls;
struct record;

/* A request that waits for the other side's answer. */
struct call_forward {
	struct call_forward *next, *prev;
	struct calls *calls;
	struct sip_server *server;
	struct sip_client *client;
	char contact[320];	/* in our 2xx; "": none */
	char to_tag[32];	/* of our responses; "": the stack's */
	uint64_t sub;		/* the subscription it belongs to, 0: none */
	char call[16];		/* the call it belongs to, "": none */
};

/* One side of a subscription's dialogs. */
struct sub_leg {
	struct call_sub *sub;
	bool is_web;
	char alias[64];		/* web: follows the newest flow of this alias */
	struct sip_dialog *dialog;
	char *key;		/* "call-id local-tag" */
	UT_hash_handle hh;	/* in calls.sub_legs */
};

/* Two dialogs joined without media: SUBSCRIBE, REFER (RFC 6665, 3515). */
struct call_sub {
	struct calls *calls;
	uint64_t id;
	struct sub_leg a, b;	/* a asked */
	uint64_t conn;		/* a's flow at the start, 0: SIP side */
	unsigned int uses;	/* subscriptions in these dialogs */
	struct loop_timer *timer;
	uint64_t expires_ms;
	bool is_stored;
	UT_hash_handle hh;	/* in calls.subs */
};

/* request.c */
/* Outside of any dialog; rules have agreed. */
void call_request_received(struct calls *cs, struct sip_server *st);
/* What the gateway can (RFC 3261 11.2), in a call too. */
void call_answer_options(struct sip_server *st);
/*
 * Sends out for st; the answer passes. Takes f, also on failure, when st is
 * answered with an error.
 */
void call_forward_send(struct call_forward *f, const struct sip_target *to,
		       struct sip_msg *out);
struct call_forward *call_forward_create(struct calls *cs,
					 struct sip_server *st);
void call_forwards_free(struct calls *cs);
/* The Contacts of a 3xx or 485, where to try next, as one value; or NULL. */
const char *call_redirection(const struct sip_msg *m, char *ret, size_t size);
/*
 * Content-Type and body of a request for the other side: as they are, but a
 * message/sipfrag is cut to its status line, the rest tells of the far leg.
 */
void call_take_body(struct sip_request *q, const struct sip_msg *m);
/* To's value without tag; one that is an alias becomes the user's name. */
const char *call_to_value(const struct calls *cs, const struct sip_msg *m,
			  char *buf, size_t size);
/* Route for a browser's request (RFC 3608), or NULL. */
const char *call_service_route(const struct calls *cs,
			       const struct sip_server *st);
/* Of leg B, made from leg A's, so that a retry with credentials has the same. */
void call_derive_ids(const struct calls *cs, const struct sip_msg *m,
		     char call_id[33], char tag[17]);

/* subscribe.c */
/* A SUBSCRIBE or REFER that makes a dialog. */
void call_sub_received(struct calls *cs, struct sip_server *st,
		       const struct sip_target *to, const char *ruri);
/* By our own tag; NULL: none. */
struct sub_leg *call_sub_leg_by_tag(struct calls *cs, const char *call_id,
				    const char *tag);
struct sub_leg *call_sub_leg_of(struct calls *cs, const struct sip_msg *m);
void call_sub_indialog(struct sub_leg *leg, struct sip_server *st);
/* The answer to a request of subscription id has come. */
void call_sub_answered(struct calls *cs, uint64_t id,
		       const struct sip_msg *request,
		       const struct sip_msg *response);
/* The call ends, what was subscribed in it by REFER goes on: takes dialogs. */
void call_sub_adopt(struct call *c);
void call_subs_free(struct calls *cs);
/* The one of an earlier run; false: it is over. */
bool call_sub_restore(struct calls *cs, const struct record *r);
/* stored.c: as it is now, out of it */
void call_sub_store(struct call_sub *s);
void call_sub_unstore(struct call_sub *s);
/* Subscription-State: 0 if it is terminated, else seconds, -1: not said. */
int64_t call_sub_state(const struct sip_msg *notify);

/* translate.c */
/*
 * Lines of Replaces, Join, Target-Dialog and Refer-To as the other leg's side
 * knows those dialogs; "" if nothing needs another form.
 */
void call_translate(struct calls *cs, const struct sip_msg *m, char *ret,
		    size_t size);
/* The same and the id of a NOTIFY's event, for a request in dialog `from`. */
void call_translate_indialog(struct calls *cs, const struct sip_dialog *from,
			     const struct sip_msg *m, char *ret, size_t size);
/*
 * Of a REFER: whom to call, and the value of Replaces ("": none), as both are
 * understood on the trunk. -EINVAL: it is not about a call.
 */
int call_refer_target(struct call_leg *leg, const struct sip_msg *m, char *ret,
		      size_t size, char *ret_replaces, size_t replaces_size);

#endif
