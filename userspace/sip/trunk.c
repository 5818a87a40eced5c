/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PBX: its addresses (DNS, several URIs), which of them answer (OPTIONS),
 * and which one a request takes (RFC 3263 4).
 */
#include "sip/trunk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"
#include "sip/account.h"
#include "sip/nta_front.h"
#include "sip/resolve.h"
#include "sip/tls.h"

#define PROBE_UP_MS	30000	/* between two probes */
#define PROBE_DOWN_MS	5000	/* also the least time out of use */
#define PROBE_ANSWER_T1	10	/* no answer within this many T1: down */
#define LOOKUP_AGAIN_MS	10000	/* after a failed one */
#define LOOKUP_PARTIAL_S 60	/* at most, after one that failed in part */

struct target {
	struct trunk *t;
	struct resolved r;
	bool is_listed;		/* in the newest answer */
	bool is_anew;		/* a connection ended: it may have restarted */
	char uri[ADDR_STRLEN + 24];
	struct sip_trunk_status status;
	struct sip_client *probe;
	uint64_t sent_ms;
	uint32_t cseq;
	char call_id[33];
	char tag[17];
	struct loop_timer *timer; /* next probe, or patience with this */
};

/* A configured URI: pbx, then those of pbx_backup. */
struct place {
	struct trunk *t;
	const char *uri;
	struct sip_uri parts;
	bool is_literal;
	struct resolve *question;
	struct loop_timer *timer;
	char reason[96];	/* why it has no address */
};

struct trunk {
	struct sip_stack *s;
	struct resolver *resolver;
	struct place places[LIMIT_TRUNK_URIS];
	size_t place_count;
	/* A free one has no URI; indices are the bits of `tried`. */
	struct target targets[LIMIT_TRUNK_TARGETS];
	uint64_t changed_ms;	/* one came up or went down, or may have */
};

/* ---- keep-alive ------------------------------------------------------- */

static void probe(void *arg);

static void probe_after(struct target *g, uint32_t delay_ms)
{
	loop_timer_cancel(g->timer);
	g->timer = NULL;
	if (loop_timer_add(g->t->s->loop, delay_ms, probe, g, &g->timer) < 0)
		log_err("sip: no memory for the trunk's timer");
}

/* Requests that wait for it and heard nothing take another way. */
static void set_down(struct target *g, const char *reason)
{
	struct sip_trunk_status *st = &g->status;

	if (!st->known || st->up || strcmp(st->reason, reason))
		log_warn("sip: %s is down: %s", g->uri, reason);
	if (st->up)
		g->t->changed_ms = clock_ms();
	st->known = true;
	st->up = false;
	st->rtt_ms = 0;
	if (reason != st->reason)
		snprintf(st->reason, sizeof(st->reason), "%s", reason);
	client_failover_all(g->t->s, g->uri);
}

static void concluded(struct target *g, bool is_up, const char *reason)
{
	struct sip_trunk_status *st = &g->status;

	if (is_up) {
		if (!st->known || !st->up)
			log_info("sip: %s is up", g->uri);
		if (!st->known || !st->up || g->is_anew) {
			g->t->changed_ms = clock_ms();
			account_pbx_is_up(g->t->s);
		}
		g->is_anew = false;
		st->known = true;
		st->up = true;
		st->rtt_ms = (uint32_t)(clock_ms() - g->sent_ms);
		st->reason[0] = '\0';
	} else {
		set_down(g, reason);
	}
	probe_after(g, is_up ? PROBE_UP_MS : PROBE_DOWN_MS);
}

static void probe_answered(void *arg, struct sip_client *ct,
			   const struct sip_msg *response)
{
	int status = sip_msg_status(response);
	struct target *g = arg;
	const char *reason;

	if (status < 200)
		return;
	g->probe = NULL;
	if (!sip_client_is_local(ct)) {
		concluded(g, true, "");
	} else {
		/* Of TLS the flow has told more. */
		reason = status == 408 ? "timeout" :
			g->r.transport == SIP_TLS && g->status.known &&
			!g->status.up ? g->status.reason : "refused";
		concluded(g, false, reason);
	}
	sip_client_free(ct);
}

static void probe_unanswered(void *arg)
{
	struct target *g = arg;

	g->timer = NULL;
	sip_client_free(g->probe);
	g->probe = NULL;
	g->t->s->stats.timeouts++;
	/* A new connection may reach what this one does not. */
	if (g->r.transport == SIP_TLS)
		tls_drop(g->t->s, &g->r.addr);
	concluded(g, false, "timeout");
}

static int send_probe(struct target *g)
{
	struct sip_stack *s = g->t->s;
	char self[ADDR_STRLEN + 24], to[280], agent[128] = "";
	struct sip_target target = { 0 };
	struct sip_msg *request;
	int err;

	snprintf(self, sizeof(self), "<sip:%s>", sip_stack_host(s));
	snprintf(to, sizeof(to), "<%s>", s->settings.pbx);
	snprintf(target.uri, sizeof(target.uri), "%s", g->uri);
	if (s->settings.user_agent)
		snprintf(agent, sizeof(agent), "User-Agent: %s\r\n",
			 s->settings.user_agent);
	const struct sip_request r = {
		.method = "OPTIONS", .ruri = s->settings.pbx, .from = self,
		.from_tag = g->tag, .to = to, .call_id = g->call_id,
		.cseq = ++g->cseq, .contact = self, .max_forwards = 70,
		.extra_headers = agent,
	};
	err = sip_msg_make_request(&r, NULL, &request);
	if (err < 0)
		return err;
	g->sent_ms = clock_ms();
	err = client_send_to(s, &target, request, "", probe_answered, g,
			     &g->probe);
	sip_msg_unref(request);
	return err;
}

static void probe(void *arg)
{
	struct target *g = arg;

	g->timer = NULL;
	sip_client_free(g->probe);
	g->probe = NULL;
	if (send_probe(g) < 0) {
		concluded(g, false, "cannot send");
		return;
	}
	if (loop_timer_add(g->t->s->loop, PROBE_ANSWER_T1 * g->t->s->t1_ms,
			   probe_unanswered, g, &g->timer) < 0)
		log_err("sip: no memory for the trunk's timer");
}

/* ---- addresses -------------------------------------------------------- */

static void target_free(struct target *g)
{
	loop_timer_cancel(g->timer);
	sip_client_free(g->probe);
	memset(g, 0, sizeof(*g));
}

static void target_write_uri(struct target *g, const struct place *p)
{
	static const char *const names[] = { "udp", "tcp", "tls" };
	char text[ADDR_STRLEN];

	/* As it was written, if nothing had to be found out. */
	if (p->is_literal && strlen(p->uri) < sizeof(g->uri))
		snprintf(g->uri, sizeof(g->uri), "%s", p->uri);
	else
		snprintf(g->uri, sizeof(g->uri), "sip:%s;transport=%s",
			 addr_format(&g->r.addr, text),
			 names[g->r.transport]);
}

static struct target *target_of(struct trunk *t, const struct resolved *r)
{
	for (size_t i = 0; i < LIMIT_TRUNK_TARGETS; i++) {
		struct target *g = &t->targets[i];

		if (g->uri[0] && addr_equal(&g->r.addr, &r->addr) &&
		    g->r.transport == r->transport)
			return g;
	}
	return NULL;
}

static void target_add(struct place *p, const struct resolved *r)
{
	struct trunk *t = p->t;
	struct target *g = target_of(t, r);

	for (size_t i = 0; !g && i < LIMIT_TRUNK_TARGETS; i++)
		if (!t->targets[i].uri[0])
			g = &t->targets[i];
	if (!g) {
		log_warn("sip: more than %d addresses of the PBX, ignoring",
			 LIMIT_TRUNK_TARGETS);
		return;
	}
	g->r = *r;
	/* All of a place come before all of the next one. */
	g->r.rank |= (uint64_t)(p - t->places) << 48;
	g->is_listed = true;
	if (g->t)
		return;
	g->t = t;
	target_write_uri(g, p);
	random_token(g->call_id, sizeof(g->call_id) - 1);
	random_token(g->tag, sizeof(g->tag) - 1);
	if (!p->is_literal)
		log_info("sip: %s is %s", p->parts.host, g->uri);
	probe_after(g, 0);
}

/*
 * Who may send us requests: sip_trunk_is_allowed(), the socket filters; and by
 * what: our Contact has the transport of the first choice.
 */
static void sources_changed(struct trunk *t)
{
	const struct target *first = NULL, *g;
	struct sip_stack *s = t->s;

	s->pbx_count = 0;
	for (size_t i = 0; i < LIMIT_TRUNK_TARGETS; i++) {
		g = &t->targets[i];
		if (!g->uri[0])
			continue;
		s->pbx_addrs[s->pbx_count++] = g->r.addr;
		if (!first || g->r.rank < first->r.rank)
			first = g;
	}
	if (first)
		stack_set_contact(s, first->r.transport);
	nta_sources_changed(s);
	tls_sources_changed(s);
}

static void look_up(void *arg);

static void resolved(void *arg, const struct resolved *list, size_t count,
		     uint32_t ttl_s, const char *reason)
{
	struct place *p = arg;
	struct trunk *t = p->t;
	size_t index = (size_t)(p - t->places);
	bool is_whole = count && !*reason;

	p->question = NULL;
	if (count && !is_whole && ttl_s > LOOKUP_PARTIAL_S)
		ttl_s = LOOKUP_PARTIAL_S;
	if (ttl_s &&
	    loop_timer_add(t->s->loop, count ? ttl_s * 1000 : LOOKUP_AGAIN_MS,
			   look_up, p, &p->timer) < 0)
		log_err("sip: no memory for the trunk's timer");
	if (!is_whole && strcmp(p->reason, reason))
		log_warn("sip: pbx: %s", reason);
	snprintf(p->reason, sizeof(p->reason), "%s", reason);
	/* What was found before goes on. */
	if (!count)
		return;
	for (size_t i = 0; i < LIMIT_TRUNK_TARGETS; i++)
		if (t->targets[i].r.rank >> 48 == index)
			t->targets[i].is_listed = false;
	for (size_t i = 0; i < count; i++)
		target_add(p, &list[i]);
	for (size_t i = 0; i < LIMIT_TRUNK_TARGETS; i++) {
		struct target *g = &t->targets[i];

		if (!g->uri[0] || g->is_listed || !is_whole ||
		    g->r.rank >> 48 != index)
			continue;
		log_info("sip: %s is no longer %s", p->parts.host, g->uri);
		target_free(g);
	}
	sources_changed(t);
}

static void look_up(void *arg)
{
	struct place *p = arg;
	const struct resolve_options o = {
		.is_v4 = addr_is_v4(&p->t->s->settings.listen),
		.has_tls = p->t->s->settings.tls.is_wanted,
	};

	p->timer = NULL;
	if (resolve_start(p->t->resolver, p->uri, &o, resolved, p,
			  &p->question) < 0)
		log_err("sip: pbx: %s cannot be looked up", p->uri);
}

bool sip_trunk_is_allowed(const struct sip_stack *s, const struct addr *a)
{
	for (size_t i = 0; i < s->pbx_count; i++)
		if (addr_same_ip(&s->pbx_addrs[i], a))
			return true;
	for (size_t i = 0; i < s->settings.allow_count; i++)
		if (addr_net_contains(&s->settings.allow[i], a))
			return true;
	return false;
}

void trunk_stranger(struct sip_stack *s, const struct addr *a,
		    const char *what)
{
	static struct log_limit limit;
	char text[ADDR_STRLEN];
	uint32_t skipped;

	s->stats.dropped_source++;
	if (log_limit_pass(&limit, 3, &skipped))
		log_warn("sip: %s from %s, neither the PBX nor allowed, "
			 "ignoring", what, addr_format(a, text));
}

/* ---- the way of a request --------------------------------------------- */

bool trunk_is_target(const struct sip_stack *s, const struct sip_target *to)
{
	const struct trunk *t = s->trunk;
	struct sip_uri u;

	if (!t || to->is_ws)
		return false;
	if (!strcmp(to->uri, t->places[0].uri))
		return true;
	if (sip_uri_parse(to->uri, &u) < 0)
		return false;
	for (size_t i = 0; i < t->place_count; i++)
		if (!t->places[i].is_literal &&
		    !strcasecmp(u.host, t->places[i].parts.host))
			return true;
	return false;
}

/* FNV-1a: only to spread, and peers do not gain by choosing. */
static uint32_t hash_of(const char *text)
{
	uint32_t h = 2166136261U;

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 16777619U;
	return h ^ h >> 16;
}

static bool is_down(const struct target *g)
{
	return g->status.known && !g->status.up;
}

/* Is g before best, as to who is down and to rank? */
static int compare(const struct target *g, const struct target *best)
{
	if (is_down(g) != is_down(best))
		return is_down(g) ? 1 : -1;
	if (g->r.rank != best->r.rank)
		return g->r.rank > best->r.rank ? 1 : -1;
	return 0;
}

static struct target *pick(struct trunk *t, const char *call_id, uint32_t tried)
{
	struct target *best = NULL, *g;
	uint32_t sum = 0, point;

	for (size_t i = 0; i < LIMIT_TRUNK_TARGETS; i++) {
		g = &t->targets[i];
		if (g->uri[0] && !(tried & 1U << i) &&
		    (!best || compare(g, best) < 0))
			best = g;
	}
	if (!best)
		return NULL;
	/* RFC 2782; one of weight 0 still has a small chance. */
	for (int pass = 0; pass < 2; pass++) {
		point = pass ? hash_of(call_id) % sum : 0;
		for (size_t i = 0; i < LIMIT_TRUNK_TARGETS; i++) {
			g = &t->targets[i];
			if (!g->uri[0] || tried & 1U << i || compare(g, best))
				continue;
			if (!pass)
				sum += g->r.weight * 10U + 1;
			else if (point < g->r.weight * 10U + 1)
				return g;
			else
				point -= g->r.weight * 10U + 1;
		}
	}
	return best;
}

int trunk_pick(struct sip_stack *s, const char *call_id,
	       struct sip_target *to, uint32_t *tried)
{
	struct trunk *t = s->trunk;
	struct target *g = pick(t, call_id, *tried);

	if (!g)
		return -EHOSTUNREACH;
	*tried |= 1U << (g - t->targets);
	memcpy(to->uri, g->uri, sizeof(g->uri));
	return 0;
}

static struct target *by_uri(struct sip_stack *s, const char *uri)
{
	for (size_t i = 0; s->trunk && i < LIMIT_TRUNK_TARGETS; i++)
		if (s->trunk->targets[i].uri[0] &&
		    !strcmp(s->trunk->targets[i].uri, uri))
			return &s->trunk->targets[i];
	return NULL;
}

void trunk_failed(struct sip_stack *s, const char *uri, const char *reason)
{
	struct target *g = by_uri(s, uri);

	if (!g || is_down(g))
		return;
	set_down(g, reason);
	if (!g->probe)
		probe_after(g, 0);
}

void trunk_doubt(struct sip_stack *s, const char *uri)
{
	struct target *g = by_uri(s, uri);

	if (g && g->status.up && !g->probe)
		probe_after(g, 0);
}

void trunk_suspect(struct sip_stack *s)
{
	for (size_t i = 0; s->trunk && i < LIMIT_TRUNK_TARGETS; i++) {
		struct target *g = &s->trunk->targets[i];

		if (g->uri[0] && g->status.up && !g->probe)
			probe_after(g, 0);
	}
}

void trunk_flow_lost(struct sip_stack *s, const struct addr *peer, bool was_up,
		     const char *reason)
{
	for (size_t i = 0; s->trunk && i < LIMIT_TRUNK_TARGETS; i++) {
		struct target *g = &s->trunk->targets[i];

		if (!g->uri[0] || g->r.transport != SIP_TLS ||
		    !addr_equal(&g->r.addr, peer))
			continue;
		/* A connection that was good is opened again at once. */
		g->is_anew |= was_up;
		if (was_up && g->status.up)
			probe_after(g, 0);
		else
			set_down(g, reason);
	}
}

int trunk_tls_address(struct sip_stack *s, struct addr *ret)
{
	struct target *best = NULL, *g;

	for (size_t i = 0; s->trunk && i < LIMIT_TRUNK_TARGETS; i++) {
		g = &s->trunk->targets[i];
		if (g->uri[0] && g->r.transport == SIP_TLS &&
		    (!best || compare(g, best) < 0))
			best = g;
	}
	if (!best)
		return -EHOSTUNREACH;
	*ret = best->r.addr;
	return 0;
}

void trunk_tls_name(struct sip_stack *s, const struct addr *a, char *ret,
		    size_t size)
{
	char ip[ADDR_STRLEN];

	for (size_t i = 0; s->trunk && i < LIMIT_TRUNK_TARGETS; i++) {
		const struct target *g = &s->trunk->targets[i];

		if (g->uri[0] && g->r.host[0] && addr_same_ip(&g->r.addr, a)) {
			snprintf(ret, size, "%s", g->r.host);
			return;
		}
	}
	snprintf(ret, size, "%s", addr_format_ip(a, ip));
}

/* ---- life ------------------------------------------------------------- */

static int place_add(struct trunk *t, const char *uri)
{
	struct place *p = &t->places[t->place_count];
	struct addr literal;
	int err;

	if (t->place_count == LIMIT_TRUNK_URIS)
		return -E2BIG;
	err = sip_uri_parse(uri, &p->parts);
	if (err < 0) {
		log_err("sip: pbx: not a SIP URI: %s", uri);
		return err;
	}
	p->t = t;
	p->uri = uri;
	p->is_literal = addr_parse_ip(p->parts.host, &literal) == 0;
	t->place_count++;
	return 0;
}

int trunk_start(struct sip_stack *s)
{
	const char *const *backup = s->settings.pbx_backup;
	struct trunk *t;
	int err;

	if (!s->settings.pbx)
		return 0;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->s = s;
	s->trunk = t;
	err = resolver_create(s->loop, s->settings.resolv_conf, &t->resolver);
	if (!err)
		err = place_add(t, s->settings.pbx);
	for (; !err && backup && *backup; backup++)
		err = place_add(t, *backup);
	for (size_t i = 0; !err && i < t->place_count; i++)
		look_up(&t->places[i]);
	return err;
}

void trunk_stop(struct sip_stack *s)
{
	struct trunk *t = s->trunk;

	if (!t)
		return;
	s->trunk = NULL;
	for (size_t i = 0; i < t->place_count; i++) {
		loop_timer_cancel(t->places[i].timer);
		resolve_cancel(t->places[i].question);
	}
	for (size_t i = 0; i < LIMIT_TRUNK_TARGETS; i++)
		target_free(&t->targets[i]);
	resolver_free(t->resolver);
	free(t);
}

/* ---- transaction.h ---------------------------------------------------- */

void sip_trunk_status(const struct sip_stack *s, struct sip_trunk_status *ret)
{
	const struct trunk *t = s->trunk;
	const struct target *best = NULL, *g;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; t && i < LIMIT_TRUNK_TARGETS; i++) {
		g = &t->targets[i];
		if (g->uri[0] && (!best || compare(g, best) < 0))
			best = g;
	}
	if (best) {
		*ret = best->status;
	} else if (t) {
		ret->known = t->places[0].reason[0];
		snprintf(ret->reason, sizeof(ret->reason), "%s",
			 t->places[0].reason);
	}
}

uint64_t sip_trunk_changed_ms(const struct sip_stack *s)
{
	return s->trunk ? s->trunk->changed_ms : 0;
}

bool sip_trunk_target(const struct sip_stack *s, size_t index,
		      struct sip_trunk_target *ret)
{
	const struct trunk *t = s->trunk;
	const struct target *g;

	for (size_t i = 0; t && i < LIMIT_TRUNK_TARGETS; i++) {
		g = &t->targets[i];
		if (!g->uri[0] || index--)
			continue;
		snprintf(ret->uri, sizeof(ret->uri), "%s", g->uri);
		snprintf(ret->host, sizeof(ret->host), "%s", g->r.host);
		ret->status = g->status;
		return true;
	}
	return false;
}
