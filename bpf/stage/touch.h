/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * With thousands of calls nearly every line that a packet needs comes from
 * memory, each known only when the one before has arrived. Touched together,
 * by what the flow's last packets needed, they come at once.
 */
#ifndef SLUICE_STAGE_TOUCH_H
#define SLUICE_STAGE_TOUCH_H

#include "maps.h"

#define SLUICE_LINE	64

static __always_inline void sluice_touch(const void *p)
{
	(void)*(const volatile __u64 *)p;
}

static __always_inline void sluice_touch_key(__u32 slot)
{
	const struct sluice_key *key;
	const __u8 *p;
	__u32 i;

	if (!slot)
		return;
	key = bpf_map_lookup_elem(&sl_keys, &slot);
	if (!key)
		return;
	p = (const __u8 *)key;
	/* up to the last round key of AES-128, then GHASH's table */
#pragma unroll
	for (i = 0; i < 448; i += SLUICE_LINE)
		sluice_touch(p + i);
	p = (const __u8 *)key->ghash_table;
	/* a branch that is predicted long before the profile is there */
	if (key->profile < SLUICE_SRTP_AEAD_AES_128_GCM)
		return;
#pragma unroll
	for (i = 0; i < sizeof(key->ghash_table); i += SLUICE_LINE)
		sluice_touch(p + i);
}

/* Once in the life of a flow, when both sides are ready. */
static __always_inline void sluice_touch_learn(struct sluice_flow *flow,
					       const struct sluice_transport *t)
{
	const struct sluice_transport *to;
	const struct sluice_stream *stream;
	struct sluice_hint hint = { .stream = t->streams[0],
				    .rx_key = t->rx_key };

	stream = bpf_map_lookup_elem(&sl_streams, &hint.stream);
	if (!hint.stream || !stream || !(t->flags & SLUICE_TRANSPORT_READY))
		return;
	hint.to = stream->to;
	to = bpf_map_lookup_elem(&sl_transports, &hint.to);
	if (!to || !(to->flags & SLUICE_TRANSPORT_READY))
		return;
	hint.tx_key = to->tx_key;
	flow->hint = hint;
}

static __always_inline void sluice_touch_flow(struct sluice_flow *flow,
					      __u8 pt)
{
	struct sluice_hint hint = flow->hint;
	const struct sluice_transport *t, *to;
	const struct sluice_stream *stream;
	const struct sluice_out_value *out;
	__u32 id = flow->transport;

	t = bpf_map_lookup_elem(&sl_transports, &id);
	if (!t)
		return;
	if (!hint.stream) {
		sluice_touch_learn(flow, t);
		return;
	}
	sluice_touch(t);
	sluice_touch(t->streams);
	sluice_touch(&t->payload[pt & 0x7e]);
	stream = bpf_map_lookup_elem(&sl_streams, &hint.stream);
	if (stream)
		sluice_touch(stream);
	out = bpf_map_lookup_elem(&sl_out, &hint.stream);
	if (out)
		sluice_touch(&out->sources);
	to = bpf_map_lookup_elem(&sl_transports, &hint.to);
	if (to) {
		sluice_touch(to);
		sluice_touch(to->streams);
	}
	sluice_touch_key(hint.rx_key);
	sluice_touch_key(hint.tx_key);
}

#endif
