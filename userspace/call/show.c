/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator sees of the calls: rows, and the line at a call's end. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "call/internal.h"
#include "call/request.h"
#include "core/clock.h"
#include "core/log.h"

static const char *direction(const struct call *c)
{
	return c->a.is_web ? "web-to-sip" : "sip-to-web";
}

static const char *state_of(const struct call *c)
{
	switch (c->state) {
	case CALL_RINGING:
		return "ringing";
	case CALL_ANSWERED:
	case CALL_UP:
		return "up";
	case CALL_LEAVING:
	case CALL_CANCELLING:
	case CALL_ENDED:
		return "ending";
	default:
		return "setup";
	}
}

static uint64_t answer_to_audio_ms(const struct call *c)
{
	const struct media_figures *f = &c->figures;
	uint64_t first;

	if (!c->has_figures || !c->answered_ms || !f->first_web_ms ||
	    !f->first_sip_ms)
		return 0;
	first = f->first_web_ms > f->first_sip_ms ? f->first_web_ms :
						    f->first_sip_ms;
	/* Audio that was there before the answer: no delay at all. */
	return first > c->answered_ms ? first - c->answered_ms : 1;
}

static void leg_info(const struct call_leg *leg, struct call_leg_info *ret)
{
	const struct sip_dialog *d = leg->dialog;

	ret->is_web = leg->is_web;
	snprintf(ret->uri, sizeof(ret->uri), "%s", leg->uri);
	if (!d) {
		ret->state = "none";
		return;
	}
	snprintf(ret->call_id, sizeof(ret->call_id), "%s", d->call_id);
	if (addr_is_set(&d->peer.peer))
		addr_format(&d->peer.peer, ret->peer);
	else
		snprintf(ret->peer, sizeof(ret->peer), "%.63s",
			 leg->is_web ? "" : d->peer.uri);
	if (leg->bye_done)
		ret->state = "ended";
	else
		ret->state = d->confirmed ? "confirmed" : "early";
}

static const char *result_of(const struct call *c)
{
	if (c->answered_ms)
		return "answered";
	if (c->was_cancelled)
		return "cancelled";
	if (!c->ended_by || !strcmp(c->ended_by, "gateway"))
		return "failed";
	return "refused";
}

void call_info_of(const struct call *c, struct call_info *ret)
{
	*ret = (struct call_info){
		.state = state_of(c),
		.direction = direction(c),
		.started_wall_ms = c->started_wall_ms,
		.age_ms = clock_ms() - c->started_ms,
		.setup_ms = c->answered_ms ? c->answered_ms - c->started_ms :
					     0,
		.answer_to_audio_ms = answer_to_audio_ms(c),
		.silent = c->silent,
		.was_one_way = c->was_one_way,
		.result = result_of(c),
		.ended_by = c->ended_by ? c->ended_by : "",
		.cause = c->cause,
		.has_media = c->has_figures,
	};
	snprintf(ret->id, sizeof(ret->id), "%s", c->id);
	leg_info(&c->a, &ret->a);
	leg_info(&c->b, &ret->b);
	if (c->has_figures)
		ret->media = c->figures;
}

static bool has_call_id(const struct call_leg *leg, const char *call_id)
{
	return leg->dialog && !strcmp(leg->dialog->call_id, call_id);
}

const char *calls_id_by_call_id(const struct calls *cs, const char *call_id)
{
	for (const struct call *c = cs->list; c; c = c->next)
		if (has_call_id(&c->a, call_id) || has_call_id(&c->b, call_id))
			return c->id;
	return NULL;
}

const char *calls_id_by_media(const struct calls *cs, uint32_t media_id)
{
	struct call *c;

	HASH_FIND(by_media, cs->by_media, &media_id, sizeof(media_id), c);
	return c ? c->id : NULL;
}

void calls_each(struct calls *cs, bool (*each)(void *arg,
		const struct call_info *info), void *arg)
{
	struct call_info info;

	for (struct call *c = cs->list; c; c = c->next) {
		call_info_of(c, &info);
		if (!each(arg, &info))
			return;
	}
}

void calls_stats(const struct calls *cs, struct calls_stats *ret)
{
	*ret = cs->stats;
	ret->dialogs = HASH_COUNT(cs->legs) + HASH_COUNT(cs->sub_legs);
	ret->requests = cs->forward_count;
	ret->subscriptions = HASH_COUNT(cs->subs);
	ret->farewells = cs->farewell_count + call_cancels_count(cs);
}

static double loss_percent(uint64_t received, uint64_t lost)
{
	return received + lost ?
		100.0 * (double)lost / (double)(received + lost) : 0.0;
}

/* "4.39", or "-" as it is. */
static void mos_text(const char *codec, const struct datapath_stream_stats *s,
		     char ret[8])
{
	double mos;

	if (!quality_mos(codec, s, &mos))
		snprintf(ret, 8, "%.2f", mos);
}

/* One record a call: parties, times, who ended it and why, what was carried. */
void call_log_end(const struct call *c)
{
	const struct media_figures *f = &c->figures;
	char mos[2][8] = { "-", "-" };
	uint64_t sent[2] = { 0 }, received[2] = { 0 }, lost[2] = { 0 };
	const char *codec = "-";

	for (unsigned int i = 0; c->has_figures && i < f->stream_count; i++) {
		const struct media_stream_figures *s = &f->stream[i];

		if (i == 0 && *s->codec) {
			codec = s->codec;
			mos_text(s->codec, &s->web_to_sip, mos[0]);
			mos_text(s->codec, &s->sip_to_web, mos[1]);
		}
		sent[0] += s->web_to_sip.packets;
		sent[1] += s->sip_to_web.packets;
		received[0] += s->web_to_sip.received;
		received[1] += s->sip_to_web.received;
		lost[0] += s->web_to_sip.lost;
		lost[1] += s->sip_to_web.lost;
	}
	log_write_event(LOG_LEVEL_INFO, c->id, LOG_EVENT_CALL_ENDED,
		"call ended direction=%s from=\"%s\" to=\"%s\" "
		"setup_ms=%" PRIu64 " talk_ms=%" PRIu64 " answer_to_audio_ms=%"
		PRIu64 " ended_by=%s cause=\"%s\" codec=%s profile=%s path=%s "
		"web_to_sip=%" PRIu64 " sip_to_web=%" PRIu64
		" loss_web=%.2f%% loss_sip=%.2f%% jitter_web_ms=%.1f "
		"jitter_sip_ms=%.1f mos_web=%s mos_sip=%s one_way=%s",
		direction(c), c->a.uri, c->b.uri,
		c->answered_ms ? c->answered_ms - c->started_ms : 0,
		c->answered_ms ? c->ended_ms - c->answered_ms : 0,
		answer_to_audio_ms(c), c->ended_by ? c->ended_by : "-",
		c->cause, codec, *f->profile ? f->profile : "-",
		f->backend == DATAPATH_XDP ? "kernel" : "user", sent[0],
		sent[1], loss_percent(received[0], lost[0]),
		loss_percent(received[1], lost[1]),
		(double)f->stream[0].web_to_sip.jitter_us / 1000,
		(double)f->stream[0].sip_to_web.jitter_us / 1000, mos[0],
		mos[1], c->was_one_way ? "yes" : "no");
}
