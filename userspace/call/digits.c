/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digits and wishes for a picture that are INFO on one leg and RTP or RTCP on
 * the other: application/dtmf-relay and application/dtmf, RFC 4733;
 * application/media_control+xml (RFC 5168), PLI.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "call/internal.h"
#include "core/log.h"

#define DIGIT_MS	160	/* of an INFO that does not say */

/* RFC 4733 3.2, in the order of the events. */
static const char signals[] = "0123456789*#ABCD";

static bool is_type(const struct sip_msg *m, const char *type)
{
	const char *got = sip_msg_content_type(m);
	size_t len = strlen(type);

	return got && !strncasecmp(got, type, len) &&
	       !strchr("abcdefghijklmnopqrstuvwxyz0123456789-+.",
		       tolower((unsigned char)got[len]) | !got[len]);
}

/* The value of a line "name=value"; NULL: none. Case and blanks are free. */
static const char *line_value(const char *body, const char *name)
{
	size_t len = strlen(name);

	for (; *body; body += strcspn(body, "\n"), body += *body != '\0') {
		const char *p = body + strspn(body, " \t");

		if (strncasecmp(p, name, len))
			continue;
		p += len + strspn(p + len, " \t");
		if (*p == '=')
			return p + 1 + strspn(p + 1, " \t");
	}
	return NULL;
}

/* -1: no digit in it. */
static int parse_digit(const char *text, uint32_t *ret_ms)
{
	const char *signal = line_value(text, "Signal");
	const char *duration = line_value(text, "Duration"), *found;

	if (!signal)
		signal = text + strspn(text, " \t\r\n");
	found = *signal ? strchr(signals, toupper((unsigned char)*signal)) :
			  NULL;
	/* One digit, and nothing but its line's end. */
	if (!found || (signal[1] && !strchr("\r\n \t", signal[1])))
		return -1;
	*ret_ms = DIGIT_MS;
	if (duration)
		*ret_ms = (uint32_t)strtoul(duration, NULL, 10);
	return (int)(found - signals);
}

/* The SIP side's description has telephone-event, and so has ours for it. */
static bool sip_takes_events(const struct call *c)
{
	const struct call_leg *sip = c->a.is_web ? &c->b : &c->a;
	const struct sdp *said = call_remote_sdp(sip);
	const struct sdp *told = call_local_sdp(sip);

	return said && told && sdp_has_events(said) && sdp_has_events(told);
}

static char *body_of(const struct sip_msg *m)
{
	size_t len;
	const void *body = sip_msg_body(m, &len);

	return body ? strndup(body, len) : NULL;
}

static bool digit_received(struct call_leg *leg, struct sip_server *st)
{
	const struct sip_msg *m = sip_server_request(st);
	const struct calls_settings *s = &leg->call->calls->settings;
	uint32_t ms = 0;
	char *body;
	int digit;

	if (!leg->is_web || !leg->call->media_id ||
	    (s->sip_dtmf != CALLS_DTMF_RTP && s->sip_dtmf != CALLS_DTMF_AUTO) ||
	    !sip_takes_events(leg->call))
		return false;
	body = body_of(m);
	digit = body ? parse_digit(body, &ms) : -1;
	free(body);
	/* What is no digit (a flash) passes. */
	if (digit < 0 || media_digit(s->media, leg->call->media_id,
				     MEDIA_SIDE_SIP, (uint8_t)digit, ms))
		return false;
	call_reply(st, 200, NULL, NULL, NULL);
	return true;
}

static bool picture_received(struct call_leg *leg, struct sip_server *st)
{
	struct call *c = leg->call;
	char *body = body_of(sip_server_request(st));
	bool is_wish = body && strstr(body, "picture_fast_update");

	free(body);
	if (leg->is_web || !is_wish || !c->media_id ||
	    media_picture(c->calls->settings.media, c->media_id))
		return false;
	call_reply(st, 200, NULL, NULL, NULL);
	return true;
}

bool call_info_received(struct call_leg *leg, struct sip_server *st)
{
	const struct sip_msg *m = sip_server_request(st);

	if (sip_msg_method(m) != SIP_INFO)
		return false;
	if (is_type(m, "application/dtmf-relay") ||
	    is_type(m, "application/dtmf"))
		return digit_received(leg, st);
	if (is_type(m, "application/media_control+xml"))
		return picture_received(leg, st);
	return false;
}

/* ---- from media -------------------------------------------------------- */

static void send_info(struct call_leg *leg, const char *type, const char *body)
{
	struct sip_request q = {
		.method = "INFO",
		.max_forwards = 70,
		.content_type = type,
		.body = body,
		.body_len = strlen(body),
	};
	struct sip_client *ct;
	struct sip_msg *m;

	if (!leg->dialog || !leg->dialog->remote_tag ||
	    !call_leg_refresh_flow(leg) ||
	    sip_dialog_request(leg->dialog, &q, NULL, &m))
		return;
	sip_client_send(leg->call->calls->stack, &leg->dialog->peer, m,
			call_forget_response, NULL, &ct);
	sip_msg_unref(m);
}

void call_digit_heard(struct call *c, const struct media_digit *d)
{
	struct call_leg *from_web = c->a.is_web ? &c->a : &c->b;
	struct call_leg *to = d->side == MEDIA_SIDE_WEB ? call_other(from_web) :
							  from_web;
	char body[64];

	if (d->event >= sizeof(signals) - 1)
		return;
	snprintf(body, sizeof(body), "Signal=%c\r\nDuration=%u\r\n",
		 signals[d->event], d->duration_ms);
	send_info(to, "application/dtmf-relay", body);
}

void call_picture_wanted(struct call *c)
{
	send_info(c->a.is_web ? &c->b : &c->a, "application/media_control+xml",
		  "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n"
		  "<media_control><vc_primitive><to_encoder>"
		  "<picture_fast_update/>"
		  "</to_encoder></vc_primitive></media_control>\r\n");
}

uint32_t call_picture_config(const struct call *c, const char *kind,
			     uint32_t said)
{
	const uint32_t pictures = SLUICE_FEEDBACK_PLI | SLUICE_FEEDBACK_FIR;

	if (strcmp(kind, "video"))
		return said;
	switch (c->calls->settings.keyframes) {
	case CALLS_KEYFRAMES_RTCP:
		return said | pictures;
	case CALLS_KEYFRAMES_INFO:
		return (said & ~pictures) | SLUICE_FEEDBACK_REPORT;
	default:
		return said & SLUICE_FEEDBACK_PLI ?
			       said : said | SLUICE_FEEDBACK_REPORT;
	}
}

/* ---- what media is told ------------------------------------------------- */

static bool is_event(const char *name)
{
	return !strcasecmp(name, "telephone-event");
}

static bool has_web_rx(const struct media_stream_config *s, uint8_t pt)
{
	for (uint32_t n = 0; n < s->payload_count; n++)
		if (s->payload[n].web_rx == pt)
			return true;
	return false;
}

/*
 * Events that end in the gateway: those of a browser that the SIP side does
 * not take, those of the SIP side that the browser is to get as INFO.
 */
void call_digits_config(const struct call *c, uint32_t index,
			struct media_stream_config *s)
{
	const struct call_leg *web = c->a.is_web ? &c->a : &c->b;
	const struct sdp_media *told = &call_local_sdp(web)->media[index];
	const struct sdp_media *said = &call_remote_sdp(web)->media[index];

	for (uint32_t n = 0; n < s->payload_count; n++)
		if (c->calls->settings.web_dtmf_info &&
		    is_event(s->payload[n].name))
			s->payload[n].to_web = SLUICE_CONVERT_REPORT;
	for (uint32_t n = 0; n < told->codec_count; n++) {
		const struct sdp_codec *codec = &told->codec[n];

		if (!is_event(codec->name) || has_web_rx(s, codec->pt) ||
		    s->payload_count == MEDIA_PAYLOADS)
			continue;
		for (uint32_t k = 0; k < said->codec_count; k++) {
			if (!sdp_codec_same(codec, &said->codec[k]))
				continue;
			s->payload[s->payload_count++] =
				(struct media_payload){
				.web_rx = codec->pt,
				.web_tx = said->codec[k].pt,
				.sip_rx = MEDIA_NO_PAYLOAD,
				.sip_tx = MEDIA_NO_PAYLOAD,
				.to_sip = SLUICE_CONVERT_REPORT,
				.clock_hz = codec->clock_hz,
				.name = "telephone-event" };
			break;
		}
	}
}
