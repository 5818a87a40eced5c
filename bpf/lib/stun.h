/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * STUN messages as ICE uses them (RFC 8489, RFC 8445 16): read, then check
 * MESSAGE-INTEGRITY and FINGERPRINT.
 */
#ifndef SLUICE_LIB_STUN_H
#define SLUICE_LIB_STUN_H

#include "lib/port.h"
#include "lib/sha1.h"
#include "uapi/sluice.h"

#define SLUICE_STUN_HEADER_LEN	20
#define SLUICE_STUN_COOKIE	0x2112a442
#define SLUICE_STUN_ID_LEN	12
#define SLUICE_STUN_UNKNOWN_MAX	8	/* later ones are counted only */
#define SLUICE_STUN_ATTRS_MAX	64	/* attributes of one message */

#define SLUICE_STUN_BINDING_REQUEST	0x0001
#define SLUICE_STUN_BINDING_INDICATION	0x0011
#define SLUICE_STUN_BINDING_SUCCESS	0x0101
#define SLUICE_STUN_BINDING_ERROR	0x0111

enum sluice_stun_attr {
	SLUICE_STUN_MAPPED_ADDRESS = 0x0001,
	SLUICE_STUN_USERNAME = 0x0006,
	SLUICE_STUN_MESSAGE_INTEGRITY = 0x0008,
	SLUICE_STUN_ERROR_CODE = 0x0009,
	SLUICE_STUN_UNKNOWN_ATTRIBUTES = 0x000a,
	SLUICE_STUN_REALM = 0x0014,
	SLUICE_STUN_NONCE = 0x0015,
	SLUICE_STUN_XOR_MAPPED_ADDRESS = 0x0020,
	SLUICE_STUN_PRIORITY = 0x0024,
	SLUICE_STUN_USE_CANDIDATE = 0x0025,
	/* comprehension-optional from here on */
	SLUICE_STUN_SOFTWARE = 0x8022,
	SLUICE_STUN_FINGERPRINT = 0x8028,
	SLUICE_STUN_ICE_CONTROLLED = 0x8029,
	SLUICE_STUN_ICE_CONTROLLING = 0x802a,
};

/* Offsets are from the message's first byte; 0: not there. */
struct sluice_stun {
	__u16 type;			/* SLUICE_STUN_BINDING_x or other */
	__u16 len;			/* bytes, header included */
	__u8 transaction_id[SLUICE_STUN_ID_LEN];
	__u16 username_off;		/* of the value */
	__u16 username_len;
	__u16 integrity_off;		/* of the attribute, not its value */
	__u16 fingerprint_off;		/* of the attribute */
	__u16 mapped_off;		/* of XOR-MAPPED-ADDRESS's value */
	__u16 mapped_len;
	__u16 error_code;		/* 300..699 */
	__u8 has_priority;
	__u8 use_candidate;
	__u8 ice_controlling;
	__u8 ice_controlled;
	__u16 unknown_count;		/* comprehension-required, unknown */
	__u16 unknown[SLUICE_STUN_UNKNOWN_MAX];
	__u32 priority;
	__u64 tie_breaker;		/* of either ICE role */
	__u16 walk_off;			/* while parsing */
	__u16 walk_err;
	__u32 reserved;
};

/*
 * Room that verification needs behind a message: HMAC's padding. A message
 * that is verified in place is at most this long.
 */
#define SLUICE_STUN_PAD		(SLUICE_SHA1_BLOCK + 8)
/*
 * For sluice_bound(): in BPF, messages lie in memory with as much behind them
 * as this reaches.
 */
#define SLUICE_STUN_BOUND	2047

_Static_assert(SLUICE_PACKET_MAX + SLUICE_STUN_PAD <= SLUICE_STUN_BOUND,
	       "a message may be longer than its bound");

static __always_inline int sluice_stun_attr_read(const __u8 *value,
						 __u16 type, __u32 off,
						 __u32 len,
						 struct sluice_stun *m)
{
	__u32 n;

	switch (type) {
	case SLUICE_STUN_USERNAME:
		/* RFC 8489 14.3: less than 509 bytes. */
		if (len >= 509 || m->username_off)
			return len >= 509 ? -SLUICE_DROP_STUN_BAD : 0;
		m->username_off = (__u16)off;
		m->username_len = (__u16)len;
		return 0;
	case SLUICE_STUN_XOR_MAPPED_ADDRESS:
		if (len != 8 && len != 20)
			return -SLUICE_DROP_STUN_BAD;
		m->mapped_off = (__u16)off;
		m->mapped_len = (__u16)len;
		return 0;
	case SLUICE_STUN_ERROR_CODE:
		if (len < 4 || (value[2] & 7) < 3 || value[3] > 99)
			return -SLUICE_DROP_STUN_BAD;
		m->error_code = (__u16)((value[2] & 7) * 100 + value[3]);
		return 0;
	case SLUICE_STUN_PRIORITY:
		if (len != 4)
			return -SLUICE_DROP_STUN_BAD;
		m->has_priority = 1;
		m->priority = sluice_get32(value);
		return 0;
	case SLUICE_STUN_USE_CANDIDATE:
		m->use_candidate = 1;
		return len ? -SLUICE_DROP_STUN_BAD : 0;
	case SLUICE_STUN_ICE_CONTROLLED:
	case SLUICE_STUN_ICE_CONTROLLING:
		if (len != 8)
			return -SLUICE_DROP_STUN_BAD;
		if (type == SLUICE_STUN_ICE_CONTROLLED)
			m->ice_controlled = 1;
		else
			m->ice_controlling = 1;
		m->tie_breaker = sluice_get64(value);
		return 0;
	case SLUICE_STUN_MAPPED_ADDRESS:
	case SLUICE_STUN_UNKNOWN_ATTRIBUTES:
	case SLUICE_STUN_REALM:
	case SLUICE_STUN_NONCE:
		return 0;
	default:
		if (type & 0x8000)
			return 0;
		n = m->unknown_count;
		if (n < SLUICE_STUN_UNKNOWN_MAX)
			m->unknown[sluice_bound(n, SLUICE_STUN_UNKNOWN_MAX - 1)]
				= type;
		m->unknown_count++;
		return 0;
	}
}

/* On the stack: what the walk over the attributes works on. */
struct sluice_stun_walk {
	const __u8 *data;
	struct sluice_stun *m;
};

/* One attribute; m->walk_off and m->walk_err carry on. */
static __attribute__((unused)) long sluice_stun_step(sluice_loop_index i,
						     void *context)
{
	struct sluice_stun_walk *w = context;
	struct sluice_stun *m = w->m;
	__u32 off = m->walk_off, len = m->len, attr_len;
	const __u8 *p;
	__u16 type;

	if (off >= len) {
		m->walk_err = 0;
		return 1;
	}
	/* RFC 8489 14.7: FINGERPRINT is the last attribute. */
	if (m->fingerprint_off)
		return 1;
	if (off > SLUICE_PACKET_MAX)
		return 1;
	p = w->data + sluice_bound(off, SLUICE_STUN_BOUND);
	type = sluice_get16(p);
	attr_len = sluice_get16(p + 2);
	if (attr_len > len - off - 4)
		return 1;
	if (type == SLUICE_STUN_FINGERPRINT) {
		if (attr_len != 4)
			return 1;
		m->fingerprint_off = (__u16)off;
	} else if (m->integrity_off) {
		;
	} else if (type == SLUICE_STUN_MESSAGE_INTEGRITY) {
		if (attr_len != SLUICE_SHA1_LEN)
			return 1;
		m->integrity_off = (__u16)off;
	} else if (sluice_stun_attr_read(p + 4, type, off + 4, attr_len, m)) {
		return 1;
	}
	m->walk_off = (__u16)(off + 4 + ((attr_len + 3) & ~3U));
	return 0;
}

/*
 * The whole datagram must be one message. What follows MESSAGE-INTEGRITY,
 * except FINGERPRINT, is ignored (RFC 8489 14.5). Nothing is verified yet.
 * In BPF data must point to memory of twice SLUICE_STUN_BOUND bytes.
 *
 * Returns 0 or -SLUICE_DROP_STUN_BAD, with *ret undefined.
 */
static __always_inline int sluice_stun_parse(const __u8 *data, __u32 len,
					     struct sluice_stun *ret)
{
	struct sluice_stun_walk walk = { data, ret };

	if (len < SLUICE_STUN_HEADER_LEN || len > SLUICE_PACKET_MAX ||
	    len % 4 || data[0] > 3)
		return -SLUICE_DROP_STUN_BAD;
	if (sluice_get16(data + 2) != len - SLUICE_STUN_HEADER_LEN ||
	    sluice_get32(data + 4) != SLUICE_STUN_COOKIE)
		return -SLUICE_DROP_STUN_BAD;
	__builtin_memset(ret, 0, sizeof(*ret));
	ret->type = sluice_get16(data);
	ret->len = (__u16)len;
	__builtin_memcpy(ret->transaction_id, data + 8, SLUICE_STUN_ID_LEN);
	ret->walk_off = SLUICE_STUN_HEADER_LEN;
	ret->walk_err = 1;
	/* once more than attributes: the last step finds the end */
	sluice_loop(SLUICE_STUN_ATTRS_MAX + 1, sluice_stun_step, &walk);
	return ret->walk_err ? -SLUICE_DROP_STUN_BAD : 0;
}

/* ---- FINGERPRINT ------------------------------------------------------- */

/* CRC-32 of ITU V.42, reflected, by half bytes: the remainder of each. */
static const __u32 sluice_crc_table[16] = {
	0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
	0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
	0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
	0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

struct sluice_stun_crc {
	const __u8 *data;
	__u32 crc;
};

/* Four bytes at once: messages are made of words. */
static __attribute__((unused)) long sluice_crc_step(sluice_loop_index i,
						    void *context)
{
	struct sluice_stun_crc *c = context;
	__u32 off = i * 4, crc;
	int n;

	if (off > SLUICE_PACKET_MAX)
		return 1;
	off = sluice_get32(c->data + sluice_bound(off, SLUICE_STUN_BOUND));
	crc = c->crc ^ __builtin_bswap32(off);
#pragma GCC unroll 8
	for (n = 0; n < 8; n++)
		crc = crc >> 4 ^ sluice_crc_table[crc & 15];
	c->crc = crc;
	return 0;
}

/*
 * The value of a FINGERPRINT attribute at offset off, a multiple of 4; the
 * header's length field must already count that attribute (RFC 8489 14.7).
 */
static __always_inline __u32 sluice_stun_fingerprint(const __u8 *data,
						     __u32 off)
{
	struct sluice_stun_crc c = { data, 0xffffffff };

	sluice_loop(off / 4, sluice_crc_step, &c);
	return ~c.crc ^ 0x5354554e;
}

/* ---- MESSAGE-INTEGRITY, in place ---------------------------------------- */

struct sluice_stun_hmac {
	const __u8 *data;
	__u32 state[5];
};

static __attribute__((unused)) long sluice_stun_hash_step(sluice_loop_index i,
							  void *context)
{
	struct sluice_stun_hmac *h = context;
	__u32 off = i * SLUICE_SHA1_BLOCK;

	if (off > SLUICE_PACKET_MAX)
		return 1;
	sluice_sha1_block(h->state, h->data +
				    sluice_bound(off, SLUICE_STUN_BOUND));
	return 0;
}

/*
 * The value of a MESSAGE-INTEGRITY attribute at offset off, as five words,
 * from the states after HMAC's pads. The length field is set as if the
 * message ended with that attribute (RFC 8489 14.5), and HMAC's padding goes
 * where the attribute is: the caller reads and writes its value itself. data:
 * memory as above.
 */
SLUICE_SUBPROG int sluice_stun_sign(__u8 *data, __u32 off,
				    const struct sluice_ice_key *key,
				    __u32 *ret)
{
	struct sluice_stun_hmac h = { .data = data };
	__u32 blocks = (off + 1 + 8 + SLUICE_SHA1_BLOCK - 1) /
		       SLUICE_SHA1_BLOCK;
	__u32 last = blocks * SLUICE_SHA1_BLOCK - 8;
	__u8 outer[SLUICE_SHA1_BLOCK];
	__u8 *p;
	int i;

	sluice_put16(data + 2, (__u16)(off + 4 + SLUICE_SHA1_LEN -
				       SLUICE_STUN_HEADER_LEN));
	if (off > SLUICE_PACKET_MAX)
		return -SLUICE_DROP_INTERNAL;
	p = data + sluice_bound(off, SLUICE_STUN_BOUND);
	sluice_put64(p, 0x8000000000000000);
#pragma GCC unroll 8
	for (i = 8; i < SLUICE_STUN_PAD; i += 8)
		sluice_put64(p + i, 0);
	sluice_put64(data + sluice_bound(last, SLUICE_STUN_BOUND),
		     (SLUICE_SHA1_BLOCK + off) * 8);

#pragma GCC unroll 5
	for (i = 0; i < 5; i++)
		h.state[i] = key->inner[i];
	sluice_loop(blocks, sluice_stun_hash_step, &h);

#pragma GCC unroll 5
	for (i = 0; i < 5; i++) {
		sluice_put32(outer + 4 * i, h.state[i]);
		h.state[i] = key->outer[i];
	}
	sluice_put32(outer + 20, 0x80000000);
#pragma GCC unroll 5
	for (i = 24; i < 64; i += 8)
		sluice_put64(outer + i, 0);
	sluice_put32(outer + 60, (SLUICE_SHA1_BLOCK + SLUICE_SHA1_LEN) * 8);
	sluice_sha1_block(h.state, outer);
#pragma GCC unroll 5
	for (i = 0; i < 5; i++)
		ret[i] = h.state[i];
	return 0;
}

#ifndef __bpf__

static inline void sluice_ice_key_expand(const char *password, size_t len,
					 struct sluice_ice_key *ret)
{
	sluice_hmac_sha1_expand(password, len, ret->inner, ret->outer);
}

/*
 * The value of a MESSAGE-INTEGRITY attribute at offset off, with short-term
 * credentials: the length field is taken as if the message ended with that
 * attribute (RFC 8489 14.5).
 */
static inline void sluice_stun_integrity(const __u8 *data, __u32 off,
					 const char *password,
					 size_t password_len,
					 __u8 ret[SLUICE_SHA1_LEN])
{
	__u8 header[4] = { data[0], data[1] };
	__u32 inner[5], outer[5];
	struct sluice_sha1 s;

	sluice_put16(header + 2, (__u16)(off + 4 + SLUICE_SHA1_LEN -
					 SLUICE_STUN_HEADER_LEN));
	sluice_hmac_sha1_expand(password, password_len, inner, outer);
	sluice_hmac_sha1_start(&s, inner);
	sluice_sha1_add(&s, header, sizeof(header));
	sluice_sha1_add(&s, data + sizeof(header), off - sizeof(header));
	sluice_hmac_sha1_finish(&s, outer, ret);
}

/* True for a message that carries a right FINGERPRINT. */
static inline _Bool sluice_stun_has_fingerprint(const __u8 *data,
						const struct sluice_stun *m)
{
	return m->fingerprint_off &&
	       sluice_get32(data + m->fingerprint_off + 4) ==
	       sluice_stun_fingerprint(data, m->fingerprint_off);
}

/* True for a message that carries a right MESSAGE-INTEGRITY. */
static inline _Bool sluice_stun_is_authentic(const __u8 *data,
					     const struct sluice_stun *m,
					     const char *password,
					     size_t password_len)
{
	__u8 want[SLUICE_SHA1_LEN], diff = 0;
	int i;

	if (!m->integrity_off)
		return 0;
	sluice_stun_integrity(data, m->integrity_off, password, password_len,
			      want);
	for (i = 0; i < SLUICE_SHA1_LEN; i++)
		diff |= want[i] ^ data[m->integrity_off + 4 + i];
	return !diff;
}

#endif
#endif
