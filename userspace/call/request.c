/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests outside of dialogs (MESSAGE, PUBLISH, OPTIONS, NOTIFY, ...): to the
 * PBX, or to the browser behind an alias; the answer comes back (RFC 3261 16
 * as far as it speaks of a single target, 8 for what is ours).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utlist.h>

#include "call/internal.h"
#include "core/hash.h"
#include "core/limits.h"

static void forward_free(struct call_forward *f)
{
	DL_DELETE(f->calls->forwards, f);
	f->calls->forward_count--;
	sip_client_free(f->client);
	free(f);
}

void call_forwards_free(struct calls *cs)
{
	while (cs->forwards)
		forward_free(cs->forwards);
}

/*
 * What is not answered (a PBX waits 32 s for a phone that is dead) must not
 * take the room of everybody's INFO and NOTIFY.
 */
static const char *no_room(const struct calls *cs, const struct sip_server *st)
{
	const struct sip_target *from = sip_server_source(st), *other;
	unsigned int of_client = 0;

	if (cs->forward_count >= LIMIT_FORWARDS)
		return "limit of unanswered requests reached";
	if (!from->is_ws || cs->forward_count < LIMIT_FORWARDS / 2)
		return NULL;
	for (struct call_forward *f = cs->forwards; f; f = f->next) {
		other = sip_server_source(f->server);
		of_client += other->is_ws && other->conn == from->conn;
	}
	return of_client < LIMIT_FORWARDS_PER_CLIENT ? NULL :
	       "limit of unanswered requests of one browser reached";
}

struct call_forward *call_forward_create(struct calls *cs,
					 struct sip_server *st)
{
	const char *why = no_room(cs, st);
	struct call_forward *f;

	if (why) {
		call_limit_reached(sip_server_request(st), why);
		return NULL;
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->calls = cs;
	f->server = st;
	DL_PREPEND(cs->forwards, f);
	cs->forward_count++;
	return f;
}

/* Nobody answered. RFC 4320 4.2: no 408 for what is not an INVITE. */
static void answer_silence(struct call_forward *f, const struct sip_target *to)
{
	struct sip_reply r = {
		.status = to->is_ws ? 480 : 503,
		.phrase = to->is_ws ? NULL : "PBX Unreachable",
		.to_tag = *f->to_tag ? f->to_tag : NULL,
	};

	sip_server_reply(f->server, &r, NULL);
}

const char *call_redirection(const struct sip_msg *m, char *ret, size_t size)
{
	int status = sip_msg_status(m), n;
	const char *uri, *q;
	size_t at = 0;

	if (status < 300 || (status >= 400 && status != 485))
		return NULL;
	*ret = '\0';
	for (unsigned int i = 0; (uri = sip_msg_contact(m, i)); i++) {
		q = sip_msg_contact_param(m, i, "q");
		n = snprintf(ret + at, size - at, "%s<%s>%s%s", at ? ", " : "",
			     uri, q ? ";q=" : "", q ? q : "");
		if (n < 0 || (size_t)n >= size - at) {
			ret[at] = '\0';
			break;
		}
		at += (size_t)n;
	}
	return at ? ret : NULL;
}

static void pass_response(struct call_forward *f, const struct sip_msg *m)
{
	char contacts[1024];
	int status = sip_msg_status(m);
	struct sip_reply r = {
		.status = status,
		.phrase = sip_msg_phrase(m),
		.to_tag = *f->to_tag ? f->to_tag : NULL,
		.content_type = sip_msg_content_type(m),
	};

	r.body = sip_msg_body(m, &r.body_len);
	if (status < 300 && *f->contact)
		r.contact = f->contact;
	else
		r.contact = call_redirection(m, contacts, sizeof(contacts));
	sip_server_reply(f->server, &r, m);
}

static struct call *call_by_id(struct calls *cs, const char *id)
{
	for (struct call *c = cs->list; *id && c; c = c->next)
		if (!strcmp(c->id, id))
			return c;
	return NULL;
}

static void forward_response(void *arg, struct sip_client *ct,
			     const struct sip_msg *m)
{
	struct call_forward *f = arg;
	struct calls *cs = f->calls;
	const struct sip_msg *request = sip_server_request(f->server);
	struct call *c;

	if (sip_msg_status(m) < 200)
		return;
	/* Stored before anybody can count on it. */
	if (f->sub)
		call_sub_answered(cs, f->sub, request, m);
	c = call_by_id(cs, f->call);
	if (c && sip_msg_status(m) < 300)
		call_relay_answered(c, request, m, false);
	if (sip_client_is_local(ct))
		answer_silence(f, sip_client_target(ct));
	else
		pass_response(f, m);
	if (c && sip_msg_status(m) >= 300)
		call_relay_answered(c, request, m, sip_client_is_local(ct));
	forward_free(f);
}

void call_forward_send(struct call_forward *f, const struct sip_target *to,
		       struct sip_msg *out)
{
	if (!out || sip_client_send(f->calls->stack, to, out, forward_response,
				    f, &f->client)) {
		call_reply(f->server, 500, NULL, NULL, NULL);
		forward_free(f);
	}
	sip_msg_unref(out);
}

void call_take_body(struct sip_request *q, const struct sip_msg *m)
{
	const char *type = sip_msg_content_type(m), *end;

	q->content_type = type;
	q->body = sip_msg_body(m, &q->body_len);
	if (!q->body || !type || strncasecmp(type, "message/sipfrag", 15))
		return;
	end = memchr(q->body, '\n', q->body_len);
	if (end)
		q->body_len = (size_t)(end + 1 - (const char *)q->body);
}

void call_derive_ids(const struct calls *cs, const struct sip_msg *m,
		     char call_id[33], char tag[17])
{
	const char *from_tag = sip_msg_from_tag(m);
	char *text;

	if (asprintf(&text, "%s\n%s", sip_msg_call_id(m),
		     from_tag ? from_tag : "") < 0)
		abort();
	snprintf(call_id, 33, "%016" PRIx64 "%016" PRIx64,
		 hash_text(cs->seeds, text), hash_text(cs->seeds + 1, text));
	snprintf(tag, 17, "%016" PRIx64, hash_text(cs->seeds + 2, text));
	free(text);
}

const char *call_to_value(const struct calls *cs, const struct sip_msg *m,
			  char *buf, size_t size)
{
	struct registrar_flow flow;
	struct sip_uri u;

	if (sip_uri_parse(sip_msg_to_uri(m), &u) ||
	    registrar_find_alias(cs->settings.registrar, u.user, &flow))
		return sip_msg_to_value(m);
	snprintf(buf, size, "<%s>", flow.aor);
	return buf;
}

const char *call_service_route(const struct calls *cs,
			       const struct sip_server *st)
{
	const struct sip_target *source = sip_server_source(st);
	char aor[256];

	if (!source->is_ws ||
	    sip_uri_aor(sip_msg_from_uri(sip_server_request(st)), aor,
			sizeof(aor)))
		return NULL;
	return registrar_service_route(cs->settings.registrar, source->conn,
				       aor);
}

/* Nothing but a request of that kind: no dialog, no Contact. */
static void pass_request(struct calls *cs, struct sip_server *st,
			 const struct sip_target *to, const char *ruri)
{
	const struct sip_msg *m = sip_server_request(st);
	char call_id[33], tag[17], to_value[300], extra[CALL_EXTRA_BYTES];
	const char *routes[2] = { call_service_route(cs, st) };
	struct sip_request q = {
		.routes = routes,
		.method = sip_msg_method_name(m),
		.ruri = ruri,
		.from = sip_msg_from_value(m),
		.from_tag = tag,
		.to = call_to_value(cs, m, to_value, sizeof(to_value)),
		.call_id = call_id,
		.cseq = sip_msg_cseq(m),
		.max_forwards = sip_msg_max_forwards(m) - 1,
		.extra_headers = extra,
		.end_to_end_digest = true,
	};
	struct call_forward *f = call_forward_create(cs, st);
	struct sip_msg *out = NULL;

	if (!f) {
		call_reply(st, 503, NULL, NULL, "too many requests");
		return;
	}
	call_derive_ids(cs, m, call_id, tag);
	call_take_body(&q, m);
	call_translate(cs, m, extra, sizeof(extra));
	if (sip_msg_make_request(&q, m, &out))
		out = NULL;
	call_forward_send(f, to, out);
}

/* The next hop and Request-URI; 0, or the status to refuse with. */
static int route(struct calls *cs, const struct sip_msg *m,
		 enum rules_route where, struct sip_target *ret_to,
		 char *ret_ruri, size_t size)
{
	struct registrar_flow flow;
	char alias[64];

	memset(ret_to, 0, sizeof(*ret_to));
	if (where == RULES_ROUTE_PBX) {
		snprintf(ret_to->uri, sizeof(ret_to->uri), "%s",
			 cs->settings.pbx);
		return snprintf(ret_ruri, size, "%s", sip_msg_ruri(m)) >=
			(int)size ? 414 : 0;
	}
	if (registrar_alias_of(cs->settings.registrar, m, alias,
			       sizeof(alias)) ||
	    registrar_find_alias(cs->settings.registrar, alias, &flow))
		return 404;
	if (!flow.conn || flow.is_expired)
		return 480;
	ret_to->is_ws = true;
	ret_to->conn = flow.conn;
	snprintf(ret_ruri, size, "%s", flow.contact);
	return 0;
}

static struct rules_decision decide(struct calls *cs, struct sip_server *st)
{
	const struct sip_target *source = sip_server_source(st);
	const struct sip_msg *m = sip_server_request(st);
	struct sip_trunk_status trunk;
	struct registrar_flow flow = { 0 };
	struct sip_uri ruri = { 0 };
	char aor[256] = "", alias[64];
	bool is_known;

	sip_trunk_status(cs->stack, &trunk);
	sip_uri_aor(sip_msg_from_uri(m), aor, sizeof(aor));
	sip_uri_parse(sip_msg_ruri(m), &ruri);
	is_known = !source->is_ws &&
		!registrar_alias_of(cs->settings.registrar, m, alias,
				    sizeof(alias)) &&
		!registrar_find_alias(cs->settings.registrar, alias, &flow);
	return rules_decide(&(struct rules_input){
		.source = source->is_ws ? RULES_REALM_WEB : RULES_REALM_SIP,
		.method = sip_msg_method(m),
		.max_forwards = sip_msg_max_forwards(m),
		.has_to_tag = sip_msg_to_tag(m) != NULL,
		.has_user = *ruri.user,
		.check_from = cs->settings.check_from,
		.from_registered = source->is_ws &&
			registrar_is_registered(cs->settings.registrar,
						source->conn, aor),
		.alias_known = is_known,
		.is_account = !source->is_ws &&
			registrar_is_account(cs->settings.registrar, m),
		.alias_online = is_known && flow.conn && !flow.is_expired,
		.trunk_down = trunk.known && !trunk.up,
		.draining = cs->draining,
	});
}

/* RFC 3261 11.2 */
void call_answer_options(struct sip_server *st)
{
	const struct sip_reply r = {
		.status = 200,
		.extra_headers =
			"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, "
			"UPDATE, PRACK, REFER, NOTIFY, SUBSCRIBE, MESSAGE, "
			"PUBLISH\r\n"
			"Accept: application/sdp\r\n"
			"Supported: replaces, tdialog, norefersub, 100rel, "
			"timer\r\n",
	};

	sip_server_reply(st, &r, NULL);
}

void call_request_received(struct calls *cs, struct sip_server *st)
{
	const struct sip_msg *m = sip_server_request(st);
	struct rules_decision d = decide(cs, st);
	struct sip_target to;
	char ruri[1024];
	bool is_dialog;
	int status;

	if (d.reply_status) {
		call_reply(st, d.reply_status, d.reply_phrase, NULL,
			   d.reply_reason);
		return;
	}
	if (d.route == RULES_ROUTE_LOCAL) {
		call_answer_options(st);
		return;
	}
	status = route(cs, m, d.route, &to, ruri, sizeof(ruri));
	is_dialog = sip_msg_method(m) == SIP_SUBSCRIBE ||
		    sip_msg_method(m) == SIP_REFER;
	if (status)
		call_reply(st, status, NULL, NULL, status == 480 ?
			   "browser is offline" : NULL);
	else if (is_dialog && !sip_msg_contact(m, 0))
		call_reply(st, 400, "Missing Contact Header", NULL, NULL);
	else if (is_dialog)
		call_sub_received(cs, st, &to, ruri);
	else
		pass_request(cs, st, &to, ruri);
}
