/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arriving source: index estimate before authentication, creation and
 * commit after it. One lock at a time; no crypto under a lock.
 */
#ifndef SLUICE_STAGE_SOURCE_H
#define SLUICE_STAGE_SOURCE_H

#include "lib/convert.h"
#include "lib/index.h"
#include "maps.h"

#define SLUICE_SECOND_NS	1000000000ULL

/* The contract's view of a locked value; its lock word is never touched. */
static __always_inline struct sluice_ssrc *
sluice_ssrc_of(struct sluice_ssrc_value *v)
{
	return (struct sluice_ssrc *)v;
}

static __always_inline struct sluice_out_state *
sluice_out_of(struct sluice_out_value *v)
{
	return (struct sluice_out_state *)v;
}

static __always_inline void sluice_sources_add(__u32 stream, int by)
{
	struct sluice_out_value *out = bpf_map_lookup_elem(&sl_out, &stream);

	if (!out)
		return;
	bpf_spin_lock(&out->lock);
	out->sources += by;
	bpf_spin_unlock(&out->lock);
}

/* Replaces one slot of the stream's list; 0 is the free slot. */
static __always_inline bool sluice_sources_swap(__u32 stream, __u64 from,
						__u64 to)
{
	struct sluice_sources *list;
	int i;

	list = bpf_map_lookup_elem(&sl_sources, &stream);
	if (!list)
		return false;
#pragma unroll
	for (i = 0; i < SLUICE_SSRCS_PER_STREAM; i++)
		if (__sync_val_compare_and_swap(&list->keys[i], from, to) ==
		    from)
			return true;
	return false;
}

/**
 * sluice_source_estimate - index of an SRTP packet and first replay check
 *
 * Reads work->rtp, source_key, stream; sets work->index.
 */
static __always_inline int sluice_source_estimate(struct sluice_work *w)
{
	struct sluice_ssrc_value *v;
	struct sluice_out_value *out;
	__u64 index = 0;
	__u16 seq = w->rtp.seq;
	__u32 stream = w->stream, owner;
	int err;

	v = bpf_map_lookup_elem(&sl_ssrcs, &w->source_key);
	if (!v) {
		/* before the crypto, so that forgeries cost little */
		out = bpf_map_lookup_elem(&sl_out, &stream);
		if (!out || out->sources >= SLUICE_SSRCS_PER_STREAM)
			return -SLUICE_DROP_SSRC_LIMIT;
		return sluice_index_estimate(&w->source, seq, true, &w->index);
	}
	bpf_spin_lock(&v->lock);
	owner = v->stream;
	err = sluice_index_estimate(sluice_ssrc_of(v), seq,
				    !sluice_ssrc_of(v)->packets, &index);
	if (!err)
		err = sluice_index_check(sluice_ssrc_of(v), index);
	bpf_spin_unlock(&v->lock);
	/* one SSRC belongs to one m-line (RFC 3550 8.1) */
	if (owner != stream)
		return -SLUICE_DROP_PAYLOAD_TYPE;
	w->index = index;
	return err;
}

/* The entry of an authenticated packet's source, made if it is new. */
static __always_inline struct sluice_ssrc_value *
sluice_source_get(struct sluice_work *w, int *ret_err)
{
	__u64 key = (__u64)w->source_key.ssrc << 32 | w->source_key.transport;
	struct sluice_ssrc_value *v;
	__u32 stream = w->stream;
	int err;

	v = bpf_map_lookup_elem(&sl_ssrcs, &w->source_key);
	if (v)
		return v;
	if (!sluice_sources_swap(stream, 0, key)) {
		*ret_err = -SLUICE_DROP_SSRC_LIMIT;
		return NULL;
	}
	__builtin_memset(&w->source, 0, sizeof(w->source));
	w->source.stream = stream;
	w->source.bad_seq = SLUICE_BAD_SEQ_NONE;
	w->source.index_delta = SLUICE_DELTA_RESYNC;
	err = bpf_map_update_elem(&sl_ssrcs, &w->source_key, &w->source,
				  BPF_NOEXIST);
	if (!err)
		sluice_sources_add(stream, 1);
	else
		/* another CPU was first, or the map is full */
		sluice_sources_swap(stream, key, 0);
	v = bpf_map_lookup_elem(&sl_ssrcs, &w->source_key);
	if (!v)
		*ret_err = -SLUICE_DROP_SSRC_LIMIT;
	return v;
}

static __always_inline void sluice_event_first(struct sluice_work *w)
{
	struct sluice_event e = {
		.type = SLUICE_EVENT_FIRST_PACKET,
		.transport = w->source_key.transport,
		.stream = w->stream,
		.ssrc = w->source_key.ssrc,
		.time_ns = w->now_ns,
	};

	bpf_ringbuf_output(&sl_events, &e, sizeof(e), 0);
}

/* An authenticated RFC 4733 packet in packet[], decrypted. */
static __always_inline void sluice_event_digit(struct sluice_work *w)
{
	struct sluice_event e = {
		.type = SLUICE_EVENT_DIGIT,
		.transport = w->source_key.transport,
		.stream = w->stream,
		.ssrc = w->source_key.ssrc,
		.time_ns = w->now_ns,
		.timestamp = w->rtp.timestamp,
	};
	__u32 off = w->rtp.payload_off;

	sluice_opaque(off);
	if (w->rtp.payload_len < SLUICE_EVENT_LEN || off > SLUICE_RTP_READ_MAX)
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

/**
 * sluice_source_accept - commit an authenticated (or plain) packet
 * @plain: the index is still to be found, by RFC 3550 A.1
 * @held: the stream does not forward: index and window move all the same,
 *	since ROC must not be lost while a call is on hold
 *
 * Sets work->index and the mapping in work->source.
 */
static __always_inline int sluice_source_accept(struct sluice_work *w,
						__u32 clock_hz, bool plain,
						bool held)
{
	struct sluice_ssrc_value *v;
	struct sluice_ssrc *s;
	__u64 index = w->index, now_ns = w->now_ns, packets = 0;
	__s64 index_delta = 0;
	__u32 timestamp_delta = 0;
	int err = 0;

	v = sluice_source_get(w, &err);
	if (!v)
		return err;
	s = sluice_ssrc_of(v);
	bpf_spin_lock(&v->lock);
	if (v->stream != w->stream)
		err = -SLUICE_DROP_PAYLOAD_TYPE;
	else if (plain)
		err = sluice_index_plain(s, w->rtp.seq, &index);
	/* again: another CPU may have accepted the same index meanwhile */
	if (!err)
		err = sluice_index_check(s, index);
	if (!err) {
		sluice_index_commit(s, index, &w->rtp, clock_hz, now_ns);
		if (held)
			s->index_delta = SLUICE_DELTA_RESYNC;
		else if (w->payload.convert == SLUICE_CONVERT_REPORT)
			sluice_index_swallow(s, index);
		packets = s->packets;
		index_delta = s->index_delta;
		timestamp_delta = s->timestamp_delta;
	}
	bpf_spin_unlock(&v->lock);
	if (err)
		return err;
	w->index = index;
	w->source.index_delta = index_delta;
	w->source.timestamp_delta = timestamp_delta;
	if (packets == 1)
		sluice_event_first(w);
	return 0;
}

/**
 * sluice_source_map - outgoing index and timestamp; counts the packet
 *
 * Sets work->out_index and out_timestamp.
 */
static __always_inline int sluice_source_map(struct sluice_work *w,
					     __u32 clock_hz)
{
	__s64 old_delta = w->source.index_delta;
	__u32 old_timestamp = w->source.timestamp_delta;
	__u64 in_index = w->index, now_ns = w->now_ns, index = 0;
	__u32 ssrc = w->rtp.ssrc, in_timestamp = w->rtp.timestamp;
	__u32 timestamp = 0, stream = w->stream;
	struct sluice_out_value *out;
	struct sluice_out_state *o;
	struct sluice_ssrc_value *v;
	int err;

	out = bpf_map_lookup_elem(&sl_out, &stream);
	if (!out)
		return -SLUICE_DROP_INTERNAL;
	o = sluice_out_of(out);
	bpf_spin_lock(&out->lock);
	err = sluice_out_assign(o, &w->source, in_index, in_timestamp, ssrc,
				clock_hz, now_ns, &index, &timestamp);
	if (!err) {
		o->packets++;
		o->bytes += w->rtp.payload_len;
	}
	bpf_spin_unlock(&out->lock);

	if (w->source.index_delta != old_delta ||
	    w->source.timestamp_delta != old_timestamp) {
		v = bpf_map_lookup_elem(&sl_ssrcs, &w->source_key);
		if (v) {
			bpf_spin_lock(&v->lock);
			sluice_ssrc_of(v)->index_delta = w->source.index_delta;
			sluice_ssrc_of(v)->timestamp_delta =
				w->source.timestamp_delta;
			bpf_spin_unlock(&v->lock);
		}
	}
	w->out_index = index;
	w->out_timestamp = timestamp;
	return err;
}

#endif
