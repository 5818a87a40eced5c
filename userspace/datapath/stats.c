// SPDX-License-Identifier: Apache-2.0
/* A stream's figures from its state, whichever backend kept it. */
#include <string.h>

#include "datapath/backends.h"
#include "lib/index.h"

static struct datapath_source source_figures(const struct sluice_ssrc *s,
					     uint32_t clock_hz)
{
	uint64_t expected = s->packets ? s->highest - s->first_index + 1 : 0;
	struct datapath_source f = {
		.ssrc = s->ssrc, .received = s->packets, .late = s->late,
		.lost = expected > s->packets ? expected - s->packets : 0,
		.last_seen_ns = s->last_seen_ns,
	};

	if (clock_hz)
		f.jitter_us = (uint32_t)((uint64_t)s->jitter_q4 * 1000000 /
					 16 / clock_hz);
	return f;
}

static void add_source(struct datapath_stream_stats *stats,
		       const struct datapath_source *f)
{
	stats->source[stats->source_count++] = *f;
	stats->received += f->received;
	stats->late += f->late;
	stats->lost += f->lost;
	if (f->last_seen_ns > stats->last_seen_ns)
		stats->last_seen_ns = f->last_seen_ns;
}

/* What was sent last; before anything was, what was heard last. */
static const struct sluice_ssrc *current_source(const struct sluice_state *state)
{
	const struct sluice_ssrc *s, *newest = NULL;
	uint32_t i;

	for (i = 0; i < state->out.sources; i++) {
		s = &state->source[i];
		if (state->out.next_index && s->ssrc == state->out.current_ssrc)
			return s;
		if (!newest || s->last_seen_ns > newest->last_seen_ns)
			newest = s;
	}
	return newest;
}

void datapath_state_stats(const struct sluice_stream *stream,
			  const struct sluice_state *state,
			  struct datapath_stream_stats *ret)
{
	const struct sluice_ssrc *s = current_source(state);
	struct datapath_source f;
	uint32_t i;

	memset(ret, 0, sizeof(*ret));
	ret->packets = state->out.packets;
	ret->bytes = state->out.bytes;
	ret->out_ssrc = stream->out_ssrc;
	ret->received = state->gone_packets;
	ret->lost = state->gone_lost;
	ret->late = state->gone_late;
	for (i = 0; i < state->out.sources; i++) {
		f = source_figures(&state->source[i], stream->clock_hz);
		if (&state->source[i] == s)
			ret->jitter_us = f.jitter_us;
		add_source(ret, &f);
	}
	if (!s)
		return;
	ret->in_ssrc = s->ssrc;
	if (s->index_delta == SLUICE_DELTA_RESYNC)
		return;
	ret->seq_delta = (uint32_t)s->index_delta;
	ret->timestamp_delta = s->timestamp_delta;
}
