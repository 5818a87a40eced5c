/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session timers (RFC 4028), each leg for itself. The gateway refreshes on
 * both legs where the peer leaves it the choice, so that a browser whose
 * WebSocket is lost does not end its call over a refresh of its own.
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

#define RETRY_MS	2000	/* refused, or another exchange is on */
#define GRACE_MAX_MS	32000	/* RFC 4028 10: before the expiry */

static bool is_token_in(const char *list, const char *token)
{
	size_t len = strlen(token), have;

	for (; list && *list; list += have) {
		list += strspn(list, " \t,");
		have = strcspn(list, " \t,");
		if (have == len && !strncasecmp(list, token, len))
			return true;
	}
	return false;
}

static bool supports_timer(const struct sip_msg *m)
{
	return is_token_in(sip_msg_header(m, "Supported"), "timer") ||
	       is_token_in(sip_msg_header(m, "Require"), "timer");
}

static uint32_t seconds(const struct sip_msg *m, const char *name)
{
	const char *value = sip_msg_header(m, name);
	unsigned long n = value ? strtoul(value, NULL, 10) : 0;

	return n > LIMIT_SESSION_EXPIRES_S ? LIMIT_SESSION_EXPIRES_S :
					     (uint32_t)n;
}

/* "uac", "uas" or "". */
static const char *refresher_of(const struct sip_msg *m)
{
	const char *value = sip_msg_header(m, "Session-Expires");
	const char *p = value ? strcasestr(value, "refresher") : NULL;

	if (!p)
		return "";
	p += strlen("refresher");
	p += strspn(p, " \t=");
	if (!strncasecmp(p, "uac", 3))
		return "uac";
	return !strncasecmp(p, "uas", 3) ? "uas" : "";
}

static void arm(struct call_leg *leg, uint64_t at_ms);

void call_session_stop(struct call_leg *leg)
{
	struct call_session *s = &leg->session;

	s->interval_s = 0;
	loop_timer_cancel(s->timer);
	s->timer = NULL;
	sip_client_free(s->client);
	s->client = NULL;
}

/* Both from a 2xx, ours or the peer's. */
static void start(struct call_leg *leg, uint32_t interval_s, bool we_refresh)
{
	struct call_session *s = &leg->session;
	uint64_t now = clock_ms(), whole_ms = interval_s * 1000ULL;
	uint64_t grace_ms = whole_ms / 3;

	if (grace_ms > GRACE_MAX_MS)
		grace_ms = GRACE_MAX_MS;
	s->interval_s = interval_s;
	s->we_refresh = we_refresh;
	s->expires_ms = now + whole_ms - grace_ms;
	arm(leg, we_refresh ? now + whole_ms / 2 : s->expires_ms);
}

static void note(struct call_leg *leg, const struct sip_msg *m)
{
	const char *allow = sip_msg_header(m, "Allow");

	if (allow)
		leg->session.peer_has_update = is_token_in(allow, "UPDATE");
}

/* ---- headers ---------------------------------------------------------- */

const char *call_session_request(const struct call_leg *leg,
				 char ret[CALL_SESSION_HEADERS])
{
	const struct calls_settings *set = &leg->call->calls->settings;
	const struct call_session *s = &leg->session;
	uint32_t min_s = set->session_min_s, want_s = s->interval_s;

	if (s->min_se_s > min_s)
		min_s = s->min_se_s;
	if (!want_s)
		want_s = set->session_expires_s;
	if (!want_s || leg->call->is_direct)
		return NULL;
	snprintf(ret, CALL_SESSION_HEADERS, "Supported: timer\r\n"
		 "Session-Expires: %u;refresher=%s\r\nMin-SE: %u\r\n",
		 want_s > min_s ? want_s : min_s,
		 s->interval_s && !s->we_refresh ? "uas" : "uac", min_s);
	return ret;
}

const char *call_session_reply(struct call_leg *leg, const struct sip_msg *req,
			       char ret[CALL_SESSION_HEADERS])
{
	uint32_t ours_s = leg->call->calls->settings.session_expires_s;
	uint32_t asked_s = seconds(req, "Session-Expires");
	uint32_t interval_s = asked_s ? asked_s : ours_s;
	uint32_t min_s = seconds(req, "Min-SE");
	bool can_timer = supports_timer(req), peer_refreshes;

	note(leg, req);
	/* Who does not know timers gets none from us, but from a proxy. */
	if (!interval_s || (!can_timer && !asked_s) || leg->call->is_direct) {
		call_session_stop(leg);
		return NULL;
	}
	/* RFC 4028 9: shortened, never below the Min-SE on the way. */
	if (ours_s && interval_s > ours_s)
		interval_s = ours_s > min_s ? ours_s : min_s;
	peer_refreshes = can_timer && !strcmp(refresher_of(req), "uac");
	start(leg, interval_s, !peer_refreshes);
	snprintf(ret, CALL_SESSION_HEADERS, "Supported: timer\r\n%s"
		 "Session-Expires: %u;refresher=%s\r\n",
		 can_timer ? "Require: timer\r\n" : "", interval_s,
		 peer_refreshes ? "uac" : "uas");
	return ret;
}

void call_session_answered(struct call_leg *leg, const struct sip_msg *m)
{
	uint32_t interval_s = seconds(m, "Session-Expires");

	note(leg, m);
	/*
	 * RFC 4028 7.2: without the header the session does not expire. Two SIP
	 * legs see to theirs by themselves.
	 */
	if (!interval_s || leg->call->is_direct)
		call_session_stop(leg);
	else
		start(leg, interval_s, strcmp(refresher_of(m), "uas"));
}

bool call_session_too_small(struct call_leg *leg, const struct sip_msg *m)
{
	struct call_session *s = &leg->session;
	uint32_t min_s = seconds(m, "Min-SE");

	/* Each turn asks for more, up to the limit: no endless exchange. */
	if (sip_msg_status(m) != 422 || min_s <= s->min_se_s)
		return false;
	s->min_se_s = min_s;
	if (s->interval_s && s->interval_s < min_s)
		s->interval_s = min_s;
	return true;
}

bool call_session_refuses(struct calls *cs, struct sip_server *st)
{
	const struct sip_msg *m = sip_server_request(st);
	uint32_t asked_s = seconds(m, "Session-Expires");
	struct sip_reply r = { .status = 422 };
	char header[48];

	/* RFC 4028 9: only who knows timers can do better. */
	if (!asked_s || asked_s >= cs->settings.session_min_s ||
	    !supports_timer(m))
		return false;
	snprintf(header, sizeof(header), "Min-SE: %u\r\n",
		 cs->settings.session_min_s);
	r.extra_headers = header;
	sip_server_reply(st, &r, NULL);
	return true;
}

/* ---- refreshing ------------------------------------------------------- */

static void expire(struct call_leg *leg, const char *why)
{
	struct call *c = leg->call;

	call_session_stop(leg);
	call_set_cause(c, leg->is_web ? "web" : "sip", "session timer: %s",
		       why);
	call_event(c, CALL_ABORTED, NULL);
}

static void refreshed(void *arg, struct sip_client *ct,
		      const struct sip_msg *m)
{
	struct call_leg *leg = arg;
	struct call_session *s = &leg->session;
	int status = sip_msg_status(m);
	bool is_flow_lost = leg->is_web && sip_client_is_local(ct);
	uint64_t now = clock_ms();

	if (status < 200)
		return;
	if (status < 300 && sip_msg_method(m) == SIP_INVITE)
		call_ack_2xx(leg, m);
	s->client = NULL;
	sip_client_free(ct);
	if (status < 300) {
		sip_dialog_refresh(leg->dialog, m);
		call_session_answered(leg, m);
		call_store(leg->call);
	} else if (call_session_too_small(leg, m)) {
		arm(leg, now);
	} else if ((status == 408 || status == 481) && !is_flow_lost) {
		expire(leg, status == 408 ? "refresh not answered" :
		       "refresh refused with 481");
	} else if (s->peer_has_update && (status == 405 || status == 501)) {
		s->peer_has_update = false;
		arm(leg, now);
	} else {
		arm(leg, now + RETRY_MS);
	}
}

/* The description that the leg has from us, as an offer that changes nothing. */
static char *same_offer(const struct call_leg *leg)
{
	struct sdp *copy = sdp_copy(call_local_sdp(leg));
	char *text;

	if (!copy)
		return NULL;
	for (unsigned int i = 0; i < copy->media_count; i++)
		if (copy->media[i].setup != SDP_SETUP_NONE)
			copy->media[i].setup = SDP_SETUP_ACTPASS;
	text = sdp_print(copy);
	sdp_free(copy);
	return text;
}

static int refresh(struct call_leg *leg)
{
	struct call_session *s = &leg->session;
	char headers[CALL_SESSION_HEADERS], *body = NULL;
	struct sip_request q = {
		.method = s->peer_has_update ? "UPDATE" : "INVITE",
		.max_forwards = 70,
		.extra_headers = call_session_request(leg, headers),
	};
	struct sip_msg *m;
	int err;

	if (!s->peer_has_update && !leg->is_web &&
	    call_sdes_unknown(leg->call))
		return call_rekey(leg->call);
	if (!s->peer_has_update) {
		body = same_offer(leg);
		if (!body)
			return -ENOMEM;
		q.content_type = "application/sdp";
		q.body = body;
		q.body_len = strlen(body);
	}
	err = sip_dialog_request(leg->dialog, &q, NULL, &m);
	free(body);
	if (err)
		return err;
	err = sip_client_send(leg->call->calls->stack, &leg->dialog->peer, m,
			      refreshed, leg, &s->client);
	sip_msg_unref(m);
	return err;
}

/*
 * A browser that is silent has lost its WebSocket, known or not yet: consent
 * decides whether it lives, and the gateway refreshes once it is back.
 */
static void wait_for_browser(struct call_session *s, uint64_t now_ms)
{
	s->we_refresh = true;
	s->expires_ms = now_ms + GRACE_MAX_MS;
}

static void due(void *arg)
{
	struct call_leg *leg = arg;
	struct call_session *s = &leg->session;
	uint64_t now = clock_ms();

	s->timer = NULL;
	if (leg->call->state != CALL_UP && leg->call->state != CALL_ANSWERED)
		return;
	if (!call_leg_refresh_flow(leg)) {
		wait_for_browser(s, now);
		arm(leg, now + RETRY_MS);
		return;
	}
	if (now >= s->expires_ms && !leg->is_web) {
		expire(leg, s->we_refresh ? "refresh not answered" :
		       "not refreshed by its peer");
		return;
	}
	if (now >= s->expires_ms)
		wait_for_browser(s, now);
	if (s->client) {
		arm(leg, s->expires_ms);
		return;
	}
	if (leg->call->reoffer || call_transfer_is_open(leg->call) ||
	    leg->call->state != CALL_UP || refresh(leg))
		arm(leg, now + RETRY_MS);
	else
		arm(leg, s->expires_ms);
}

static void arm(struct call_leg *leg, uint64_t at_ms)
{
	struct call_session *s = &leg->session;
	uint64_t now = clock_ms();

	loop_timer_cancel(s->timer);
	s->timer = NULL;
	if (at_ms > s->expires_ms)
		at_ms = s->expires_ms;
	if (loop_timer_add(leg->call->calls->settings.loop,
			   at_ms > now ? (uint32_t)(at_ms - now) : 1, due, leg,
			   &s->timer))
		log_call_err(leg->call->id, "no timer: out of memory");
}

void call_session_resume(struct call_leg *leg)
{
	struct call_session *s = &leg->session;
	uint64_t whole_ms = s->interval_s * 1000ULL, grace_ms = whole_ms / 3;

	if (!s->interval_s)
		return;
	if (grace_ms > GRACE_MAX_MS)
		grace_ms = GRACE_MAX_MS;
	/* Half of it is over long before expires_ms: as start() has it. */
	arm(leg, s->we_refresh && s->expires_ms + grace_ms > whole_ms / 2 ?
	    s->expires_ms + grace_ms - whole_ms / 2 : s->expires_ms);
}

/* ---- the peer's refreshes --------------------------------------------- */

void call_session_update(struct call_leg *leg, struct sip_server *st)
{
	const struct sip_msg *m = sip_server_request(st);
	char headers[CALL_SESSION_HEADERS];
	struct sip_reply r = { .status = 200,
			       .contact = leg->dialog->contact };

	if (call_session_refuses(leg->call->calls, st))
		return;
	sip_dialog_refresh(leg->dialog, m);
	r.extra_headers = call_session_reply(leg, m, headers);
	if (leg->dialog->confirmed)
		call_store(leg->call);
	sip_server_reply(st, &r, NULL);
}

/*
 * RFC 4566 5.2: the same o= line is the same description. The rest is compared
 * nevertheless: some put a phone on hold without a new version.
 */
bool call_session_same_offer(struct call_leg *leg, struct sip_server *st,
			     const struct sdp *offer)
{
	const struct call *c = leg->call;
	const struct sip_msg *m = sip_server_request(st);
	char headers[CALL_SESSION_HEADERS], *body;
	struct sip_reply r = { .status = 200, .contact = leg->dialog->contact,
			       .content_type = "application/sdp" };

	/* What was answered once, is answered the same; else it is an offer. */
	if (leg->is_a != c->offerer_is_a || !c->a_offer || !c->a_answer ||
	    (!leg->is_web && call_sdes_unknown(c)) ||
	    offer->session_id != c->a_offer->session_id ||
	    offer->session_version != c->a_offer->session_version ||
	    !sdp_same(offer, c->a_offer))
		return false;
	body = sdp_print(c->a_answer);
	if (!body)
		return false;
	sip_dialog_refresh(leg->dialog, m);
	r.body = body;
	r.body_len = strlen(body);
	r.extra_headers = call_session_reply(leg, m, headers);
	call_store(leg->call);
	sip_server_reply(st, &r, NULL);
	free(body);
	return true;
}
