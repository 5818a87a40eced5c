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

#include "maps.h"
#include "stage/parse.h"

#define SLUICE_CSUM_CHUNK	512	/* bpf_csum_diff() before 6.13 */
#define SLUICE_DEFAULT_TTL	64
#define SLUICE_IP_DF		0x4000

static __always_inline bool sluice_addr_is_v4(const struct sluice_addr *a)
{
	const __u32 *w = (const __u32 *)a->b;

	return !w[0] && !w[1] && w[2] == bpf_htonl(0xffff);
}

static __always_inline __u16 sluice_csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

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

/* UDP over either family; sum: of the payload. */
static __always_inline void sluice_write_udp(struct udphdr *udp,
					     const struct sluice_transport *t,
					     bool v4, bool is_rtcp_port,
					     __u32 payload_len, __u64 sum)
{
	const __u16 *local = (const __u16 *)t->local.b;
	const __u16 *remote = (const __u16 *)t->remote.b;
	__u16 len = bpf_htons(sizeof(*udp) + payload_len);
	int i;

	udp->source = is_rtcp_port ? t->rtcp_local_port : t->local_port;
	udp->dest = is_rtcp_port ? t->rtcp_remote_port : t->remote_port;
	udp->len = len;
	/* RFC 768, RFC 8200 8.1: pseudo header and header */
	if (v4) {
		sum += local[6] + local[7] + remote[6] + remote[7];
	} else {
#pragma unroll
		for (i = 0; i < 8; i++)
			sum += local[i] + remote[i];
	}
	sum += bpf_htons(IPPROTO_UDP) + len;
	sum += udp->source + udp->dest + len;
	udp->check = sluice_csum_fold(sum);
	if (!udp->check)
		udp->check = 0xffff;
}

static __always_inline void sluice_write_v4(struct iphdr *ip,
					    const struct sluice_transport *t,
					    __u32 total)
{
	const __u16 *w = (const __u16 *)ip;
	__u64 sum = 0;
	int i;

	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = 5;
	ip->tos = t->dscp << 2;
	ip->tot_len = bpf_htons(total);
	/* RFC 6864 4.1: an atomic datagram needs no identification */
	ip->frag_off = bpf_htons(SLUICE_IP_DF);
	ip->ttl = t->ttl ? t->ttl : SLUICE_DEFAULT_TTL;
	ip->protocol = IPPROTO_UDP;
	ip->saddr = ((const __u32 *)t->local.b)[3];
	ip->daddr = ((const __u32 *)t->remote.b)[3];
#pragma unroll
	for (i = 0; i < 10; i++)
		sum += w[i];
	ip->check = sluice_csum_fold(sum);
}

static __always_inline void sluice_write_v6(struct ipv6hdr *ip,
					    const struct sluice_transport *t,
					    __u32 payload)
{
	__u32 traffic_class = t->dscp << 2;

	*(__be32 *)ip = bpf_htonl(6U << 28 | traffic_class << 20);
	ip->payload_len = bpf_htons(payload);
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = t->ttl ? t->ttl : SLUICE_DEFAULT_TTL;
	__builtin_memcpy(&ip->saddr, t->local.b, sizeof(t->local.b));
	__builtin_memcpy(&ip->daddr, t->remote.b, sizeof(t->remote.b));
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

/**
 * sluice_rewrite - put packet[0..work->len) on the wire format of @t
 * @is_rtcp_port: between the RTCP ports of a pair
 *
 * Return: 0 or -SLUICE_DROP_INTERNAL.
 */
static __always_inline int sluice_rewrite(struct xdp_md *ctx,
					  struct sluice_work *w,
					  const struct sluice_transport *t,
					  const struct sluice_next_hop *hop,
					  bool is_rtcp_port)
{
	bool v4 = sluice_addr_is_v4(&t->local);
	struct ethhdr *eth = (struct ethhdr *)w->head;
	struct sluice_vlan_tag *tag;
	__be16 proto;
	__u32 len = w->len, head = sizeof(*eth), at;
	__s64 sum;

	sum = sluice_csum_packet(w, len);
	if (sum < 0)
		return -SLUICE_DROP_INTERNAL;
	proto = bpf_htons(v4 ? ETH_P_IP : ETH_P_IPV6);
	__builtin_memcpy(eth->h_dest, hop->dst_mac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, hop->src_mac, ETH_ALEN);
	if (hop->flags & SLUICE_HOP_VLAN) {
		tag = (struct sluice_vlan_tag *)(w->head + head);
		eth->h_proto = bpf_htons(ETH_P_8021Q);
		tag->tci = bpf_htons(hop->vlan_id);
		tag->proto = proto;
		head += sizeof(*tag);
	} else {
		eth->h_proto = proto;
	}
	at = head;
	if (v4) {
		sluice_write_v4((struct iphdr *)(w->head + at), t,
				sizeof(struct iphdr) + sizeof(struct udphdr) +
				len);
		head += sizeof(struct iphdr);
	} else {
		sluice_write_v6((struct ipv6hdr *)(w->head + at), t,
				sizeof(struct udphdr) + len);
		head += sizeof(struct ipv6hdr);
	}
	sluice_write_udp((struct udphdr *)(w->head + head), t, v4,
			 is_rtcp_port, len, (__u64)sum);
	head += sizeof(struct udphdr);

	if (sluice_resize(ctx, head + len))
		return -SLUICE_DROP_INTERNAL;
	if (bpf_xdp_store_bytes(ctx, 0, w->head,
				sluice_bound_len(head, SLUICE_HEAD_BOUND)))
		return -SLUICE_DROP_INTERNAL;
	if (bpf_xdp_store_bytes(ctx, head, w->packet,
				sluice_bound_len(len, SLUICE_SCRATCH - 1)))
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
