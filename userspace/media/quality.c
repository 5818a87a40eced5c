/* SPDX-License-Identifier: Apache-2.0 */
#include "media/quality.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* G.107 table 2: R with every parameter at its default, codec and delay none. */
#define R_DEFAULT		93.2
/* Frame, and a playout buffer that is never empty, ms; the rest is jitter. */
#define DELAY_MIN_MS		40.0
/* A direction is live with this many packets: 5 s of 20 ms frames. */
#define LIVE_PACKETS		250

/*
 * G.711 with concealment as in its appendix I (G.113 table I.3): what clients
 * of today do. G.113 has no figures for Opus: on the scale of narrow band it
 * impairs nothing, and its robustness without FEC lies between G.711 without
 * and with concealment (4.3 and 25.1).
 */
static const struct {
	const char *codec;
	double ie, bpl;
} codecs[] = {
	{ "PCMU", 0, 25.1 },
	{ "PCMA", 0, 25.1 },
	{ "opus", 0, 15.0 },
};

double quality_rating(double ie, double bpl, double loss_percent,
		      double delay_ms)
{
	/* G.107 7.5 with BurstR = 1 */
	double ie_eff = ie + (95 - ie) * loss_percent / (loss_percent + bpl);
	/* the usual linear form of 7.4.3, without echo */
	double id = 0.024 * delay_ms;
	double r;

	if (delay_ms > 177.3)
		id += 0.11 * (delay_ms - 177.3);
	r = R_DEFAULT - id - ie_eff;
	return r > 0 ? r : 0;
}

double quality_mos_of_rating(double r)
{
	double mos = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;

	if (r <= 0)
		return 1;
	if (r >= 100)
		return 4.5;
	/* the polynomial dips below 1 for R under 6.5 */
	return mos < 1 ? 1 : mos;
}

int quality_mos(const char *codec, const struct datapath_stream_stats *s,
		double *ret)
{
	double expected = (double)(s->received + s->lost);
	double delay_ms = DELAY_MIN_MS + 2 * (double)s->jitter_us / 1000;

	for (size_t i = 0; i < sizeof(codecs) / sizeof(*codecs); i++) {
		if (strcasecmp(codecs[i].codec, codec))
			continue;
		if (s->received < QUALITY_MIN_PACKETS)
			return -ENODATA;
		*ret = quality_mos_of_rating(quality_rating(
			codecs[i].ie, codecs[i].bpl,
			100 * (double)s->lost / expected, delay_ms));
		return 0;
	}
	return -ENOENT;
}

static bool is_recent(const struct datapath_stream_stats *s, uint64_t now_ms)
{
	uint64_t seen_ms = s->last_seen_ns / 1000000;

	return s->received && seen_ms + QUALITY_SILENT_MS > now_ms;
}

enum quality_silent quality_silent(const struct media_figures *f,
				   uint64_t now_ms)
{
	bool web_live = false, sip_live = false, web = false, sip = false;

	for (uint32_t i = 0; i < f->stream_count; i++) {
		const struct media_stream_figures *s = &f->stream[i];

		/* hold, and music on hold, are no fault */
		if (strcmp(s->kind, "audio") || !s->may_web_to_sip ||
		    !s->may_sip_to_web)
			continue;
		if (is_recent(&s->web_to_sip, now_ms)) {
			web = true;
			web_live |= s->web_to_sip.received >= LIVE_PACKETS;
		}
		if (is_recent(&s->sip_to_web, now_ms)) {
			sip = true;
			sip_live |= s->sip_to_web.received >= LIVE_PACKETS;
		}
	}
	if (sip_live && !web)
		return QUALITY_SILENT_WEB;
	return web_live && !sip ? QUALITY_SILENT_SIP : QUALITY_HEARD;
}

const char *quality_silent_name(enum quality_silent s)
{
	switch (s) {
	case QUALITY_SILENT_WEB:
		return "web-silent";
	case QUALITY_SILENT_SIP:
		return "sip-silent";
	default:
		return NULL;
	}
}

static void add(const char *codec, const struct datapath_stream_stats *s,
		struct quality *q)
{
	double mos;

	q->received += s->received;
	q->lost += s->lost;
	if (s->jitter_us > q->jitter_us)
		q->jitter_us = s->jitter_us;
	if (!quality_mos(codec, s, &mos) && (q->mos == 0 || mos < q->mos))
		q->mos = mos;
}

void quality_of(const struct media_figures *f, struct quality *ret)
{
	struct quality q = { 0 };

	for (uint32_t i = 0; i < f->stream_count; i++) {
		if (strcmp(f->stream[i].kind, "audio"))
			continue;
		add(f->stream[i].codec, &f->stream[i].web_to_sip, &q);
		add(f->stream[i].codec, &f->stream[i].sip_to_web, &q);
	}
	*ret = q;
}
