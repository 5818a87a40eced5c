/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The headers that packets leave with: made once, completed by each packet. */
#ifndef SLUICE_LIB_EGRESS_H
#define SLUICE_LIB_EGRESS_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <stdbool.h>

#include "lib/port.h"
#include "uapi/sluice.h"

#define SLUICE_DEFAULT_TTL	64
#define SLUICE_HEAD_V4	(sizeof(struct iphdr) + sizeof(struct udphdr))
#define SLUICE_HEAD_V6	(sizeof(struct ipv6hdr) + sizeof(struct udphdr))

_Static_assert(SLUICE_HEAD_V6 <= SLUICE_EGRESS_HEAD, "sluice_egress");

static __always_inline bool sluice_addr_is_v4(const struct sluice_addr *a)
{
	const __u32 *w = (const __u32 *)a->b;

	return !w[0] && !w[1] && w[2] == sluice_be32(0xffff);
}

/* Bytes of head: both headers. */
static __always_inline __u32 sluice_head_len(const struct sluice_egress *e)
{
	return e->head[0] >> 4 == 4 ? SLUICE_HEAD_V4 : SLUICE_HEAD_V6;
}

/* RFC 1071, of a sum of 16-bit words as they lie in memory. */
static __always_inline __u16 sluice_csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

#ifndef __bpf__
static inline __u32 sluice_csum_words(const void *p, size_t len)
{
	__u32 sum = 0;
	__u16 w;

	for (; len >= 2; len -= 2, p = (const __u8 *)p + 2) {
		memcpy(&w, p, sizeof(w));
		sum += w;
	}
	return sum;
}

/* From the transport's addresses, ports, DSCP and TTL. */
static inline void sluice_egress_make(const struct sluice_transport *t,
				      struct sluice_egress *ret)
{
	__u8 ttl = t->ttl ? t->ttl : SLUICE_DEFAULT_TTL;
	struct udphdr udp = { .source = t->local_port,
			      .dest = t->remote_port };
	struct ipv6hdr ip6 = { .nexthdr = IPPROTO_UDP, .hop_limit = ttl };
	/* RFC 6864 4.1: an atomic datagram needs no identification */
	struct iphdr ip = { .version = 4, .ihl = 5,
			    .tos = (__u8)(t->dscp << 2),
			    .frag_off = sluice_be16(0x4000), .ttl = ttl,
			    .protocol = IPPROTO_UDP };
	__u8 *head = ret->head;

	memset(ret, 0, sizeof(*ret));
	if (sluice_addr_is_v4(&t->local)) {
		memcpy(&ip.saddr, t->local.b + 12, sizeof(ip.saddr));
		memcpy(&ip.daddr, t->remote.b + 12, sizeof(ip.daddr));
		ret->ip_sum = sluice_csum_words(&ip, sizeof(ip));
		ret->udp_sum = sluice_csum_words(&ip.saddr, 8);
		memcpy(head, &ip, sizeof(ip));
		head += sizeof(ip);
	} else {
		sluice_put32(&ip6, 6U << 28 | (__u32)t->dscp << 22);
		memcpy(&ip6.saddr, t->local.b, sizeof(ip6.saddr));
		memcpy(&ip6.daddr, t->remote.b, sizeof(ip6.daddr));
		ret->udp_sum = sluice_csum_words(&ip6.saddr, 32);
		memcpy(head, &ip6, sizeof(ip6));
		head += sizeof(ip6);
	}
	memcpy(head, &udp, sizeof(udp));
	/* RFC 768, RFC 8200 8.1 */
	ret->udp_sum += sluice_be16(IPPROTO_UDP) +
			sluice_csum_words(&udp, sizeof(udp));
}
#endif

#endif
