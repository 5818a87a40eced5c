/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a leg: BYE in, BYE out (RFC 3261 15). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "call/internal.h"
#include "core/log.h"

void call_forget_response(void *arg, struct sip_client *ct,
			  const struct sip_msg *m)
{
	if (sip_msg_status(m) >= 200)
		sip_client_free(ct);
}

/* A challenge, too, ends here: nobody is left to be asked for credentials. */
static void bye_answered(void *arg, struct sip_client *ct,
			 const struct sip_msg *m)
{
	static struct log_limit limit;
	int status = sip_msg_status(m);
	uint32_t more;

	if (status < 200)
		return;
	/* RFC 3261 15.1.1: with a 481 it is over there, too. */
	if (status >= 300 && status != 481 &&
	    log_limit_pass(&limit, 20, &more))
		log_warn("BYE to %s, Call-ID %s: %d %s%s; it may have the call "
			 "up still, %u more not logged", sip_msg_to_uri(m),
			 sip_msg_call_id(m), status, sip_msg_phrase(m),
			 sip_client_is_local(ct) ? ", no answer" : "", more);
	sip_client_free(ct);
}

/* src: the other leg's BYE, whose headers pass (Reason), or NULL. */
void call_bye(struct call_leg *leg, const struct sip_msg *src)
{
	struct sip_request q = { .method = "BYE", .max_forwards = 70 };
	char reason[160];
	struct sip_client *ct;
	struct sip_msg *m;
	int err;

	if (leg->bye_done || !leg->dialog || !leg->dialog->remote_tag)
		return;
	leg->bye_done = true;
	if (src && !sip_msg_is_request(src))
		src = NULL;
	if (!src && *leg->call->cause) {
		snprintf(reason, sizeof(reason),
			 "Reason: SIP;cause=200;text=\"%.96s\"\r\n",
			 leg->call->cause);
		for (char *p = strchr(reason, '"') + 1; p[3]; p++)
			if (*p == '"' || *p == '\\')
				*p = '\'';
		q.extra_headers = reason;
	}
	if (leg->is_web) {
		err = call_farewell(leg, &q, src);
		if (err)
			log_call_warn(leg->call->id, "no BYE to %s: %s",
				      leg->uri, strerror(-err));
		return;
	}
	if (sip_dialog_request(leg->dialog, &q, src, &m))
		return;
	sip_client_send(leg->call->calls->stack, &leg->dialog->peer, m,
			bye_answered, NULL, &ct);
	sip_msg_unref(m);
}

bool call_repeated_2xx(struct calls *cs, const struct sip_msg *m)
{
	struct call_leg *leg = call_leg_by_tag(cs, sip_msg_call_id(m),
					       sip_msg_from_tag(m));
	const char *tag = sip_msg_to_tag(m);

	/* Another To tag is another branch's answer (RFC 3261 13.2.2.4). */
	if (!leg || !tag || !leg->dialog->remote_tag ||
	    strcmp(leg->dialog->remote_tag, tag))
		return false;
	call_ack_2xx(leg, m);
	return true;
}

void call_request_failed(struct call_leg *leg, int status, bool is_local)
{
	struct call *c = leg->call;

	if ((status != 408 && status != 481) || (is_local && leg->is_web) ||
	    (c->state != CALL_UP && c->state != CALL_ANSWERED))
		return;
	call_set_cause(c, leg->is_web ? "web" : "sip", "request in the call: "
		       "%d%s", status, is_local ? ", no answer" : "");
	/* RFC 5057 5.1: there is no dialog left to be ended. */
	if (status == 481)
		leg->bye_done = true;
	call_event(c, CALL_ABORTED, NULL);
}

void call_bye_received(struct call_leg *leg, struct sip_server *st)
{
	struct call *c = leg->call;
	const struct sip_msg *m = sip_server_request(st);

	if (call_transfer_bye(leg, st))
		return;
	leg->bye_done = true;
	call_set_cause(c, leg->is_web ? "web" : "sip", "BYE");
	if (!leg->is_a && c->state == CALL_ANSWERED && !c->b_bye)
		c->b_bye = sip_msg_ref((struct sip_msg *)m);
	/* sip_msg_make_request() still reads m: answer last. */
	call_event(c, leg->is_a ? CALL_A_BYE : CALL_B_BYE, m);
	call_reply(st, 200, NULL, NULL, NULL);
}
