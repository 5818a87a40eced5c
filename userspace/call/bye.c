/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a leg: BYE in, BYE out (RFC 3261 15). */
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

/* src: the other leg's BYE, whose headers pass (Reason), or NULL. */
void call_bye(struct call_leg *leg, const struct sip_msg *src)
{
	struct sip_request q = { .method = "BYE", .max_forwards = 70 };
	char reason[160];
	struct sip_client *ct;
	struct sip_msg *m;

	if (leg->bye_done || !leg->dialog || !leg->dialog->remote_tag)
		return;
	leg->bye_done = true;
	if (!call_leg_refresh_flow(leg)) {
		log_call_info(leg->call->id, "no flow for BYE to %s",
			      leg->uri);
		return;
	}
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
	if (sip_dialog_request(leg->dialog, &q, src, &m))
		return;
	sip_client_send(leg->call->calls->stack, &leg->dialog->peer, m,
			call_forget_response, NULL, &ct);
	sip_msg_unref(m);
}

void call_bye_received(struct call_leg *leg, struct sip_server *st)
{
	struct call *c = leg->call;
	const struct sip_msg *m = sip_server_request(st);

	leg->bye_done = true;
	call_set_cause(c, leg->is_web ? "web" : "sip", "BYE");
	/* sip_msg_make_request() still reads m: answer last. */
	call_event(c, leg->is_a ? CALL_A_BYE : CALL_B_BYE, m);
	call_reply(st, 200, NULL, NULL, NULL);
}
