/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An RTP packet of a known flow: unprotect, accept, map, protect, send. The
 * steps are global functions, so that the verifier looks at each one alone;
 * what they share lies in struct sluice_work.
 */
#ifndef SLUICE_STAGE_RELAY_H
#define SLUICE_STAGE_RELAY_H

#include "lib/convert.h"
#include "lib/mki.h"
#include "lib/rtp.h"
#include "lib/srtp.h"
#include "maps.h"
#include "stage/find.h"
#include "stage/rewrite.h"
#include "stage/source.h"

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

/* Into scratch; header, source, index. */
static __always_inline int sluice_relay_read(struct xdp_md *ctx,
					     struct sluice_work *w)
{
	__u32 len = w->len;
	int err;

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
	w->rtp.timestamp = sluice_convert_arriving(&w->payload,
						   w->rtp.timestamp);
	w->rtp.is_foreign_clock = w->payload.convert ==
				  SLUICE_CONVERT_EVENT_UP;
	return sluice_source_estimate(w);
}

/* Of an SRTP packet only. */
SLUICE_STEP int sluice_relay_open(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	struct sluice_key *key;
	__u32 slot;
	int len;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	slot = w->rx_key;
	key = bpf_map_lookup_elem(&sl_keys, &slot);
	if (!key || !key->profile)
		return -SLUICE_DROP_NOT_READY;
	len = sluice_mki_take(key, w->packet, w->len,
			      sluice_srtp_tag_len(key->profile));
	if (len < 0)
		return len;
	len = sluice_srtp_unprotect(key, w->index, w->rtp.ssrc, w->packet,
				    w->rtp.payload_off, len);
	if (len < 0)
		return len;
	w->len = len;
	w->rtp.payload_len = len - w->rtp.payload_off;
	return 0;
}

/* What stays of the header: without extensions where nobody agreed to them. */
static __always_inline __u32 sluice_header_len(const struct sluice_work *w,
					       const struct sluice_relay *r)
{
	if ((r->flags & SLUICE_RELAY_EXTENSIONS) && w->rtp.extension)
		return w->rtp.payload_off;
	return SLUICE_RTP_HEADER_LEN + 4 * (w->rtp.csrc_count & 0x0f);
}

/* 0 or -SLUICE_DROP_x: whether and how an accepted packet can leave. */
static __always_inline int sluice_relay_way(const struct sluice_work *w,
					    const struct sluice_relay *r)
{
	__u32 slot = r->next_hop, size, trailer_len = 0;
	struct sluice_next_hop *hop;
	struct sluice_key *key;

	if (!(r->flags & SLUICE_RELAY_TO_READY))
		return -SLUICE_DROP_NOT_READY;
	hop = bpf_map_lookup_elem(&sl_next_hops, &slot);
	if (!hop || !(hop->flags & SLUICE_HOP_VALID))
		return -SLUICE_DROP_NEXT_HOP;
	slot = w->tx_key;
	if (slot) {
		key = bpf_map_lookup_elem(&sl_keys, &slot);
		if (!key || !key->profile)
			return -SLUICE_DROP_NOT_READY;
		trailer_len = sluice_srtp_tag_len(key->profile) + key->mki_len;
	}
	size = sluice_header_len(w, r) + w->rtp.payload_len + trailer_len;
	if (size > SLUICE_PACKET_MAX ||
	    size + sluice_head_len(&r->egress) > hop->mtu)
		return -SLUICE_DROP_TOO_BIG;
	return 0;
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

static __always_inline void sluice_write_rtp(struct sluice_work *w,
					     const struct sluice_relay *r,
					     __u32 header)
{
	__u8 extension = r->flags & SLUICE_RELAY_EXTENSIONS ?
				 w->rtp.extension : 0;

	w->packet[0] = 0x80 | w->rtp.padding << 5 | extension << 4 |
		       (w->rtp.csrc_count & 0x0f);
	w->packet[1] = w->rtp.marker << 7 | (w->payload.out_pt & 0x7f);
	sluice_put16(w->packet + 2, (__u16)w->out_index);
	sluice_put32(w->packet + 4,
		     sluice_convert_leaving(&w->payload, w->out_timestamp));
	sluice_put32(w->packet + 8, r->out_ssrc);
	w->rtp.payload_off = header;
	w->len = header + w->rtp.payload_len;
}

/* Authentic from here on: state may change. Then the new header. */
SLUICE_STEP int sluice_relay_accept(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	enum sluice_fate fate = SLUICE_FATE_SEND;
	struct sluice_relay *r;
	__u32 header;
	int err, way = 0;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	r = sluice_relay_of(w->stream);
	if (!r)
		return -SLUICE_DROP_INTERNAL;
	if (!(r->flags & SLUICE_RELAY_ACTIVE)) {
		fate = SLUICE_FATE_HELD;
		way = -SLUICE_DROP_HELD;
	} else if (w->payload.convert == SLUICE_CONVERT_REPORT) {
		fate = SLUICE_FATE_REPORT;
	} else {
		way = sluice_relay_way(w, r);
		if (way)
			fate = SLUICE_FATE_LOST;
	}
	if (w->slot == SLUICE_NO_SLOT) {
		err = sluice_source_new(ctx);
		if (err)
			return err;
	}
	err = sluice_source_take(w, r->clock_hz, fate);
	if (err || way)
		return err ? err : way;
	if (fate == SLUICE_FATE_REPORT) {
		sluice_event_digit(w);
		sluice_count(SLUICE_COUNT_REPORTED);
		return XDP_DROP;
	}
	header = sluice_header_len(w, r);
	err = sluice_close_gap(ctx, w, header);
	if (err)
		return err;
	sluice_convert_payload(&w->payload, w->packet, header,
			       header + w->rtp.payload_len, w->rtp.padding);
	sluice_write_rtp(w, r, header);
	return 0;
}

/* Towards SRTP only. */
SLUICE_STEP int sluice_relay_close(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	struct sluice_relay *r;
	struct sluice_key *key;
	__u32 slot;
	int len;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	r = sluice_relay_of(w->stream);
	slot = w->tx_key;
	key = bpf_map_lookup_elem(&sl_keys, &slot);
	if (!r || !key)
		return -SLUICE_DROP_INTERNAL;
	len = sluice_srtp_protect(key, w->out_index, r->out_ssrc, w->packet,
				  w->rtp.payload_off, w->len);
	if (len < 0)
		return len;
	len = sluice_mki_put(key, w->packet, len,
			     sluice_srtp_tag_len(key->profile));
	if (len < 0)
		return len;
	w->len = len;
	return 0;
}

static __always_inline int sluice_relay_send(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	struct sluice_next_hop *hop;
	struct sluice_relay *r;
	__u32 slot;
	int err;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	r = sluice_relay_of(w->stream);
	if (!r)
		return -SLUICE_DROP_INTERNAL;
	slot = r->next_hop;
	hop = bpf_map_lookup_elem(&sl_next_hops, &slot);
	if (!hop)
		return -SLUICE_DROP_NEXT_HOP;
	err = sluice_rewrite(ctx, w, &r->egress, NULL, hop);
	if (err)
		return err;
	sluice_count(r->flags & SLUICE_RELAY_FROM_WEB ?
		     SLUICE_COUNT_RELAYED_WEB : SLUICE_COUNT_RELAYED_SIP);
	return sluice_send(ctx, hop);
}

static __always_inline int sluice_relay(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	int err;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	if (w->rx_key) {
		err = sluice_relay_open(ctx);
		if (err)
			return err;
	}
	err = sluice_relay_accept(ctx);
	if (err)
		return err;
	if (w->tx_key) {
		err = sluice_relay_close(ctx);
		if (err)
			return err;
	}
	return sluice_relay_send(ctx);
}

#endif
