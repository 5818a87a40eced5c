/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls: their life, the state machine's actions, dispatch of what comes
 * from the SIP stack and the media thread.
 */
#include "call/call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "call/internal.h"
#include "core/clock.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/random.h"

#define SECURE_WAIT_MS		30000	/* answer to DTLS done */
#define MEDIA_CLOSE_WAIT_MS	5000	/* for MEDIA_CLOSED, then without it */

int calls_create(const struct calls_settings *s, struct calls **ret)
{
	struct calls *cs = calloc(1, sizeof(*cs));

	if (!cs)
		return -ENOMEM;
	cs->settings = *s;
	random_bytes(cs->seeds, sizeof(cs->seeds));
	*ret = cs;
	return 0;
}

void calls_set_stack(struct calls *cs, struct sip_stack *stack)
{
	cs->stack = stack;
}

void calls_free(struct calls *cs)
{
	if (!cs)
		return;
	while (cs->list)
		call_free(cs->list);
	call_forwards_free(cs);
	call_subs_free(cs);
	call_farewells_free(cs);
	call_cancels_free(cs);
	free(cs);
}

/* ---- one call -------------------------------------------------------- */

static void leg_init(struct call *c, struct call_leg *leg, bool is_a)
{
	leg->call = c;
	leg->is_a = is_a;
	leg->sdp_session_id = random_u32();
}

struct call *call_create(struct calls *cs)
{
	struct call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->calls = cs;
	random_token(c->id, 8);
	leg_init(c, &c->a, true);
	leg_init(c, &c->b, false);
	if (call_sdes_init(c)) {
		free(c);
		return NULL;
	}
	c->started_ms = clock_ms();
	c->started_wall_ms = clock_wall_ms();
	DL_PREPEND(cs->list, c);
	cs->stats.live++;
	return c;
}

static void leg_detach(struct call_leg *leg)
{
	registrar_wait_cancel(leg->call->calls->settings.registrar, leg);
	call_session_stop(leg);
	if (leg->dialog_key)
		HASH_DELETE(hh, leg->call->calls->legs, leg);
	free(leg->dialog_key);
	leg->dialog_key = NULL;
	sip_dialog_free(leg->dialog);
	leg->dialog = NULL;
	sip_msg_unref(leg->ack);
	leg->ack = NULL;
}

int call_leg_attach(struct call_leg *leg, struct sip_dialog *dialog)
{
	struct calls *cs = leg->call->calls;

	leg_detach(leg);
	leg->dialog = dialog;
	if (asprintf(&leg->dialog_key, "%s %s", dialog->call_id,
		     dialog->local_tag) < 0) {
		leg->dialog_key = NULL;
		return -ENOMEM;
	}
	HASH_ADD_KEYPTR(hh, cs->legs, leg->dialog_key,
			strlen(leg->dialog_key), leg);
	return 0;
}

void call_free(struct call *c)
{
	struct calls *cs = c->calls;

	registrar_wait_cancel(cs->settings.registrar, c);
	loop_timer_cancel(c->timer);
	call_fork_leave(c);
	call_waiting_free(c);
	call_reoffer_free(c);
	call_transfer_free(c);
	sip_client_free(c->invite_client);
	sip_msg_unref(c->b_ack);
	sip_msg_unref(c->b_bye);
	call_early_free(c);
	call_reliable_free(c);
	loop_timer_cancel(c->max_timer);
	free(c->cancel_reason);
	free(c->a_invite);
	call_set_exchange(c, true, NULL, NULL, NULL, NULL);
	call_sdes_free(c);
	call_sub_adopt(c);
	leg_detach(&c->a);
	leg_detach(&c->b);
	if (c->media_id)
		HASH_DELETE(by_media, cs->by_media, c);
	DL_DELETE(cs->list, c);
	cs->stats.live--;
	free(c);
	if (cs->draining && !cs->list && cs->drained)
		cs->drained(cs->drained_arg);
}

struct call_leg *call_other(struct call_leg *leg)
{
	return leg->is_a ? &leg->call->b : &leg->call->a;
}

struct call_leg *call_leg_by_tag(struct calls *cs, const char *call_id,
				 const char *local_tag)
{
	struct call_leg *leg = NULL;
	char *key;

	if (!local_tag || asprintf(&key, "%s %s", call_id, local_tag) < 0)
		return NULL;
	HASH_FIND(hh, cs->legs, key, strlen(key), leg);
	free(key);
	return leg;
}

struct call_leg *call_leg_of(struct calls *cs, const struct sip_msg *m)
{
	struct call_leg *leg = call_leg_by_tag(cs, sip_msg_call_id(m),
					       sip_msg_to_tag(m));

	if (!leg || sip_dialog_matches(leg->dialog, m))
		return leg;
	return call_early_speaks(leg, m) ? leg : NULL;
}

bool call_leg_refresh_flow(struct call_leg *leg)
{
	struct registrar_flow flow;

	if (!leg->is_web)
		return true;
	if (*leg->alias &&
	    !registrar_find_alias(leg->call->calls->settings.registrar,
				  leg->alias, &flow))
		leg->dialog->peer.conn = flow.conn;
	return leg->dialog->peer.conn != 0;
}

void call_set_cause(struct call *c, const char *by, const char *fmt, ...)
{
	va_list ap;

	if (c->ended_by)
		return;		/* the first cause is the cause */
	c->ended_by = by;
	va_start(ap, fmt);
	vsnprintf(c->cause, sizeof(c->cause), fmt, ap);
	va_end(ap);
}

static void timed_out(void *arg)
{
	struct call *c = arg;

	c->timer = NULL;
	call_set_cause(c, "gateway", "timeout in state %s",
		       call_state_name(c->state));
	call_event(c, CALL_ABORTED, NULL);
}

void call_timer(struct call *c, uint32_t ms, void (*cb)(void *arg))
{
	loop_timer_cancel(c->timer);
	c->timer = NULL;
	if (ms && loop_timer_add(c->calls->settings.loop, ms,
				 cb ? cb : timed_out, c, &c->timer))
		log_call_err(c->id, "no timer: out of memory");
}

/* ---- the state machine's actions ------------------------------------- */

static void finish(void *arg)
{
	struct call *c = arg;

	c->timer = NULL;
	call_log_end(c);
	call_notify(c, CALLS_ENDED);
	call_free(c);
}

static void leg_rest(struct call_leg *leg)
{
	call_session_stop(leg);
	registrar_wait_cancel(leg->call->calls->settings.registrar, leg);
}

static void close_call(struct call *c)
{
	c->ended_ms = clock_ms();
	call_store_ended(c);
	if (c->counted_up)
		c->calls->stats.up--;
	c->counted_up = false;
	loop_timer_cancel(c->max_timer);
	c->max_timer = NULL;
	leg_rest(&c->a);
	leg_rest(&c->b);
	call_waiting_free(c);
	call_reoffer_free(c);
	call_transfer_free(c);
	if (c->media_id)
		media_close(c->calls->settings.media, c->media_id);
	/* MEDIA_CLOSED comes earlier; a call without media goes at once. */
	call_timer(c, c->media_id ? MEDIA_CLOSE_WAIT_MS : 1, finish);
}

static void cancel_b(struct call *c)
{
	registrar_wait_cancel(c->calls->settings.registrar, c);
	if (c->invite_client) {
		sip_client_cancel(c->invite_client, c->cancel_reason);
		/* A has its answer, the next run need not give it. */
		free(c->a_invite);
		c->a_invite = NULL;
		call_store(c);
		/* 64*T1 and a little: RFC 3261 9.1 */
		call_timer(c, 33000, NULL);
	} else {
		call_event(c, CALL_B_REFUSED, NULL);
	}
}

static void do_invite_b(struct call *c)
{
	if (!call_invite_b(c))
		return;
	call_set_cause(c, "gateway", "INVITE to leg B failed");
	call_event(c, CALL_ABORTED, NULL);
}

static void do_487_a(struct call *c)
{
	if (c->invite)
		call_refuse(c, &(struct call_refusal){ .status = 487 });
}

static void perform(struct call *c, unsigned int todo, const struct sip_msg *m)
{
	if (todo & CALL_DO_PASS_PROVISIONAL)
		call_pass_provisional(c, m);
	if (todo & CALL_DO_ACK_B)
		call_ack_b(c, m);
	if (todo & CALL_DO_ANSWER_A)
		call_answer_a(c, m);
	if (todo & CALL_DO_REFUSE_A)
		call_refuse_a(c, m);
	if (todo & CALL_DO_INVITE_B)
		do_invite_b(c);
	if (todo & CALL_DO_487_A)
		do_487_a(c);
	if (todo & CALL_DO_CANCEL_B)
		cancel_b(c);
	if (todo & CALL_DO_BYE_A)
		call_bye(&c->a, m ? m : c->b_bye);
	if (todo & CALL_DO_BYE_B)
		call_bye(&c->b, m);
	if (todo & CALL_DO_CLOSE)
		close_call(c);
}

static void too_long(void *arg)
{
	struct call *c = arg;

	c->max_timer = NULL;
	call_set_cause(c, "gateway", "longest duration reached");
	call_event(c, CALL_ABORTED, NULL);
}

void call_limit_duration(struct call *c)
{
	uint32_t ms = c->calls->settings.max_duration_ms;
	uint64_t age_ms = c->answered_ms ? clock_ms() - c->answered_ms : 0;

	if (ms)
		ms = age_ms < ms ? (uint32_t)(ms - age_ms) : 1;
	if (ms && loop_timer_add(c->calls->settings.loop, ms, too_long, c,
				 &c->max_timer))
		log_call_err(c->id, "no timer: out of memory");
}

static void not_secured(void *arg)
{
	struct call *c = arg;

	c->timer = NULL;
	call_set_cause(c, "web", "media: no ICE and DTLS within %u s",
		       SECURE_WAIT_MS / 1000);
	call_event(c, CALL_ABORTED, NULL);
}

/* Nothing in here frees the call: close_call() leaves that to the loop. */
void call_event(struct call *c, enum call_event event, const struct sip_msg *m)
{
	struct call_step step = call_next(c->state, event);

	if (step.next != c->state)
		log_call_debug(c->id, "%s: %s -> %s", call_event_name(event),
			       call_state_name(c->state),
			       call_state_name(step.next));
	if (step.next == CALL_RINGING && c->state == CALL_SETUP)
		call_notify(c, CALLS_RINGING);
	c->state = step.next;
	if (c->state == CALL_ANSWERED && !c->counted_up) {
		call_timer(c, c->is_secured ? 0 : SECURE_WAIT_MS, not_secured);
		c->calls->stats.up++;
		c->counted_up = true;
		call_limit_duration(c);
		call_session_answered(&c->b, m);
	}
	perform(c, step.actions, m);
}

/* ---- from the SIP stack ---------------------------------------------- */

void calls_request(struct calls *cs, struct sip_server *st)
{
	const struct sip_msg *m = sip_server_request(st);
	struct call_leg *leg = call_leg_of(cs, m);
	struct sub_leg *sub;

	if (leg) {
		call_indialog(leg, st);
		return;
	}
	if (sip_msg_method(m) == SIP_INVITE && !sip_msg_to_tag(m)) {
		if (!call_session_refuses(cs, st))
			call_invite(cs, st);
		return;
	}
	sub = call_sub_leg_of(cs, m);
	if (sub)
		call_sub_indialog(sub, st);
	else
		call_request_received(cs, st);
}

void calls_renumbered(struct calls *cs, const struct sip_msg *request,
		      const char *branch)
{
	const char *tag = sip_msg_from_tag(request);
	struct call_leg *leg = call_leg_by_tag(cs, sip_msg_call_id(request),
					       tag);
	struct sub_leg *sub = leg ? NULL : call_sub_leg_by_tag(cs,
					sip_msg_call_id(request), tag);
	struct sip_dialog *d = leg ? leg->dialog : sub ? sub->dialog : NULL;

	if (!d)
		call_transfer_renumbered(cs, request, branch);
	if (!d || sip_dialog_repeated(d, request) ||
	    sip_msg_method(request) != SIP_INVITE)
		return;
	/* What the next run needs to cancel it. */
	if (leg && leg->call->invite && leg == &leg->call->b) {
		snprintf(leg->call->b_branch, sizeof(leg->call->b_branch), "%s",
			 branch);
		call_store(leg->call);
	}
}

void calls_cancelled(struct calls *cs, struct sip_server *st)
{
	struct call *c = sip_server_data(st);

	if (!c || call_reoffer_cancelled(c, st) || c->invite != st)
		return;
	if (!c->cancel_reason && sip_server_cancel_reason(st))
		c->cancel_reason = strdup(sip_server_cancel_reason(st));
	if (c->fork) {
		call_fork_cancelled(c);
		return;
	}
	c->was_cancelled = true;
	call_set_cause(c, c->a.is_web ? "web" : "sip", "cancelled");
	call_event(c, CALL_A_CANCELLED, NULL);
}

void calls_ack(struct calls *cs, const struct sip_msg *ack,
	       const struct sip_target *from)
{
	struct call_leg *leg = call_leg_of(cs, ack);

	if (leg)
		call_ack_received(leg, ack);
}

void calls_ack_missing(struct calls *cs, struct sip_server *st)
{
	struct call_leg *leg;

	for (struct call *c = cs->list; c; c = c->next) {
		if (call_reoffer_unacked(c, st))
			return;
		leg = &c->a;
		/* Branches of a fork share the Call-ID. */
		if (c != sip_server_data(st) ||
		    (c->state != CALL_ANSWERED && c->state != CALL_LEAVING) ||
		    !leg->dialog ||
		    strcmp(leg->dialog->call_id,
			   sip_msg_call_id(sip_server_request(st))))
			continue;
		call_set_cause(c, leg->is_web ? "web" : "sip",
			       "no ACK for the 200");
		call_event(c, CALL_ABORTED, NULL);
		return;
	}
}

static void not_back(void *arg, bool found)
{
	struct call_leg *leg = arg;

	if (found) {
		log_call_info(leg->call->id, "%s is back", leg->uri);
		call_leg_refresh_flow(leg);
		return;
	}
	call_set_cause(leg->call, "web", "no WebSocket for %u s",
		       leg->call->calls->settings.reconnect_ms / 1000);
	call_event(leg->call, CALL_ABORTED, NULL);
}

void call_await_flow(struct call_leg *leg)
{
	struct calls_settings *s = &leg->call->calls->settings;

	if (!leg->is_web)
		return;
	registrar_wait_cancel(s->registrar, leg);
	if (registrar_wait(s->registrar, leg->alias, s->reconnect_ms, not_back,
			   leg))
		log_call_err(leg->call->id, "no timer: out of memory");
}

/* Once answered, media decides whether the browser lives, for a while. */
static void flow_lost(struct call_leg *leg, uint64_t conn)
{
	struct call *c = leg->call;

	if (!leg->is_web || !leg->dialog || leg->dialog->peer.conn != conn)
		return;
	leg->dialog->peer.conn = 0;
	if ((c->state != CALL_UP && c->state != CALL_ANSWERED) ||
	    call_leg_refresh_flow(leg))
		return;
	log_call_info(c->id, "WebSocket of %s lost, the call goes on",
		      leg->uri);
	call_await_flow(leg);
}

void calls_conn_closed(struct calls *cs, uint64_t conn)
{
	struct call *c, *next;

	DL_FOREACH_SAFE(cs->list, c, next) {
		if (c->a.is_web && c->source_conn == conn &&
		    (c->state == CALL_SETUP || c->state == CALL_RINGING ||
		     c->state == CALL_CHALLENGED)) {
			call_set_cause(c, "web", "connection lost in set-up");
			call_event(c, CALL_A_CANCELLED, NULL);
		}
		flow_lost(&c->a, conn);
		flow_lost(&c->b, conn);
	}
}

/* ---- from the media thread ------------------------------------------- */

static void media_event_received(struct call *c, uint32_t type,
				 const struct media_event *e)
{
	char peer[ADDR_STRLEN];

	/* On its way while the browser left: nothing depends on it. */
	if (c->is_direct)
		return;
	addr_format(&e->peer, peer);
	switch (type) {
	case MEDIA_ICE_SELECTED:
		log_call_info(c->id, "ICE selected %s", peer);
		break;
	case MEDIA_DTLS_DONE:
		log_call_info(c->id, "DTLS done, %s", e->detail);
		c->is_secured = true;
		if (c->state == CALL_ANSWERED || c->state == CALL_UP) {
			call_timer(c, 0, NULL);
			call_store(c);
		}
		break;
	case MEDIA_FIRST_PACKET:
		log_call_info(c->id, "first packet from the %s side, %s",
			      e->side == MEDIA_SIDE_WEB ? "web" : "SIP", peer);
		break;
	case MEDIA_FORGED:
		log_call_warn(c->id, "media of the %s side, %s: %s, ignoring",
			      e->side == MEDIA_SIDE_WEB ? "web" : "SIP", peer,
			      e->detail);
		break;
	case MEDIA_FAILED:
		if (call_transfer_has_left(c, true))
			break;
		call_set_cause(c, "gateway", "media: %s", e->detail);
		call_event(c, CALL_ABORTED, NULL);
		break;
	case MEDIA_LOST:
		/* Before the answer silence of the SIP side is normal. */
		if (e->side == MEDIA_SIDE_SIP && !c->answered_ms)
			break;
		if (call_transfer_has_left(c, e->side == MEDIA_SIDE_WEB))
			break;
		call_set_cause(c, e->side == MEDIA_SIDE_WEB ? "web" : "sip",
			       "media lost: %s",
			       *e->detail ? e->detail : "silent");
		call_event(c, CALL_ABORTED, NULL);
		break;
	}
}

void calls_media_message(struct calls *cs, const struct message *m)
{
	uint32_t id;
	struct call *c;

	memcpy(&id, m->data, sizeof(id));
	HASH_FIND(by_media, cs->by_media, &id, sizeof(id), c);
	if (!c)
		return;
	if (m->type == MEDIA_STATS || m->type == MEDIA_CLOSED) {
		memcpy(&c->figures, m->data, sizeof(c->figures));
		c->has_figures = true;
		call_watch(c);
	} else if (m->type == MEDIA_DIGIT) {
		call_digit_heard(c, (const void *)m->data);
		return;
	} else if (m->type == MEDIA_PICTURE) {
		call_picture_wanted(c);
		return;
	} else {
		media_event_received(c, m->type, (const void *)m->data);
		return;
	}
	if (m->type != MEDIA_CLOSED)
		return;
	HASH_DELETE(by_media, cs->by_media, c);
	c->media_id = 0;
	if (c->state == CALL_ENDED) {
		loop_timer_cancel(c->timer);
		finish(c);
	}
}

/* ---- operator -------------------------------------------------------- */

static bool is_named(const struct call *c, const char *id)
{
	struct sip_uri u;

	if (!strncmp(c->id, id, strlen(id)))
		return true;
	if (c->a.dialog && !strcmp(c->a.dialog->call_id, id))
		return true;
	if (c->b.dialog && !strcmp(c->b.dialog->call_id, id))
		return true;
	if (!sip_uri_parse(c->a.uri, &u) && !strcmp(u.user, id))
		return true;
	return !sip_uri_parse(c->b.uri, &u) && !strcmp(u.user, id);
}

static void terminate(struct call *c, const char *cause)
{
	call_set_cause(c, "gateway", "%s", cause);
	/* Other browsers may ring for the same INVITE. */
	if (c->invite)
		call_refuse(c, &(struct call_refusal){ .status = 503,
						       .reason = cause });
	call_event(c, CALL_ABORTED, NULL);
}

static int find_named(struct calls *cs, const char *id, struct call **ret)
{
	struct call *found = NULL;

	if (!*id)
		return -ENOENT;
	for (struct call *c = cs->list; c; c = c->next) {
		if (c->state == CALL_ENDED || !is_named(c, id))
			continue;
		if (found)
			return -EEXIST;
		found = c;
	}
	if (!found)
		return -ENOENT;
	*ret = found;
	return 0;
}

int calls_terminate(struct calls *cs, const char *id, const char *cause)
{
	struct call *c;
	int err = find_named(cs, id, &c);

	if (!err)
		terminate(c, cause);
	return err;
}

int calls_move(struct calls *cs, const char *id, enum datapath_backend to)
{
	struct call *c;
	int err = find_named(cs, id, &c);

	return err ? err : media_move(cs->settings.media, c->media_id, to);
}

void calls_terminate_all(struct calls *cs, const char *cause)
{
	for (struct call *c = cs->list; c; c = c->next)
		if (c->state != CALL_ENDED)
			terminate(c, cause);
}

void calls_drain(struct calls *cs, void (*cb)(void *arg), void *arg)
{
	cs->draining = true;
	cs->drained = cb;
	cs->drained_arg = arg;
	if (!cs->list && cb)
		cb(arg);
}
