/* SPDX-License-Identifier: Apache-2.0 */
/* Ethernet frames with one UDP datagram, made and read byte by byte. */
#ifndef SELFTESTS_FRAME_H
#define SELFTESTS_FRAME_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/addr.h"
#include "lib/port.h"

#define FRAME_MAX	2048

struct frame_spec {
	struct addr src, dst;
	int vlan_id;		/* 0: untagged */
	uint16_t fragment;	/* IPv4 flags and offset */
	bool fragment_v6;	/* atomic fragment header */
};

struct frame_udp {
	uint8_t dst_mac[6], src_mac[6];
	int vlan_id;
	struct addr src, dst;
	uint8_t tos, ttl;
	bool is_sum_right;	/* IPv4 header (if any) and UDP */
	bool has_udp_sum;
	const uint8_t *payload;
	uint32_t len;
};

static inline uint32_t frame_sum(const uint8_t *p, uint32_t len, uint32_t sum)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static inline uint16_t frame_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static inline uint16_t frame_udp_sum(const struct addr *a, const struct addr *b,
				     const uint8_t *udp, uint32_t len)
{
	uint32_t skip = addr_is_v4(a) ? 12 : 0, sum;

	sum = frame_sum(a->ip + skip, 16 - skip, 17 + len);
	sum = frame_sum(b->ip + skip, 16 - skip, sum);
	return frame_fold(frame_sum(udp, len, sum));
}

/* Into out of FRAME_MAX bytes; returns the frame's length. */
static inline uint32_t frame_build(const struct frame_spec *s,
				   const uint8_t *payload, uint32_t len,
				   uint8_t *out)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
	bool v4 = addr_is_v4(&s->dst);
	uint32_t off = 12, udp;

	memset(out, 0, FRAME_MAX);
	memcpy(out, macs, sizeof(macs));
	if (s->vlan_id) {
		sluice_put16(out + off, 0x8100);
		sluice_put16(out + off + 2, (uint16_t)s->vlan_id);
		off += 4;
	}
	sluice_put16(out + off, v4 ? 0x0800 : 0x86dd);
	off += 2;
	if (v4) {
		out[off] = 0x45;
		sluice_put16(out + off + 2, (uint16_t)(28 + len));
		sluice_put16(out + off + 6, s->fragment);
		out[off + 8] = 9;
		out[off + 9] = 17;
		memcpy(out + off + 12, s->src.ip + 12, 4);
		memcpy(out + off + 16, s->dst.ip + 12, 4);
		sluice_put16(out + off + 10,
			     frame_fold(frame_sum(out + off, 20, 0)));
		off += 20;
	} else {
		out[off] = 0x60;
		sluice_put16(out + off + 4, (uint16_t)(8 + len +
				(s->fragment_v6 ? 8 : 0)));
		out[off + 6] = s->fragment_v6 ? 44 : 17;
		out[off + 7] = 9;
		memcpy(out + off + 8, s->src.ip, 16);
		memcpy(out + off + 24, s->dst.ip, 16);
		off += 40;
		if (s->fragment_v6) {
			out[off] = 17;
			off += 8;
		}
	}
	udp = off;
	sluice_put16(out + udp, s->src.port);
	sluice_put16(out + udp + 2, s->dst.port);
	sluice_put16(out + udp + 4, (uint16_t)(8 + len));
	memcpy(out + udp + 8, payload, len);
	sluice_put16(out + udp + 6,
		     frame_udp_sum(&s->src, &s->dst, out + udp, 8 + len));
	return udp + 8 + len;
}

/* False if it is no whole UDP datagram that fills the frame exactly. */
static inline bool frame_read(const uint8_t *f, uint32_t len,
			      struct frame_udp *ret)
{
	uint32_t off = 14, udp_len;
	uint16_t proto;

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->dst_mac, f, 6);
	memcpy(ret->src_mac, f + 6, 6);
	proto = sluice_get16(f + 12);
	if (proto == 0x8100) {
		ret->vlan_id = sluice_get16(f + 14);
		proto = sluice_get16(f + 16);
		off = 18;
	}
	ret->is_sum_right = true;
	if (proto == 0x0800) {
		if (f[off] != 0x45 || f[off + 9] != 17 ||
		    sluice_get16(f + off + 2) != len - off)
			return false;
		ret->tos = f[off + 1];
		ret->ttl = f[off + 8];
		ret->is_sum_right = !frame_fold(frame_sum(f + off, 20, 0));
		ret->src.ip[10] = ret->src.ip[11] = 0xff;
		ret->dst.ip[10] = ret->dst.ip[11] = 0xff;
		memcpy(ret->src.ip + 12, f + off + 12, 4);
		memcpy(ret->dst.ip + 12, f + off + 16, 4);
		off += 20;
	} else if (proto == 0x86dd) {
		if (f[off] >> 4 != 6 || f[off + 6] != 17 ||
		    sluice_get16(f + off + 4) != len - off - 40)
			return false;
		ret->tos = (uint8_t)(f[off] << 4 | f[off + 1] >> 4);
		ret->ttl = f[off + 7];
		memcpy(ret->src.ip, f + off + 8, 16);
		memcpy(ret->dst.ip, f + off + 24, 16);
		off += 40;
	} else {
		return false;
	}
	ret->src.port = sluice_get16(f + off);
	ret->dst.port = sluice_get16(f + off + 2);
	udp_len = sluice_get16(f + off + 4);
	if (udp_len != len - off)
		return false;
	ret->has_udp_sum = sluice_get16(f + off + 6);
	if (frame_udp_sum(&ret->src, &ret->dst, f + off, udp_len))
		ret->is_sum_right = false;
	ret->payload = f + off + 8;
	ret->len = udp_len - 8;
	return true;
}

#endif
