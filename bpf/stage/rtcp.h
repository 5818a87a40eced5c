/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * RTCP of a known flow: unprotect, accept, see which m-line it is about,
 * write it anew for the other side, protect, send. What concerns several
 * m-lines would leave as several packets, which XDP cannot: the daemon gets
 * it, as it arrived, after it was authenticated and accepted here. So there
 * is one replay window, and one owner of the outgoing SRTCP indices.
 */
#ifndef SLUICE_STAGE_RTCP_H
#define SLUICE_STAGE_RTCP_H

#include "lib/index.h"
#include "lib/mki.h"
#include "lib/rtcp.h"
#include "lib/srtcp.h"
#include "maps.h"
#include "stage/parse.h"
#include "stage/relay.h"
#include "stage/rewrite.h"

/* Beside struct sluice_work, whose packet[] is what leaves. */
struct sluice_rtcp_scratch {
	__u32 stream[SLUICE_STREAMS_PER_TRANSPORT];
	__u32 lines;		/* what the compound concerns */
	__u32 index;		/* SRTCP, as it arrived */
	__u32 out_index;
	__u32 reserved;
	struct sluice_rtcp r;
	__u8 in[SLUICE_SCRATCH];
	__u8 tail[SLUICE_SCRATCH_ROOM - SLUICE_SCRATCH];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sluice_rtcp_scratch);
} sl_rtcp_work SEC(".maps");

static __always_inline struct sluice_rtcp_scratch *sluice_rtcp_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&sl_rtcp_work, &zero);
}

static __always_inline struct sluice_peer *
sluice_peer_of(struct sluice_peer_value *v)
{
	return (struct sluice_peer *)v;
}

/* Into scratch; the replay check ahead of the cipher. */
SLUICE_STEP int sluice_rtcp_read(struct xdp_md *ctx)
{
	struct sluice_rtcp_scratch *s = sluice_rtcp_scratch();
	struct sluice_work *w = sluice_work();
	struct sluice_peer_value *peer;
	struct sluice_transport *t;
	struct sluice_key *key;
	__u32 len, slot, id, ssrc;
	int err;

	if (!w || !s)
		return -SLUICE_DROP_INTERNAL;
	id = w->transport;
	t = sluice_transport(id);
	if (!t || !sluice_is_ready(t))
		return -SLUICE_DROP_NOT_READY;
	if (!(w->flow_flags & SLUICE_FLOW_RTCP) &&
	    !(t->flags & SLUICE_TRANSPORT_RTCP_MUX))
		return -SLUICE_DROP_RTCP;
	len = w->len;
	if (len < SLUICE_RTCP_HEADER_LEN)
		return -SLUICE_DROP_SHORT;
	if (len > SLUICE_PACKET_MAX)
		return -SLUICE_DROP_TOO_BIG;
	if (bpf_xdp_load_bytes(ctx, w->udp_off, s->in,
			       sluice_bound_len(len, SLUICE_SCRATCH - 1)))
		return -SLUICE_DROP_INTERNAL;
	slot = t->rx_key;
	if (!slot)
		return 0;
	key = bpf_map_lookup_elem(&sl_keys, &slot);
	peer = bpf_map_lookup_elem(&sl_peers, &id);
	if (!key || !key->profile || !peer)
		return -SLUICE_DROP_NOT_READY;
	err = sluice_mki_take(key, s->in, len,
			      sluice_srtcp_tag_len(key->profile));
	if (err < 0)
		return err;
	w->len = len = err;
	err = sluice_srtcp_peek(key, s->in, len, &slot);
	if (err)
		return err;
	slot &= SLUICE_SRTCP_INDEX_MAX;
	ssrc = sluice_get32(s->in + 4);
	bpf_spin_lock(&peer->lock);
	err = sluice_peer_check(sluice_peer_of(peer), ssrc, slot);
	bpf_spin_unlock(&peer->lock);
	return err;
}

SLUICE_STEP int sluice_rtcp_open(struct xdp_md *ctx)
{
	struct sluice_rtcp_scratch *s = sluice_rtcp_scratch();
	struct sluice_work *w = sluice_work();
	struct sluice_transport *t;
	struct sluice_key *key;
	__u32 slot, index = 0;
	int len;

	if (!w || !s)
		return -SLUICE_DROP_INTERNAL;
	t = sluice_transport(w->transport);
	if (!t)
		return -SLUICE_DROP_INTERNAL;
	slot = t->rx_key;
	if (!slot)
		return 0;
	key = bpf_map_lookup_elem(&sl_keys, &slot);
	if (!key)
		return -SLUICE_DROP_INTERNAL;
	len = sluice_srtcp_unprotect(key, sluice_get32(s->in + 4), s->in,
				     w->len, &index);
	if (len < 0)
		return len;
	w->len = len;
	s->index = index;
	return 0;
}

/* Authentic from here on. */
SLUICE_STEP int sluice_rtcp_accept(struct xdp_md *ctx)
{
	struct sluice_rtcp_scratch *s = sluice_rtcp_scratch();
	struct sluice_work *w = sluice_work();
	struct sluice_peer_value *peer;
	struct sluice_transport *t;
	__u32 id, ssrc, index;
	int err;

	if (!w || !s)
		return -SLUICE_DROP_INTERNAL;
	id = w->transport;
	t = sluice_transport(id);
	peer = bpf_map_lookup_elem(&sl_peers, &id);
	if (!t || !peer)
		return -SLUICE_DROP_INTERNAL;
	if (!t->rx_key)
		return 0;
	ssrc = sluice_get32(s->in + 4);
	index = s->index;
	/* again: another CPU may have accepted the same index meanwhile */
	bpf_spin_lock(&peer->lock);
	err = sluice_peer_accept(sluice_peer_of(peer), ssrc, index);
	bpf_spin_unlock(&peer->lock);
	return err;
}

/* The current source of a stream; its deltas, unless it is mapped anew. */
static __always_inline __u32 sluice_rtcp_source(__u32 id, __u32 *seq_delta,
						__u32 *timestamp_delta)
{
	struct sluice_state_value *v = sluice_state(id);
	struct sluice_ssrc *s;
	__u32 ssrc, slot;

	if (!v || !v->next_index)
		return 0;
	ssrc = v->current_ssrc;
	slot = sluice_source_slot(v, ssrc);
	if (slot == SLUICE_NO_SLOT)
		return ssrc;
	s = sluice_source_at(v, slot);
	if (s->index_delta != SLUICE_DELTA_RESYNC) {
		*seq_delta = (__u32)s->index_delta;
		*timestamp_delta = s->timestamp_delta;
	}
	return ssrc;
}

/* One stream that arrives on the transport, as a line for the reading. */
static long sluice_rtcp_line_step(__u32 i, void *context)
{
	struct sluice_rtcp_scratch *s = sluice_rtcp_scratch();
	struct sluice_work *w = sluice_work();
	__u32 slot = i & (SLUICE_STREAMS_PER_TRANSPORT - 1), unused = 0;
	struct sluice_stream *to, *back;
	struct sluice_rtcp_line *line;
	struct sluice_transport *t;
	__u32 id, reverse;

	if (!s || !w)
		return 1;
	t = sluice_transport(w->transport);
	if (!t)
		return 1;
	line = &s->r.line[slot];
	__builtin_memset(line, 0, sizeof(*line));
	id = t->streams[slot];
	s->stream[slot] = id;
	to = sluice_stream(id);
	if (!id || !to || to->from != w->transport)
		return 0;
	line->out_ssrc = to->out_ssrc;
	line->feedback = to->feedback;
	__builtin_memcpy(line->cname, to->cname, sizeof(line->cname));
	line->in_ssrc = sluice_rtcp_source(id, &unused,
					   &line->timestamp_delta);
	reverse = to->reverse;
	back = sluice_stream(reverse);
	if (!reverse || !back)
		return 0;
	line->seen_ssrc = back->out_ssrc;
	line->source_ssrc = sluice_rtcp_source(reverse, &line->seq_delta,
					       &unused);
	return 0;
}

SLUICE_STEP int sluice_rtcp_lines(struct xdp_md *ctx)
{
	bpf_loop(SLUICE_STREAMS_PER_TRANSPORT, sluice_rtcp_line_step, NULL, 0);
	return 0;
}

SLUICE_STEP int sluice_rtcp_find(struct xdp_md *ctx)
{
	struct sluice_rtcp_scratch *s = sluice_rtcp_scratch();
	struct sluice_work *w = sluice_work();
	struct sluice_peer_value *peer;
	__u32 lines = 0, id;
	int err;

	if (!w || !s)
		return -SLUICE_DROP_INTERNAL;
	id = w->transport;
	peer = bpf_map_lookup_elem(&sl_peers, &id);
	if (!peer)
		return -SLUICE_DROP_INTERNAL;
	err = sluice_rtcp_scan(&s->r, s->in, w->len, &lines);
	/* whomever it concerns: who only listens is there as well */
	if (s->r.is_whole) {
		__sync_fetch_and_add(&peer->rtcp_packets, 1);
		peer->last_rtcp_ns = w->now_ns;
	}
	s->lines = lines;
	return err;
}

/*
 * The one line, its stream and where it leaves. XDP_PASS: the daemon's, for
 * there are several, or the RTCP address is another one than RTP's.
 */
SLUICE_STEP int sluice_rtcp_choose(struct xdp_md *ctx)
{
	struct sluice_rtcp_scratch *s = sluice_rtcp_scratch();
	struct sluice_work *w = sluice_work();
	struct sluice_transport *to;
	struct sluice_stream *stream;
	__u32 i, lines;

	if (!w || !s)
		return -SLUICE_DROP_INTERNAL;
	lines = s->lines;
	if (lines & (lines - 1))
		return XDP_PASS;
	w->stream = 0;
#pragma unroll
	for (i = 0; i < SLUICE_STREAMS_PER_TRANSPORT; i++) {
		if (!(lines >> i & 1))
			continue;
		w->stream = s->stream[i];
		s->r.map = s->r.line[i];
	}
	stream = sluice_stream(w->stream);
	if (!w->stream || !stream)
		return -SLUICE_DROP_INTERNAL;
	to = sluice_transport(stream->to);
	if (!to || !sluice_is_ready(to))
		return -SLUICE_DROP_NOT_READY;
	if (to->flags & SLUICE_TRANSPORT_RTCP_MUX)
		return 0;
	if (!to->rtcp_local_port)
		return -SLUICE_DROP_RTCP;
	return to->rtcp_remote_port ? 0 : XDP_PASS;
}

static __always_inline void sluice_event_picture(struct sluice_work *w)
{
	struct sluice_event e = {
		.type = SLUICE_EVENT_PICTURE,
		.transport = w->transport,
		.stream = w->stream,
		.time_ns = w->now_ns,
	};

	bpf_ringbuf_output(&sl_events, &e, sizeof(e), 0);
}

/* Into packet[]. */
SLUICE_STEP int sluice_rtcp_build(struct xdp_md *ctx)
{
	struct sluice_rtcp_scratch *s = sluice_rtcp_scratch();
	struct sluice_work *w = sluice_work();
	int err;

	if (!w || !s)
		return -SLUICE_DROP_INTERNAL;
	err = sluice_rtcp_write(&s->r, s->in, w->packet);
	if (s->r.is_wanted && sluice_may_tell(w)) {
		sluice_event_picture(w);
		if (err) {
			sluice_count(SLUICE_COUNT_REPORTED);
			return XDP_DROP;
		}
	}
	if (err)
		return err;
	w->len = s->r.out_len;
	return 0;
}

/* Egress checks and the outgoing index. */
SLUICE_STEP int sluice_rtcp_map(struct xdp_md *ctx)
{
	struct sluice_rtcp_scratch *s = sluice_rtcp_scratch();
	struct sluice_work *w = sluice_work();
	__u32 slot, size, id, trailer_len = 0;
	struct sluice_rtcp_out *out;
	struct sluice_transport *to;
	struct sluice_next_hop *hop;
	struct sluice_stream *stream;
	struct sluice_key *key;
	__u64 index;

	if (!w || !s)
		return -SLUICE_DROP_INTERNAL;
	id = w->stream;
	stream = sluice_stream(id);
	out = bpf_map_lookup_elem(&sl_rtcp, &id);
	if (!stream || !out)
		return -SLUICE_DROP_INTERNAL;
	to = sluice_transport(stream->to);
	if (!to)
		return -SLUICE_DROP_INTERNAL;
	slot = to->next_hop;
	hop = bpf_map_lookup_elem(&sl_next_hops, &slot);
	if (!hop || !(hop->flags & SLUICE_HOP_VALID))
		return -SLUICE_DROP_NEXT_HOP;
	slot = to->tx_key;
	if (slot) {
		key = bpf_map_lookup_elem(&sl_keys, &slot);
		if (!key || !key->profile)
			return -SLUICE_DROP_NOT_READY;
		trailer_len = sluice_srtcp_trailer_len(key->profile) +
			      key->mki_len;
	}
	size = w->len + trailer_len;
	if (size > SLUICE_PACKET_MAX ||
	    size + sluice_head_len(&to->egress) > hop->mtu)
		return -SLUICE_DROP_TOO_BIG;
	if (slot) {
		/* never the same one twice, whoever else is here just now */
		index = __sync_fetch_and_add(&out->next_index, 1);
		if (index > SLUICE_SRTCP_INDEX_MAX)
			return -SLUICE_DROP_KEY_LIMIT;
		s->out_index = (__u32)index;
	}
	__sync_fetch_and_add(&out->packets, 1);
	__sync_fetch_and_add(&out->left_out, s->r.left_out);
	out->last_ns = w->now_ns;
	return 0;
}

SLUICE_STEP int sluice_rtcp_close_packet(struct xdp_md *ctx)
{
	struct sluice_rtcp_scratch *s = sluice_rtcp_scratch();
	struct sluice_work *w = sluice_work();
	struct sluice_transport *to;
	struct sluice_stream *stream;
	struct sluice_key *key;
	__u32 slot;
	int len;

	if (!w || !s)
		return -SLUICE_DROP_INTERNAL;
	stream = sluice_stream(w->stream);
	if (!stream)
		return -SLUICE_DROP_INTERNAL;
	to = sluice_transport(stream->to);
	if (!to)
		return -SLUICE_DROP_INTERNAL;
	slot = to->tx_key;
	if (!slot)
		return 0;
	key = bpf_map_lookup_elem(&sl_keys, &slot);
	if (!key)
		return -SLUICE_DROP_INTERNAL;
	len = sluice_srtcp_protect(key, s->out_index, stream->out_ssrc,
				   w->packet, w->len);
	if (len < 0)
		return len;
	len = sluice_mki_put(key, w->packet, len,
			     sluice_srtcp_tag_len(key->profile));
	if (len < 0)
		return len;
	w->len = len;
	return 0;
}

SLUICE_STEP int sluice_rtcp_send(struct xdp_md *ctx)
{
	struct sluice_rtcp_scratch *s = sluice_rtcp_scratch();
	struct sluice_work *w = sluice_work();
	struct sluice_transport *from, *to;
	struct sluice_next_hop *hop;
	struct sluice_stream *stream;
	__u32 slot;
	int err;

	if (!w || !s)
		return -SLUICE_DROP_INTERNAL;
	stream = sluice_stream(w->stream);
	from = sluice_transport(w->transport);
	if (!stream || !from)
		return -SLUICE_DROP_INTERNAL;
	to = sluice_transport(stream->to);
	if (!to)
		return -SLUICE_DROP_INTERNAL;
	slot = to->next_hop;
	hop = bpf_map_lookup_elem(&sl_next_hops, &slot);
	if (!hop)
		return -SLUICE_DROP_NEXT_HOP;
	err = sluice_rewrite(ctx, w, &to->egress,
			     to->flags & SLUICE_TRANSPORT_RTCP_MUX ? NULL : to,
			     hop);
	if (err)
		return err;
	sluice_count(from->flags & SLUICE_TRANSPORT_WEB ?
		     SLUICE_COUNT_RTCP_WEB : SLUICE_COUNT_RTCP_SIP);
	if (s->r.left_out)
		sluice_count(SLUICE_COUNT_RTCP_LEFT_OUT);
	return sluice_send(ctx, hop);
}

static __always_inline int sluice_rtcp(struct xdp_md *ctx)
{
	int err;

	err = sluice_rtcp_read(ctx);
	if (!err)
		err = sluice_rtcp_open(ctx);
	if (!err)
		err = sluice_rtcp_accept(ctx);
	if (!err)
		err = sluice_rtcp_lines(ctx);
	if (!err)
		err = sluice_rtcp_find(ctx);
	if (!err)
		err = sluice_rtcp_choose(ctx);
	if (err > 0)
		return sluice_to_daemon(SLUICE_COUNT_PASSED_RTCP);
	if (!err)
		err = sluice_rtcp_build(ctx);
	if (!err)
		err = sluice_rtcp_map(ctx);
	if (!err)
		err = sluice_rtcp_close_packet(ctx);
	return err ? err : sluice_rtcp_send(ctx);
}

#endif
