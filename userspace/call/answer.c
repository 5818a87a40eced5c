/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leg B's responses to the INVITE, passed to leg A, and the descriptions in
 * them. An INVITE without an offer turns the order round: B is offered what
 * the gateway knows, B's answer is the offer in A's 2xx, A's ACK has the
 * answer (RFC 3261 13.2.1, RFC 3725 4.1 in one dialog each).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "call/internal.h"
#include "core/clock.h"
#include "core/log.h"

static const char *const sdp_type = "application/sdp";

/* B's answer as A's answer; *ret stays NULL if A has one already. */
static int answer_for_a(struct call *c, const struct sdp *answer,
			struct sdp **ret)
{
	struct sdp_local local;
	char reason[128] = "";
	int err;

	*ret = NULL;
	if (c->a_answer)
		return 0;
	call_sdp_local(c, &c->a, &local);
	err = sdp_make_answer(c->a_offer, c->b_offer, answer,
			      call_leg_profile(&c->a), &local, ret, reason);
	if (err)
		log_call_warn(c->id, "answer of leg B refused: %s", reason);
	return err;
}

/* A made no offer: B's answer is what A is offered. */
static int offer_for_a(struct call *c, const struct sdp *answer,
		       struct sdp **ret)
{
	struct sdp_local local;

	*ret = NULL;
	if (c->a_answer)
		return 0;
	call_sdp_local(c, &c->a, &local);
	return sdp_make_offer(answer, call_leg_profile(&c->a), &local, ret);
}

/*
 * The first answer of B becomes the answer to A and stays it: a browser
 * cannot take a second one, so later ones only move B's side of the media.
 */
static int take_answer(struct call *c, const struct sip_msg *m)
{
	struct sdp *answer, *to_a;
	int err;

	err = call_early_answer(c, m, &answer);
	if (err == -ENODATA && c->a_answer)
		return 0;
	if (err)
		return err;
	err = c->is_late ? offer_for_a(c, answer, &to_a) :
			   answer_for_a(c, answer, &to_a);
	if (err) {
		sdp_free(answer);
		return err;
	}
	sdp_free(c->b_answer);
	c->b_answer = answer;
	if (to_a)
		c->a_answer = to_a;
	/* A has not said yet where it wants media. */
	if (c->is_late && !c->is_late_done)
		return 0;
	return call_configure_media(c);
}

int call_late_answer(struct call *c, const struct sip_msg *m)
{
	struct sdp *answer;
	int err = call_parse_sdp(c, m, &answer);

	if (err)
		return err;
	if (!c->a_answer || answer->media_count > c->a_answer->media_count) {
		sdp_free(answer);
		return -EINVAL;
	}
	sdp_free(c->a_offer);
	c->a_offer = answer;
	c->is_late_done = true;
	/* Else B has not answered: its 2xx comes after the PRACK. */
	return c->b_answer ? call_configure_media(c) : 0;
}

int call_late_offer(struct call *c)
{
	struct sdp *known;
	struct sdp_local local;
	int err;

	if (c->a_answer)
		return 0;
	err = call_default_sdp(c->calls, c->a.is_web ? SDP_PROFILE_PLAIN :
			       SDP_PROFILE_WEB, &known);
	if (err)
		return err;
	call_sdp_local(c, &c->a, &local);
	err = sdp_make_offer(known, call_leg_profile(&c->a), &local,
			     &c->a_answer);
	sdp_free(known);
	return err;
}

int call_reply_from_b(struct call *c, const struct sip_msg *m, int status,
		      bool with_sdp, const char *extra)
{
	char *body = with_sdp && c->a_answer ? sdp_print(c->a_answer) : NULL;
	char headers[CALL_SESSION_HEADERS], contacts[1024];
	struct sip_reply r = {
		.status = status,
		.phrase = m && sip_msg_status(m) == status ?
			sip_msg_phrase(m) : NULL,
		.to_tag = c->a.dialog->local_tag,
		.contact = status < 300 ? c->a.dialog->contact : m ?
			call_redirection(m, contacts, sizeof(contacts)) : NULL,
		.content_type = body ? sdp_type : NULL,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.extra_headers = status == 200 ? call_session_reply(&c->a,
				sip_server_request(c->invite), headers) : extra,
	};
	int err;

	if (status == 200)
		call_store(c);
	err = sip_server_reply(c->invite, &r, m);
	free(body);
	return err;
}

void call_pass_provisional(struct call *c, const struct sip_msg *m)
{
	size_t len;

	if (sip_msg_body(m, &len) && len && !take_answer(c, m))
		c->has_early_answer = true;
	/* A's offer comes in a reliable response only (RFC 3261 13.2.1). */
	if (!call_reliable_send(c, m))
		call_reply_from_b(c, m, sip_msg_status(m),
				  c->has_early_answer && !c->is_late, NULL);
}

void call_ack_b(struct call *c, const struct sip_msg *m)
{
	struct sip_request q = { .method = "ACK", .max_forwards = 70 };

	if (!c->b_ack) {
		sip_dialog_response(c->b.dialog, m);
		call_store(c);
		if (sip_dialog_request(c->b.dialog, &q, NULL, &c->b_ack))
			return;
	}
	sip_ack(c->calls->stack, &c->b.dialog->peer, c->b_ack);
}

void call_answer_a(struct call *c, const struct sip_msg *m)
{
	int err;

	if (!c->invite || call_reliable_holds(c, m))
		return;
	err = take_answer(c, m);
	if (err) {
		call_set_cause(c, "gateway", "answer of leg B unusable");
		call_refuse(c, &(struct call_refusal){
			.status = err == -ENOTSUP ? 488 : 502,
			.reason = c->cause });
		call_event(c, CALL_ABORTED, NULL);
		return;
	}
	c->answered_ms = clock_ms();
	c->calls->stats.answered++;
	err = call_reply_from_b(c, m, 200, !call_reliable_agreed(c), NULL);
	c->a.dialog->confirmed = true;
	call_fork_won(c);
	c->invite = NULL;
	if (err == -EBADMSG) {
		/* A was refused. */
		c->a.bye_done = true;
		call_set_cause(c, "gateway", "answer of leg B cannot be passed");
		call_event(c, CALL_ABORTED, NULL);
		return;
	}
	call_notify(c, CALLS_ANSWERED);
}

void call_refuse_a(struct call *c, const struct sip_msg *m)
{
	struct call_refusal r = { .status = m ? sip_msg_status(m) : 500 };

	if (!c->invite)
		return;
	if (m && !c->b_failed_locally) {
		r.m = m;
	} else {
		r.reason = c->cause;
		c->calls->stats.failed_by_us += !m;
	}
	/* Nobody answered: the stack made this response up. */
	if (m && c->b_failed_locally && c->b.is_web) {
		r.status = 480;
	} else if (m && c->b_failed_locally) {
		r.status = r.status == 408 ? 408 : 503;
		r.phrase = "PBX Unreachable";
	}
	call_refuse(c, &r);
	if (c->state == CALL_CHALLENGED) {
		c->a.bye_done = false;
		call_unstore(c);
		call_timer(c, CHALLENGE_WAIT_MS, NULL);
	}
}

void call_ack_received(struct call_leg *leg, const struct sip_msg *ack)
{
	struct call *c = leg->call;
	bool is_first = leg->is_a && c->state == CALL_ANSWERED;

	if (leg->is_a)
		call_event(c, CALL_A_ACKED, NULL);
	if (is_first && c->is_late && !c->is_late_done &&
	    call_late_answer(c, ack)) {
		call_set_cause(c, "gateway", "no usable answer in the ACK");
		call_event(c, CALL_ABORTED, NULL);
		return;
	}
	if (is_first) {
		free(c->a_invite);
		c->a_invite = NULL;
		call_store(c);
	}
	if (c->is_stranded) {
		call_event(c, CALL_ABORTED, NULL);
		return;
	}
	call_reoffer_acked(leg, ack);
	call_resync(c);
}
