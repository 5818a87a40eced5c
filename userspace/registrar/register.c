/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One REGISTER (RFC 3261 10): to the PBX under the alias, and what its answer
 * means for the location cache. The cache changes on a 2xx only, so that a
 * stranger who knows an AOR and an instance id moves nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/random.h"
#include "registrar/internal.h"

#define DEFAULT_EXPIRES_S	3600	/* RFC 3261 10.2.1.1 */
#define THROTTLED_TRUNK_S	3600	/* asked of the PBX when throttling */
#define CONTACT_BYTES		2048	/* with GRUUs */
#define SESSIONS_PER_CONN	LIMIT_AORS_PER_CLIENT

void registrar_format_contact(const struct registrar *r, const char *user,
			      char *ret, size_t size)
{
	snprintf(ret, size, "<sip:%s@%s>", user, sip_stack_host(r->stack));
}

void register_pending_free(struct registrar *r, struct reg_pending *p)
{
	struct reg_pending **link = &r->pending;

	while (*link && *link != p)
		link = &(*link)->next;
	if (*link)
		*link = p->next;
	sip_client_free(p->client);
	free(p->aor);
	free(p->key);
	free(p->contact);
	free(p->instance);
	free(p);
}

static void reply(struct sip_server *st, int status, const char *phrase)
{
	char tag[17];
	struct sip_reply rep = {
		.status = status, .phrase = phrase, .to_tag = tag,
	};

	random_token(tag, 16);
	sip_server_reply(st, &rep, NULL);
}

static void reply_unreachable(struct sip_server *st, int cause)
{
	char reason[96], tag[17];
	struct sip_reply rep = {
		.status = 503, .phrase = "PBX Unreachable", .to_tag = tag,
		.extra_headers = reason,
	};

	snprintf(reason, sizeof(reason), "Reason: SIP;cause=%d;text=\"the PBX "
		 "does not answer\"\r\n", cause);
	random_token(tag, 16);
	sip_server_reply(st, &rep, NULL);
}

static void reply_too_brief(struct sip_server *st, uint32_t min_s)
{
	char header[40], tag[17];
	struct sip_reply rep = {
		.status = 423, .phrase = "Interval Too Brief", .to_tag = tag,
		.extra_headers = header,
	};

	snprintf(header, sizeof(header), "Min-Expires: %u\r\n", min_s);
	random_token(tag, 16);
	sip_server_reply(st, &rep, NULL);
}

/*
 * The one used last stands first. A page that makes a new Call-ID with each
 * attempt is served: the one that was idle longest gives way.
 */
static struct reg_session *session_get(struct reg_conn *c, const char *call_id)
{
	struct reg_session **link, *s = NULL;

	for (link = &c->sessions; *link; link = &(*link)->next) {
		s = *link;
		if (!strcmp(s->client_call_id, call_id)) {
			*link = s->next;
			s->next = c->sessions;
			c->sessions = s;
			return s;
		}
		if (!s->next)
			break;
	}
	if (c->session_count >= SESSIONS_PER_CONN) {
		*link = NULL;
		c->session_count--;
		free(s->client_call_id);
		free(s);
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->client_call_id = strdup(call_id);
	if (!s->client_call_id) {
		free(s);
		return NULL;
	}
	random_token(s->call_id, 24);
	random_token(s->from_tag, 16);
	s->next = c->sessions;
	c->sessions = s;
	c->session_count++;
	return s;
}

/* Expiry asked for: the Contact's parameter, the header, the default. */
static uint32_t asked_expires(const struct sip_msg *m)
{
	const char *v = sip_msg_contact_param(m, 0, "expires");
	unsigned long s;

	if (!v)
		v = sip_msg_header(m, "Expires");
	if (!v || *v < '0' || *v > '9')
		return DEFAULT_EXPIRES_S;
	s = strtoul(v, NULL, 10);
	return s > UINT32_MAX / 1000 ? UINT32_MAX / 1000 : (uint32_t)s;
}

/* Never more than was asked for (RFC 3261 10.3), granted or configured. */
static uint32_t to_client_s(const struct reg_pending *p, uint32_t granted_s)
{
	uint32_t max = p->registrar->settings.expires_max_s;
	uint32_t s = p->asked_s < granted_s ? p->asked_s : granted_s;

	return max && s > max ? max : s;
}

static int own_contact(const struct binding *b, uint32_t expires_s, char *ret,
		       size_t size)
{
	char gruus[1024];
	int n;

	gruu_params(b, gruus, sizeof(gruus));
	if (*b->instance)
		n = snprintf(ret, size,
			     "<%s>;+sip.instance=\"%s\"%s;expires=%u",
			     b->contact, b->instance, gruus, expires_s);
	else
		n = snprintf(ret, size, "<%s>;expires=%u", b->contact,
			     expires_s);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* ---- the PBX's answer ------------------------------------------------ */

/*
 * RFC 5626 6: the binding is of an instance and its flow. The gateway is the
 * registrar in this, whatever the PBX does.
 */
static const char *outbound_header(const struct sip_msg *req)
{
	return sip_msg_contact_param(req, 0, "+sip.instance") &&
	       sip_msg_contact_param(req, 0, "reg-id") &&
	       (sip_msg_has_option(req, "Supported", "outbound") ||
		sip_msg_has_option(req, "Require", "outbound")) ?
		"Require: outbound\r\n" : NULL;
}

/*
 * What the registrar granted for our alias: seconds, 0 if it is gone, and
 * which of its Contacts that is.
 */
static uint32_t granted(const struct reg_pending *p,
			const struct sip_msg *response, unsigned int *ret_n)
{
	const char *uri, *v;
	struct sip_uri u;

	for (unsigned int n = 0; (uri = sip_msg_contact(response, n)); n++) {
		if (p->registrar->settings.use_path ?
		    !path_is_contact(p->contact, uri) :
		    sip_uri_parse(uri, &u) || strcmp(u.user, p->alias))
			continue;
		*ret_n = n;
		v = sip_msg_contact_param(response, n, "expires");
		if (!v)
			v = sip_msg_header(response, "Expires");
		return v ? (uint32_t)strtoul(v, NULL, 10) : p->asked_s;
	}
	return 0;
}

static int replace(char **field, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

static int replace_agent(struct binding *b, const struct sip_msg *req)
{
	const char *agent = sip_msg_header(req, "User-Agent");
	char text[LIMIT_USER_AGENT_BYTES + 1];

	snprintf(text, sizeof(text), "%s", agent ? agent : "");
	return replace(&b->user_agent, text);
}

static struct binding *commit(struct reg_pending *p, uint32_t granted_s,
			      const struct sip_msg *response, unsigned int n)
{
	struct registrar *r = p->registrar;
	const struct sip_msg *req = sip_server_request(p->server);
	struct binding *b = location_by_key(&r->location, p->key);
	uint64_t now = clock_ms();
	char *service_route;

	/* Answered late: what the browser has said since is what counts. */
	if (b && b->register_id > p->id)
		return b;
	if (b && strcmp(b->alias, p->alias)) {
		/* Two first REGISTERs crossed: the newer alias serves. */
		registrar_forget(r, b);
		b = NULL;
	}
	if (!b) {
		/* A phone of a new instance at each page load leaves many. */
		if (location_count_aor(&r->location, p->aor, false) >=
		    LIMIT_BINDINGS_PER_AOR) {
			b = location_stalest(&r->location, p->aor);
			if (b)
				registrar_forget(r, b);
		}
		b = location_add(&r->location, p->alias, p->key, p->aor);
		if (!b)
			return NULL;
		b->created_ms = now;
	}
	if (replace(&b->contact, p->contact) ||
	    replace(&b->instance, p->instance) ||
	    replace_agent(b, req) ||
	    replace(&b->client_call_id, sip_msg_call_id(req)) ||
	    gruu_take(b, response, n) ||
	    location_set_conn(&r->location, b, p->conn))
		return NULL;
	service_route = path_service_route(response);
	if (!service_route)
		return NULL;
	free(b->service_route);
	b->service_route = service_route;
	b->register_id = p->id;
	b->client_cseq = sip_msg_cseq(req);
	b->peer = p->peer;
	if (!b->conn)
		b->lost_ms = now;
	b->confirmed_ms = now;
	b->trunk_expires_ms = now + (uint64_t)granted_s * 1000;
	b->expires_ms = now + (uint64_t)to_client_s(p, granted_s) * 1000;
	b->is_expired = false;
	registrar_store(r, b);
	return b;
}

static void remove_all(struct registrar *r, const struct reg_pending *p)
{
	struct binding *b, *next;

	for (b = location_of_aor(&r->location, p->aor); b; b = next) {
		next = LIST_NEXT(b, aor_next);
		if (b->register_id < p->id)
			registrar_forget(r, b);
	}
}

static void removed(struct reg_pending *p, struct binding *b, int status)
{
	static struct log_limit limit;
	uint32_t skipped;

	if (b && b->register_id < p->id) {
		log_info("%s unregistered", b->aor);
		registrar_forget(p->registrar, b);
	}
	/* RFC 3261 10.3: a 2xx lists what is registered. */
	if (p->asked_s && log_limit_pass(&limit, 3, &skipped))
		log_warn("registrar: the PBX's %d to REGISTER of %s has no "
			 "Contact of it: no calls will come", status, p->aor);
}

static void accepted(struct reg_pending *p, const struct sip_msg *response)
{
	struct registrar *r = p->registrar;
	unsigned int n = 0;
	uint32_t granted_s = p->asked_s ? granted(p, response, &n) : 0;
	char contact[CONTACT_BYTES] = "", tag[17];
	struct sip_reply rep = { .status = 200, .to_tag = tag };
	struct binding *b = location_by_key(&r->location, p->key);
	uint64_t now = clock_ms();
	char addr[ADDR_STRLEN];

	random_token(tag, 16);
	if (p->wildcard) {
		remove_all(r, p);
	} else if (p->query) {
		b = registrar_find_on_conn(r, p->conn, p->aor);
		if (b && b->expires_ms > now)
			own_contact(b, (uint32_t)((b->expires_ms - now) /
				    1000), contact, sizeof(contact));
	} else if (!granted_s) {
		removed(p, b, sip_msg_status(response));
	} else {
		b = commit(p, granted_s, response, n);
		if (!b) {
			reply(p->server, 500, NULL);
			return;
		}
		log_info("%s registered from %s for %u s", b->aor,
			 addr_format(&b->peer, addr), granted_s);
		if (r->settings.use_path)
			path_check(response, p->aor);
		own_contact(b, to_client_s(p, granted_s), contact,
			    sizeof(contact));
		rep.extra_headers =
			outbound_header(sip_server_request(p->server));
	}
	if (*contact)
		rep.contact = contact;
	sip_server_reply(p->server, &rep, response);
	if (b && granted_s && b->conn)
		registrar_wake(r, p->alias);
}

static void response_cb(void *arg, struct sip_client *ct,
			const struct sip_msg *response)
{
	struct reg_pending *p = arg;
	int status = sip_msg_status(response);
	struct sip_reply rep = { .status = status };
	char tag[17];

	if (status < 200)
		return;
	if (status < 300) {
		accepted(p, response);
	} else {
		random_token(tag, 16);
		rep.to_tag = tag;
		rep.phrase = sip_msg_phrase(response);
		if (sip_client_is_local(ct))
			reply_unreachable(p->server, status);
		else
			sip_server_reply(p->server, &rep, response);
	}
	register_pending_free(p->registrar, p);
}

/* ---- the browser's request ------------------------------------------- */

/*
 * A PBX that was away may have forgotten a binding, another one never knew it.
 * While none is there it can wait.
 */
static bool is_in_doubt(const struct registrar *r, const struct binding *b)
{
	struct sip_trunk_status trunk;

	sip_trunk_status(r->stack, &trunk);
	return trunk.known && trunk.up &&
	       b->confirmed_ms < sip_trunk_changed_ms(r->stack);
}

/*
 * A refresh on the connection that the registrar accepted, while its own
 * binding there lasts long enough, is answered here (throttling, F37).
 */
static bool answer_from_cache(struct registrar *r, struct sip_server *st,
			      struct reg_pending *p)
{
	const struct sip_msg *req = sip_server_request(st);
	struct binding *b = location_by_key(&r->location, p->key);
	uint64_t now = clock_ms();
	uint32_t max = r->settings.expires_max_s, expires_s;
	char contact[CONTACT_BYTES], tag[17];
	struct sip_reply rep = { .status = 200, .to_tag = tag,
				 .contact = contact,
				 .extra_headers = outbound_header(req) };

	if (!max || !b || !p->asked_s || b->conn != p->conn ||
	    strcmp(b->client_call_id, sip_msg_call_id(req)) ||
	    strcmp(b->contact, p->contact) ||
	    sip_msg_cseq(req) <= b->client_cseq ||
	    is_in_doubt(r, b) ||
	    b->trunk_expires_ms < now + 2000ULL * max)
		return false;
	expires_s = p->asked_s < max ? p->asked_s : max;
	if (own_contact(b, expires_s, contact, sizeof(contact)))
		return false;
	b->register_id = p->id;
	b->client_cseq = sip_msg_cseq(req);
	b->expires_ms = now + (uint64_t)expires_s * 1000;
	b->is_expired = false;
	random_token(tag, 16);
	sip_server_reply(st, &rep, NULL);
	return true;
}

static int pending_fill(struct registrar *r, struct reg_pending *p,
			const struct sip_msg *req)
{
	const char *contact = sip_msg_contact(req, 0), *instance;
	struct binding *b;
	char aor[256];
	int err;

	err = sip_uri_aor(sip_msg_to_uri(req), aor, sizeof(aor));
	if (err)
		return err;
	p->query = !contact;
	p->wildcard = contact && !strcmp(contact, "*");
	instance = contact && !p->wildcard ?
		sip_msg_contact_param(req, 0, "+sip.instance") : NULL;
	/* Cut, it would be another one: what is sent there would get lost. */
	if ((contact && strlen(contact) > LIMIT_CONTACT_BYTES) ||
	    (instance && strlen(instance) > LIMIT_INSTANCE_BYTES))
		return -E2BIG;
	p->aor = strdup(aor);
	p->contact = strdup(contact ? contact : "");
	p->instance = strdup(instance ? instance : "");
	p->key = location_key(aor, instance, contact ? contact : "");
	if (!p->aor || !p->contact || !p->instance || !p->key)
		return -ENOMEM;
	/* "*" goes with Expires: 0 only (RFC 3261 10.2.2). */
	if (p->wildcard && asked_expires(req))
		return -EINVAL;
	p->asked_s = p->query || p->wildcard ? 0 : asked_expires(req);
	b = location_by_key(&r->location, p->key);
	if (b)
		snprintf(p->alias, sizeof(p->alias), "%s", b->alias);
	else
		random_token(p->alias, LOCATION_ALIAS_LEN);
	return 0;
}

/* Contact and what goes with it; *ret_contact is NULL for a query. */
static int say_contact(const struct reg_pending *p, uint32_t ask_s,
		       char **ret_contact, char *headers, size_t size)
{
	const struct registrar *r = p->registrar;
	const struct sip_msg *req = sip_server_request(p->server);
	char uri[300], path[300] = "", instance[LIMIT_INSTANCE_BYTES + 24] = "";

	*ret_contact = NULL;
	*headers = '\0';
	if (p->query)
		return 0;
	if (!p->wildcard && r->settings.use_path) {
		path_headers(r, p->alias, path, sizeof(path));
		if (path_contact(req, ask_s, ret_contact))
			return -EINVAL;
	} else if (p->wildcard) {
		*ret_contact = strdup("*");
	} else {
		registrar_format_contact(r, p->alias, uri, sizeof(uri));
		if (gruu_is_wanted(req))
			snprintf(instance, sizeof(instance),
				 ";+sip.instance=\"%s\"", p->instance);
		if (asprintf(ret_contact, "%s%s;expires=%u", uri, instance,
			     ask_s) < 0)
			*ret_contact = NULL;
	}
	snprintf(headers, size, "Expires: %u\r\n%s%s", ask_s, path,
		 p->wildcard ? "" : gruu_headers(req));
	return *ret_contact ? 0 : -ENOMEM;
}

static int send_to_pbx(struct reg_pending *p, struct reg_session *s)
{
	struct registrar *r = p->registrar;
	const struct sip_msg *req = sip_server_request(p->server);
	struct sip_target to = { .is_ws = false };
	char headers[480], *contact;
	uint32_t ask_s = p->asked_s;
	struct sip_request q = {
		.method = "REGISTER",
		.ruri = sip_msg_ruri(req),
		.from = sip_msg_from_value(req),
		.from_tag = s->from_tag,
		.to = sip_msg_to_value(req),
		.call_id = s->call_id,
		.cseq = ++s->cseq,
		.max_forwards = sip_msg_max_forwards(req) - 1,
		.extra_headers = headers,
		.end_to_end_digest = true,
	};
	struct sip_msg *out;
	int err;

	if (ask_s && r->settings.expires_max_s && ask_s < THROTTLED_TRUNK_S)
		ask_s = THROTTLED_TRUNK_S;
	err = say_contact(p, ask_s, &contact, headers, sizeof(headers));
	if (err)
		return err;
	q.contact = contact;
	err = sip_msg_make_request(&q, req, &out);
	free(contact);
	if (err)
		return err;
	snprintf(to.uri, sizeof(to.uri), "%s", r->settings.pbx);
	err = sip_client_send(r->stack, &to, out, response_cb, p, &p->client);
	sip_msg_unref(out);
	return err;
}

/* Only what is new can be too much. */
static bool is_beyond_limits(const struct reg_pending *p)
{
	struct location *l = &p->registrar->location;
	static struct log_limit limit;
	char peer[ADDR_STRLEN];
	const char *what = NULL;
	uint32_t skipped;

	if (!p->asked_s || location_by_key(l, p->key))
		return false;
	if (l->count >= LIMIT_REGISTRATIONS)
		what = "registrations in all";
	else if (location_count_conn(l, p->conn) >= LIMIT_AORS_PER_CLIENT)
		what = "users of one connection";
	else if (location_count_aor(l, p->aor, true) >= LIMIT_BINDINGS_PER_AOR)
		what = "browsers of one user connected";
	if (what && log_limit_pass(&limit, 5, &skipped))
		log_warn("REGISTER of %s from %s refused: too many %s", p->aor,
			 addr_format(&p->peer, peer), what);
	return what;
}

void registrar_request(struct registrar *r, struct sip_server *st)
{
	const struct sip_target *source = sip_server_source(st);
	const struct sip_msg *req = sip_server_request(st);
	struct reg_conn *c = registrar_conn(r, source->conn);
	struct sip_trunk_status trunk;
	struct reg_session *s;
	struct reg_pending *p;
	int err;

	if (!c) {
		reply(st, 480, NULL);
		return;
	}
	s = session_get(c, sip_msg_call_id(req));
	p = calloc(1, sizeof(*p));
	if (!s || !p) {
		free(p);
		reply(st, 503, NULL);
		return;
	}
	p->registrar = r;
	p->server = st;
	p->id = ++r->last_id;
	p->conn = c->id;
	p->peer = source->peer;
	p->next = r->pending;
	r->pending = p;
	err = pending_fill(r, p, req);
	if (err) {
		register_pending_free(r, p);
		reply(st, 400, err == -E2BIG ? "To Or Contact Too Long" :
					       "Bad To Or Contact");
		return;
	}
	if (is_beyond_limits(p)) {
		register_pending_free(r, p);
		reply(st, 503, "Too Many Bindings");
		return;
	}
	if (p->asked_s && p->asked_s < r->settings.expires_min_s) {
		register_pending_free(r, p);
		reply_too_brief(st, r->settings.expires_min_s);
		return;
	}
	if (answer_from_cache(r, st, p)) {
		register_pending_free(r, p);
		return;
	}
	sip_trunk_status(r->stack, &trunk);
	if (trunk.known && !trunk.up) {
		register_pending_free(r, p);
		reply_unreachable(st, 503);
		return;
	}
	if (send_to_pbx(p, s)) {
		register_pending_free(r, p);
		reply(st, 500, NULL);
	}
}
