/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One INVITE that rings several browsers: a call for each, with leg A's dialog
 * and media of its own, as if a proxy had forked in between (RFC 3261 16.7).
 * The first answer wins, the others are cancelled; of refusals the caller gets
 * the best one, once all are there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call/internal.h"
#include "core/limits.h"
#include "core/log.h"

#define ELSEWHERE	"SIP;cause=200;text=\"Call completed elsewhere\""

struct call_fork {
	struct call *branches[LIMIT_BINDINGS_PER_AOR];	/* undecided */
	struct call_refusal best;
	char reason[160];
};

static unsigned int count(const struct call_fork *f)
{
	unsigned int n = 0;

	for (size_t i = 0; i < LIMIT_BINDINGS_PER_AOR; i++)
		n += f->branches[i] != NULL;
	return n;
}

static struct call *first(const struct call_fork *f)
{
	for (size_t i = 0; i < LIMIT_BINDINGS_PER_AOR; i++)
		if (f->branches[i])
			return f->branches[i];
	return NULL;
}

bool call_fork_is_first(const struct call *c)
{
	return !c->fork || first(c->fork) == c;
}

int call_fork_add(struct call *to, struct call *c)
{
	struct call_fork *f = to->fork;

	if (!f) {
		f = calloc(1, sizeof(*f));
		if (!f)
			return -1;
		f->branches[0] = to;
		to->fork = f;
	}
	if (to == c)
		return 0;
	for (size_t i = 0; i < LIMIT_BINDINGS_PER_AOR; i++) {
		if (f->branches[i])
			continue;
		f->branches[i] = c;
		c->fork = f;
		return 0;
	}
	return -1;
}

static void forget_best(struct call_fork *f)
{
	sip_msg_unref((struct sip_msg *)f->best.m);
	memset(&f->best, 0, sizeof(f->best));
}

void call_fork_leave(struct call *c)
{
	struct call_fork *f = c->fork;
	struct call *next;

	if (!f)
		return;
	c->fork = NULL;
	for (size_t i = 0; i < LIMIT_BINDINGS_PER_AOR; i++)
		if (f->branches[i] == c)
			f->branches[i] = NULL;
	next = first(f);
	if (!next) {
		forget_best(f);
		free(f);
	} else if (next->invite && sip_server_data(next->invite) == c) {
		/* Who stands for the INVITE, in the store too. */
		sip_server_set_data(next->invite, next);
		call_store(next);
	}
}

/* The caller has its final response, these are not wanted any more. */
static void cancel_others(struct call *c, const char *reason, const char *why)
{
	struct call_fork *f = c->fork;
	struct call *o;

	if (c->invite)
		sip_server_set_data(c->invite, c);
	for (size_t i = 0; i < LIMIT_BINDINGS_PER_AOR; i++) {
		o = f->branches[i];
		if (!o || o == c)
			continue;
		o->invite = NULL;
		o->a.bye_done = true;
		free(o->a_invite);
		o->a_invite = NULL;
		free(o->cancel_reason);
		o->cancel_reason = strdup(reason);
		o->was_cancelled = true;
		call_set_cause(o, "gateway", "%s", why);
		call_fork_leave(o);
		call_event(o, o->state == CALL_ANSWERED ? CALL_ABORTED :
			   CALL_A_CANCELLED, NULL);
	}
}

void call_fork_won(struct call *c)
{
	if (!c->fork)
		return;
	cancel_others(c, ELSEWHERE, "answered elsewhere");
	call_fork_leave(c);
}

static void keep(struct call_fork *f, const struct call_refusal *r)
{
	int class = r->status / 100, best = f->best.status / 100;

	/* RFC 3261 16.7 (6); what a browser said tells more than silence. */
	if (best && (class > best || (class == best && (f->best.m || !r->m))))
		return;
	forget_best(f);
	f->best = *r;
	if (r->m)
		sip_msg_ref((struct sip_msg *)r->m);
	snprintf(f->reason, sizeof(f->reason), "%s", r->reason ? r->reason :
		 "");
	f->best.reason = r->reason ? f->reason : NULL;
}

void call_fork_cancelled(struct call *c)
{
	struct call *all[LIMIT_BINDINGS_PER_AOR];
	char *reason = c->cancel_reason ? strdup(c->cancel_reason) : NULL;

	memcpy(all, c->fork->branches, sizeof(all));
	forget_best(c->fork);
	for (size_t i = 0; i < LIMIT_BINDINGS_PER_AOR; i++) {
		if (!all[i])
			continue;
		if (!all[i]->cancel_reason && reason)
			all[i]->cancel_reason = strdup(reason);
		all[i]->was_cancelled = true;
		call_set_cause(all[i], "sip", "cancelled");
		call_event(all[i], CALL_A_CANCELLED, NULL);
	}
	free(reason);
}

static void send_refusal(struct call *c, const struct call_refusal *r)
{
	if (r->m)
		call_reply_from_b(c, r->m, r->status, false, NULL);
	else
		call_reply(c->invite, r->status, r->phrase, c->a.dialog ?
			   c->a.dialog->local_tag : NULL, r->reason);
}

void call_refuse(struct call *c, const struct call_refusal *r)
{
	struct call_fork *f = c->invite ? c->fork : NULL;

	if (f && r->status >= 600)
		cancel_others(c, "SIP;cause=603;text=\"Declined elsewhere\"",
			      "declined elsewhere");
	if (f && r->status < 600) {
		keep(f, r);
		if (count(f) == 1)
			send_refusal(c, &f->best);
	} else if (c->invite) {
		send_refusal(c, r);
	}
	call_fork_leave(c);
	c->invite = NULL;
	c->a.bye_done = true;
}
