/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of an earlier run. Those whose media the kernel still carries go
 * on; all others are ended on each side that can be reached: set-ups by CANCEL
 * and 503, the rest by BYE.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "call/internal.h"
#include "core/clock.h"
#include "core/limits.h"
#include "core/log.h"
#include "store/store.h"

#define RESTARTED	"the gateway was restarted"

struct revival {
	struct calls *calls;
	unsigned int adopted, ended, cancelled;
};

/* ---- set-ups ---------------------------------------------------------- */

/*
 * CANCEL for a browser that has to come back first. The call's record stays
 * until it is said, or nobody could answer any more.
 */
struct call_cancel {
	struct call_cancel *next;
	struct calls *calls;
	char id[MEDIA_CALL_ID_LEN], alias[64], branch[SIP_BRANCH_SIZE];
	struct sip_msg *invite;
};

void call_cancel_resumed(struct calls *cs, const struct sip_target *to,
			 struct sip_msg *invite, const char *branch)
{
	struct sip_client *ct;

	if (sip_client_resume(cs->stack, to, invite, branch, NULL, NULL, &ct))
		return;
	sip_client_cancel(ct, "SIP;cause=503;text=\"" RESTARTED "\"");
	/* A 2xx that is late gets ACK and BYE by calls_stray_2xx(). */
	sip_client_free(ct);
}

/* At the end of the daemon the record stays. */
static void cancel_free(struct call_cancel *k)
{
	registrar_wait_cancel(k->calls->settings.registrar, k);
	LL_DELETE(k->calls->cancels, k);
	sip_msg_unref(k->invite);
	free(k);
}

void call_cancels_free(struct calls *cs)
{
	while (cs->cancels)
		cancel_free(cs->cancels);
}

uint32_t call_cancels_count(const struct calls *cs)
{
	uint32_t n = 0;

	for (const struct call_cancel *k = cs->cancels; k; k = k->next)
		n++;
	return n;
}

static void browser_is_back(void *arg, bool found)
{
	struct call_cancel *k = arg;
	struct sip_target to = { .is_ws = true };
	struct registrar_flow flow;

	if (found && !registrar_find_alias(k->calls->settings.registrar,
					   k->alias, &flow) && flow.conn) {
		to.conn = flow.conn;
		call_cancel_resumed(k->calls, &to, k->invite, k->branch);
	}
	store_delete(k->calls->settings.store, STORE_CALL, k->id);
	cancel_free(k);
}

/* false: it cannot be waited for. */
static bool cancel_later(struct call *c, struct sip_msg *invite)
{
	struct calls *cs = c->calls;
	struct call_cancel *k = calloc(1, sizeof(*k));

	if (!k)
		return false;
	k->calls = cs;
	k->invite = sip_msg_ref(invite);
	snprintf(k->id, sizeof(k->id), "%s", c->id);
	snprintf(k->alias, sizeof(k->alias), "%s", c->b.alias);
	snprintf(k->branch, sizeof(k->branch), "%s", c->b_branch);
	LL_PREPEND(cs->cancels, k);
	if (!registrar_wait(cs->settings.registrar, k->alias,
			    cs->settings.no_answer_ms, browser_is_back, k))
		return true;
	cancel_free(k);
	return false;
}

/* As long as somebody may still answer it; true: once a browser is back. */
static bool cancel_b(struct call *c)
{
	const struct sip_dialog *d = c->b.dialog;
	struct sip_request q = {
		.method = "INVITE", .ruri = c->b_ruri, .max_forwards = 70,
	};
	struct sip_msg *invite;
	bool is_owed = false;

	if (!d || clock_ms() - c->started_ms > c->calls->settings.no_answer_ms)
		return false;
	q.from = d->local_value;
	q.from_tag = d->local_tag;
	q.to = d->remote_value;
	q.call_id = d->call_id;
	q.cseq = d->invite_cseq;
	if (sip_msg_make_request(&q, NULL, &invite))
		return false;
	if (c->b.is_web)
		is_owed = cancel_later(c, invite);
	else
		call_cancel_resumed(c->calls, &d->peer, invite, c->b_branch);
	sip_msg_unref(invite);
	return is_owed;
}

/* The caller's INVITE as a transaction again; NULL: it cannot be reached. */
static struct sip_server *resume_invite(struct call *c)
{
	struct sip_target source = { 0 };
	struct sip_server *st = NULL;
	struct sip_msg *m;

	if (!c->a_invite || sip_msg_parse(c->a_invite, strlen(c->a_invite), &m,
					  NULL))
		return NULL;
	snprintf(source.uri, sizeof(source.uri), "%s", c->a_source);
	if (sip_server_resume(c->calls->stack, m, &source, &st))
		log_call_warn(c->id, "its caller cannot be answered any more");
	sip_msg_unref(m);
	return st;
}

static void refuse_a(struct call *c)
{
	struct sip_server *st = resume_invite(c);

	if (st)
		call_reply(st, 503, NULL, c->a.dialog->local_tag, RESTARTED);
	c->a.bye_done = true;
}

/* What is left of it is the CANCEL that a browser may be owed. */
static void refuse_set_up(struct call *c)
{
	bool is_owed = cancel_b(c);

	refuse_a(c);
	free(c->a_invite);
	c->a_invite = NULL;
	if (is_owed)
		call_store(c);
	else
		call_unstore(c);
	call_free(c);
}

/* ---- answered calls --------------------------------------------------- */

static void end(struct call *c, const char *why)
{
	call_set_cause(c, "gateway", "%s", why);
	call_event(c, CALL_ABORTED, NULL);
}

/*
 * Its 200 may have been lost with the earlier run: again, until the ACK. RFC
 * 3261 15 allows no BYE before.
 */
static bool answer_again(struct call *c)
{
	if (c->state != CALL_ANSWERED || c->a.is_web)
		return false;
	c->invite = resume_invite(c);
	if (!c->invite)
		return false;
	sip_server_set_data(c->invite, c);
	call_reply_from_b(c, NULL, 200, true, NULL);
	c->invite = NULL;
	return true;
}

static void go_on(struct call *c)
{
	log_call_info(c->id, "restored: %s and %s go on", c->a.uri, c->b.uri);
	if (!answer_again(c))
		c->state = CALL_UP;
	c->counted_up = true;
	c->calls->stats.up++;
	call_limit_duration(c);
	call_session_resume(&c->a);
	call_session_resume(&c->b);
	call_await_flow(&c->a);
	call_await_flow(&c->b);
	call_transfer_resume(c);
}

static void strand(struct call *c, const char *why)
{
	log_call_info(c->id, "not restored: %s", why);
	if (!c->a_answer && c->a_invite) {
		/* The exchange was not complete: no 200 has left. */
		refuse_a(c);
	} else if (answer_again(c)) {
		/* BYE to A follows its ACK. */
		call_set_cause(c, "gateway", "%s", why);
		call_bye(&c->b, NULL);
		c->is_stranded = true;
		return;
	}
	call_transfer_resume(c);
	end(c, why);
}

/* NULL, or why it cannot go on. */
static const char *adopt(struct call *c)
{
	struct calls *cs = c->calls;
	const char *lost = "media was not up yet";
	uint32_t id = c->local.id;

	if (!store_is_same_boot(cs->settings.store))
		return "the host was booted";
	if (c->is_direct)
		return NULL;
	if (!c->a_offer || !c->a_answer || !c->b_offer || !c->b_answer)
		return "it was not quite answered";
	if (media_adopt(cs->settings.media, id, &c->local, &lost))
		return lost;
	c->media_id = id;
	HASH_ADD(by_media, cs->by_media, media_id, sizeof(c->media_id), c);
	/* It may not have heard of the last exchange. */
	if (!call_sdes_unknown(c) && call_configure_media(c))
		log_call_warn(c->id, "media goes on as it was");
	return NULL;
}

/* One that had ended, but for a browser that was away. */
static void say_farewell(struct call *c)
{
	struct call_leg *web = c->a.is_web ? &c->a : &c->b;

	if (clock_ms() - c->ended_ms < LIMIT_FAREWELL_MS) {
		web->bye_done = false;
		call_bye(web, NULL);
	}
	if (!call_farewells_own(c))
		call_unstore(c);
	call_free(c);
}

/* ---- all of them ------------------------------------------------------ */

static void revive(void *arg, const char *id, const struct record *r)
{
	struct revival *all = arg;
	struct calls *cs = all->calls;
	const char *state = record_text(r, "state"), *why;
	struct call *c = state ? call_create(cs) : NULL;

	if (!c || call_unpack(c, id, r)) {
		log_warn("store: call %s cannot be read, ignoring", id);
		store_delete(cs->settings.store, STORE_CALL, id);
		if (c)
			call_free(c);
		return;
	}
	if (!strcmp(state, call_state_name(CALL_ENDED))) {
		say_farewell(c);
		return;
	}
	if (strcmp(state, call_state_name(CALL_UP)) &&
	    strcmp(state, call_state_name(CALL_ANSWERED))) {
		log_call_info(id, "set-up cancelled: " RESTARTED);
		refuse_set_up(c);
		all->cancelled++;
		return;
	}
	c->state = strcmp(state, call_state_name(CALL_UP)) ? CALL_ANSWERED :
							     CALL_UP;
	why = adopt(c);
	if (why) {
		strand(c, why);
		all->ended++;
	} else {
		go_on(c);
		all->adopted++;
	}
}

static void revive_sub(void *arg, const char *id, const struct record *r)
{
	struct calls *cs = arg;

	if (!call_sub_restore(cs, r))
		store_delete(cs->settings.store, STORE_SUB, id);
}

void calls_restore(struct calls *cs)
{
	struct revival all = { .calls = cs };

	store_each(cs->settings.store, STORE_SUB, revive_sub, cs);
	store_each(cs->settings.store, STORE_CALL, revive, &all);
	media_adopt_done(cs->settings.media);
	if (all.adopted || all.ended || all.cancelled)
		log_info("calls of the earlier run: %u go on, %u ended, %u "
			 "cancelled in set-up", all.adopted, all.ended,
			 all.cancelled);
}
