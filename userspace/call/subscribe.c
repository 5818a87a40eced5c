/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subscriptions: two dialogs without media, one on each side, joined. SUBSCRIBE
 * makes them (RFC 6665), REFER too (RFC 3515); those that a REFER made inside a
 * call outlive it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "call/internal.h"
#include "core/clock.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/random.h"

#define SUB_GRACE_MS	32000	/* 64*T1: the last NOTIFY's way (RFC 6665 4) */
#define SUB_DEFAULT_S	3600	/* nobody said */
#define SUB_MAX_S	86400
#define REFER_S		180	/* implicit, until a NOTIFY says more */

static void leg_detach(struct sub_leg *leg)
{
	if (leg->key)
		HASH_DELETE(hh, leg->sub->calls->sub_legs, leg);
	free(leg->key);
	leg->key = NULL;
	sip_dialog_free(leg->dialog);
	leg->dialog = NULL;
}

static int leg_attach(struct sub_leg *leg, struct sip_dialog *d)
{
	struct calls *cs = leg->sub->calls;

	leg->dialog = d;
	if (asprintf(&leg->key, "%s %s", d->call_id, d->local_tag) < 0) {
		leg->key = NULL;
		return -1;
	}
	HASH_ADD_KEYPTR(hh, cs->sub_legs, leg->key, strlen(leg->key), leg);
	return 0;
}

/* At the end of the daemon the record stays. */
static void sub_free(struct call_sub *s)
{
	loop_timer_cancel(s->timer);
	leg_detach(&s->a);
	leg_detach(&s->b);
	HASH_DELETE(hh, s->calls->subs, s);
	free(s);
}

void call_subs_free(struct calls *cs)
{
	while (cs->subs)
		sub_free(cs->subs);
}

static void sub_end(struct call_sub *s)
{
	call_sub_unstore(s);
	sub_free(s);
}

static void sub_expired(void *arg)
{
	struct call_sub *s = arg;

	s->timer = NULL;
	log_debug("subscription of %s is over", s->a.dialog ?
		  s->a.dialog->remote_value : "nobody");
	sub_end(s);
}

static void sub_lives_for(struct call_sub *s, int64_t seconds)
{
	if (seconds < 0)
		seconds = SUB_DEFAULT_S;
	if (seconds > SUB_MAX_S)
		seconds = SUB_MAX_S;
	loop_timer_cancel(s->timer);
	s->timer = NULL;
	s->expires_ms = clock_ms() + (uint64_t)seconds * 1000;
	if (loop_timer_add(s->calls->settings.loop,
			   (uint32_t)seconds * 1000 + SUB_GRACE_MS,
			   sub_expired, s, &s->timer))
		log_err("no timer: out of memory");
}

static bool has_room(struct calls *cs, const struct sip_server *st)
{
	const struct sip_target *source = sip_server_source(st);
	const char *what = "limit of subscriptions reached";
	unsigned int of_client = 0;

	if (HASH_COUNT(cs->subs) < LIMIT_SUBSCRIPTIONS) {
		what = "limit of subscriptions of one browser reached";
		if (!source->is_ws)
			return true;
		for (struct call_sub *s = cs->subs; s; s = s->hh.next)
			of_client += s->conn == source->conn;
		if (of_client < LIMIT_SUBSCRIPTIONS_PER_CLIENT)
			return true;
	}
	call_limit_reached(sip_server_request(st), what);
	return false;
}

static struct call_sub *sub_create(struct calls *cs)
{
	struct call_sub *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->calls = cs;
	s->id = ++cs->last_sub;
	s->a.sub = s->b.sub = s;
	HASH_ADD(hh, cs->subs, id, sizeof(s->id), s);
	return s;
}

/* Our Contact towards leg's peer, and the alias that a browser is behind. */
static void lay_contact(struct call_sub *s, struct sub_leg *leg,
			const struct sub_leg *web, uint64_t conn,
			const char *aor, char *ret, size_t size)
{
	struct calls *cs = s->calls;
	char ip[ADDR_STRLEN], token[9];

	random_token(token, 8);
	if (leg->is_web) {
		addr_format_ip(&cs->settings.web, ip);
		snprintf(ret, size, addr_is_v4(&cs->settings.web) ?
			 "<sip:%s@%s;transport=ws>" :
			 "<sip:%s@[%s];transport=ws>", token, ip);
	} else if (registrar_contact(cs->settings.registrar, conn, aor, ret,
				     size)) {
		snprintf(ret, size, "<sip:%s@%s>",
			 *web->alias ? web->alias : token,
			 sip_stack_host(cs->stack));
	}
}

static void take_alias(const struct calls *cs, struct sub_leg *web,
		       const struct sip_target *source, const struct sip_msg *m)
{
	char aor[256] = "", contact[320], *user;

	if (!source->is_ws) {
		registrar_alias_of(cs->settings.registrar, m, web->alias,
				   sizeof(web->alias));
		return;
	}
	sip_uri_aor(sip_msg_from_uri(m), aor, sizeof(aor));
	if (registrar_contact(cs->settings.registrar, source->conn, aor,
			      contact, sizeof(contact)))
		return;
	user = strchr(contact, ':');
	if (user)
		snprintf(web->alias, sizeof(web->alias), "%.*s",
			 (int)strcspn(user + 1, "@;>"), user + 1);
}

static struct sip_msg *make_dialogs(struct call_sub *s, struct sip_server *st,
				    const struct sip_target *to,
				    const char *ruri)
{
	const struct sip_target *source = sip_server_source(st);
	const struct sip_msg *m = sip_server_request(st);
	struct sub_leg *web = source->is_ws ? &s->a : &s->b;
	char call_id[33], tag[17], extra[CALL_EXTRA_BYTES];
	char a_contact[320], b_contact[320], to_value[300], aor[256] = "";
	const char *routes[2] = { call_service_route(s->calls, st) };
	struct sip_request q = {
		.method = sip_msg_method_name(m),
		.ruri = ruri,
		.routes = routes,
		.from = sip_msg_from_value(m),
		.from_tag = tag,
		.to = call_to_value(s->calls, m, to_value, sizeof(to_value)),
		.call_id = call_id,
		.cseq = sip_msg_cseq(m),
		.contact = b_contact,
		.max_forwards = sip_msg_max_forwards(m) - 1,
		.extra_headers = extra,
		.end_to_end_digest = true,
	};
	struct sip_msg *out = NULL;
	struct sip_dialog *d;

	s->conn = source->is_ws ? source->conn : 0;
	s->a.is_web = source->is_ws;
	s->b.is_web = to->is_ws;
	take_alias(s->calls, web, source, m);
	sip_uri_aor(sip_msg_from_uri(m), aor, sizeof(aor));
	lay_contact(s, &s->a, web, s->conn, aor, a_contact, sizeof(a_contact));
	lay_contact(s, &s->b, web, s->conn, aor, b_contact, sizeof(b_contact));
	call_derive_ids(s->calls, m, call_id, tag);
	call_take_body(&q, m);
	call_translate(s->calls, m, extra, sizeof(extra));
	if (sip_dialog_uas(m, source, a_contact, &d) ||
	    leg_attach(&s->a, d) || sip_msg_make_request(&q, m, &out))
		return NULL;
	if (sip_dialog_uac(out, to, b_contact, &d) || leg_attach(&s->b, d)) {
		sip_msg_unref(out);
		return NULL;
	}
	return out;
}

void call_sub_received(struct calls *cs, struct sip_server *st,
		       const struct sip_target *to, const char *ruri)
{
	struct call_forward *f = NULL;
	struct call_sub *s = NULL;
	struct sip_msg *out;

	if (has_room(cs, st))
		f = call_forward_create(cs, st);
	if (f)
		s = sub_create(cs);
	if (!s) {
		if (f)
			call_forward_send(f, to, NULL);
		else
			call_reply(st, 503, NULL, NULL,
				   "subscription limit reached");
		return;
	}
	sub_lives_for(s, 0);
	out = make_dialogs(s, st, to, ruri);
	if (!out) {
		sub_free(s);
	} else {
		f->sub = s->id;
		snprintf(f->contact, sizeof(f->contact), "%s",
			 s->a.dialog->contact);
		snprintf(f->to_tag, sizeof(f->to_tag), "%s",
			 s->a.dialog->local_tag);
	}
	call_forward_send(f, to, out);
}

/* ---- in the dialogs --------------------------------------------------- */

struct sub_leg *call_sub_leg_by_tag(struct calls *cs, const char *call_id,
				    const char *tag)
{
	struct sub_leg *leg = NULL;
	char *key;

	if (!tag || asprintf(&key, "%s %s", call_id, tag) < 0)
		return NULL;
	HASH_FIND(hh, cs->sub_legs, key, strlen(key), leg);
	free(key);
	return leg;
}

struct sub_leg *call_sub_leg_of(struct calls *cs, const struct sip_msg *m)
{
	struct sub_leg *leg = call_sub_leg_by_tag(cs, sip_msg_call_id(m),
						  sip_msg_to_tag(m));

	if (!leg)
		return NULL;
	/* RFC 6665 4.4.1: a NOTIFY may come before the 2xx. */
	if (!leg->dialog->remote_tag && sip_msg_method(m) == SIP_NOTIFY &&
	    sip_msg_from_tag(m))
		return leg;
	return sip_dialog_matches(leg->dialog, m) ? leg : NULL;
}

static bool refresh_flow(struct sub_leg *leg)
{
	struct registrar_flow flow;

	if (!leg->is_web)
		return true;
	if (*leg->alias &&
	    !registrar_find_alias(leg->sub->calls->settings.registrar,
				  leg->alias, &flow))
		leg->dialog->peer.conn = flow.conn;
	return leg->dialog->peer.conn != 0;
}

static bool is_from_leg(struct sub_leg *leg, const struct sip_target *source)
{
	if (leg->is_web != source->is_ws)
		return false;
	if (!leg->is_web || leg->dialog->peer.conn == source->conn)
		return true;
	return refresh_flow(leg) && leg->dialog->peer.conn == source->conn;
}

/* A browser whose registration is over will not come back to this alias. */
static bool is_gone(struct sub_leg *leg)
{
	struct registrar_flow flow;

	return leg->is_web &&
	       registrar_find_alias(leg->sub->calls->settings.registrar,
				    leg->alias, &flow);
}

static bool belongs_in_calls(enum sip_method method)
{
	return method == SIP_INVITE || method == SIP_BYE ||
		method == SIP_UPDATE || method == SIP_PRACK;
}

void call_sub_indialog(struct sub_leg *leg, struct sip_server *st)
{
	const struct sip_msg *m = sip_server_request(st);
	struct call_sub *s = leg->sub;
	struct sub_leg *to = leg == &s->a ? &s->b : &s->a;
	char extra[CALL_EXTRA_BYTES];
	struct sip_request q = {
		.method = sip_msg_method_name(m),
		.max_forwards = sip_msg_max_forwards(m) - 1,
		.extra_headers = extra,
		.end_to_end_digest = true,
	};
	struct sip_msg *out = NULL;
	struct call_forward *f;

	if (!is_from_leg(leg, sip_server_source(st)) ||
	    belongs_in_calls(sip_msg_method(m))) {
		call_reply(st, 481, NULL, NULL, NULL);
		return;
	}
	if (!leg->dialog->remote_tag && sip_dialog_adopt(leg->dialog, m)) {
		call_reply(st, 500, NULL, NULL, NULL);
		return;
	}
	if (sip_dialog_check_cseq(leg->dialog, m)) {
		call_reply(st, 500, "CSeq Out Of Order", NULL, NULL);
		return;
	}
	sip_dialog_refresh(leg->dialog, m);
	if (!to->dialog->remote_tag || !refresh_flow(to)) {
		/* 481 ends the subscription (RFC 6665 4.2.2), 480 does not. */
		call_reply(st, is_gone(to) ? 481 : 480, NULL, NULL,
			   "the other side is offline");
		return;
	}
	f = call_forward_create(s->calls, st);
	if (!f) {
		call_reply(st, 503, NULL, NULL, "too many requests");
		return;
	}
	f->sub = s->id;
	snprintf(f->contact, sizeof(f->contact), "%s", leg->dialog->contact);
	call_take_body(&q, m);
	call_translate_indialog(s->calls, leg->dialog, m, extra, sizeof(extra));
	if (sip_dialog_request(to->dialog, &q, m, &out))
		out = NULL;
	else if (sip_msg_method(m) == SIP_REFER)
		sip_dialog_referred(to->dialog, sip_msg_cseq(out),
				    sip_msg_cseq(m));
	call_forward_send(f, &to->dialog->peer, out);
}

/* ---- life ------------------------------------------------------------- */

static int64_t number(const char *text)
{
	unsigned long v;

	if (!text || *text < '0' || *text > '9')
		return -1;
	v = strtoul(text, NULL, 10);
	return v > SUB_MAX_S ? SUB_MAX_S : (int64_t)v;
}

int64_t call_sub_state(const struct sip_msg *notify)
{
	const char *state = sip_msg_header(notify, "Subscription-State");
	const char *p;

	if (!state)
		return -1;
	if (!strncasecmp(state, "terminated", 10))
		return 0;
	p = strcasestr(state, "expires=");
	return p ? number(p + 8) : -1;
}

static void notified(struct call_sub *s, const struct sip_msg *notify)
{
	int64_t seconds = call_sub_state(notify);

	if (seconds > 0) {
		sub_lives_for(s, seconds);
	} else if (!seconds) {
		if (s->uses)
			s->uses--;
		if (!s->uses)
			sub_lives_for(s, 0);
	}
}

static void subscribed(struct call_sub *s, const struct sip_msg *request,
		       const struct sip_msg *response)
{
	bool is_refer = sip_msg_method(request) == SIP_REFER;
	bool is_first = !sip_msg_to_tag(request);
	int64_t seconds = is_refer ? REFER_S :
		number(sip_msg_header(response, "Expires"));

	if (seconds < 0)
		seconds = number(sip_msg_header(request, "Expires"));
	if (is_first)
		sip_dialog_response(s->b.dialog, response);
	/* Else its NOTIFY said how long already, and that it is over. */
	if (is_first || is_refer)
		s->uses++;
	sub_lives_for(s, seconds);
}

void call_sub_answered(struct calls *cs, uint64_t id,
		       const struct sip_msg *request,
		       const struct sip_msg *response)
{
	enum sip_method method = sip_msg_method(request);
	int status = sip_msg_status(response);
	struct call_sub *s;

	HASH_FIND(hh, cs->subs, &id, sizeof(id), s);
	if (!s)
		return;
	if (status >= 300) {
		/* RFC 6665 4.1.2.2, 4.2.2: nobody there any more. */
		if (!sip_msg_to_tag(request) || status == 481)
			sub_end(s);
		return;
	}
	if (method == SIP_SUBSCRIBE || method == SIP_REFER)
		subscribed(s, request, response);
	else if (method == SIP_NOTIFY)
		notified(s, request);
	call_sub_store(s);
}

static int restore_leg(struct sub_leg *leg, const char *prefix,
		       const struct record *r)
{
	char name[RECORD_NAME_LEN];
	struct sip_dialog *d;

	if (sip_dialog_restore(r, prefix, &d) || leg_attach(leg, d))
		return -1;
	leg->is_web = d->peer.is_ws;
	snprintf(name, sizeof(name), "%salias", prefix);
	record_copy_text(r, name, leg->alias, sizeof(leg->alias));
	return 0;
}

bool call_sub_restore(struct calls *cs, const struct record *r)
{
	uint64_t now = clock_ms(), until;
	struct call_sub *s;

	until = clock_from_wall(record_number(r, "expires", 0));
	if (until <= now || HASH_COUNT(cs->subs) >= LIMIT_SUBSCRIPTIONS)
		return false;
	s = sub_create(cs);
	if (!s)
		return false;
	s->uses = (unsigned int)record_number(r, "uses", 1);
	if (restore_leg(&s->a, "a.", r) || restore_leg(&s->b, "b.", r)) {
		sub_free(s);
		return false;
	}
	s->is_stored = true;
	sub_lives_for(s, (int64_t)((until - now) / 1000));
	return true;
}

static void take_leg(struct sub_leg *to, struct call_leg *from)
{
	struct sip_dialog *d = from->dialog;

	to->is_web = from->is_web;
	memcpy(to->alias, from->alias, sizeof(to->alias));
	from->dialog = NULL;
	leg_attach(to, d);
}

void call_sub_adopt(struct call *c)
{
	struct call_sub *s;

	/* One that goes on in the next run keeps them. */
	if (c->state != CALL_ENDED || !c->refers || !c->a.dialog ||
	    !c->b.dialog ||
	    HASH_COUNT(c->calls->subs) >= LIMIT_SUBSCRIPTIONS)
		return;
	s = sub_create(c->calls);
	if (!s)
		return;
	s->uses = c->refers;
	take_leg(&s->a, &c->a);
	take_leg(&s->b, &c->b);
	sub_lives_for(s, REFER_S);
	call_sub_store(s);
}
