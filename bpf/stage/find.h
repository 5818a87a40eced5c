/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a flow to the stream that a packet is of. With thousands of calls nearly
 * every line that it needs comes from memory, each known only when the one
 * before has arrived. So the flow notes what its last packets needed, and all
 * of that is touched together.
 */
#ifndef SLUICE_STAGE_FIND_H
#define SLUICE_STAGE_FIND_H

#include "lib/flow.h"
#include "maps.h"

#define SLUICE_LINE	64

static __always_inline struct sluice_transport *sluice_transport(__u32 id)
{
	return bpf_map_lookup_elem(&sl_transports, &id);
}

static __always_inline struct sluice_relay *sluice_relay_of(__u32 stream)
{
	return bpf_map_lookup_elem(&sl_relays, &stream);
}

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

/* The first source's; that of most streams. */
static __always_inline void sluice_touch_state(__u32 stream)
{
	const struct sluice_state_value *v;

	v = bpf_map_lookup_elem(&sl_states, &stream);
	if (!v)
		return;
	sluice_touch(&v->next_index);
	sluice_touch(&v->source[0]);
	sluice_touch(&v->source[0].last_seen_ns);
}

static __always_inline struct sluice_near_flow *
sluice_near_flow(const struct sluice_flow_key *key)
{
	__u32 zero = 0, at, i;
	struct sluice_control *c;
	struct sluice_near *near;

	c = bpf_map_lookup_elem(&sl_control, &zero);
	if (!c)
		return NULL;
	at = sluice_flow_hash(key) & c->near_mask;
	near = bpf_map_lookup_elem(&sl_near, &at);
	if (!near)
		return NULL;
#pragma unroll
	for (i = 0; i < SLUICE_FLOW_WAYS; i++)
		if (sluice_flow_is(&near->way[i], key))
			return &near->way[i];
	return NULL;
}

/* The relay's own word on a payload type. */
static __always_inline bool sluice_relay_takes(const struct sluice_relay *r,
					       __u8 pt,
					       struct sluice_payload *ret)
{
	__u32 i;

#pragma unroll
	for (i = 0; i < SLUICE_RELAY_PAYLOADS; i++) {
		if (r->payload[i].pt != pt)
			continue;
		ret->out_pt = r->payload[i].out_pt;
		ret->convert = r->payload[i].convert;
		ret->ratio = r->payload[i].ratio;
		return true;
	}
	return false;
}

/*
 * By the transport: the first packets of a flow, and those of which there are
 * few.
 */
static __always_inline struct sluice_relay *
sluice_find_long(struct sluice_work *w, struct sluice_hint *hint, __u8 pt,
		 int *ret_err)
{
	struct sluice_payload *payload;
	struct sluice_transport *t;
	struct sluice_relay *r;
	__u32 slot, id;

	*ret_err = -SLUICE_DROP_NOT_READY;
	t = sluice_transport(w->transport);
	if (!t || !(t->flags & SLUICE_TRANSPORT_READY))
		return NULL;
	*ret_err = -SLUICE_DROP_PAYLOAD_TYPE;
	payload = &t->payload[pt];
	slot = payload->stream;
	if (slot >= SLUICE_STREAMS_PER_TRANSPORT)
		return NULL;
	w->payload = *payload;
	id = t->streams[slot];
	w->stream = id;
	r = sluice_relay_of(id);
	if (!id || !r || r->from != w->transport)
		return NULL;
	if (hint) {
		hint->stream = id;
		hint->key = r->rx_key ? r->rx_key : r->tx_key;
	}
	return r;
}

/**
 * sluice_find - the stream of an RTP packet
 * @near: the flow; NULL: work->transport is all that is known
 * @pt: payload type, not authentic yet
 *
 * Sets work->stream, payload, rx_key and tx_key.
 *
 * Return: SLUICE_GO_RTP, -SLUICE_DROP_NOT_READY or -SLUICE_DROP_PAYLOAD_TYPE.
 */
static __always_inline int sluice_find(struct sluice_work *w,
				       struct sluice_near_flow *near, __u8 pt)
{
	struct sluice_hint *hint = NULL;
	struct sluice_relay *r = NULL;
	__u32 id;
	int err = 0;

	if (near) {
		hint = &near->hint[pt & (SLUICE_FLOW_HINTS - 1)];
		id = hint->stream;
		w->stream = id;
		r = sluice_relay_of(id);
		sluice_touch_state(id);
		sluice_touch_key(hint->key);
		if (r && (!id || r->from != w->transport ||
			  !sluice_relay_takes(r, pt, &w->payload)))
			r = NULL;
	}
	if (!r)
		r = sluice_find_long(w, hint, pt, &err);
	if (!r)
		return err;
	if (!(r->flags & SLUICE_RELAY_FROM_READY))
		return -SLUICE_DROP_NOT_READY;
	w->rx_key = r->rx_key;
	w->tx_key = r->tx_key;
	sluice_touch(&r->egress);
	return SLUICE_GO_RTP;
}

#endif
