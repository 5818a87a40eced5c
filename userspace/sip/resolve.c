/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

struct step;
#define SRES_CONTEXT_T struct step
#include <sofia-sip/sresolv.h>

#include "core/log.h"
#include "sip/message.h"

#define TTL_MIN_S	5	/* a zone of 0 s shall not make us a flood */
#define TTL_MAX_S	3600
#define HOSTS_TTL_S	60	/* /etc/hosts is read again so often */
#define STEPS		64	/* queries of one question */

enum stage { STAGE_NAPTR, STAGE_SRV, STAGE_HOST, STAGE_END };

struct step {
	LIST_ENTRY(step) list;
	struct resolve *q;
	sres_query_t *query;
	uint16_t type, weight, port;
	uint64_t rank;
	enum sip_transport transport;
};

struct resolver {
	sres_resolver_t *sres;
};

struct resolve {
	struct resolver *r;
	struct resolve_options options;
	resolve_cb *cb;
	void *arg;
	char host[256];
	uint16_t port;
	bool has_transport, is_sips;
	enum sip_transport transport;
	enum stage stage;
	LIST_HEAD(, step) steps;
	unsigned int step_count;
	bool is_silent;		/* a server did not answer ... */
	bool is_partial;	/* ... for what others may stand beside */
	uint32_t ttl_s;
	struct resolved found[LIMIT_TRUNK_TARGETS];
	size_t count;
};

static const struct service {
	const char *naptr;	/* RFC 3263 4.1 */
	const char *srv;
	enum sip_transport transport;
} services[] = {
	{ "SIP+D2U", "_sip._udp.", SIP_UDP },
	{ "SIP+D2T", "_sip._tcp.", SIP_TCP },
	{ "SIPS+D2T", "_sips._tcp.", SIP_TLS },
};

static const struct service *service_of(enum sip_transport t)
{
	return &services[t];
}

static bool is_usable(const struct resolve *q, enum sip_transport t)
{
	if (q->is_sips)
		return t == SIP_TLS;
	if (q->has_transport)
		return t == q->transport;
	return t != SIP_TLS || q->options.has_tls;
}

static uint16_t default_port(enum sip_transport t)
{
	return t == SIP_TLS ? 5061 : 5060;
}

static void found(struct resolve *q, const struct addr *a,
		  const struct step *by)
{
	struct resolved *f = &q->found[q->count];

	if (q->count == LIMIT_TRUNK_TARGETS)
		return;
	f->addr = *a;
	f->addr.port = by->port;
	f->transport = by->transport;
	f->rank = by->rank;
	f->weight = by->weight;
	snprintf(f->host, sizeof(f->host), "%s", q->host);
	q->count++;
}

/* ---- queries ---------------------------------------------------------- */

static void answered(struct step *st, sres_query_t *query,
		     sres_record_t **answers);

static void ask(struct resolve *q, const struct step *like, uint16_t type,
		const char *domain)
{
	struct step *st;

	if (q->step_count == STEPS)
		return;
	st = calloc(1, sizeof(*st));
	if (!st)
		return;
	*st = *like;
	st->q = q;
	st->type = type;
	st->query = sres_query(q->r->sres, answered, st, type, domain);
	if (!st->query) {
		free(st);
		return;
	}
	q->step_count++;
	LIST_INSERT_HEAD(&q->steps, st, list);
}

static void ask_host(struct resolve *q, const struct step *like,
		     const char *host)
{
	ask(q, like, q->options.is_v4 ? sres_type_a : sres_type_aaaa, host);
}

static void take_naptr(struct step *st, const sres_naptr_record_t *na)
{
	struct step next = { .rank = (uint64_t)na->na_order << 32 |
				     (uint64_t)na->na_prefer << 16 };

	if (strcasecmp(na->na_flags, "s"))
		return;
	for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++) {
		if (strcasecmp(na->na_services, services[i].naptr) ||
		    !is_usable(st->q, services[i].transport))
			continue;
		next.transport = services[i].transport;
		ask(st->q, &next, sres_type_srv, na->na_replace);
	}
}

static void take_srv(struct step *st, const sres_srv_record_t *srv)
{
	struct step next = *st;

	/* RFC 2782: "." is "not here". */
	if (!srv->srv_port || !srv->srv_target[0] ||
	    !strcmp(srv->srv_target, "."))
		return;
	next.rank |= srv->srv_priority;
	next.weight = srv->srv_weight;
	next.port = srv->srv_port;
	ask_host(st->q, &next, srv->srv_target);
}

static void take(struct step *st, const sres_record_t *rec)
{
	char text[INET6_ADDRSTRLEN];
	struct addr a;

	switch (st->type) {
	case sres_type_naptr:
		take_naptr(st, rec->sr_naptr);
		return;
	case sres_type_srv:
		take_srv(st, rec->sr_srv);
		return;
	case sres_type_a:
		inet_ntop(AF_INET, &rec->sr_a->a_addr, text, sizeof(text));
		break;
	default:
		inet_ntop(AF_INET6, &rec->sr_aaaa->aaaa_addr, text,
			  sizeof(text));
		break;
	}
	if (addr_parse_ip(text, &a) == 0)
		found(st->q, &a, st);
}

static void go_on(struct resolve *q);

static void answered(struct step *st, sres_query_t *query,
		     sres_record_t **answers)
{
	struct resolve *q = st->q;
	bool is_silent = !answers;
	sres_record_t *rec;
	uint16_t error;

	(void)query;
	LIST_REMOVE(st, list);
	for (size_t i = 0; answers && answers[i]; i++) {
		rec = answers[i];
		error = rec->sr_record->r_status;
		if (error == SRES_TIMEOUT_ERR || error == SRES_SERVER_ERR ||
		    error == SRES_NETWORK_ERR)
			is_silent = true;
		if (error || rec->sr_record->r_type != st->type)
			continue;
		if (rec->sr_record->r_ttl < q->ttl_s)
			q->ttl_s = rec->sr_record->r_ttl;
		take(st, rec);
	}
	q->is_silent |= is_silent;
	/*
	 * A server that fails, or refuses to look, has no record to show here;
	 * "no such name" has one.
	 */
	if (st->type != sres_type_naptr)
		q->is_partial |= is_silent || !answers[0];
	sres_free_answers(q->r->sres, answers);
	free(st);
	if (LIST_EMPTY(&q->steps))
		go_on(q);
}

/* ---- the question ----------------------------------------------------- */

static void question_free(struct resolve *q)
{
	struct step *st;

	while ((st = LIST_FIRST(&q->steps))) {
		LIST_REMOVE(st, list);
		/* It is answered into the void. */
		sres_query_bind(st->query, NULL, NULL);
		free(st);
	}
	free(q);
}

static void finish(struct resolve *q)
{
	char reason[300] = "";
	uint32_t ttl_s = q->ttl_s;

	if (!q->count || q->is_partial)
		snprintf(reason, sizeof(reason), "%s: %s", q->host,
			 q->count ? "DNS does not answer about all of it" :
			 q->is_silent ? "no answer from DNS" :
			 "not found in DNS");
	if (ttl_s && ttl_s < TTL_MIN_S)
		ttl_s = TTL_MIN_S;
	q->cb(q->arg, q->found, q->count, ttl_s, reason);
	question_free(q);
}

static void ask_services(struct resolve *q)
{
	char name[280];

	for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++) {
		/* RFC 3263 4.1: UDP first, then TCP, then TLS. */
		struct step st = { .transport = services[i].transport,
				   .rank = (uint64_t)i << 32 };

		if (!is_usable(q, st.transport))
			continue;
		snprintf(name, sizeof(name), "%s%s",
			 service_of(st.transport)->srv, q->host);
		ask(q, &st, sres_type_srv, name);
	}
}

/* What is asked in this stage, if the ones before found nothing. */
static void ask_stage(struct resolve *q)
{
	struct step st = { .transport = q->transport, .port = q->port };

	switch (q->stage) {
	case STAGE_NAPTR:
		if (!q->port && !q->has_transport)
			ask(q, &st, sres_type_naptr, q->host);
		break;
	case STAGE_SRV:
		if (!q->port)
			ask_services(q);
		break;
	case STAGE_HOST:
		if (!st.port)
			st.port = default_port(st.transport);
		ask_host(q, &st, q->host);
		break;
	case STAGE_END:
		break;
	}
}

static void go_on(struct resolve *q)
{
	while (!q->count && LIST_EMPTY(&q->steps) && q->stage < STAGE_END) {
		/* A stage that found nothing has nothing to stand beside. */
		q->is_partial = false;
		ask_stage(q);
		q->stage++;
	}
	if (LIST_EMPTY(&q->steps))
		finish(q);
}

/* Without DNS: a literal address, or a name in /etc/hosts. */
static void look_here(struct resolve *q)
{
	struct step st = { .transport = q->transport, .port = q->port };
	char text[INET6_ADDRSTRLEN];
	struct hostent *h;
	struct addr a;

	if (!st.port)
		st.port = default_port(st.transport);
	if (addr_parse_ip(q->host, &a) == 0) {
		q->host[0] = '\0';
		q->ttl_s = 0;
		found(q, &a, &st);
		return;
	}
	sethostent(0);
	while ((h = gethostent())) {
		bool is_it = !strcasecmp(h->h_name, q->host);

		for (char **alias = h->h_aliases; !is_it && *alias; alias++)
			is_it = !strcasecmp(*alias, q->host);
		if (!is_it || !h->h_addr_list[0] ||
		    !inet_ntop(h->h_addrtype, h->h_addr_list[0], text,
			       sizeof(text)) ||
		    addr_parse_ip(text, &a) < 0 ||
		    addr_is_v4(&a) != q->options.is_v4)
			continue;
		q->ttl_s = HOSTS_TTL_S;
		found(q, &a, &st);
	}
	endhostent();
}

int resolve_start(struct resolver *r, const char *uri,
		  const struct resolve_options *o, resolve_cb *cb, void *arg,
		  struct resolve **ret)
{
	char transport[16];
	struct resolve *q;
	struct sip_uri u;
	int err;

	err = sip_uri_parse(uri, &u);
	if (err < 0)
		return err;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	LIST_INIT(&q->steps);
	q->r = r;
	q->options = *o;
	q->cb = cb;
	q->arg = arg;
	q->ttl_s = TTL_MAX_S;
	q->port = u.port;
	q->is_sips = !strcmp(u.scheme, "sips");
	q->has_transport = sip_uri_param(&u, "transport", transport,
					 sizeof(transport));
	if (q->is_sips || (q->has_transport && !strcasecmp(transport, "tls")))
		q->transport = SIP_TLS;
	else if (q->has_transport && !strcasecmp(transport, "tcp"))
		q->transport = SIP_TCP;
	snprintf(q->host, sizeof(q->host), "%s", u.host);
	*ret = NULL;
	look_here(q);
	if (q->count) {
		finish(q);
		return 0;
	}
	*ret = q;
	go_on(q);
	return 0;
}

void resolve_cancel(struct resolve *q)
{
	if (q)
		question_free(q);
}

int resolver_create(struct loop *loop, const char *resolv_conf,
		    struct resolver **ret)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->sres = sres_resolver_create(loop_sofia_root(loop), resolv_conf,
				       TAG_END());
	if (!r->sres) {
		log_err("sip: no DNS resolver: %s", strerror(errno));
		free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	sres_resolver_destroy(r->sres);
	free(r);
}
