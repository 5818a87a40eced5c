/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* A stream's state, out of contract 2's three entries. */
#ifndef SLUICE_LIB_CONTRACT2_H
#define SLUICE_LIB_CONTRACT2_H

#include "lib/index.h"
#include "uapi/contract2.h"

static __always_inline void contract2_convert_out(const struct contract2_out *o,
						  struct sluice_out_state *ret)
{
	ret->next_index = o->next_index;
	ret->window[0] = o->window[0];
	ret->window[1] = o->window[1];
	ret->current_ssrc = o->current_ssrc;
	ret->last_timestamp = o->last_timestamp;
	ret->last_sent_ns = o->last_sent_ns;
	ret->packets = o->packets;
	ret->bytes = o->bytes;
}

static __always_inline void
contract2_convert_source(const struct contract2_ssrc *s, __u32 ssrc,
			 struct sluice_ssrc *ret)
{
	ret->ssrc = ssrc;
	ret->bad_seq = s->bad_seq;
	ret->highest = s->highest;
	ret->window[0] = s->window[0];
	ret->window[1] = s->window[1];
	ret->index_delta = s->index_delta;
	ret->timestamp_delta = s->timestamp_delta;
	ret->last_transit = s->last_transit;
	ret->packets = s->packets;
	ret->last_seen_ns = s->last_seen_ns;
	ret->bytes = s->bytes;
	ret->first_index = s->first_index;
	ret->late = s->late;
	ret->jitter_q4 = s->jitter_q4;
	ret->reserved = 0;
}

/* Where a source heard at that time goes; SLUICE_SSRCS_PER_STREAM: nowhere. */
static __always_inline __u32 contract2_place(const struct sluice_state *state,
					     __u64 last_seen_ns)
{
	__u64 oldest = last_seen_ns;
	__u32 i, slot = SLUICE_SSRCS_PER_STREAM;

	if (state->out.sources < SLUICE_SSRCS_PER_STREAM)
		return state->out.sources;
#pragma GCC unroll 8
	for (i = 0; i < SLUICE_SSRCS_PER_STREAM; i++)
		if (state->source[i].last_seen_ns < oldest) {
			oldest = state->source[i].last_seen_ns;
			slot = i;
		}
	return slot;
}

/**
 * contract2_add_source - one of up to 16 sources into a state of 8
 * @state: out is converted already
 * @scratch: room for one
 *
 * Those heard last stay; the figures of the others stay with the stream. A
 * secured one that is left out cannot be replayed: all places are taken, and
 * no secured source ever makes room.
 */
static __always_inline void
contract2_add_source(struct sluice_state *state, const struct contract2_ssrc *s,
		     __u32 ssrc, struct sluice_ssrc *scratch)
{
	struct sluice_ssrc *to;
	__u32 slot;

	slot = contract2_place(state, s->last_seen_ns);
	if (slot >= SLUICE_SSRCS_PER_STREAM) {
		contract2_convert_source(s, ssrc, scratch);
		sluice_source_gone(state, scratch);
		return;
	}
	to = &state->source[sluice_bound(slot, SLUICE_SSRCS_PER_STREAM - 1)];
	if (slot < state->out.sources)
		sluice_source_gone(state, to);
	else
		state->out.sources++;
	contract2_convert_source(s, ssrc, to);
	if (ssrc == state->out.current_ssrc)
		state->out.newest = (__u16)slot;
}

#endif
