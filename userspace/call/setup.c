/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From INVITE to its final response: leg A's INVITE in, leg B's out, answers
 * back (RFC 3261 13, 14; RFC 3264).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "call/internal.h"
#include "core/clock.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/random.h"

#define ALIAS_WAIT_MS		15000	/* a flow lost less than this ago */
#define LOG_BURST		50	/* refused INVITEs that are logged */

static const char *const sdp_type = "application/sdp";

void call_reply(struct sip_server *st, int status, const char *phrase,
		const char *to_tag, const char *reason)
{
	/* RFC 3261 8.2.3: a 415 says what would be taken. */
	const char *accept = status == 415 ? "Accept: application/sdp\r\n"
		"Accept-Encoding: identity\r\n" : "";
	char header[320], tag[17];
	struct sip_reply r = { .status = status, .phrase = phrase,
			       .extra_headers = accept };

	if (!to_tag && !sip_msg_to_tag(sip_server_request(st))) {
		random_token(tag, 16);
		to_tag = tag;
	}
	r.to_tag = to_tag;
	if (reason) {
		snprintf(header, sizeof(header),
			 "%sReason: SIP;cause=%d;text=\"%.150s\"\r\n",
			 accept, status, reason);
		r.extra_headers = header;
	}
	sip_server_reply(st, &r, NULL);
}

void call_limit_reached(const struct sip_msg *m, const char *what)
{
	static struct log_limit limit;
	uint32_t more;

	if (log_limit_pass(&limit, 5, &more))
		log_warn("%s of %s refused: 503, %s, %u more not logged",
			 sip_msg_method_name(m), sip_msg_from_uri(m), what,
			 more);
}

/* ---- leg B's INVITE -------------------------------------------------- */

static void b_response(void *arg, struct sip_client *ct,
		       const struct sip_msg *m)
{
	struct call *c = arg;
	int status = sip_msg_status(m);

	if (status == 100)
		return;
	if (status < 200) {
		if (c->b.dialog)
			sip_dialog_response(c->b.dialog, m);
		if (call_early_received(c, ct, m))
			call_event(c, CALL_B_PROVISIONAL, m);
		return;
	}
	if (status < 300) {
		if (c->b_ack && strcmp(c->b.dialog->remote_tag,
				       sip_msg_to_tag(m) ?
				       sip_msg_to_tag(m) : ""))
			calls_stray_2xx(c->calls, m, &c->b_target);
		else
			call_event(c, CALL_B_ANSWERED, m);
		return;
	}
	c->b_failed_locally = sip_client_is_local(ct);
	c->invite_client = NULL;
	if (c->invite && call_session_too_small(&c->b, m)) {
		sip_client_free(ct);
		if (call_invite_b(c))
			call_event(c, CALL_ABORTED, NULL);
		return;
	}
	if ((status == 401 || status == 407) && c->a.is_web) {
		call_event(c, CALL_B_CHALLENGED, m);
		sip_client_free(ct);
		return;
	}
	if (c->state != CALL_CANCELLING)
		call_set_cause(c, c->b.is_web ? "web" : "sip", "%d %s", status,
			       sip_msg_phrase(m));
	call_event(c, CALL_B_REFUSED, m);
	sip_client_free(ct);
}

/* What the next run needs to cancel it; the branch it is to leave with. */
static const char *store_invite_b(struct call *c)
{
	struct sip_target *peer = &c->b.dialog->peer;

	sip_make_branch(c->b_branch);
	*peer = c->b_target;
	sip_trunk_choose(c->calls->stack, c->b.dialog->call_id, peer);
	call_store(c);
	*peer = c->b_target;
	return c->b_branch;
}

/* The first INVITE makes leg B's dialog; a retry goes on in it (CSeq + 1). */
static int send_invite_b(struct call *c, const char *body)
{
	const struct sip_msg *src = sip_server_request(c->invite);
	char call_id[25], tag[17], headers[CALL_SESSION_HEADERS];
	char extra[CALL_SESSION_HEADERS + 24 + CALL_EXTRA_BYTES];
	struct sip_dialog *d = c->b.dialog;
	const char *session = call_session_request(&c->b, headers);
	char references[CALL_EXTRA_BYTES];
	const char *routes[2] = { call_service_route(c->calls, c->invite) };
	struct sip_request q = {
		.method = "INVITE",
		.routes = routes,
		.ruri = c->b_ruri,
		.from = sip_msg_from_value(src),
		.to = sip_msg_to_value(src),
		.contact = c->b_contact,
		.max_forwards = sip_msg_max_forwards(src) - 1,
		.content_type = sdp_type,
		.body = body,
		.body_len = strlen(body),
		.extra_headers = extra,
		.end_to_end_digest = true,
	};
	struct sip_msg *m;
	int err;

	/* Browsers' clients know no 100rel worth asking for. */
	call_translate(c->calls, src, references, sizeof(references));
	snprintf(extra, sizeof(extra), "%s%s%s", session ? session : "",
		 c->b.is_web ? "" : "Supported: 100rel\r\n", references);
	random_token(call_id, 24);
	random_token(tag, 16);
	q.call_id = d ? d->call_id : call_id;
	q.from_tag = d ? d->local_tag : tag;
	q.cseq = d ? d->local_cseq + 1 : 1;
	err = sip_msg_make_request(&q, src, &m);
	if (err)
		return err;
	if (!d) {
		err = sip_dialog_uac(m, &c->b_target, c->b_contact, &d);
		if (!err)
			err = call_leg_attach(&c->b, d);
	} else {
		err = sip_dialog_repeated(d, m);
	}
	if (!err)
		err = sip_client_send_as(c->calls->stack, &c->b_target, m,
					 store_invite_b(c), b_response, c,
					 &c->invite_client);
	sip_msg_unref(m);
	return err;
}

int call_invite_b(struct call *c)
{
	struct sdp_local local;
	struct sdp *offer;
	char *body;
	int err;

	call_sdp_local(c, &c->b, &local);
	err = sdp_make_offer(c->a_offer, call_leg_profile(&c->b), &local,
			     &offer);
	if (err)
		return err;
	sdp_free(c->b_offer);
	c->b_offer = offer;
	call_early_free(c);
	body = sdp_print(offer);
	if (!body)
		return -ENOMEM;
	err = send_invite_b(c, body);
	free(body);
	return err;
}

/* ---- leg A's INVITE -------------------------------------------------- */

static void web_contact(const struct call *c, char *ret, size_t size)
{
	char ip[ADDR_STRLEN];

	addr_format_ip(&c->local.web, ip);
	snprintf(ret, size, addr_is_v4(&c->local.web) ?
		 "<sip:%s@%s;transport=ws>" : "<sip:%s@[%s];transport=ws>",
		 c->id, ip);
}

static void alias_of_contact(const char *contact, char *ret, size_t size)
{
	char uri[256];
	struct sip_uri u;

	snprintf(uri, sizeof(uri), "%s", contact + 1);
	uri[strcspn(uri, ">")] = '\0';
	if (!sip_uri_parse(uri, &u))
		snprintf(ret, size, "%.63s", u.user);
}

static void sip_contact(const struct call *c, uint64_t conn, const char *aor,
			char *ret, size_t size)
{
	if (registrar_contact(c->calls->settings.registrar, conn, aor, ret,
			      size))
		registrar_format_contact(c->calls->settings.registrar, c->id,
					 ret, size);
}

/* Legs' addresses and targets. 0, or the SIP status to refuse with. */
static int lay_legs(struct call *c, const struct sip_msg *m,
		    const struct sip_target *source)
{
	struct calls *cs = c->calls;
	char a_contact[320], aor[256] = "";
	struct registrar_flow flow;
	struct sip_dialog *d;

	c->a.is_web = source->is_ws;
	c->b.is_web = !source->is_ws;
	c->source_conn = source->is_ws ? source->conn : 0;
	snprintf(c->a.uri, sizeof(c->a.uri), "%s", sip_msg_from_uri(m));
	if (c->a.is_web) {
		sip_uri_aor(sip_msg_from_uri(m), aor, sizeof(aor));
		web_contact(c, a_contact, sizeof(a_contact));
		sip_contact(c, source->conn, aor, c->b_contact,
			    sizeof(c->b_contact));
		alias_of_contact(c->b_contact, c->a.alias, sizeof(c->a.alias));
		snprintf(c->b_ruri, sizeof(c->b_ruri), "%s", sip_msg_ruri(m));
		snprintf(c->b.uri, sizeof(c->b.uri), "%s", sip_msg_ruri(m));
		snprintf(c->b_target.uri, sizeof(c->b_target.uri), "%s",
			 cs->settings.pbx);
	} else {
		if (registrar_find_alias(cs->settings.registrar, c->b.alias,
					 &flow))
			return 404;
		registrar_format_contact(cs->settings.registrar, c->b.alias,
					 a_contact, sizeof(a_contact));
		web_contact(c, c->b_contact, sizeof(c->b_contact));
		snprintf(c->b_ruri, sizeof(c->b_ruri), "%s", flow.contact);
		snprintf(c->b.uri, sizeof(c->b.uri), "%s", flow.aor);
		c->b_target.is_ws = true;
		c->b_target.conn = flow.is_expired ? 0 : flow.conn;
	}
	if (sip_dialog_uas(m, source, a_contact, &d) ||
	    call_leg_attach(&c->a, d))
		return 500;
	return 0;
}

static void alias_is_back(void *arg, bool found)
{
	struct call *c = arg;
	struct registrar_flow flow;

	if (!found || registrar_find_alias(c->calls->settings.registrar,
					   c->b.alias, &flow) || !flow.conn) {
		call_set_cause(c, "gateway", "browser did not come back");
		call_refuse(c, &(struct call_refusal){ .status = 480,
						       .reason = c->cause });
		call_event(c, CALL_B_REFUSED, NULL);
		return;
	}
	c->b_target.conn = flow.conn;
	snprintf(c->b_ruri, sizeof(c->b_ruri), "%s", flow.contact);
	if (call_invite_b(c)) {
		call_set_cause(c, "gateway", "INVITE to the browser failed");
		call_event(c, CALL_ABORTED, NULL);
	}
}

/* The browser's flow is down: wait for it if it was there a moment ago. */
static int wait_for_flow(struct call *c)
{
	struct registrar *r = c->calls->settings.registrar;
	struct registrar_flow flow;

	if (registrar_find_alias(r, c->b.alias, &flow) || flow.is_expired ||
	    flow.lost_ms >= ALIAS_WAIT_MS)
		return -ENOTCONN;
	log_call_info(c->id, "waits for %s to reconnect", flow.aor);
	return registrar_wait(r, c->b.alias,
			      (uint32_t)(ALIAS_WAIT_MS - flow.lost_ms),
			      alias_is_back, c);
}

/* An early end of call_invite(): answer A and let the call go. */
static void refuse(struct call *c, int status, const char *by, const char *why)
{
	call_set_cause(c, by, "%s", why);
	call_refuse(c, &(struct call_refusal){ .status = status,
					       .reason = why });
	if (status >= 500)
		c->calls->stats.failed_by_us++;
	call_event(c, CALL_B_REFUSED, NULL);
}

static struct call *find_challenged(struct calls *cs, const struct sip_msg *m,
				    uint64_t conn)
{
	for (struct call *c = cs->list; c; c = c->next)
		if (c->state == CALL_CHALLENGED && c->source_conn == conn &&
		    !strcmp(c->a.dialog->call_id, sip_msg_call_id(m)) &&
		    !strcmp(c->a.dialog->remote_tag, sip_msg_from_tag(m) ?
			    sip_msg_from_tag(m) : ""))
			return c;
	return NULL;
}

static void no_answer(void *arg)
{
	struct call *c = arg;

	c->timer = NULL;
	call_set_cause(c, "gateway", "no answer");
	if (c->invite)
		call_refuse(c, &(struct call_refusal){ .status = 408,
						       .reason = "no answer" });
	call_event(c, CALL_ABORTED, NULL);
}

/* A's INVITE with credentials: same call, same media, leg B's CSeq + 1. */
static void retry(struct call *c, struct sip_server *st, struct sdp *offer)
{
	const struct sip_msg *m = sip_server_request(st);
	struct sip_dialog *d;

	c->invite = st;
	sip_server_set_data(st, c);
	sdp_free(c->a_offer);
	c->a_offer = offer;
	/* What was answered early, was the offer before. */
	sdp_free(c->a_answer);
	c->a_answer = NULL;
	c->has_early_answer = false;
	if (sip_dialog_uas(m, sip_server_source(st), c->a.dialog->contact,
			   &d) || call_leg_attach(&c->a, d)) {
		refuse(c, 500, "gateway", "out of memory");
		return;
	}
	snprintf(c->b_ruri, sizeof(c->b_ruri), "%s", sip_msg_ruri(m));
	call_reliable_init(c);
	/* The one that ran was for this request. */
	call_timer(c, c->calls->settings.no_answer_ms, no_answer);
	call_event(c, CALL_A_RETRIED, NULL);
}

static bool is_refused_by_rules(struct calls *cs, struct sip_server *st)
{
	const struct sip_target *source = sip_server_source(st);
	const struct sip_msg *m = sip_server_request(st);
	static struct log_limit limit;
	struct sip_trunk_status trunk;
	struct rules_decision d;
	char aor[256] = "", alias[64];
	uint32_t more;

	sip_trunk_status(cs->stack, &trunk);
	sip_uri_aor(sip_msg_from_uri(m), aor, sizeof(aor));
	d = rules_decide(&(struct rules_input){
		.source = source->is_ws ? RULES_REALM_WEB : RULES_REALM_SIP,
		.method = SIP_INVITE,
		.max_forwards = sip_msg_max_forwards(m),
		.has_to_tag = sip_msg_to_tag(m) != NULL,
		.check_from = cs->settings.check_from,
		.from_registered = source->is_ws &&
			registrar_is_registered(cs->settings.registrar,
						source->conn, aor),
		.alias_known = !source->is_ws &&
			!registrar_alias_of(cs->settings.registrar, m, alias,
					    sizeof(alias)),
		.is_account = !source->is_ws &&
			registrar_is_account(cs->settings.registrar, m),
		.trunk_down = trunk.known && !trunk.up,
		.draining = cs->draining,
	});
	if (!d.reply_status)
		return false;
	if (d.reply_status == 503)
		cs->stats.failed_by_us++;
	if (log_limit_pass(&limit, LOG_BURST, &more))
		log_info("INVITE %s -> %s refused: %d %s, %u more not logged",
			 sip_msg_from_uri(m), sip_msg_ruri(m), d.reply_status,
			 d.reply_phrase ? d.reply_phrase :
			 d.reply_reason ? d.reply_reason : "", more);
	call_reply(st, d.reply_status, d.reply_phrase, NULL, d.reply_reason);
	return true;
}

/* Why there is no room for another call; NULL: there is. */
static const char *no_room(struct calls *cs, const struct sip_target *source)
{
	unsigned int of_client = 0;

	if (cs->stats.live >= LIMIT_CALLS)
		return "limit of calls reached";
	if (!source->is_ws)
		return NULL;
	for (struct call *c = cs->list; c; c = c->next)
		if (c->source_conn == source->conn && c->state != CALL_ENDED)
			of_client++;
	return of_client < LIMIT_CALLS_PER_CLIENT ? NULL :
	       "limit of calls of one browser reached";
}

static void no_media(struct call *c, int err)
{
	static const struct {
		int err;
		const char *why, *where;
	} known[] = {
		{ -EMFILE, "no free RTP port", "sip.rtp_ports" },
		{ -ENOSPC, "no media session left", "datapath_streams" },
		{ -ENFILE, "no file descriptor for an RTP port",
		  "LimitNOFILE of the unit" },
		{ -ENOBUFS, "media thread is behind", "its queue is full" },
	};
	static struct log_limit limit;
	const char *why = "RTP port cannot be opened", *where = strerror(-err);
	uint32_t more;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].err != err)
			continue;
		why = known[i].why;
		where = known[i].where;
	}
	if (log_limit_pass(&limit, 5, &more))
		log_call_warn(c->id, "503: %s (%s), %u more not logged", why,
			      where, more);
	refuse(c, 503, "gateway", why);
}

static void begin(struct call *c, uint32_t streams)
{
	struct calls *cs = c->calls;
	struct media_open open = { .stream_count = streams,
				   .rtcp_ports = true,
				   .is_secured = cs->settings.sip_srtp !=
						 SDP_SRTP_NONE };
	int err, status;

	snprintf(open.call, sizeof(open.call), "%s", c->id);
	if (streams > MEDIA_STREAMS)
		open.stream_count = MEDIA_STREAMS;
	err = media_open(cs->settings.media, &open, &c->local);
	if (err) {
		no_media(c, err);
		return;
	}
	c->media_id = c->local.id;
	HASH_ADD(by_media, cs->by_media, media_id, sizeof(c->media_id), c);
	status = lay_legs(c, sip_server_request(c->invite),
			  sip_server_source(c->invite));
	if (status) {
		refuse(c, status, "gateway", "cannot route");
		return;
	}
	log_write_event(LOG_LEVEL_INFO, c->id, LOG_EVENT_CALL_STARTED,
			"INVITE %s -> %s", c->a.uri, c->b.uri);
	call_notify(c, CALLS_STARTED);
	call_timer(c, cs->settings.no_answer_ms, no_answer);
	if (c->b_target.is_ws && !c->b_target.conn) {
		if (wait_for_flow(c)) {
			refuse(c, 480, "gateway", "browser is offline");
			return;
		}
		call_store(c);
	} else {
		err = call_invite_b(c);
		if (err) {
			refuse(c, err == -ENOTSUP ? 488 : 500, "gateway",
			       err == -ENOTSUP ?
			       "nothing in the offer can be carried" :
			       "INVITE to leg B failed");
			return;
		}
	}
	/* It is stored: who hears this will hear of its end, too. */
	if (call_fork_is_first(c))
		call_reply(c->invite, 100, NULL, NULL, NULL);
}

static struct call *make_call(struct calls *cs, struct sip_server *st,
			      const struct sdp *offer, bool is_late)
{
	struct call *c;

	c = no_room(cs, sip_server_source(st)) ? NULL : call_create(cs);
	if (!c)
		return NULL;
	c->a_offer = sdp_copy(offer);
	if (!c->a_offer) {
		call_free(c);
		return NULL;
	}
	c->invite = st;
	c->offerer_is_a = true;
	c->is_late = is_late;
	call_reliable_init(c);
	return c;
}

/* One call, or one for each browser that the INVITE is for; false: no room. */
static bool ring(struct calls *cs, struct sip_server *st,
		 const struct sdp *offer, bool is_late)
{
	struct call *all[LIMIT_BINDINGS_PER_AOR] = { NULL };
	registrar_alias aliases[LIMIT_BINDINGS_PER_AOR] = { "" };
	unsigned int n = 1, made = 0;

	if (!sip_server_source(st)->is_ws)
		n = registrar_aliases_of(cs->settings.registrar,
					 sip_server_request(st), aliases,
					 LIMIT_BINDINGS_PER_AOR);
	for (unsigned int i = 0; i < n; i++) {
		struct call *c = make_call(cs, st, offer, is_late);

		if (!c)
			break;
		snprintf(c->b.alias, sizeof(c->b.alias), "%s", aliases[i]);
		if (made && call_fork_add(all[0], c)) {
			call_free(c);
			break;
		}
		all[made++] = c;
	}
	if (!made)
		return false;
	sip_server_set_data(st, all[0]);
	/* None is freed before the loop runs again. */
	for (unsigned int i = 0; i < made; i++)
		if (all[i]->invite)
			begin(all[i], offer->media_count);
	return true;
}

static void refuse_for_room(struct calls *cs, struct sip_server *st)
{
	const char *why = no_room(cs, sip_server_source(st));

	if (!why)
		why = "out of memory";
	call_limit_reached(sip_server_request(st), why);
	cs->stats.failed_by_us++;
	call_reply(st, 503, NULL, NULL, why);
}

void call_invite(struct calls *cs, struct sip_server *st)
{
	const struct sip_target *source = sip_server_source(st);
	const struct sip_msg *m = sip_server_request(st);
	struct sdp *offer;
	struct call *c;
	bool is_late;
	int err;

	if (is_refused_by_rules(cs, st))
		return;
	/* RFC 3261 8.1.1.8: nothing could be sent in its dialog. */
	if (!sip_msg_contact(m, 0)) {
		call_reply(st, 400, "Missing Contact Header", NULL, NULL);
		return;
	}
	err = call_parse_sdp(NULL, m, &offer);
	is_late = err == -ENODATA;
	if (is_late)
		err = call_default_sdp(cs, source->is_ws ? SDP_PROFILE_WEB :
				       SDP_PROFILE_PLAIN, &offer);
	if (err) {
		call_reply(st, err == -ENOTSUP ? 415 : 488, NULL, NULL,
			   "the offer does not parse");
		return;
	}
	if (!offer->media_count) {
		/* RFC 3264 5 allows it; there is nothing to carry. */
		sdp_free(offer);
		call_reply(st, 488, NULL, NULL, "the offer has no m-line");
		return;
	}
	c = find_challenged(cs, m, source->is_ws ? source->conn : 0);
	if (c) {
		retry(c, st, offer);
		return;
	}
	cs->stats.attempts++;
	if (!ring(cs, st, offer, is_late))
		refuse_for_room(cs, st);
	sdp_free(offer);
}

/*
 * A 2xx that belongs to no live dialog of ours: a fork's second answer or a
 * repetition after the call's end. It is acknowledged and hung up, or its
 * sender would repeat it for 32 s (RFC 3261 13.2.2.4).
 */
void calls_stray_2xx(struct calls *cs, const struct sip_msg *m,
		     const struct sip_target *from)
{
	struct sip_request q = {
		.method = "INVITE",
		.ruri = sip_msg_contact(m, 0),
		.from = sip_msg_from_value(m),
		.from_tag = sip_msg_from_tag(m),
		.to = sip_msg_to_value(m),
		.call_id = sip_msg_call_id(m),
		.cseq = sip_msg_cseq(m),
		.max_forwards = 70,
	};
	struct sip_dialog *d;
	struct sip_client *ct;
	struct sip_msg *out;
	int err;

	if (call_repeated_2xx(cs, m) || !q.ruri ||
	    sip_msg_make_request(&q, NULL, &out))
		return;
	err = sip_dialog_uac(out, from, NULL, &d);
	sip_msg_unref(out);
	if (err)
		return;
	q.method = "ACK";
	if (!sip_dialog_response(d, m) &&
	    !sip_dialog_request(d, &q, NULL, &out)) {
		sip_ack(cs->stack, &d->peer, out);
		sip_msg_unref(out);
		q.method = "BYE";
		if (!sip_dialog_request(d, &q, NULL, &out)) {
			/* By a flow it arrives: its answer means nothing. */
			if (!sip_client_send(cs->stack, &d->peer, out,
					     call_forget_response, NULL, &ct) &&
			    d->peer.is_ws)
				sip_client_free(ct);
			sip_msg_unref(out);
		}
	}
	sip_dialog_free(d);
}
