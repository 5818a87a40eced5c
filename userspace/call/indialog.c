/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests inside a call's dialogs: BYE, re-INVITE and UPDATE with a new
 * offer, and all others, which are passed to the other leg.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "call/internal.h"
#include "core/log.h"

void call_forget_response(void *arg, struct sip_client *ct,
			  const struct sip_msg *m)
{
	if (sip_msg_status(m) >= 200)
		sip_client_free(ct);
}

/* ---- BYE ------------------------------------------------------------- */

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

static void bye_received(struct call_leg *leg, struct sip_server *st)
{
	struct call *c = leg->call;
	const struct sip_msg *m = sip_server_request(st);

	leg->bye_done = true;
	call_set_cause(c, leg->is_web ? "web" : "sip", "BYE");
	/* sip_msg_make_request() still reads m: answer last. */
	call_event(c, leg->is_a ? CALL_A_BYE : CALL_B_BYE, m);
	call_reply(st, 200, NULL, NULL, NULL);
}

/* ---- a new offer ----------------------------------------------------- */

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
	char why[128] = "", *body;
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
	sip_server_reply(r->server, &reply, m);
	r->server = NULL;
	free(body);
	return err;
}

static void ack_reoffer(struct call_leg *leg, const struct sip_msg *m)
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
	int status = sip_msg_status(m);
	struct sip_reply reply = { .status = status };

	if (status < 200)
		return;
	if (status < 300) {
		sip_dialog_refresh(r->to->dialog, m);
		if (sip_msg_method(m) == SIP_INVITE)
			ack_reoffer(r->to, m);
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
}

static int reoffer_send(struct call *c, const struct sip_msg *src)
{
	struct call_reoffer *r = c->reoffer;
	struct sip_request q = {
		.method = sip_msg_method_name(src),
		.max_forwards = sip_msg_max_forwards(src) - 1,
		.content_type = "application/sdp",
		.end_to_end_digest = true,
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

static void reoffer_received(struct call_leg *leg, struct sip_server *st)
{
	const struct sip_msg *m = sip_server_request(st);
	struct call *c = leg->call;
	struct media_local local;
	struct sdp *offer;
	int err;

	/* RFC 3261 14.2: one exchange at a time. */
	if (c->reoffer || (c->state != CALL_UP && c->state != CALL_ANSWERED)) {
		call_reply(st, 491, NULL, NULL, NULL);
		return;
	}
	err = call_parse_sdp(c, m, &offer);
	if (err) {
		call_reply(st, 488, NULL, NULL, err == -ENODATA ?
			   "an offer is needed" : "the offer does not parse");
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

/* ---- everything else ------------------------------------------------- */

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

static void relay(struct call_leg *leg, struct sip_server *st)
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

/*
 * A browser's request counts only on the dialog's own flow or on the newest
 * flow that the registrar accepted for its alias.
 */
static bool is_from_leg(struct call_leg *leg, const struct sip_target *source)
{
	if (leg->is_web != source->is_ws)
		return false;
	if (!leg->is_web || leg->dialog->peer.conn == source->conn)
		return true;
	return call_leg_refresh_flow(leg) &&
	       leg->dialog->peer.conn == source->conn;
}

void call_indialog(struct call_leg *leg, struct sip_server *st)
{
	const struct sip_msg *m = sip_server_request(st);
	size_t len;

	if (!is_from_leg(leg, sip_server_source(st))) {
		call_reply(st, 481, NULL, NULL, NULL);
		return;
	}
	if (sip_dialog_check_cseq(leg->dialog, m)) {
		call_reply(st, 500, "CSeq Out Of Order", NULL, NULL);
		return;
	}
	switch (sip_msg_method(m)) {
	case SIP_BYE:
		bye_received(leg, st);
		break;
	case SIP_INVITE:
		reoffer_received(leg, st);
		break;
	case SIP_UPDATE:
		if (sip_msg_body(m, &len) && len)
			reoffer_received(leg, st);
		else
			call_reply(st, 200, NULL, NULL, NULL);
		break;
	case SIP_OPTIONS:
		call_reply(st, 200, NULL, NULL, NULL);
		break;
	case SIP_PRACK:		/* 100rel is not offered on any leg */
	case SIP_REFER:
	case SIP_SUBSCRIBE:
		call_reply(st, 405, NULL, NULL, NULL);
		break;
	default:
		relay(leg, st);
	}
}
