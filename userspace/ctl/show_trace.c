/* SPDX-License-Identifier: Apache-2.0 */
/* The two streams: SIP messages of both legs, and events. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "ctl/metrics.h"
#include "ctl/show_parts.h"

/* Value of Call-ID or i (RFC 3261 7.3.3) into ret; "" if there is none. */
static void find_call_id(const char *text, size_t len, char *ret, size_t size)
{
	const char *end = text + len, *p = text;
	size_t n;

	*ret = '\0';
	while ((p = memchr(p, '\n', (size_t)(end - p)))) {
		p++;
		n = 0;
		if (end - p > 8 && !strncasecmp(p, "Call-ID", 7))
			n = 7;
		else if (end - p > 2 && tolower((unsigned char)*p) == 'i' &&
			 (p[1] == ':' || p[1] == ' '))
			n = 1;
		if (!n)
			continue;
		p += n;
		while (p < end && (*p == ' ' || *p == ':'))
			p++;
		for (n = 0; p + n < end && (unsigned char)p[n] > ' '; n++)
			;
		snprintf(ret, size, "%.*s", (int)n, p);
		return;
	}
}

static json_t *target(const struct sip_target *t)
{
	char text[sizeof(t->uri) + ADDR_STRLEN], peer[ADDR_STRLEN];

	addr_format(&t->peer, peer);
	if (t->is_ws)
		snprintf(text, sizeof(text), "wss:%" PRIu64 "%s%s", t->conn,
			 addr_is_set(&t->peer) ? " " : "",
			 addr_is_set(&t->peer) ? peer : "");
	else
		snprintf(text, sizeof(text), "%s",
			 addr_is_set(&t->peer) ? peer : t->uri);
	return ctl_text(text);
}

/* The keys of a=crypto (RFC 4568 9.1) are nobody's to look at. */
static json_t *masked(const char *text, size_t len)
{
	static const char mark[] = "inline:";
	char *copy = malloc(len + 1), *p = copy;
	json_t *value;

	if (!copy)
		return json_null();
	memcpy(copy, text, len);
	copy[len] = '\0';
	while ((p = memmem(p, (size_t)(copy + len - p), mark, 7)))
		for (p += 7; *p && !strchr("|; \t\r\n", *p); p++)
			*p = '*';
	value = ctl_text_len(copy, len);
	explicit_bzero(copy, len);
	free(copy);
	return value;
}

void show_trace(void *arg, bool sent, const struct sip_target *peer,
		const char *text, size_t len)
{
	const struct ctl_context *x = arg;
	const char *call = NULL;
	char call_id[1024];

	metrics_sip_message(x->metrics, peer->is_ws, text, len);
	if (!x->ctl || !ctl_has_listeners(x->ctl, "trace"))
		return;
	find_call_id(text, len, call_id, sizeof(call_id));
	if (*call_id)
		call = calls_id_by_call_id(x->calls, call_id);
	ctl_publish(x->ctl, "trace", json_pack(
		"{s:o, s:o, s:s, s:s, s:o, s:o}",
		"time", ctl_time(clock_wall_ms()),
		"call", ctl_text(call),
		"direction", sent ? "sent" : "received",
		"side", peer->is_ws ? "web" : "sip",
		"peer", target(peer), "text", masked(text, len)));
}

/* call: NULL if it is of none. */
static void publish(const struct ctl_context *x, const char *event,
		    const char *call, const char *side, const struct addr *peer,
		    json_t *detail)
{
	ctl_publish(x->ctl, "events", json_pack(
		"{s:o, s:s, s:o, s:s, s:o, s:o}",
		"time", ctl_time(clock_wall_ms()), "event", event,
		"call", ctl_text(call), "side", side,
		"peer", show_addr(peer), "detail", detail));
}

void show_media_event(const struct ctl_context *x, const struct message *m)
{
	static const char *const names[] = {
		[MEDIA_ICE_SELECTED] = "ice-selected",
		[MEDIA_DTLS_DONE] = "dtls-done",
		[MEDIA_FIRST_PACKET] = "first-packet",
		[MEDIA_FAILED] = "media-failed",
		[MEDIA_LOST] = "media-lost",
		[MEDIA_FORGED] = "media-forged",
	};
	const struct media_event *e = (const void *)m->data;

	metrics_media_event(x->metrics, m);
	if (!x->ctl || !ctl_has_listeners(x->ctl, "events") ||
	    m->type >= sizeof(names) / sizeof(*names) || !names[m->type] ||
	    m->len_bytes < sizeof(*e))
		return;
	publish(x, names[m->type], calls_id_by_media(x->calls, e->id),
		e->side == MEDIA_SIDE_WEB ? "web" : "sip", &e->peer,
		ctl_text(e->detail));
}

/* Who calls whom, how it went on, why it ended. */
static json_t *call_detail(enum calls_notice what, const struct call_info *info)
{
	char text[sizeof(info->a.uri) + sizeof(info->b.uri) + 8];

	if (what == CALLS_ENDED)
		snprintf(text, sizeof(text), "%s by %s: %s", info->result,
			 *info->ended_by ? info->ended_by : "nobody",
			 info->cause);
	else if (what == CALLS_ONE_WAY)
		snprintf(text, sizeof(text), "%s",
			 quality_silent_name(info->silent));
	else
		snprintf(text, sizeof(text), "%s -> %s", info->a.uri,
			 info->b.uri);
	return ctl_text(text);
}

void show_call_event(void *arg, enum calls_notice what,
		     const struct call_info *info)
{
	static const char *const names[] = CALLS_NOTICE_NAMES;
	const struct ctl_context *x = arg;
	const struct addr none = { 0 };
	bool is_web = what == CALLS_ONE_WAY ?
		info->silent == QUALITY_SILENT_WEB : info->a.is_web;
	char name[32];

	metrics_call(x->metrics, what, info);
	if (!x->ctl || !ctl_has_listeners(x->ctl, "events"))
		return;
	snprintf(name, sizeof(name), "call-%s", names[what]);
	publish(x, name, info->id, is_web ? "web" : "sip", &none,
		call_detail(what, info));
}

void show_wss_event(const struct ctl_context *x, const struct message *m)
{
	const struct wss_event *e = (const void *)m->data;
	const char *name = m->type == WSS_OPENED ? "web-connected" :
						   "web-closed";

	if (!x->ctl || !ctl_has_listeners(x->ctl, "events") ||
	    (m->type != WSS_OPENED && m->type != WSS_CLOSED))
		return;
	publish(x, name, NULL, "web", &e->peer,
		ctl_text_len(e->data, e->len_bytes));
}
