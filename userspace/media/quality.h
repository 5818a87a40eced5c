/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the figures of a stream mean to an ear: the E-model (ITU-T G.107) with
 * the codecs of G.113 appendix I, and who has fallen silent. Pure.
 *
 * The figures are those of the way from the sender to the gateway.
 */
#ifndef MEDIA_QUALITY_H
#define MEDIA_QUALITY_H

#include <stdint.h>

#include "media/media.h"

/* Packets before a direction is judged: a second of 20 ms frames. */
#define QUALITY_MIN_PACKETS	50
/* Silence of one side, while the other is heard; judged again for as long as
 * QUALITY_CONFIRM_MS, since after a hold one side is back before the other.
 */
#define QUALITY_SILENT_MS	3000
#define QUALITY_CONFIRM_MS	2000

/*
 * The rating R, 0 to 93.2: equipment impairment and packet loss robustness of
 * the codec, random loss in percent, mouth-to-ear delay in ms.
 */
double quality_rating(double ie, double bpl, double loss_percent,
		      double delay_ms);
/* G.107 annex B: 1 to 4.5. */
double quality_mos_of_rating(double r);

/*
 * Of one direction; codec by its SDP name. -ENOENT: a codec without figures
 * here; -ENODATA: too few packets so far.
 */
int quality_mos(const char *codec, const struct datapath_stream_stats *s,
		double *ret);

enum quality_silent {
	QUALITY_HEARD = 0,		/* both, or none, or not to judge */
	QUALITY_SILENT_WEB,
	QUALITY_SILENT_SIP,
};

/* One audio direction flows, the other one may and does not. */
enum quality_silent quality_silent(const struct media_figures *f,
				   uint64_t now_ms);
/* "web-silent", "sip-silent"; NULL for QUALITY_HEARD. */
const char *quality_silent_name(enum quality_silent s);

/* Over the audio of a call, both directions. */
struct quality {
	uint64_t received, lost;
	uint32_t jitter_us;		/* the worst direction's */
	double mos;			/* the worst direction's; 0: unknown */
};

void quality_of(const struct media_figures *f, struct quality *ret);

#endif
