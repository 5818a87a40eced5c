/* SPDX-License-Identifier: GPL-2.0-only */
/* Ethernet, at most one VLAN tag, IPv4 or IPv6, UDP. */
#ifndef SLUICE_STAGE_PARSE_H
#define SLUICE_STAGE_PARSE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

#include "maps.h"

/*
 * Every stage returns 0 to go on, -SLUICE_DROP_x, or an XDP verdict (> 0;
 * XDP_ABORTED is never meant).
 */
struct sluice_packet {
	struct sluice_flow_key key;	/* remote: where it came from */
	__u32 fault;		/* drop reason if the port is ours */
	__u32 off;		/* UDP payload in the frame */
	__u32 len;		/* of the UDP payload */
	__u8 byte0;
	__u8 byte1;
	__u8 reserved[2];
};

struct sluice_vlan_tag {
	__be16 tci;
	__be16 proto;
};

struct sluice_fragment_header {
	__u8 nexthdr;
	__u8 reserved;
	__be16 frag_off;
	__be32 identification;
};

#define SLUICE_IP_MF		0x2000
#define SLUICE_IP_OFFSET	0x1fff
#define SLUICE_IP6_OFFSET	0xfff8

static __always_inline void sluice_map_v4(struct sluice_addr *a, __be32 v4)
{
	__u32 *w = (__u32 *)a->b;

	w[0] = 0;
	w[1] = 0;
	w[2] = bpf_htonl(0xffff);
	w[3] = v4;
}

/* l4: the UDP header; room: bytes the IP packet has from there on. */
static __always_inline int sluice_parse_udp(struct xdp_md *ctx,
					    struct sluice_packet *p, void *l4,
					    __u32 room)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct udphdr *udp = l4;
	__u8 *payload = (__u8 *)(udp + 1);
	__u32 len;

	if ((void *)(udp + 1) > end)
		return XDP_PASS;
	p->key.local_port = udp->dest;
	p->key.remote_port = udp->source;
	if (p->fault)
		return 0;
	len = bpf_ntohs(udp->len);
	if (len < sizeof(*udp) + 2 || len > room ||
	    (void *)(payload + 2) > end) {
		p->fault = SLUICE_DROP_SHORT;
		return 0;
	}
	p->off = (__u32)((void *)payload - data);
	p->len = len - sizeof(*udp);
	p->byte0 = payload[0];
	p->byte1 = payload[1];
	if (p->len > (__u32)(end - data) - p->off)
		p->fault = SLUICE_DROP_SHORT;
	return 0;
}

static __always_inline int sluice_parse_v4(struct xdp_md *ctx,
					   struct sluice_packet *p, void *l3)
{
	void *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = l3;
	__u32 header, total, frag;

	if ((void *)(ip + 1) > end || ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	frag = bpf_ntohs(ip->frag_off);
	/* a later fragment has no ports; alone it is never delivered */
	if (header < sizeof(*ip) || total < header ||
	    (frag & SLUICE_IP_OFFSET))
		return XDP_PASS;
	if (frag & SLUICE_IP_MF)
		p->fault = SLUICE_DROP_FRAGMENT;
	sluice_map_v4(&p->key.local, ip->daddr);
	sluice_map_v4(&p->key.remote, ip->saddr);
	return sluice_parse_udp(ctx, p, l3 + header, total - header);
}

static __always_inline int sluice_parse_v6(struct xdp_md *ctx,
					   struct sluice_packet *p, void *l3)
{
	void *end = (void *)(long)ctx->data_end;
	struct ipv6hdr *ip = l3;
	struct sluice_fragment_header *frag;
	void *l4 = ip + 1;

	if (l4 > end)
		return XDP_PASS;
	__builtin_memcpy(&p->key.local, &ip->daddr, sizeof(p->key.local));
	__builtin_memcpy(&p->key.remote, &ip->saddr, sizeof(p->key.remote));
	if (ip->nexthdr == IPPROTO_FRAGMENT) {
		frag = l4;
		if ((void *)(frag + 1) > end || frag->nexthdr != IPPROTO_UDP ||
		    (bpf_ntohs(frag->frag_off) & SLUICE_IP6_OFFSET))
			return XDP_PASS;
		p->fault = SLUICE_DROP_FRAGMENT;
		l4 = frag + 1;
	} else if (ip->nexthdr != IPPROTO_UDP) {
		return XDP_PASS;
	}
	return sluice_parse_udp(ctx, p, l4, bpf_ntohs(ip->payload_len));
}

/* XDP_PASS for whatever is not UDP; the ports are not looked at yet. */
static __always_inline int sluice_parse(struct xdp_md *ctx,
					struct sluice_packet *p)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct sluice_vlan_tag *tag;
	void *l3 = eth + 1;
	__be16 proto;

	if (l3 > end)
		return XDP_PASS;
	proto = eth->h_proto;
	if (proto == bpf_htons(ETH_P_8021Q) ||
	    proto == bpf_htons(ETH_P_8021AD)) {
		tag = l3;
		l3 = tag + 1;
		if (l3 > end)
			return XDP_PASS;
		proto = tag->proto;
	}
	if (proto == bpf_htons(ETH_P_IP))
		return sluice_parse_v4(ctx, p, l3);
	if (proto == bpf_htons(ETH_P_IPV6))
		return sluice_parse_v6(ctx, p, l3);
	return XDP_PASS;
}

#endif
