/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways of a registration: Path (RFC 3327) with ob (RFC 5626 5.1) in the
 * place of our own Contact, so that the registrar knows the browser by its own
 * URI and finds it by way of us; and Service-Route (RFC 3608), the way that
 * the registrar wants the browser's requests to take.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/log.h"
#include "registrar/internal.h"

/* Its URI without its transport, which ends at the gateway. */
static void put_uri(FILE *f, const struct sip_uri *u)
{
	bool is_v6 = strchr(u->host, ':');
	const char *p = u->params;
	size_t len;

	fprintf(f, "sip:%s%s%s%s%s", u->user, *u->user ? "@" : "",
		is_v6 ? "[" : "", u->host, is_v6 ? "]" : "");
	if (u->port)
		fprintf(f, ":%u", u->port);
	for (; *p; p += len + (p[len] == ';')) {
		len = strcspn(p, ";");
		if (len && strncasecmp(p, "transport", 9))
			fprintf(f, ";%.*s", (int)len, p);
	}
}

int path_contact(const struct sip_msg *req, uint32_t expires_s, char **ret)
{
	const char *instance = sip_msg_contact_param(req, 0, "+sip.instance");
	const char *reg_id = sip_msg_contact_param(req, 0, "reg-id");
	const char *uri = sip_msg_contact(req, 0);
	struct sip_uri u;
	char *text;
	size_t len;
	FILE *f;

	if (!uri || sip_uri_parse(uri, &u) || !strcmp(u.scheme, "tel"))
		return -EINVAL;
	f = open_memstream(&text, &len);
	if (!f)
		return -ENOMEM;
	fputc('<', f);
	put_uri(f, &u);
	fputc('>', f);
	if (instance)
		fprintf(f, ";+sip.instance=\"%s\"", instance);
	if (reg_id)
		fprintf(f, ";reg-id=%s", reg_id);
	fprintf(f, ";expires=%u", expires_s);
	if (fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}

void path_headers(const struct registrar *r, const char *alias, char *ret,
		  size_t size)
{
	snprintf(ret, size, "Path: <sip:%s@%s;lr;ob>\r\n"
		 "Supported: path, outbound\r\n", alias,
		 sip_stack_host(r->stack));
}

bool path_is_contact(const char *ours, const char *theirs)
{
	struct sip_uri a, b;

	return !sip_uri_parse(ours, &a) && !sip_uri_parse(theirs, &b) &&
	       !strcmp(a.user, b.user) && !strcasecmp(a.host, b.host) &&
	       a.port == b.port;
}

void path_check(const struct sip_msg *response, const char *aor)
{
	static struct log_limit limit;
	uint32_t skipped;

	/* RFC 3327 5.3: a registrar that keeps it says it back. */
	if (!sip_msg_header(response, "Path") &&
	    log_limit_pass(&limit, 1, &skipped))
		log_warn("registrar: the PBX keeps no Path, calls to %s will "
			 "not come: register.mode = \"contact\" needs none",
			 aor);
}

char *path_service_route(const struct sip_msg *response)
{
	return sip_msg_headers(response, "Service-Route");
}

const char *registrar_service_route(struct registrar *r, uint64_t conn,
				    const char *aor)
{
	struct binding *b = registrar_find_on_conn(r, conn, aor);

	return b && *b->service_route ? b->service_route : NULL;
}

static bool is_alias(struct registrar *r, const char *uri, char *ret,
		     size_t size)
{
	struct sip_uri u;

	if (!uri || sip_uri_parse(uri, &u) ||
	    !location_by_alias(&r->location, u.user))
		return false;
	snprintf(ret, size, "%s", u.user);
	return true;
}

bool registrar_is_account(const struct registrar *r, const struct sip_msg *m)
{
	const struct registrar_settings *s = &r->settings;
	const char *uri = sip_msg_ruri(m);
	struct sip_uri u;

	return s->account_user && s->account_to && uri &&
	       !sip_uri_parse(uri, &u) && !strcmp(u.user, s->account_user);
}

/* A browser that is connected before one that is not, then the newer one. */
static bool is_before(const struct binding *b, const struct binding *than)
{
	if (!than || !b->conn != !than->conn)
		return !than || b->conn;
	return b->conn ? b->created_ms >= than->created_ms :
			 b->lost_ms >= than->lost_ms;
}

/* What of the account's browsers comes first. */
static const struct binding *account_first(const struct registrar *r)
{
	const struct binding *best = NULL, *b;
	char aor[256];

	if (sip_uri_aor(r->settings.account_to, aor, sizeof(aor)))
		return NULL;
	b = location_of_aor(&r->location, aor);
	for (; b; b = LIST_NEXT(b, aor_next))
		if (!b->is_expired && is_before(b, best))
			best = b;
	return best;
}

int registrar_alias_of(struct registrar *r, const struct sip_msg *m, char *ret,
		       size_t size)
{
	const struct binding *b;

	if (is_alias(r, sip_msg_ruri(m), ret, size) ||
	    is_alias(r, sip_msg_route(m), ret, size))
		return 0;
	b = registrar_is_account(r, m) ? account_first(r) : NULL;
	if (!b)
		return -ENOENT;
	snprintf(ret, size, "%s", b->alias);
	return 0;
}

unsigned int registrar_aliases_of(struct registrar *r, const struct sip_msg *m,
				  registrar_alias *ret, unsigned int max)
{
	const struct binding *first, *b;
	unsigned int n = 1;

	if (!max || registrar_alias_of(r, m, ret[0], sizeof(ret[0])))
		return 0;
	first = location_by_alias(&r->location, ret[0]);
	if (r->settings.account_newest || !registrar_is_account(r, m) ||
	    is_alias(r, sip_msg_ruri(m), ret[0], sizeof(ret[0])) ||
	    is_alias(r, sip_msg_route(m), ret[0], sizeof(ret[0])) ||
	    !first || !first->conn)
		return 1;
	b = location_of_aor(&r->location, first->aor);
	for (; b && n < max; b = LIST_NEXT(b, aor_next))
		if (b != first && b->conn && !b->is_expired)
			snprintf(ret[n++], sizeof(ret[0]), "%s", b->alias);
	return n;
}
