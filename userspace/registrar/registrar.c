/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections, aliases and who waits for them. What a REGISTER does is in
 * register.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "registrar/internal.h"

#define SWEEP_MS	1000

static void sweep(void *arg)
{
	struct registrar *r = arg;
	struct binding *b, *next;
	uint64_t now = clock_ms();

	for (b = r->location.aliases; b; b = next) {
		next = b->by_alias.next;
		if (b->expires_ms <= now && !b->is_expired) {
			b->is_expired = true;
			log_info("registration of %s expired", b->aor);
		}
		if (b->trunk_expires_ms <= now)
			registrar_forget(r, b);
	}
	r->sweep = NULL;
	loop_timer_add(r->settings.loop, SWEEP_MS, sweep, r, &r->sweep);
}

int registrar_create(const struct registrar_settings *s, struct registrar **ret)
{
	struct registrar *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->settings = *s;
	err = loop_timer_add(s->loop, SWEEP_MS, sweep, r, &r->sweep);
	if (err) {
		free(r);
		return err;
	}
	*ret = r;
	return 0;
}

void registrar_set_stack(struct registrar *r, struct sip_stack *stack)
{
	r->stack = stack;
}

void registrar_free(struct registrar *r)
{
	if (!r)
		return;
	loop_timer_cancel(r->sweep);
	while (r->waiters)
		registrar_waiter_free(r, r->waiters);
	while (r->pending)
		register_pending_free(r, r->pending);
	while (r->conns)
		registrar_conn_free(r, r->conns);
	location_clear(&r->location);
	free(r);
}

/* ---- connections ----------------------------------------------------- */

struct reg_conn *registrar_conn(struct registrar *r, uint64_t id)
{
	struct reg_conn *c;

	HASH_FIND(hh, r->conns, &id, sizeof(id), c);
	return c;
}

void registrar_conn_free(struct registrar *r, struct reg_conn *c)
{
	HASH_DEL(r->conns, c);
	while (c->sessions) {
		struct reg_session *s = c->sessions;

		c->sessions = s->next;
		free(s->client_call_id);
		free(s);
	}
	free(c);
}

void registrar_conn_opened(struct registrar *r, uint64_t conn,
			   const struct addr *peer, const char *origin)
{
	struct reg_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return;
	c->id = conn;
	c->peer = *peer;
	HASH_ADD(hh, r->conns, id, sizeof(c->id), c);
}

void registrar_conn_closed(struct registrar *r, uint64_t conn)
{
	struct reg_conn *c = registrar_conn(r, conn);
	struct binding *b;

	if (!c)
		return;
	for (struct reg_pending *p = r->pending; p; p = p->next)
		if (p->conn == conn)
			p->conn = 0;
	while ((b = location_of_conn(&r->location, conn))) {
		location_set_conn(&r->location, b, 0);
		b->lost_ms = clock_ms();
	}
	registrar_conn_free(r, c);
}

/* ---- look-ups -------------------------------------------------------- */

int registrar_find_alias(struct registrar *r, const char *user,
			 struct registrar_flow *ret)
{
	struct binding *b = location_by_alias(&r->location, user);

	if (!b)
		return -ENOENT;
	memset(ret, 0, sizeof(*ret));
	ret->conn = b->conn;
	ret->lost_ms = b->conn ? 0 : clock_ms() - b->lost_ms;
	ret->is_expired = b->is_expired;
	snprintf(ret->contact, sizeof(ret->contact), "%s", b->contact);
	snprintf(ret->aor, sizeof(ret->aor), "%s", b->aor);
	return 0;
}

struct binding *registrar_find_on_conn(struct registrar *r, uint64_t conn,
				       const char *aor)
{
	struct binding *b = location_of_conn(&r->location, conn);

	for (; b; b = LIST_NEXT(b, conn_next))
		if (!b->is_expired && !strcmp(b->aor, aor))
			return b;
	return NULL;
}

bool registrar_is_registered(struct registrar *r, uint64_t conn,
			     const char *aor)
{
	return conn && registrar_find_on_conn(r, conn, aor);
}

int registrar_contact(struct registrar *r, uint64_t conn, const char *aor,
		      char *ret, size_t size)
{
	struct binding *b = registrar_find_on_conn(r, conn, aor);

	if (!b)
		return -ENOENT;
	registrar_format_contact(r, b->alias, ret, size);
	return 0;
}

/* ---- waiting for an alias to come back ------------------------------- */

void registrar_waiter_free(struct registrar *r, struct reg_waiter *w)
{
	struct reg_waiter **p = &r->waiters;

	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
	loop_timer_cancel(w->timer);
	free(w);
}

static void waiter_timeout(void *arg)
{
	struct reg_waiter *w = arg;
	void (*cb)(void *arg, bool found) = w->cb;
	void *cb_arg = w->arg;

	w->timer = NULL;
	registrar_waiter_free(w->registrar, w);
	cb(cb_arg, false);
}

int registrar_wait(struct registrar *r, const char *alias, uint32_t wait_ms,
		   void (*cb)(void *arg, bool found), void *arg)
{
	struct reg_waiter *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->registrar = r;
	w->cb = cb;
	w->arg = arg;
	snprintf(w->alias, sizeof(w->alias), "%s", alias);
	err = loop_timer_add(r->settings.loop, wait_ms, waiter_timeout, w,
			     &w->timer);
	if (err) {
		free(w);
		return err;
	}
	w->next = r->waiters;
	r->waiters = w;
	return 0;
}

void registrar_wait_cancel(struct registrar *r, void *arg)
{
	struct reg_waiter *w, *next;

	for (w = r->waiters; w; w = next) {
		next = w->next;
		if (w->arg == arg)
			registrar_waiter_free(r, w);
	}
}

void registrar_wake(struct registrar *r, const char *alias)
{
	struct reg_waiter *w = r->waiters;

	/* A callback may add or cancel waiters: begin anew after each. */
	while (w) {
		if (strcmp(w->alias, alias)) {
			w = w->next;
			continue;
		}
		void (*cb)(void *arg, bool found) = w->cb;
		void *arg = w->arg;

		registrar_waiter_free(r, w);
		cb(arg, true);
		w = r->waiters;
	}
}

/* ---- show ------------------------------------------------------------ */

void registrar_each(struct registrar *r, bool (*each)(void *arg,
		    const struct registration_info *info), void *arg)
{
	uint64_t now = clock_ms();
	struct binding *b;

	for (b = r->location.aliases; b; b = b->by_alias.next) {
		struct registration_info info = { 0 };

		if (b->is_expired)
			continue;
		snprintf(info.aor, sizeof(info.aor), "%s", b->aor);
		snprintf(info.alias, sizeof(info.alias), "%s", b->alias);
		snprintf(info.contact, sizeof(info.contact), "%s", b->contact);
		snprintf(info.instance, sizeof(info.instance), "%s",
			 b->instance);
		snprintf(info.user_agent, sizeof(info.user_agent), "%s",
			 b->user_agent);
		addr_format(&b->peer, info.peer);
		info.online = b->conn != 0;
		info.age_ms = now - b->created_ms;
		info.expires_in_s = b->expires_ms > now ?
			(b->expires_ms - now) / 1000 : 0;
		if (!each(arg, &info))
			return;
	}
}

uint32_t registrar_count(const struct registrar *r)
{
	uint32_t n = 0;

	for (struct binding *b = r->location.aliases; b; b = b->by_alias.next)
		n += !b->is_expired;
	return n;
}
