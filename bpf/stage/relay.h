/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An RTP packet of a known flow: unprotect, accept, map, protect, send. The
 * steps are global functions, so that the verifier looks at each one alone;
 * what they share lies in struct sluice_work.
 */
#ifndef SLUICE_STAGE_RELAY_H
#define SLUICE_STAGE_RELAY_H

#include "lib/convert.h"
#include "lib/rtp.h"
#include "lib/srtp.h"
#include "maps.h"
#include "stage/rewrite.h"
#include "stage/source.h"

static __always_inline struct sluice_transport *sluice_transport(__u32 id)
{
	return bpf_map_lookup_elem(&sl_transports, &id);
}

static __always_inline struct sluice_stream *sluice_stream(__u32 id)
{
	return bpf_map_lookup_elem(&sl_streams, &id);
}

/* A browser never gets or sends plain RTP. */
static __always_inline bool sluice_is_ready(const struct sluice_transport *t)
{
	if (!(t->flags & SLUICE_TRANSPORT_READY))
		return false;
	return !(t->flags & SLUICE_TRANSPORT_WEB) || (t->rx_key && t->tx_key);
}

/* Into scratch; header, payload type, stream, index. */
SLUICE_STEP int sluice_relay_read(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	struct sluice_transport *t;
	struct sluice_payload *payload;
	struct sluice_stream *stream;
	__u32 len, slot;
	int err;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	t = sluice_transport(w->transport);
	if (!t || !sluice_is_ready(t))
		return -SLUICE_DROP_NOT_READY;
	len = w->len;
	if (len < SLUICE_RTP_HEADER_LEN)
		return -SLUICE_DROP_SHORT;
	if (len > SLUICE_PACKET_MAX)
		return -SLUICE_DROP_TOO_BIG;
	if (bpf_xdp_load_bytes(ctx, w->udp_off, w->packet,
			       sluice_bound_len(len, SLUICE_SCRATCH - 1)))
		return -SLUICE_DROP_INTERNAL;
	err = sluice_rtp_parse(w->packet, len, &w->rtp);
	if (err)
		return err;

	payload = &t->payload[w->rtp.pt & 0x7f];
	slot = payload->stream;
	if (slot >= SLUICE_STREAMS_PER_TRANSPORT)
		return -SLUICE_DROP_PAYLOAD_TYPE;
	w->payload = *payload;
	w->rtp.timestamp = sluice_convert_arriving(payload, w->rtp.timestamp);
	w->rtp.is_foreign_clock = payload->convert == SLUICE_CONVERT_EVENT_UP;
	w->stream = t->streams[slot];
	stream = sluice_stream(w->stream);
	if (!w->stream || !stream || stream->from != w->transport)
		return -SLUICE_DROP_PAYLOAD_TYPE;
	w->source_key.transport = w->transport;
	w->source_key.ssrc = w->rtp.ssrc;
	return t->rx_key ? sluice_source_estimate(w) : 0;
}

SLUICE_STEP int sluice_relay_open(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	struct sluice_transport *t;
	struct sluice_key *key;
	__u32 slot;
	int len;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	t = sluice_transport(w->transport);
	if (!t)
		return -SLUICE_DROP_INTERNAL;
	slot = t->rx_key;
	if (!slot)
		return 0;
	key = bpf_map_lookup_elem(&sl_keys, &slot);
	if (!key || !key->profile)
		return -SLUICE_DROP_NOT_READY;
	len = sluice_srtp_unprotect(key, w->index, w->rtp.ssrc, w->packet,
				    w->rtp.payload_off, w->len);
	if (len < 0)
		return len;
	w->len = len;
	w->rtp.payload_len = len - w->rtp.payload_off;
	return 0;
}

/* Authentic from here on: state may change. */
SLUICE_STEP int sluice_relay_accept(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	struct sluice_transport *t;
	struct sluice_stream *stream;
	bool held;
	int err;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	t = sluice_transport(w->transport);
	stream = sluice_stream(w->stream);
	if (!t || !stream)
		return -SLUICE_DROP_INTERNAL;
	held = !(stream->flags & SLUICE_STREAM_ACTIVE);
	err = sluice_source_accept(w, stream->clock_hz, !t->rx_key, held);
	if (err)
		return err;
	if (held)
		return -SLUICE_DROP_HELD;
	if (w->payload.convert != SLUICE_CONVERT_REPORT)
		return 0;
	sluice_event_digit(w);
	sluice_count(SLUICE_COUNT_REPORTED);
	return XDP_DROP;
}

/* Takes a header extension out: the payload moves up by way of the frame. */
static __always_inline int sluice_close_gap(struct xdp_md *ctx,
					    struct sluice_work *w, __u32 header)
{
	__u32 off = w->rtp.payload_off;
	__u64 len;

	if (off == header || !w->rtp.payload_len)
		return 0;
	len = sluice_bound_len(w->rtp.payload_len, SLUICE_SCRATCH - 1);
	/* the frame still has the room of the whole arrived packet */
	if (bpf_xdp_store_bytes(ctx, w->udp_off,
				sluice_srtp_at(w->packet, off), len))
		return -SLUICE_DROP_INTERNAL;
	if (bpf_xdp_load_bytes(ctx, w->udp_off,
			       sluice_srtp_at(w->packet, header), len))
		return -SLUICE_DROP_INTERNAL;
	return 0;
}

/* Egress checks, the outgoing index, the new header. */
SLUICE_STEP int sluice_relay_map(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	struct sluice_transport *to;
	struct sluice_next_hop *hop;
	struct sluice_stream *stream;
	struct sluice_key *key;
	__u32 slot, header, size, tag_len = 0;
	int err;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	stream = sluice_stream(w->stream);
	if (!stream)
		return -SLUICE_DROP_INTERNAL;
	to = sluice_transport(stream->to);
	if (!to || !sluice_is_ready(to))
		return -SLUICE_DROP_NOT_READY;
	slot = to->next_hop;
	hop = bpf_map_lookup_elem(&sl_next_hops, &slot);
	if (!hop || !(hop->flags & SLUICE_HOP_VALID))
		return -SLUICE_DROP_NEXT_HOP;
	slot = to->tx_key;
	if (slot) {
		key = bpf_map_lookup_elem(&sl_keys, &slot);
		if (!key || !key->profile)
			return -SLUICE_DROP_NOT_READY;
		tag_len = sluice_srtp_tag_len(key->profile);
	}
	header = SLUICE_RTP_HEADER_LEN + 4 * (w->rtp.csrc_count & 0x0f);
	size = header + w->rtp.payload_len + tag_len;
	if (size > SLUICE_PACKET_MAX ||
	    size + sizeof(struct udphdr) +
	    (sluice_addr_is_v4(&to->local) ? sizeof(struct iphdr) :
	     sizeof(struct ipv6hdr)) > hop->mtu)
		return -SLUICE_DROP_TOO_BIG;

	err = sluice_close_gap(ctx, w, header);
	if (err)
		return err;
	err = sluice_source_map(w, stream->clock_hz);
	if (err)
		return err;
	sluice_convert_payload(&w->payload, w->packet, header,
			       header + w->rtp.payload_len, w->rtp.padding);
	w->packet[0] = 0x80 | w->rtp.padding << 5 | (w->rtp.csrc_count & 0x0f);
	w->packet[1] = w->rtp.marker << 7 | (w->payload.out_pt & 0x7f);
	sluice_put16(w->packet + 2, (__u16)w->out_index);
	sluice_put32(w->packet + 4,
		     sluice_convert_leaving(&w->payload, w->out_timestamp));
	sluice_put32(w->packet + 8, stream->out_ssrc);
	w->rtp.payload_off = header;
	w->len = header + w->rtp.payload_len;
	return 0;
}

SLUICE_STEP int sluice_relay_close(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	struct sluice_transport *to;
	struct sluice_stream *stream;
	struct sluice_key *key;
	__u32 slot;
	int len;

	if (!w)
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
	len = sluice_srtp_protect(key, w->out_index, stream->out_ssrc,
				  w->packet, w->rtp.payload_off, w->len);
	if (len < 0)
		return len;
	w->len = len;
	return 0;
}

SLUICE_STEP int sluice_relay_send(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	struct sluice_transport *from, *to;
	struct sluice_next_hop *hop;
	struct sluice_stream *stream;
	__u32 slot;
	int err;

	if (!w)
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
	err = sluice_rewrite(ctx, w, to, hop, false);
	if (err)
		return err;
	sluice_count(from->flags & SLUICE_TRANSPORT_WEB ?
		     SLUICE_COUNT_RELAYED_WEB : SLUICE_COUNT_RELAYED_SIP);
	return sluice_send(ctx, hop);
}

static __always_inline int sluice_relay(struct xdp_md *ctx)
{
	int err;

	err = sluice_relay_read(ctx);
	if (err)
		return err;
	err = sluice_relay_open(ctx);
	if (err)
		return err;
	err = sluice_relay_accept(ctx);
	if (err)
		return err;
	err = sluice_relay_map(ctx);
	if (err)
		return err;
	err = sluice_relay_close(ctx);
	if (err)
		return err;
	return sluice_relay_send(ctx);
}

#endif
