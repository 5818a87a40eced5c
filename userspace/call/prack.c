/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reliable provisional responses to leg A, when its INVITE requires them (RFC
 * 3262 3): one at a time, repeated until its PRACK. The 2xx waits for the
 * PRACK of one that had a description.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call/internal.h"
#include "core/log.h"
#include "core/random.h"

#define T1_MS		500
#define GIVE_UP_MS	(64 * T1_MS)

static void stop(struct call_reliable *r)
{
	loop_timer_cancel(r->timer);
	r->timer = NULL;
	sip_msg_unref(r->pending);
	r->pending = NULL;
}

void call_reliable_free(struct call *c)
{
	struct call_reliable *r = &c->reliable;

	stop(r);
	sip_msg_unref(r->next);
	sip_msg_unref(r->final);
	memset(r, 0, sizeof(*r));
}

void call_reliable_init(struct call *c)
{
	call_reliable_free(c);
	c->reliable.is_wanted = sip_msg_has_option(
		sip_server_request(c->invite), "Require", "100rel");
	c->reliable.rseq = 1 + random_u32() % 10000;
}

bool call_reliable_agreed(const struct call *c)
{
	return c->reliable.is_agreed;
}

/* No PRACK: RFC 3262 3 has the INVITE rejected. */
static void give_up(struct call *c)
{
	stop(&c->reliable);
	call_set_cause(c, c->a.is_web ? "web" : "sip", "no PRACK");
	call_refuse(c, &(struct call_refusal){ .status = 504,
					       .reason = "no PRACK" });
	call_event(c, CALL_ABORTED, NULL);
}

static void transmit(struct call *c)
{
	struct call_reliable *r = &c->reliable;
	char extra[48];

	snprintf(extra, sizeof(extra), "Require: 100rel\r\nRSeq: %u\r\n",
		 r->rseq);
	call_reply_from_b(c, r->pending, sip_msg_status(r->pending),
			  r->has_sdp, extra);
}

static void repeat(void *arg)
{
	struct call *c = arg;
	struct call_reliable *r = &c->reliable;

	r->timer = NULL;
	/* Answered: not again, but its PRACK may be on its way. */
	if (!c->invite)
		return;
	r->waited_ms += r->interval_ms;
	if (r->waited_ms >= GIVE_UP_MS) {
		give_up(c);
		return;
	}
	/* A WebSocket loses nothing. */
	if (!c->a.is_web)
		transmit(c);
	r->interval_ms *= 2;
	loop_timer_add(c->calls->settings.loop, r->interval_ms, repeat, c,
		       &r->timer);
}

static void begin(struct call *c, const struct sip_msg *m)
{
	struct call_reliable *r = &c->reliable;

	/* Without an offer in the INVITE the first reliable one has it. */
	if (c->is_late && call_late_offer(c))
		log_call_warn(c->id, "no offer for the reliable response");
	r->has_sdp = !r->is_agreed && (c->is_late || c->has_early_answer);
	r->pending = sip_msg_ref((struct sip_msg *)m);
	r->rseq++;
	r->cseq = sip_msg_cseq(sip_server_request(c->invite));
	r->waited_ms = 0;
	r->interval_ms = T1_MS;
	loop_timer_add(c->calls->settings.loop, T1_MS, repeat, c, &r->timer);
	transmit(c);
}

bool call_reliable_send(struct call *c, const struct sip_msg *m)
{
	struct call_reliable *r = &c->reliable;

	if (!r->is_wanted)
		return false;
	if (r->pending) {
		sip_msg_unref(r->next);
		r->next = sip_msg_ref((struct sip_msg *)m);
		return true;
	}
	begin(c, m);
	return true;
}

bool call_reliable_holds(struct call *c, const struct sip_msg *m)
{
	struct call_reliable *r = &c->reliable;

	if (!r->pending || !r->has_sdp || r->final)
		return false;
	r->final = sip_msg_ref((struct sip_msg *)m);
	return true;
}

/* "RAck: 17 1 INVITE" names what is waited for? */
static bool is_acked(const struct call *c, const struct sip_msg *m)
{
	const char *rack = sip_msg_header(m, "RAck");
	unsigned int rseq, cseq;
	char method[8];

	return c->reliable.pending && rack &&
	       sscanf(rack, "%u %u %7s", &rseq, &cseq, method) == 3 &&
	       rseq == c->reliable.rseq && !strcmp(method, "INVITE") &&
	       cseq == c->reliable.cseq;
}

/* The PRACK's description, if it has one: 0, or the status to refuse with. */
static int take_description(struct call_leg *leg, const struct sip_msg *m,
			    char **ret_body)
{
	struct call *c = leg->call;
	size_t len = 0;

	if (!sip_msg_body(m, &len) || !len)
		return c->is_late && !c->is_late_done ? 488 : 0;
	if (c->is_late && !c->is_late_done)
		return call_late_answer(c, m) ? 488 : 0;
	return call_early_offer(leg, m, ret_body);
}

/* What waited for the PRACK. */
static void go_on(struct call *c)
{
	struct call_reliable *r = &c->reliable;
	struct sip_msg *final = r->final, *next = r->next;

	r->final = r->next = NULL;
	if (final)
		call_answer_a(c, final);
	else if (next && c->invite)
		begin(c, next);
	sip_msg_unref(final);
	sip_msg_unref(next);
}

void call_prack_received(struct call_leg *leg, struct sip_server *st)
{
	struct call *c = leg->call;
	struct sip_reply r = { .status = 200 };
	char *body = NULL;
	int status;

	if (!leg->is_a || !is_acked(c, sip_server_request(st))) {
		call_reply(st, 481, NULL, NULL, NULL);
		return;
	}
	if (c->reliable.has_sdp)
		c->reliable.is_agreed = true;
	status = take_description(leg, sip_server_request(st), &body);
	stop(&c->reliable);
	if (status)
		r.status = status;
	if (body) {
		r.content_type = "application/sdp";
		r.body = body;
		r.body_len = strlen(body);
	}
	sip_server_reply(st, &r, NULL);
	free(body);
	go_on(c);
}
