// SPDX-License-Identifier: Apache-2.0
/* A stream's figures from its state, whichever backend kept it. */
#include <string.h>

#include "datapath/backends.h"
#include "lib/index.h"

static void add_source(struct datapath_stream_stats *stats,
		       const struct sluice_ssrc *s)
{
	uint64_t expected = s->packets ? s->highest - s->first_index + 1 : 0;

	stats->received += s->packets;
	stats->late += s->late;
	if (expected > s->packets)
		stats->lost += expected - s->packets;
	if (s->last_seen_ns > stats->last_seen_ns)
		stats->last_seen_ns = s->last_seen_ns;
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
	uint32_t i;

	memset(ret, 0, sizeof(*ret));
	ret->packets = state->out.packets;
	ret->bytes = state->out.bytes;
	ret->out_ssrc = stream->out_ssrc;
	ret->received = state->gone_packets;
	ret->lost = state->gone_lost;
	ret->late = state->gone_late;
	for (i = 0; i < state->out.sources; i++)
		add_source(ret, &state->source[i]);
	if (!s)
		return;
	ret->in_ssrc = s->ssrc;
	if (stream->clock_hz)
		ret->jitter_us = (uint32_t)((uint64_t)s->jitter_q4 * 1000000 /
					    16 / stream->clock_hz);
	if (s->index_delta == SLUICE_DELTA_RESYNC)
		return;
	ret->seq_delta = (uint32_t)s->index_delta;
	ret->timestamp_delta = s->timestamp_delta;
}
