/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new offer in an established call (re-INVITE, UPDATE): through to the other
 * leg, its answer back; refused, what was agreed before goes on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "call/internal.h"
#include "core/log.h"

void call_reoffer_free(struct call *c)
{
	struct call_reoffer *r = c->reoffer;

	if (!r)
		return;
	c->reoffer = NULL;
	if (r->server)
		call_reply(r->server, 500, NULL, NULL, NULL);
	sip_client_free(r->client);
	sdp_free(r->from_offer);
	sdp_free(r->to_offer);
	free(r);
}

static void reoffer_refused(struct call *c, int status, const char *reason)
{
	call_reply(c->reoffer->server, status, NULL, NULL, reason);
	c->reoffer->server = NULL;
	call_reoffer_free(c);
}

/* The exchange is complete: the new one replaces the old, media follows. */
static int reoffer_answered(struct call *c, const struct sip_msg *m)
{
	struct call_reoffer *r = c->reoffer;
	struct sip_reply reply = { .status = 200,
				   .content_type = "application/sdp" };
	struct sdp *answer, *back;
	struct sdp_local local;
	char why[128] = "", headers[CALL_SESSION_HEADERS], *body;
	int err;

	err = call_parse_sdp(c, m, &answer);
	if (err)
		return err;
	call_sdp_local(c, r->from, &local);
	err = sdp_make_answer(r->from_offer, r->to_offer, answer,
			      call_leg_profile(r->from), &local, &back, why);
	if (err) {
		log_call_warn(c->id, "answer to the re-offer refused: %s",
			      why);
		sdp_free(answer);
		return err;
	}
	body = sdp_print(back);
	call_set_exchange(c, r->from->is_a, r->from_offer, r->to_offer, answer,
			  back);
	r->from_offer = r->to_offer = NULL;
	if (!body)
		return -ENOMEM;
	err = call_configure_media(c);
	reply.body = body;
	reply.body_len = strlen(body);
	reply.contact = r->from->dialog->contact;
	reply.extra_headers = call_session_reply(r->from,
			sip_server_request(r->server), headers);
	sip_server_reply(r->server, &reply, m);
	r->server = NULL;
	free(body);
	return err;
}

void call_ack_2xx(struct call_leg *leg, const struct sip_msg *m)
{
	struct sip_request q = { .method = "ACK", .max_forwards = 70 };
	struct sip_msg *ack;

	leg->dialog->invite_cseq = sip_msg_cseq(m);
	if (sip_dialog_request(leg->dialog, &q, NULL, &ack))
		return;
	sip_ack(leg->call->calls->stack, &leg->dialog->peer, ack);
	sip_msg_unref(ack);
}

static void reoffer_response(void *arg, struct sip_client *ct,
			     const struct sip_msg *m)
{
	struct call *c = arg;
	struct call_reoffer *r = c->reoffer;
	struct call_leg *to = r->to;
	int status = sip_msg_status(m);
	bool is_local = sip_client_is_local(ct);
	struct sip_reply reply = { .status = status };

	if (status < 200)
		return;
	if (status < 300) {
		sip_dialog_refresh(r->to->dialog, m);
		call_session_answered(r->to, m);
		if (sip_msg_method(m) == SIP_INVITE)
			call_ack_2xx(r->to, m);
		if (!r->server || !reoffer_answered(c, m))
			call_reoffer_free(c);
		else
			reoffer_refused(c, 488, "the answer does not fit");
		return;
	}
	/* Refused: what was agreed before goes on (RFC 3261 14.1). */
	reply.phrase = sip_msg_phrase(m);
	sip_server_reply(r->server, &reply, m);
	r->server = NULL;
	call_reoffer_free(c);
	call_request_failed(to, status, is_local);
}

static int reoffer_send(struct call *c, const struct sip_msg *src)
{
	struct call_reoffer *r = c->reoffer;
	char headers[CALL_SESSION_HEADERS];
	struct sip_request q = {
		.method = sip_msg_method_name(src),
		.max_forwards = sip_msg_max_forwards(src) - 1,
		.content_type = "application/sdp",
		.end_to_end_digest = true,
		.extra_headers = call_session_request(r->to, headers),
	};
	struct sdp_local local;
	struct sip_msg *m;
	char *body;
	int err;

	call_sdp_local(c, r->to, &local);
	err = sdp_make_offer(r->from_offer, call_leg_profile(r->to), &local,
			     &r->to_offer);
	if (err)
		return err;
	body = sdp_print(r->to_offer);
	if (!body)
		return -ENOMEM;
	q.body = body;
	q.body_len = strlen(body);
	err = sip_dialog_request(r->to->dialog, &q, src, &m);
	free(body);
	if (err)
		return err;
	err = sip_client_send(c->calls->stack, &r->to->dialog->peer, m,
			      reoffer_response, c, &r->client);
	sip_msg_unref(m);
	return err;
}

void call_reoffer_received(struct call_leg *leg, struct sip_server *st)
{
	const struct sip_msg *m = sip_server_request(st);
	struct call *c = leg->call;
	struct media_local local;
	struct sdp *offer;
	int err;

	if (call_session_refuses(c->calls, st))
		return;
	/* RFC 3261 14.2: one exchange at a time. */
	if (c->reoffer || leg->session.client ||
	    (c->state != CALL_UP && c->state != CALL_ANSWERED)) {
		call_reply(st, 491, NULL, NULL, NULL);
		return;
	}
	err = call_parse_sdp(c, m, &offer);
	if (err) {
		call_reply(st, 488, NULL, NULL, err == -ENODATA ?
			   "an offer is needed" : "the offer does not parse");
		return;
	}
	if (call_session_same_offer(leg, st, offer)) {
		sdp_free(offer);
		return;
	}
	c->reoffer = calloc(1, sizeof(*c->reoffer));
	if (!c->reoffer) {
		sdp_free(offer);
		call_reply(st, 500, NULL, NULL, NULL);
		return;
	}
	c->reoffer->from = leg;
	c->reoffer->to = call_other(leg);
	c->reoffer->server = st;
	c->reoffer->from_offer = offer;
	sip_dialog_refresh(leg->dialog, m);
	if (!call_leg_refresh_flow(c->reoffer->to)) {
		reoffer_refused(c, 480, "the other side is offline");
		return;
	}
	if (offer->media_count > LIMIT_SDP_MEDIA ||
	    offer->media_count > MEDIA_STREAMS ||
	    media_extend(c->calls->settings.media, c->media_id,
			 offer->media_count, &local)) {
		reoffer_refused(c, 488, "too many m-lines");
		return;
	}
	c->local = local;
	err = reoffer_send(c, m);
	if (err)
		reoffer_refused(c, err == -ENOTSUP ? 488 : 500, NULL);
}
