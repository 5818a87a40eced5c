/* SPDX-License-Identifier: GPL-2.0-only */
/* The leaving frame: sized, addressed and summed anew, never patched. */
#ifndef SLUICE_STAGE_REWRITE_H
#define SLUICE_STAGE_REWRITE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

#include "lib/egress.h"
#include "maps.h"
#include "stage/parse.h"

#define SLUICE_CSUM_CHUNK	512	/* bpf_csum_diff() before 6.13 */

/* Sum of packet[0..len), not folded; an odd end is padded with zeros. */
static __always_inline __s64 sluice_csum_packet(struct sluice_work *w,
						__u32 len)
{
	__s64 sum = 0;
	__u32 size;
	__u32 i;

	if (len > SLUICE_PACKET_MAX)
		return -1;
	sluice_put32(sluice_srtp_at(w->packet, len), 0);
	len = (len + 3) & ~3U;
#pragma unroll
	for (i = 0; i <= SLUICE_PACKET_MAX / SLUICE_CSUM_CHUNK; i++) {
		if (len <= i * SLUICE_CSUM_CHUNK)
			break;
		size = len - i * SLUICE_CSUM_CHUNK;
		if (size > SLUICE_CSUM_CHUNK)
			size = SLUICE_CSUM_CHUNK;
		sum = bpf_csum_diff(NULL, 0, (__be32 *)(w->packet +
				    i * SLUICE_CSUM_CHUNK),
				    sluice_bound(size,
						 2 * SLUICE_CSUM_CHUNK - 1),
				    (__u32)sum);
		if (sum < 0)
			return -1;
	}
	return sum;
}

/* Between the RTCP ports of a pair: the sum follows the ports. */
static __always_inline void sluice_write_ports(struct udphdr *udp,
					       const struct sluice_transport *t,
					       __u64 *sum)
{
	*sum += (__u16)~udp->source + (__u32)(__u16)~udp->dest +
		t->rtcp_local_port + (__u32)t->rtcp_remote_port;
	udp->source = t->rtcp_local_port;
	udp->dest = t->rtcp_remote_port;
}

/* sum: of all but the two lengths. */
static __always_inline void sluice_write_udp(struct udphdr *udp, __u32 len,
					     __u64 sum)
{
	__u16 size = bpf_htons(sizeof(*udp) + len);

	udp->len = size;
	udp->check = sluice_csum_fold(sum + size + size);
	if (!udp->check)
		udp->check = 0xffff;
}

/* Grows at the front, where 256 bytes are promised; shrinks at the end. */
static __always_inline int sluice_resize(struct xdp_md *ctx, __u32 want)
{
	__u32 have = ctx->data_end - ctx->data;

	if (want > have)
		return bpf_xdp_adjust_head(ctx, -(int)(want - have));
	if (want < have)
		return bpf_xdp_adjust_tail(ctx, -(int)(have - want));
	return 0;
}

/* The headers end where the packet begins; the frame's length before it. */
static __always_inline __u32
sluice_write_head(struct sluice_work *w, const struct sluice_egress *e,
		  const struct sluice_transport *rtcp,
		  const struct sluice_next_hop *hop, __u64 sum)
{
	bool v4 = e->head[0] >> 4 == 4;
	__u8 *l3 = w->head + SLUICE_HEAD_MAX, *l2;
	struct sluice_vlan_tag *tag;
	struct ipv6hdr *ip6;
	struct udphdr *udp;
	struct iphdr *ip;
	__u32 len = w->len, size;
	__be16 proto;

	sum += e->udp_sum;
	if (v4) {
		l3 -= SLUICE_HEAD_V4;
		__builtin_memcpy(l3, e->head, SLUICE_HEAD_V4);
		ip = (struct iphdr *)l3;
		udp = (struct udphdr *)(ip + 1);
		ip->tot_len = bpf_htons(SLUICE_HEAD_V4 + len);
		ip->check = sluice_csum_fold((__u64)e->ip_sum + ip->tot_len);
		if (rtcp)
			sluice_write_ports(udp, rtcp, &sum);
		sluice_write_udp(udp, len, sum);
		size = SLUICE_HEAD_V4;
		proto = bpf_htons(ETH_P_IP);
	} else {
		l3 -= SLUICE_HEAD_V6;
		__builtin_memcpy(l3, e->head, SLUICE_HEAD_V6);
		ip6 = (struct ipv6hdr *)l3;
		udp = (struct udphdr *)(ip6 + 1);
		ip6->payload_len = bpf_htons(sizeof(*udp) + len);
		if (rtcp)
			sluice_write_ports(udp, rtcp, &sum);
		sluice_write_udp(udp, len, sum);
		size = SLUICE_HEAD_V6;
		proto = bpf_htons(ETH_P_IPV6);
	}
	*(__be16 *)(l3 - 2) = proto;
	l2 = l3 - 2;
	size += sizeof(struct ethhdr);
	if (hop->flags & SLUICE_HOP_VLAN) {
		tag = (struct sluice_vlan_tag *)(l3 - sizeof(*tag));
		tag->tci = bpf_htons(hop->vlan_id);
		l2 = l3 - sizeof(*tag) - 2;
		*(__be16 *)l2 = bpf_htons(ETH_P_8021Q);
		size += sizeof(*tag);
	}
	__builtin_memcpy(l2 - 2 * ETH_ALEN, hop->dst_mac, 2 * ETH_ALEN);
	return size;
}

/**
 * sluice_rewrite - the frame becomes packet[0..work->len) under the headers of @e
 * @rtcp: the transport whose RTCP ports it goes between; else NULL
 *
 * Return: 0 or -SLUICE_DROP_INTERNAL.
 */
static __always_inline int sluice_rewrite(struct xdp_md *ctx,
					  struct sluice_work *w,
					  const struct sluice_egress *e,
					  const struct sluice_transport *rtcp,
					  const struct sluice_next_hop *hop)
{
	__u32 len = w->len, head;
	__s64 sum;

	sum = sluice_csum_packet(w, len);
	if (sum < 0)
		return -SLUICE_DROP_INTERNAL;
	head = sluice_write_head(w, e, rtcp, hop, (__u64)sum);
	if (sluice_resize(ctx, head + len))
		return -SLUICE_DROP_INTERNAL;
	if (bpf_xdp_store_bytes(ctx, 0, w->head +
				sluice_bound(SLUICE_HEAD_MAX - head,
					     SLUICE_HEAD_BOUND),
				sluice_bound_len(head + len,
						 SLUICE_SCRATCH - 1)))
		return -SLUICE_DROP_INTERNAL;
	return 0;
}

static __always_inline int sluice_send(struct xdp_md *ctx,
				       const struct sluice_next_hop *hop)
{
	if (hop->ifindex == ctx->ingress_ifindex &&
	    !(hop->flags & SLUICE_HOP_REDIRECT))
		return XDP_TX;
	if (bpf_redirect_map(&sl_devices, hop->ifindex, 0) != XDP_REDIRECT)
		return -SLUICE_DROP_REDIRECT;
	return XDP_REDIRECT;
}

#endif
