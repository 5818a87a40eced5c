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

#include "lib/egress.h"
#include "maps.h"

/*
 * Every stage returns 0 to go on, -SLUICE_DROP_x, or an XDP verdict (> 0;
 * XDP_ABORTED is never meant). The first ones also tell how to go on.
 */
#define SLUICE_GO_RTP		0
#define SLUICE_GO_STUN		0x100
#define SLUICE_GO_RTCP		0x101

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

/* The first 8 bytes of any (RFC 8200 4). */
struct sluice_extension_header {
	__u8 nexthdr;
	__u8 len;		/* beyond 8 bytes, in 8 bytes; not a fragment's */
	__be16 frag_off;	/* a fragment's */
	__be32 rest;
};

#define SLUICE_IP_MF		0x2000
#define SLUICE_IP_OFFSET	0x1fff
#define SLUICE_IP6_OFFSET	0xfff8
#define SLUICE_IP6_EXTENSIONS	4	/* looked through for UDP */

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

/* Up to the socket; while nobody reads it, silence (and no ICMP). */
static __always_inline int sluice_to_daemon(__u32 counter)
{
	__u32 zero = 0;
	struct sluice_control *c = bpf_map_lookup_elem(&sl_control, &zero);
	__u64 now = bpf_ktime_get_ns();

	if (!c || (now > c->heartbeat_ns &&
		   now - c->heartbeat_ns > SLUICE_HEARTBEAT_MAX_NS))
		return -SLUICE_DROP_DAEMON_GONE;
	sluice_count(counter);
	return XDP_PASS;
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
	else if (header > sizeof(*ip))
		p->fault = SLUICE_DROP_IP_OPTIONS;
	sluice_map_v4(&p->key.local, ip->daddr);
	sluice_map_v4(&p->key.remote, ip->saddr);
	return sluice_parse_udp(ctx, p, l3 + header, total - header);
}

/*
 * Extension headers in front of UDP: nothing that media needs, but they must
 * not lead around the door. XDP_PASS if there is no UDP, or too much before
 * it: the host's own stack takes what it takes.
 */
static __always_inline int sluice_parse_extensions(void *end,
						   struct sluice_packet *p,
						   __u8 next, void **l4)
{
	struct sluice_extension_header *h;
	int i;

	p->fault = SLUICE_DROP_IP_OPTIONS;
#pragma unroll
	for (i = 0; i < SLUICE_IP6_EXTENSIONS; i++) {
		if (next == IPPROTO_UDP)
			return 0;
		h = *l4;
		if ((void *)(h + 1) > end)
			return XDP_PASS;
		if (next == IPPROTO_FRAGMENT) {
			if (bpf_ntohs(h->frag_off) & SLUICE_IP6_OFFSET)
				return XDP_PASS;
			p->fault = SLUICE_DROP_FRAGMENT;
			*l4 = h + 1;
		} else if (next == IPPROTO_HOPOPTS ||
			   next == IPPROTO_ROUTING ||
			   next == IPPROTO_DSTOPTS) {
			*l4 += 8 + 8 * (__u32)h->len;
		} else {
			return XDP_PASS;
		}
		next = h->nexthdr;
	}
	return next == IPPROTO_UDP ? 0 : XDP_PASS;
}

static __always_inline int sluice_parse_v6(struct xdp_md *ctx,
					   struct sluice_packet *p, void *l3)
{
	void *end = (void *)(long)ctx->data_end;
	struct ipv6hdr *ip = l3;
	void *l4 = ip + 1;
	int err;

	if (l4 > end)
		return XDP_PASS;
	__builtin_memcpy(&p->key.local, &ip->daddr, sizeof(p->key.local));
	__builtin_memcpy(&p->key.remote, &ip->saddr, sizeof(p->key.remote));
	/* no IPv6 on a wire (RFC 4291 2.5.5.2), and not IPv4's flow either */
	if (sluice_addr_is_v4(&p->key.local) ||
	    sluice_addr_is_v4(&p->key.remote))
		return XDP_PASS;
	if (ip->nexthdr != IPPROTO_UDP) {
		err = sluice_parse_extensions(end, p, ip->nexthdr, &l4);
		if (err)
			return err;
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
