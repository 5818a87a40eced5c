/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests inside a call that mean nothing to its media: passed on (INFO,
 * MESSAGE, REFER and its NOTIFYs, ...). A call's end leaves them alone; the
 * other side answers them.
 */
#include <stdio.h>
#include <string.h>

#include "call/internal.h"

/* Its NOTIFYs are known by number, to the next run too. */
static void referred(struct call_leg *to, const struct sip_msg *ours,
		     const struct sip_msg *theirs)
{
	sip_dialog_referred(to->dialog, sip_msg_cseq(ours),
			    sip_msg_cseq(theirs));
	call_store(to->call);
}

void call_relay_received(struct call_leg *leg, struct sip_server *st)
{
	const struct sip_msg *m = sip_server_request(st);
	struct call_leg *to = call_other(leg);
	struct call *c = leg->call;
	char extra[CALL_EXTRA_BYTES];
	struct sip_request q = {
		.method = sip_msg_method_name(m),
		.max_forwards = sip_msg_max_forwards(m) - 1,
		.extra_headers = extra,
		.end_to_end_digest = true,
	};
	struct call_forward *f;
	struct sip_msg *out = NULL;

	if (call_info_received(leg, st))
		return;
	if (!to->dialog || !to->dialog->remote_tag ||
	    !call_leg_refresh_flow(to)) {
		call_reply(st, 480, NULL, NULL, "the other side is offline");
		return;
	}
	f = call_forward_create(c->calls, st);
	if (!f) {
		call_reply(st, 503, NULL, NULL, "too many requests");
		return;
	}
	snprintf(f->call, sizeof(f->call), "%s", c->id);
	/* RFC 3515 2.4.4, RFC 6665 4.1.2.1: these have a Contact in the 2xx. */
	if (sip_msg_method(m) == SIP_REFER ||
	    sip_msg_method(m) == SIP_SUBSCRIBE ||
	    sip_msg_method(m) == SIP_NOTIFY)
		snprintf(f->contact, sizeof(f->contact), "%s",
			 leg->dialog->contact);
	call_take_body(&q, m);
	call_translate_indialog(c->calls, leg->dialog, m, extra, sizeof(extra));
	if (sip_dialog_request(to->dialog, &q, m, &out))
		out = NULL;
	else if (sip_msg_method(m) == SIP_REFER)
		referred(to, out, m);
	call_forward_send(f, &to->dialog->peer, out);
}

/* Counts what was subscribed inside the call: it may outlive the call. */
void call_relay_answered(struct call *c, const struct sip_msg *request,
			 const struct sip_msg *response, bool is_local)
{
	struct call_leg *leg = call_leg_of(c->calls, request);
	int status = sip_msg_status(response);

	/* Subscriptions are a usage of their own (RFC 5057 5.1). */
	if (leg && status >= 300 && sip_msg_method(request) == SIP_INFO)
		call_request_failed(call_other(leg), status, is_local);
	if (status >= 300)
		return;
	switch (sip_msg_method(request)) {
	case SIP_REFER:
		c->refers++;
		break;
	case SIP_NOTIFY:
		if (call_sub_state(request) || !c->refers)
			return;
		c->refers--;
		break;
	default:
		return;
	}
	call_store(c);
}
