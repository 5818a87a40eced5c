/* SPDX-License-Identifier: Apache-2.0 */
/* ICE-lite (RFC 8445): we answer checks and never send any. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "lib/stun.h"
#include "media/session.h"

#define RESPONSE_MAX	256
#define ROLE_CONFLICT	487
#define UNKNOWN_ATTRIBUTE 420

struct response {
	const struct credentials *own;	/* those that the request used */
	uint8_t buf[RESPONSE_MAX];
	uint32_t len;
};

static uint8_t *add_attr(struct response *r, uint16_t type, uint32_t len)
{
	uint8_t *p = r->buf + r->len;

	sluice_put16(p, type);
	sluice_put16(p + 2, (uint16_t)len);
	r->len += 4 + ((len + 3) & ~3U);
	sluice_put16(r->buf + 2, (uint16_t)(r->len - SLUICE_STUN_HEADER_LEN));
	return p + 4;
}

/* A check that was found good, and by which of our credentials. */
struct check {
	const struct sluice_stun *request;
	const struct credentials *own;
};

static void start(struct response *r, uint16_t type, const struct check *c)
{
	const struct sluice_stun *request = c->request;

	memset(r, 0, sizeof(*r));
	r->own = c->own;
	sluice_put16(r->buf, type);
	sluice_put32(r->buf + 4, SLUICE_STUN_COOKIE);
	memcpy(r->buf + 8, request->transaction_id, SLUICE_STUN_ID_LEN);
	r->len = SLUICE_STUN_HEADER_LEN;
}

static void finish(struct response *r)
{
	const char *password = r->own->password;
	uint32_t off = r->len;
	uint8_t *value;

	value = add_attr(r, SLUICE_STUN_MESSAGE_INTEGRITY, SLUICE_SHA1_LEN);
	sluice_stun_integrity(r->buf, off, password, strlen(password), value);
	off = r->len;
	value = add_attr(r, SLUICE_STUN_FINGERPRINT, 4);
	sluice_put32(value, sluice_stun_fingerprint(r->buf, off));
}

/* RFC 8489 14.2: port and address XORed with cookie and transaction id. */
static void add_mapped(struct response *r, const struct addr *remote)
{
	bool v4 = addr_is_v4(remote);
	const uint8_t *ip = remote->ip + (v4 ? 12 : 0);
	uint32_t len = v4 ? 4 : 16;
	uint8_t *p = add_attr(r, SLUICE_STUN_XOR_MAPPED_ADDRESS, 4 + len);

	p[1] = v4 ? 1 : 2;
	sluice_put16(p + 2, remote->port ^ (SLUICE_STUN_COOKIE >> 16));
	for (uint32_t i = 0; i < len; i++)
		p[4 + i] = ip[i] ^ r->buf[4 + i];
}

static void add_error(struct response *r, unsigned int code,
		      const char *reason)
{
	uint32_t len = (uint32_t)strlen(reason);
	uint8_t *p = add_attr(r, SLUICE_STUN_ERROR_CODE, 4 + len);

	p[2] = (uint8_t)(code / 100);
	p[3] = (uint8_t)(code % 100);
	memcpy(p + 4, reason, len);
}

static void reply(struct session *s, const struct addr *remote,
		  struct response *r)
{
	finish(r);
	worker_send(s->w, &s->w->settings.web, remote, r->buf, r->len);
}

static void reply_error(struct session *s, const struct addr *remote,
			const struct check *c, unsigned int code)
{
	const struct sluice_stun *m = c->request;
	struct response r;
	uint8_t *p;
	uint32_t n = m->unknown_count;

	start(&r, SLUICE_STUN_BINDING_ERROR, c);
	if (code == ROLE_CONFLICT) {
		add_error(&r, code, "Role Conflict");
	} else {
		add_error(&r, code, "Unknown Attribute");
		if (n > SLUICE_STUN_UNKNOWN_MAX)
			n = SLUICE_STUN_UNKNOWN_MAX;
		p = add_attr(&r, SLUICE_STUN_UNKNOWN_ATTRIBUTES, 2 * n);
		for (uint32_t i = 0; i < n; i++)
			sluice_put16(p + 2 * i, m->unknown[i]);
	}
	reply(s, remote, &r);
}

/* ---- verified pairs ---------------------------------------------------- */

static void tuple_forget(struct session *s, uint32_t i)
{
	struct tuple *t = s->tuple[i];

	relay_web_flow(s, &t->remote, false);
	tuples_remove(s->w->tuples, t);
	if (s->selected == t)
		s->selected = NULL;
	s->tuple[i] = s->tuple[--s->tuple_count];
	free(t);
}

void ice_forget(struct session *s)
{
	while (s->tuple_count)
		tuple_forget(s, s->tuple_count - 1);
}

/* What the kernel answers on the selected pair is known within a second. */
static bool is_alive(const struct tuple *t)
{
	const struct session *s = t->session;
	uint64_t seen = t->last_check_ms;

	if (s->selected == t && s->web_alive_ms > seen)
		seen = s->web_alive_ms;
	return clock_ms() - seen < LIMIT_ICE_TUPLE_ALIVE_MS;
}

static void forget_elsewhere(struct tuple *t)
{
	struct session *s = t->session;
	bool was_selected = s->selected == t;

	for (uint32_t i = 0; i < s->tuple_count; i++) {
		if (s->tuple[i] != t)
			continue;
		tuple_forget(s, i);
		break;
	}
	/* Its media must not go to who is there now. */
	if (was_selected)
		relay_apply(s);
}

static void forget_oldest(struct session *s)
{
	uint32_t oldest = UINT32_MAX;

	for (uint32_t i = 0; i < s->tuple_count; i++) {
		if (s->tuple[i] == s->selected)
			continue;
		if (oldest == UINT32_MAX || s->tuple[i]->last_check_ms <
					    s->tuple[oldest]->last_check_ms)
			oldest = i;
	}
	if (oldest != UINT32_MAX)
		tuple_forget(s, oldest);
}

static struct tuple *tuple_add(struct session *s, const struct addr *remote)
{
	struct tuple *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->session = s;
	t->remote = *remote;
	t->last_check_ms = clock_ms();
	tuples_add(s->w->tuples, t);
	s->tuple[s->tuple_count++] = t;
	return t;
}

static struct tuple *tuple_verified(struct session *s,
				    const struct addr *remote)
{
	struct tuple *t = tuples_find(s->w->tuples, remote);

	/* A NAT gave the port to another client, or a page was reloaded. */
	if (t && t->session != s) {
		forget_elsewhere(t);
		t = NULL;
	}
	if (t) {
		t->last_check_ms = clock_ms();
		return t;
	}
	if (s->tuple_count == LIMIT_ICE_REMOTE_TUPLES)
		forget_oldest(s);
	t = tuple_add(s, remote);
	if (t)
		relay_web_flow(s, remote, true);
	return t;
}

static void pair_nominated(struct session *s, struct tuple *t,
			   uint32_t generation)
{
	struct tuple *old = s->selected;
	int err;

	/* A check of before the restart, late on its way, takes nothing back. */
	if (old && generation < s->selected_generation)
		return;
	s->selected_generation = generation;
	if (old == t)
		return;
	s->selected = t;
	if (!s->ice_selected_ms)
		s->ice_selected_ms = clock_ms();
	if (old)
		relay_web_flow(s, &old->remote, true);
	relay_web_flow(s, &t->remote, true);
	err = relay_apply(s);
	if (err)
		session_failed(s, "datapath: %s", relay_strerror(err));
	session_event(s, MEDIA_ICE_SELECTED, MEDIA_SIDE_WEB, &t->remote,
		      "%s", "");
	session_save(s);
}

/* ---- our credentials --------------------------------------------------- */

static void credentials_drop(struct session *s, struct credentials *c)
{
	if (!c->generation)
		return;
	tuples_remove_ufrag(s->w->tuples, &c->entry);
	relay_ufrag(s, c, false);
	explicit_bzero(c, sizeof(*c));
}

/* Checks with the old ones may still be under way, and media is. */
int ice_restart(struct session *s, const char *ufrag, const char *password)
{
	uint32_t generation = s->ours[s->newest].generation;
	struct credentials *c;

	if (generation)
		s->newest ^= 1;
	c = &s->ours[s->newest];
	credentials_drop(s, c);
	c->generation = generation + 1;
	c->entry.session = s;
	memcpy(c->entry.ufrag, ufrag, SLUICE_UFRAG_LEN);
	snprintf(c->password, sizeof(c->password), "%s", password);
	tuples_add_ufrag(s->w->tuples, &c->entry);
	return relay_ufrag(s, c, true);
}

void ice_close(struct session *s)
{
	credentials_drop(s, &s->ours[0]);
	credentials_drop(s, &s->ours[1]);
}

void ice_leave(struct session *s)
{
	for (uint32_t i = 0; i < s->tuple_count; i++) {
		tuples_remove(s->w->tuples, s->tuple[i]);
		free(s->tuple[i]);
	}
	s->tuple_count = 0;
	s->selected = NULL;
	for (uint32_t i = 0; i < 2; i++)
		if (s->ours[i].generation)
			tuples_remove_ufrag(s->w->tuples, &s->ours[i].entry);
}

int ice_adopt(struct session *s, const struct addr *remote, bool is_selected)
{
	struct tuple *t;

	if (s->tuple_count == LIMIT_ICE_REMOTE_TUPLES)
		return -ENOSPC;
	t = tuple_add(s, remote);
	if (!t)
		return -ENOMEM;
	if (is_selected)
		s->selected = t;
	return 0;
}

int ice_adopt_credentials(struct session *s)
{
	int err = 0;

	for (uint32_t i = 0; i < 2 && !err; i++) {
		struct credentials *c = &s->ours[i];

		if (!c->generation)
			continue;
		c->entry.session = s;
		tuples_add_ufrag(s->w->tuples, &c->entry);
		err = relay_ufrag(s, c, true);
	}
	return err;
}

/* ufrag: what tuples_find_ufrag() found the session by. */
static const struct credentials *credentials_of(const struct session *s,
						const char *ufrag)
{
	return &s->ours[memcmp(s->ours[0].entry.ufrag, ufrag,
			       SLUICE_UFRAG_LEN) != 0];
}

/* ---- requests ---------------------------------------------------------- */

static bool is_peer(const struct session *s, const char *name, size_t len)
{
	const char *now = s->config.remote_ufrag, *old = s->previous_ufrag;

	/* Checks may come before the peer's SDP; our password is enough. */
	if (!s->config.has_web)
		return true;
	return (strlen(now) == len && !memcmp(now, name, len)) ||
	       (*old && strlen(old) == len && !memcmp(old, name, len));
}

/* RFC 8445 7.3: USERNAME is ours, a colon, theirs. */
static struct session *find_session(struct worker *w, const uint8_t *data,
				    const struct sluice_stun *m)
{
	const char *name = (const char *)data + m->username_off;
	struct session *s;

	if (!m->username_off || m->username_len <= SLUICE_UFRAG_LEN + 1 ||
	    name[SLUICE_UFRAG_LEN] != ':')
		return NULL;
	s = tuples_find_ufrag(w->tuples, name);
	if (!s || !is_peer(s, name + SLUICE_UFRAG_LEN + 1,
			   m->username_len - SLUICE_UFRAG_LEN - 1))
		return NULL;
	return s;
}

static void check_succeeded(struct session *s, const struct addr *remote,
			    const struct check *c)
{
	struct tuple *t = tuples_find(s->w->tuples, remote);
	struct response r;

	/*
	 * A password proves who may use a session, not from where: a source
	 * address that is made up takes no pair away from another call.
	 */
	if (t && t->session != s && is_alive(t)) {
		worker_drop(s->w, SLUICE_DROP_WRONG_SOURCE);
		return;
	}
	start(&r, SLUICE_STUN_BINDING_SUCCESS, c);
	add_mapped(&r, remote);
	reply(s, remote, &r);

	s->web_alive_ms = clock_ms();
	t = tuple_verified(s, remote);
	if (!t)
		return;
	if (c->request->use_candidate)
		pair_nominated(s, t, c->own->generation);
	association_pair_verified(s);
}

void ice_input(struct worker *w, const struct addr *remote,
	       const uint8_t *data, size_t len)
{
	struct sluice_stun m;
	struct check c = { .request = &m };
	struct session *s;

	datapath_count(w->dp, SLUICE_COUNT_PASSED_STUN);
	if (sluice_stun_parse(data, len, &m)) {
		worker_drop(w, SLUICE_DROP_STUN_BAD);
		return;
	}
	/* Keep-alives mean nothing; responses belong to nobody. */
	if (m.type == SLUICE_STUN_BINDING_INDICATION)
		return;
	if (m.type != SLUICE_STUN_BINDING_REQUEST) {
		worker_drop(w, SLUICE_DROP_STUN_BAD);
		return;
	}
	s = find_session(w, data, &m);
	if (!s) {
		worker_drop(w, SLUICE_DROP_STUN_UFRAG);
		return;
	}
	c.own = credentials_of(s, (const char *)data + m.username_off);
	if (!sluice_stun_has_fingerprint(data, &m) ||
	    !sluice_stun_is_authentic(data, &m, c.own->password,
				      strlen(c.own->password))) {
		worker_drop(w, SLUICE_DROP_STUN_INTEGRITY);
		return;
	}
	if (m.unknown_count)
		reply_error(s, remote, &c, UNKNOWN_ATTRIBUTE);
	else if (m.ice_controlled)
		/* RFC 8445 7.3.1.1: a lite agent is always controlled. */
		reply_error(s, remote, &c, ROLE_CONFLICT);
	else
		check_succeeded(s, remote, &c);
}
