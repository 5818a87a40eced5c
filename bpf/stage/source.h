/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arriving source: index estimate before authentication, creation and
 * commit after it, and the outgoing index in the same breath, under the
 * stream's lock. No crypto under a lock.
 */
#ifndef SLUICE_STAGE_SOURCE_H
#define SLUICE_STAGE_SOURCE_H

#include "lib/convert.h"
#include "lib/index.h"
#include "maps.h"
#include "stage/event.h"

#define SLUICE_SECOND_NS	1000000000ULL
#define SLUICE_NO_SLOT		SLUICE_SSRCS_PER_STREAM

/* The contract's view of a locked value; its lock word is never touched. */
static __always_inline struct sluice_out_state *
sluice_out_of(struct sluice_state_value *v)
{
	return (struct sluice_out_state *)v;
}

static __always_inline struct sluice_state_value *sluice_state(__u32 stream)
{
	return bpf_map_lookup_elem(&sl_states, &stream);
}

static __always_inline struct sluice_ssrc *
sluice_source_at(struct sluice_state_value *v, __u32 slot)
{
	return &v->source[sluice_bound(slot, SLUICE_SSRCS_PER_STREAM - 1)];
}

/* SLUICE_NO_SLOT: not known. Most packets are of the newest one's source. */
static __always_inline __u32
sluice_source_slot(struct sluice_state_value *v, __u32 ssrc)
{
	__u32 i, n = v->sources, slot = v->newest;

	if (slot < n && sluice_source_at(v, slot)->ssrc == ssrc)
		return slot;
	slot = SLUICE_NO_SLOT;
#pragma unroll
	for (i = 0; i < SLUICE_SSRCS_PER_STREAM; i++)
		if (i < n && v->source[i].ssrc == ssrc)
			slot = i;
	return slot;
}

/**
 * sluice_source_estimate - the source; of an SRTP packet its index and the
 * first replay check
 *
 * Reads work->rtp, stream and rx_key; sets work->slot and index.
 */
static __always_inline int sluice_source_estimate(struct sluice_work *w)
{
	struct sluice_state_value *v = sluice_state(w->stream);
	struct sluice_ssrc *s;
	__u64 index = 0;
	__u16 seq = w->rtp.seq;
	__u32 slot;
	int err;

	if (!v)
		return -SLUICE_DROP_INTERNAL;
	slot = sluice_source_slot(v, w->rtp.ssrc);
	w->slot = slot;
	if (!w->rx_key)
		return 0;
	if (slot == SLUICE_NO_SLOT) {
		/* before the crypto, so that forgeries cost little */
		if (v->sources >= SLUICE_SSRCS_PER_STREAM)
			return -SLUICE_DROP_SSRC_LIMIT;
		w->index = seq;
		return 0;
	}
	s = sluice_source_at(v, slot);
	/* a guess that the tag confirms; accepted under the lock */
	err = sluice_index_estimate(s, seq, !s->packets, &index);
	w->index = index;
	if (err || index > s->highest)
		return err;
	bpf_spin_lock(&v->lock);
	err = sluice_index_check(s, index);
	bpf_spin_unlock(&v->lock);
	return err;
}

/* One SSRC belongs to one m-line (RFC 3550 8.1): 1 if another one has it. */
static long sluice_source_elsewhere_step(__u32 i, void *context)
{
	struct sluice_work *w = sluice_work();
	struct sluice_transport *t;
	struct sluice_state_value *v;
	__u32 id;

	if (!w || i >= SLUICE_STREAMS_PER_TRANSPORT)
		return 1;
	id = w->transport;
	t = bpf_map_lookup_elem(&sl_transports, &id);
	if (!t)
		return 1;
	id = t->streams[i & (SLUICE_STREAMS_PER_TRANSPORT - 1)];
	if (!id || id == w->stream)
		return 0;
	v = sluice_state(id);
	if (!v || sluice_source_slot(v, w->rtp.ssrc) == SLUICE_NO_SLOT)
		return 0;
	*(int *)context = 1;
	return 1;
}

/*
 * The slot that a new source gets; the caller holds the lock. Of plain sources
 * the one that is silent longest makes room: its index is worth nothing. A
 * secured one stays, or its packets could be replayed.
 */
static __always_inline __u32
sluice_source_room(struct sluice_state_value *v, bool plain)
{
	__u64 oldest = ~0ULL;
	__u32 i, slot = SLUICE_NO_SLOT;

	if (v->sources < SLUICE_SSRCS_PER_STREAM)
		return v->sources++;
	if (!plain)
		return SLUICE_NO_SLOT;
#pragma unroll
	for (i = 0; i < SLUICE_SSRCS_PER_STREAM; i++)
		if (v->source[i].last_seen_ns < oldest) {
			oldest = v->source[i].last_seen_ns;
			slot = i;
		}
	sluice_source_gone((struct sluice_state *)v,
			   sluice_source_at(v, slot));
	return slot;
}

/* An entry for an authenticated packet's source, into work->slot. */
SLUICE_STEP int sluice_source_new(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	struct sluice_state_value *v;
	struct sluice_ssrc *s;
	bool plain;
	__u32 slot, ssrc;
	int is_elsewhere = 0;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	v = sluice_state(w->stream);
	if (!v)
		return -SLUICE_DROP_INTERNAL;
	bpf_loop(SLUICE_STREAMS_PER_TRANSPORT, sluice_source_elsewhere_step,
		 &is_elsewhere, 0);
	if (is_elsewhere)
		return -SLUICE_DROP_PAYLOAD_TYPE;
	plain = !w->rx_key;
	ssrc = w->rtp.ssrc;
	bpf_spin_lock(&v->lock);
	/* another CPU may have been first */
	slot = sluice_source_slot(v, ssrc);
	if (slot == SLUICE_NO_SLOT) {
		slot = sluice_source_room(v, plain);
		if (slot != SLUICE_NO_SLOT) {
			s = sluice_source_at(v, slot);
			__builtin_memset(s, 0, sizeof(*s));
			s->ssrc = ssrc;
			s->bad_seq = SLUICE_BAD_SEQ_NONE;
			s->index_delta = SLUICE_DELTA_RESYNC;
		}
	}
	bpf_spin_unlock(&v->lock);
	w->slot = slot;
	return slot == SLUICE_NO_SLOT ? -SLUICE_DROP_SSRC_LIMIT : 0;
}

static __always_inline void sluice_event_first(struct sluice_work *w)
{
	struct sluice_event e = {
		.type = SLUICE_EVENT_FIRST_PACKET,
		.transport = w->transport,
		.stream = w->stream,
		.ssrc = w->rtp.ssrc,
		.time_ns = w->now_ns,
	};

	bpf_ringbuf_output(&sl_events, &e, sizeof(e), 0);
}

/* An authenticated RFC 4733 packet in packet[], decrypted. */
static __always_inline void sluice_event_digit(struct sluice_work *w)
{
	struct sluice_event e = {
		.type = SLUICE_EVENT_DIGIT,
		.transport = w->transport,
		.stream = w->stream,
		.ssrc = w->rtp.ssrc,
		.time_ns = w->now_ns,
		.timestamp = w->rtp.timestamp,
	};
	__u32 off = w->rtp.payload_off;

	sluice_opaque(off);
	if (w->rtp.payload_len < SLUICE_EVENT_LEN || off > SLUICE_RTP_READ_MAX ||
	    !sluice_may_tell(w))
		return;
	e.value = sluice_get32(w->packet + off);
	bpf_ringbuf_output(&sl_events, &e, sizeof(e), 0);
}

/*
 * A packet that did not authenticate. Once a second and transport the daemon
 * is told of many: somebody forges, or the keys have come apart. Counted
 * without a lock; two CPUs at once may miss one.
 */
SLUICE_STEP int sluice_source_forged(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	struct sluice_event e = { .type = SLUICE_EVENT_AUTH_BURST };
	struct sluice_peer_value *peer;
	__u32 id;

	if (!w)
		return 0;
	id = w->transport;
	peer = bpf_map_lookup_elem(&sl_peers, &id);
	if (!peer)
		return 0;
	peer->forged++;
	if (w->now_ns - peer->burst_since_ns > SLUICE_SECOND_NS) {
		peer->burst_since_ns = w->now_ns;
		peer->burst = 0;
	}
	if (++peer->burst != SLUICE_AUTH_BURST)
		return 0;
	e.transport = id;
	e.time_ns = w->now_ns;
	e.value = SLUICE_AUTH_BURST;
	bpf_ringbuf_output(&sl_events, &e, sizeof(e), 0);
	return 0;
}

/* What becomes of an authentic packet, known before its index moves. */
enum sluice_fate {
	SLUICE_FATE_SEND,
	SLUICE_FATE_REPORT,	/* told of, not sent */
	SLUICE_FATE_HELD,	/* the stream does not forward */
	SLUICE_FATE_LOST,	/* nowhere to go */
};

/**
 * sluice_source_take - commit an authenticated (or plain) packet
 * @clock_hz: of the stream
 * @fate: whatever it is, arriving index and window move: ROC must not be lost
 *	while a call is on hold or its next hop is not there
 *
 * Sets work->index, and for SLUICE_FATE_SEND out_index and out_timestamp.
 */
static __always_inline int sluice_source_take(struct sluice_work *w,
					      __u32 clock_hz,
					      enum sluice_fate fate)
{
	__u64 index = w->index, now_ns = w->now_ns, out = 0, packets = 0;
	__u32 ssrc = w->rtp.ssrc, in_timestamp = w->rtp.timestamp;
	__u32 timestamp = 0, slot = w->slot;
	bool plain = !w->rx_key;
	struct sluice_state_value *v = sluice_state(w->stream);
	struct sluice_out_state *o;
	struct sluice_ssrc *s;
	int err = 0;

	if (!v)
		return -SLUICE_DROP_INTERNAL;
	s = sluice_source_at(v, slot);
	o = sluice_out_of(v);
	bpf_spin_lock(&v->lock);
	/* it may have made room meanwhile */
	if (s->ssrc != ssrc)
		err = -SLUICE_DROP_SSRC_LIMIT;
	else if (plain)
		err = sluice_index_plain(s, w->rtp.seq, &index);
	/* again: another CPU may have accepted the same index meanwhile */
	if (!err)
		err = sluice_index_check(s, index);
	if (!err) {
		sluice_index_commit(s, index, &w->rtp, clock_hz, now_ns);
		packets = s->packets;
		if (fate == SLUICE_FATE_HELD) {
			s->index_delta = SLUICE_DELTA_RESYNC;
		} else if (fate == SLUICE_FATE_REPORT) {
			sluice_index_swallow(s, index);
		} else if (fate == SLUICE_FATE_SEND) {
			err = sluice_out_assign(o, s, index, in_timestamp,
						ssrc, clock_hz, now_ns, &out,
						&timestamp);
			if (!err) {
				v->newest = slot;
				o->packets++;
				o->bytes += w->rtp.payload_len;
			}
		}
	}
	bpf_spin_unlock(&v->lock);
	w->index = index;
	w->out_index = out;
	w->out_timestamp = timestamp;
	if (packets == 1 && sluice_may_tell(w))
		sluice_event_first(w);
	return err;
}

#endif
