/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a call as it happens, and what its figures say on the way. */
#include "call/internal.h"
#include "core/clock.h"
#include "core/log.h"

void call_notify(struct call *c, enum calls_notice what)
{
	const struct calls_settings *s = &c->calls->settings;
	struct call_info info;

	if (!s->notify)
		return;
	call_info_of(c, &info);
	s->notify(s->notify_arg, what, &info);
}

/* What has newly been found missing; late packets may take some back. */
static void count_loss(struct call *c, int side, uint64_t lost)
{
	if (lost <= c->lost_seen[side])
		return;
	c->calls->stats.lost[side] += lost - c->lost_seen[side];
	c->lost_seen[side] = lost;
}

/* What is seen for a while; until then what was told before. */
static enum quality_silent confirm(struct call *c, enum quality_silent seen)
{
	uint64_t now_ms = clock_ms();

	if (seen != c->suspect) {
		c->suspect = seen;
		c->suspect_ms = now_ms;
	}
	if (seen == QUALITY_HEARD ||
	    now_ms - c->suspect_ms >= QUALITY_CONFIRM_MS)
		return seen;
	return c->silent;
}

void call_watch(struct call *c)
{
	const struct media_figures *f = &c->figures;
	uint64_t lost[2] = { 0 };
	enum quality_silent now;

	for (uint32_t i = 0; i < f->stream_count; i++) {
		lost[MEDIA_SIDE_WEB] += f->stream[i].web_to_sip.lost;
		lost[MEDIA_SIDE_SIP] += f->stream[i].sip_to_web.lost;
	}
	count_loss(c, MEDIA_SIDE_WEB, lost[MEDIA_SIDE_WEB]);
	count_loss(c, MEDIA_SIDE_SIP, lost[MEDIA_SIDE_SIP]);
	if (c->state != CALL_UP) {
		c->silent = c->suspect = QUALITY_HEARD;
		return;
	}
	now = confirm(c, quality_silent(f, clock_ms()));
	if (now == c->silent)
		return;
	c->silent = now;
	if (!now) {
		log_call_info(c->id, "audio flows both ways again");
		call_notify(c, CALLS_HEARD);
		return;
	}
	c->was_one_way = true;
	log_write_event(LOG_LEVEL_WARN, c->id, LOG_EVENT_CALL_ONE_WAY,
			"one-way audio: no packet from the %s for %u s",
			now == QUALITY_SILENT_WEB ? "browser" : "SIP side",
			(QUALITY_SILENT_MS + QUALITY_CONFIRM_MS) / 1000);
	call_notify(c, CALLS_ONE_WAY);
}
