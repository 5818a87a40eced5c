/* SPDX-License-Identifier: Apache-2.0 */
/* Requests inside a call that mean nothing to the gateway: passed on. */
#include <stdlib.h>
#include <utlist.h>

#include "call/internal.h"

static void relay_free(struct call *c, struct call_relay *r)
{
	LL_DELETE(c->relays, r);
	sip_client_free(r->client);
	free(r);
}

void call_relays_free(struct call *c)
{
	while (c->relays) {
		call_reply(c->relays->server, 481, NULL, NULL, NULL);
		relay_free(c, c->relays);
	}
}

static void relay_response(void *arg, struct sip_client *ct,
			   const struct sip_msg *m)
{
	struct call_relay *r = arg;
	struct sip_reply reply = { .status = sip_msg_status(m),
				   .phrase = sip_msg_phrase(m) };

	if (reply.status < 200)
		return;
	reply.content_type = sip_msg_content_type(m);
	reply.body = sip_msg_body(m, &reply.body_len);
	sip_server_reply(r->server, &reply, m);
	relay_free(r->to->call, r);
}

void call_relay_received(struct call_leg *leg, struct sip_server *st)
{
	const struct sip_msg *m = sip_server_request(st);
	struct call_leg *to = call_other(leg);
	struct call *c = leg->call;
	struct sip_request q = {
		.method = sip_msg_method_name(m),
		.max_forwards = sip_msg_max_forwards(m) - 1,
		.content_type = sip_msg_content_type(m),
	};
	struct call_relay *r;
	struct sip_msg *out;
	int err;

	if (!to->dialog || !to->dialog->remote_tag ||
	    !call_leg_refresh_flow(to)) {
		call_reply(st, 480, NULL, NULL, "the other side is offline");
		return;
	}
	q.body = sip_msg_body(m, &q.body_len);
	r = calloc(1, sizeof(*r));
	if (!r || sip_dialog_request(to->dialog, &q, m, &out)) {
		free(r);
		call_reply(st, 500, NULL, NULL, NULL);
		return;
	}
	r->to = to;
	r->server = st;
	LL_PREPEND(c->relays, r);
	err = sip_client_send(c->calls->stack, &to->dialog->peer, out,
			      relay_response, r, &r->client);
	sip_msg_unref(out);
	if (err) {
		relay_free(c, r);
		call_reply(st, 500, NULL, NULL, NULL);
	}
}
