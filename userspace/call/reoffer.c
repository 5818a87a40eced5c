/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new offer in an established call (re-INVITE, UPDATE): through to the other
 * leg, its answer back; refused, what was agreed before goes on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "call/internal.h"
#include "core/clock.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/random.h"

#define WAIT_STEP_MS	50	/* between looks whether it may begin */

static const char *const sdp_type = "application/sdp";

void call_reoffer_free(struct call *c)
{
	struct call_reoffer *r = c->reoffer;

	if (!r)
		return;
	c->reoffer = NULL;
	if (r->server)
		call_reply(r->server, r->is_cancelled ? 487 : 500, NULL, NULL,
			   NULL);
	loop_timer_cancel(r->retry);
	sip_client_free(r->client);
	sdp_free(r->from_offer);
	sdp_free(r->to_offer);
	free(r);
}

static void refused(struct call *c, int status, const char *reason)
{
	struct call_reoffer *r = c->reoffer;

	if (r->server)
		call_reply(r->server, status, NULL, NULL, reason);
	r->server = NULL;
	call_reoffer_free(c);
}

/* 200 to `from`, with this description. */
static int answer_from(struct call *c, const struct sdp *sdp,
		       const struct sip_msg *m)
{
	struct call_reoffer *r = c->reoffer;
	char headers[CALL_SESSION_HEADERS], *body = sdp_print(sdp);
	struct sip_reply reply = {
		.status = 200,
		.contact = r->from->dialog->contact,
		.content_type = sdp_type,
		.body = body,
	};

	if (!body)
		return -ENOMEM;
	reply.body_len = strlen(body);
	reply.extra_headers = call_session_reply(r->from,
			sip_server_request(r->server), headers);
	call_store(c);
	sip_server_reply(r->server, &reply, m);
	r->server = NULL;
	free(body);
	return 0;
}

/* The exchange is complete: the new one replaces the old, media follows. */
static int answered(struct call *c, const struct sip_msg *m)
{
	struct call_reoffer *r = c->reoffer;
	struct sdp *answer, *back;
	struct sdp_local local;
	char why[128] = "";
	int err;

	err = call_parse_sdp(c, m, &answer);
	if (err)
		return err;
	if (r->from->is_web && !r->is_own)
		err = call_follow_ice_restart(c, r->from_offer);
	else if (!r->is_own)
		call_sdes_follow(c, r->from_offer);
	call_sdp_local(c, r->from, &local);
	if (!err)
		err = sdp_make_answer(r->from_offer, r->to_offer, answer,
				      call_leg_profile(r->from), &local, &back,
				      why);
	if (err) {
		log_call_warn(c->id, "answer to the re-offer refused: %s",
			      why);
		sdp_free(answer);
		return err;
	}
	if (r->is_own) {
		/* `from` knows nothing of it and goes on with what it has. */
		sdp_free(back);
		back = sdp_copy(call_local_sdp(r->from));
	}
	call_set_exchange(c, r->from->is_a, r->from_offer, r->to_offer, answer,
			  back);
	r->from_offer = r->to_offer = NULL;
	if (r->server)
		err = answer_from(c, back, m);
	else
		call_store(c);
	return err ? err : call_configure_media(c);
}

/* ---- ACKs of ours ------------------------------------------------------ */

void call_send_ack(struct call_leg *leg, const struct sip_msg *m,
		   const struct call_body *body)
{
	struct sip_request q = {
		.method = "ACK",
		.max_forwards = 70,
		.content_type = body && body->len ? sdp_type : NULL,
		.body = body ? body->data : NULL,
		.body_len = body ? body->len : 0,
	};

	leg->dialog->invite_cseq = sip_msg_cseq(m);
	sip_msg_unref(leg->ack);
	leg->ack = NULL;
	if (!sip_dialog_request(leg->dialog, &q, NULL, &leg->ack))
		sip_ack(leg->call->calls->stack, &leg->dialog->peer,
			leg->ack);
}

void call_ack_2xx(struct call_leg *leg, const struct sip_msg *m)
{
	/* A repetition is acknowledged with the answer it had. */
	if (leg->ack && sip_msg_cseq(leg->ack) == sip_msg_cseq(m))
		sip_ack(leg->call->calls->stack, &leg->dialog->peer,
			leg->ack);
	else
		call_send_ack(leg, m, NULL);
}

/* ---- two SIP legs ------------------------------------------------------ */

/* What they describe is theirs (transfer.c): as it is. */
static void direct_succeeded(struct call *c, const struct sip_msg *m)
{
	struct call_reoffer *r = c->reoffer;
	struct sip_reply reply = {
		.status = 200,
		.contact = r->from->dialog->contact,
		.content_type = sip_msg_content_type(m),
	};

	reply.body = sip_msg_body(m, &reply.body_len);
	r->ack_cseq = sip_msg_cseq(sip_server_request(r->server));
	sip_server_reply(r->server, &reply, m);
	r->server = NULL;
	if (r->is_late) {
		r->awaits_ack = true;
		return;
	}
	if (sip_msg_method(m) == SIP_INVITE)
		call_ack_2xx(r->to, m);
	call_reoffer_free(c);
}

static int direct_acked(struct call *c, const struct sip_msg *ack)
{
	struct call_reoffer *r = c->reoffer;
	struct call_body body;

	body.data = sip_msg_body(ack, &body.len);
	if (!body.data)
		return -ENODATA;
	call_send_ack(r->to, sip_client_request(r->client), &body);
	return 0;
}

/* ---- without an offer -------------------------------------------------- */

/* `to` has made the offer that `from` asked for. */
static int late_offered(struct call *c, const struct sip_msg *m)
{
	struct call_reoffer *r = c->reoffer;
	struct media_local media;
	struct sdp_local local;
	int err;

	err = call_parse_sdp(c, m, &r->to_offer);
	if (err)
		return err;
	if (r->to_offer->media_count > MEDIA_STREAMS ||
	    media_extend(c->calls->settings.media, c->media_id,
			 r->to_offer->media_count, &media))
		return -E2BIG;
	c->local = media;
	if (r->to->is_web)
		err = call_follow_ice_restart(c, r->to_offer);
	else
		call_sdes_follow(c, r->to_offer);
	call_sdp_local(c, r->from, &local);
	if (!err)
		err = sdp_make_offer(r->to_offer, call_leg_profile(r->from),
				     &local, &r->from_offer);
	if (err)
		return err;
	r->awaits_ack = true;
	r->ack_cseq = sip_msg_cseq(sip_server_request(r->server));
	return answer_from(c, r->from_offer, m);
}

/* `from` has answered; so is `to`. */
static int late_answered(struct call *c, const struct sip_msg *ack)
{
	struct call_reoffer *r = c->reoffer;
	struct sdp *answer, *back;
	struct sdp_local local;
	char why[128] = "", *body;
	int err;

	err = call_parse_sdp(c, ack, &answer);
	if (err)
		return err;
	call_sdp_local(c, r->to, &local);
	err = sdp_make_answer(r->to_offer, r->from_offer, answer,
			      call_leg_profile(r->to), &local, &back, why);
	if (err) {
		log_call_warn(c->id, "answer in the ACK refused: %s", why);
		sdp_free(answer);
		return err;
	}
	body = sdp_print(back);
	call_set_exchange(c, r->to->is_a, r->to_offer, r->from_offer, answer,
			  back);
	r->from_offer = r->to_offer = NULL;
	if (!body)
		return -ENOMEM;
	r->to->dialog->invite_cseq = sip_msg_cseq(sip_client_request(r->client));
	call_send_ack(r->to, sip_client_request(r->client),
		      &(struct call_body){ body, strlen(body) });
	free(body);
	call_store(c);
	return call_configure_media(c);
}

/* An offer that nobody answers cannot be taken back: the call ends. */
static void late_failed(struct call *c, const char *why)
{
	struct call_reoffer *r = c->reoffer;

	if (r->client)
		call_send_ack(r->to, sip_client_request(r->client), NULL);
	call_reoffer_free(c);
	call_set_cause(c, "gateway", "re-INVITE without an offer: %s", why);
	call_event(c, CALL_ABORTED, NULL);
}

void call_reoffer_acked(struct call_leg *leg, const struct sip_msg *ack)
{
	struct call *c = leg->call;
	struct call_reoffer *r = c->reoffer;

	if (!r || !r->awaits_ack || r->from != leg ||
	    sip_msg_cseq(ack) != r->ack_cseq)
		return;
	if (c->is_direct ? direct_acked(c, ack) : late_answered(c, ack))
		late_failed(c, "no usable answer in the ACK");
	else
		call_reoffer_free(c);
}

bool call_reoffer_unacked(struct call *c, struct sip_server *st)
{
	struct call_reoffer *r = c->reoffer;

	if (!r || !r->awaits_ack || sip_server_data(st) != c ||
	    sip_msg_cseq(sip_server_request(st)) != r->ack_cseq)
		return false;
	late_failed(c, "no ACK");
	return true;
}

/* ---- through to the other leg ------------------------------------------ */

static int reoffer_send(struct call *c);

static void again(void *arg)
{
	struct call *c = arg;
	int err;

	c->reoffer->retry = NULL;
	err = reoffer_send(c);
	if (err)
		refused(c, 500, NULL);
}

/*
 * Both sides offered at once. A browser's client gives up at a 491, and no one
 * asks again for the gateway's own: wait as RFC 3261 14.1 says. The SIP side
 * gets its 491 and does that itself.
 */
static bool try_later(struct call *c)
{
	struct call_reoffer *r = c->reoffer;
	uint32_t ms = random_u32() % 191 * 10;

	if ((!r->is_own && !r->from->is_web) ||
	    ++r->tries >= LIMIT_REOFFER_TRIES || r->is_cancelled)
		return false;
	/* The owner of the Call-ID waits longer. */
	ms = r->to->dialog->is_uac ? 2100 + ms : random_u32() % 201 * 10;
	sip_client_free(r->client);
	r->client = NULL;
	if (loop_timer_add(c->calls->settings.loop, ms, again, c, &r->retry))
		return false;
	log_call_debug(c->id, "re-INVITE met another, again in %u ms", ms);
	return true;
}

static void succeeded(struct call *c, const struct sip_msg *m)
{
	struct call_reoffer *r = c->reoffer;
	bool is_own = r->is_own;
	int err;

	/* Repeated, while `from` thinks of an answer. */
	if (r->awaits_ack)
		return;
	sip_dialog_refresh(r->to->dialog, m);
	call_session_answered(r->to, m);
	if (c->is_direct) {
		direct_succeeded(c, m);
		return;
	}
	if (r->is_late) {
		err = late_offered(c, m);
		if (!err)
			return;
		if (r->server)
			call_reply(r->server, 488, NULL, NULL, NULL);
		r->server = NULL;
		late_failed(c, "unusable offer");
		return;
	}
	if (sip_msg_method(m) == SIP_INVITE)
		call_ack_2xx(r->to, m);
	if (answered(c, m))
		refused(c, 488, "the answer does not fit");
	else
		call_reoffer_free(c);
	/* What one re-INVITE did not mend, another will not. */
	if (is_own)
		c->needs_resync = false;
	call_resync(c);
}

static void reoffer_response(void *arg, struct sip_client *ct,
			     const struct sip_msg *m)
{
	struct call *c = arg;
	struct call_reoffer *r = c->reoffer;
	int status = sip_msg_status(m);
	struct call_leg *to = r->to;
	bool is_local = sip_client_is_local(ct);
	struct sip_reply reply = { .status = status };

	if (status < 200)
		return;
	if (status < 300) {
		succeeded(c, m);
		return;
	}
	if (status == 491 && try_later(c))
		return;
	/* Refused: what was agreed before goes on (RFC 3261 14.1). */
	/*
	 * A 408 would end the call (RFC 5057 5.1), which goes on without the
	 * browser's WebSocket.
	 */
	if (r->server && is_local && to->is_web) {
		call_reply(r->server, 480, NULL, NULL,
			   "the other side is offline");
	} else if (r->server) {
		reply.phrase = sip_msg_phrase(m);
		sip_server_reply(r->server, &reply, m);
	}
	r->server = NULL;
	call_reoffer_free(c);
	call_request_failed(to, status, is_local);
}

static int reoffer_send(struct call *c)
{
	struct call_reoffer *r = c->reoffer;
	const struct sip_msg *src = r->server ? sip_server_request(r->server) :
						NULL;
	char headers[CALL_SESSION_HEADERS], *body = NULL;
	struct sip_request q = {
		.method = "INVITE",
		.max_forwards = src ? sip_msg_max_forwards(src) - 1 : 70,
		.end_to_end_digest = true,
		.extra_headers = call_session_request(r->to, headers),
	};
	struct sip_msg *m;
	int err;

	/* Who does not know UPDATE, gets a re-INVITE. */
	if (src && sip_msg_method(src) == SIP_UPDATE &&
	    r->to->session.peer_has_update)
		q.method = "UPDATE";
	if (r->to_offer) {
		body = sdp_print(r->to_offer);
		if (!body)
			return -ENOMEM;
		q.content_type = sdp_type;
		q.body = body;
		q.body_len = strlen(body);
	} else if (c->is_direct && src) {
		q.content_type = sip_msg_content_type(src);
		q.body = sip_msg_body(src, &q.body_len);
	}
	err = sip_dialog_request(r->to->dialog, &q, src, &m);
	free(body);
	if (err)
		return err;
	err = sip_client_send(c->calls->stack, &r->to->dialog->peer, m,
			      reoffer_response, c, &r->client);
	sip_msg_unref(m);
	return err;
}

static int make_offer(struct call *c)
{
	struct call_reoffer *r = c->reoffer;
	struct sdp_local local;

	call_sdp_local(c, r->to, &local);
	return sdp_make_offer(r->from_offer, call_leg_profile(r->to), &local,
			      &r->to_offer);
}

static int begin(struct call_leg *from, struct sip_server *st,
		 struct sdp *offer)
{
	struct call *c = from->call;
	struct call_reoffer *r = calloc(1, sizeof(*r));

	if (!r) {
		sdp_free(offer);
		return -ENOMEM;
	}
	r->call = c;
	r->from = from;
	r->to = call_other(from);
	r->server = st;
	r->from_offer = offer;
	r->is_late = !offer;
	c->reoffer = r;
	if (st)
		sip_server_set_data(st, c);
	return 0;
}

static bool is_refreshing(const struct call_leg *leg)
{
	const struct sip_client *ct = leg->session.client;

	/* On a WebSocket that the browser has left nobody answers. */
	return ct && (!leg->is_web ||
		      sip_client_target(ct)->conn == leg->dialog->peer.conn);
}

bool call_is_busy(const struct call *c)
{
	/* A's answer to the offer in our 2xx comes in its ACK. */
	if (c->state == CALL_ANSWERED && c->is_late && !c->is_late_done)
		return true;
	return c->reoffer || call_transfer_is_open(c) ||
	       is_refreshing(&c->a) || is_refreshing(&c->b) ||
	       (c->state != CALL_UP && c->state != CALL_ANSWERED);
}

static void forward(struct call *c)
{
	struct call_reoffer *r = c->reoffer;
	struct media_local local;
	int err;

	if (!call_leg_refresh_flow(r->to)) {
		refused(c, 480, "the other side is offline");
		return;
	}
	if (r->is_late || c->is_direct) {
		err = reoffer_send(c);
	} else if (r->from_offer->media_count > LIMIT_SDP_MEDIA ||
		   r->from_offer->media_count > MEDIA_STREAMS ||
		   media_extend(c->calls->settings.media, c->media_id,
				r->from_offer->media_count, &local)) {
		refused(c, 488, "too many m-lines");
		return;
	} else {
		c->local = local;
		err = make_offer(c);
		if (!err)
			err = reoffer_send(c);
	}
	if (err)
		refused(c, err == -ENOTSUP ? 488 : 500, NULL);
}

/* ---- a browser's, while another is on ---------------------------------- */

void call_waiting_free(struct call *c)
{
	struct call_waiting *w = &c->waiting;

	loop_timer_cancel(w->timer);
	if (w->server)
		call_reply(w->server, 487, NULL, NULL, NULL);
	memset(w, 0, sizeof(*w));
}

static void look_again(void *arg);

static int look_later(struct call *c)
{
	return loop_timer_add(c->calls->settings.loop, WAIT_STEP_MS, look_again,
			      c, &c->waiting.timer);
}

static void look_again(void *arg)
{
	struct call *c = arg;
	struct call_waiting *w = &c->waiting;
	struct sip_server *st = w->server;
	struct call_leg *leg = w->leg;
	bool is_busy = call_is_busy(c);

	w->timer = NULL;
	if (is_busy && clock_ms() < w->until_ms && !look_later(c))
		return;
	memset(w, 0, sizeof(*w));
	/* Another may have taken the browser's place. */
	if (call_leg_of(c->calls, sip_server_request(st)) != leg)
		call_reply(st, 481, NULL, NULL, NULL);
	else if (is_busy)
		call_reply(st, 491, NULL, NULL, NULL);
	else
		call_reoffer_received(leg, st);
}

/* A browser's client that gets 491 gives up, some of them the whole call. */
static bool wait_for_turn(struct call_leg *leg, struct sip_server *st)
{
	struct call *c = leg->call;
	struct call_waiting *w = &c->waiting;

	if (!leg->is_web || w->server ||
	    (c->state != CALL_UP && c->state != CALL_ANSWERED) ||
	    look_later(c))
		return false;
	w->server = st;
	w->leg = leg;
	w->until_ms = clock_ms() + LIMIT_REOFFER_WAIT_MS;
	sip_server_set_data(st, c);
	return true;
}

void call_reoffer_received(struct call_leg *leg, struct sip_server *st)
{
	const struct sip_msg *m = sip_server_request(st);
	struct call *c = leg->call;
	struct sdp *offer = NULL;
	int err = -ENODATA;
	size_t len = 0;

	if (call_session_refuses(c->calls, st))
		return;
	/* RFC 3261 14.2: one exchange at a time. */
	if (call_is_busy(c)) {
		if (!wait_for_turn(leg, st))
			call_reply(st, 491, NULL, NULL, NULL);
		return;
	}
	if (!c->is_direct)
		err = call_parse_sdp(c, m, &offer);
	if (err && err != -ENODATA) {
		call_reply(st, err == -ENOTSUP ? 415 : 488, NULL, NULL,
			   "the offer does not parse");
		return;
	}
	if (offer && call_session_same_offer(leg, st, offer)) {
		sdp_free(offer);
		return;
	}
	if (begin(leg, st, offer)) {
		call_reply(st, 500, NULL, NULL, NULL);
		return;
	}
	if (c->is_direct)
		c->reoffer->is_late = !sip_msg_body(m, &len) || !len;
	sip_dialog_refresh(leg->dialog, m);
	forward(c);
}

bool call_reoffer_cancelled(struct call *c, struct sip_server *st)
{
	struct call_reoffer *r = c->reoffer;

	if (c->waiting.server == st) {
		call_waiting_free(c);
		return true;
	}
	if (!r || r->server != st)
		return false;
	r->is_cancelled = true;
	/* The final response decides: a 2xx may be on its way. */
	if (r->client)
		sip_client_cancel(r->client, sip_server_cancel_reason(st));
	else
		call_reoffer_free(c);
	return true;
}

int call_rekey(struct call *c)
{
	struct call_leg *web = c->a.is_web ? &c->a : &c->b;
	struct sdp *offer;
	int err;

	if (call_is_busy(c))
		return -EBUSY;
	offer = sdp_copy(call_remote_sdp(web));
	err = offer ? begin(web, NULL, offer) : -ENOMEM;
	if (err)
		return err;
	c->reoffer->is_own = true;
	forward(c);
	return 0;
}

void call_resync(struct call *c)
{
	struct call_leg *web = c->a.is_web ? &c->a : &c->b;
	struct sdp *offer;

	if (!c->needs_resync || c->state != CALL_UP || call_is_busy(c))
		return;
	c->needs_resync = false;
	offer = sdp_copy(call_remote_sdp(call_other(web)));
	if (!offer || begin(call_other(web), NULL, offer))
		return;
	log_call_info(c->id, "the browser is told the codecs that are left");
	c->reoffer->is_own = true;
	forward(c);
}
