/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * STUN messages as ICE uses them (RFC 8489, RFC 8445 16): read, then check
 * MESSAGE-INTEGRITY and FINGERPRINT. Userspace.
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
};

#ifndef __bpf__

static inline int sluice_stun_attr_read(const __u8 *data, __u16 type,
					__u32 off, __u32 len,
					struct sluice_stun *m)
{
	const __u8 *value = data + off;

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
		if (m->unknown_count < SLUICE_STUN_UNKNOWN_MAX)
			m->unknown[m->unknown_count] = type;
		m->unknown_count++;
		return 0;
	}
}

/*
 * The whole datagram must be one message. What follows MESSAGE-INTEGRITY,
 * except FINGERPRINT, is ignored (RFC 8489 14.5). Nothing is verified yet.
 *
 * Returns 0 or -SLUICE_DROP_STUN_BAD.
 */
static inline int sluice_stun_parse(const __u8 *data, size_t len,
				    struct sluice_stun *ret)
{
	struct sluice_stun m = { 0 };
	__u32 off = SLUICE_STUN_HEADER_LEN, attr_len, count = 0;
	__u16 type;
	int err;

	if (len < SLUICE_STUN_HEADER_LEN || len > SLUICE_PACKET_MAX ||
	    len % 4 || data[0] > 3)
		return -SLUICE_DROP_STUN_BAD;
	if (sluice_get16(data + 2) != len - SLUICE_STUN_HEADER_LEN ||
	    sluice_get32(data + 4) != SLUICE_STUN_COOKIE)
		return -SLUICE_DROP_STUN_BAD;
	m.type = sluice_get16(data);
	m.len = (__u16)len;
	memcpy(m.transaction_id, data + 8, SLUICE_STUN_ID_LEN);

	while (off < len) {
		/* RFC 8489 14.7: FINGERPRINT is the last attribute. */
		if (m.fingerprint_off || ++count > SLUICE_STUN_ATTRS_MAX)
			return -SLUICE_DROP_STUN_BAD;
		type = sluice_get16(data + off);
		attr_len = sluice_get16(data + off + 2);
		if (attr_len > len - off - 4)
			return -SLUICE_DROP_STUN_BAD;
		if (type == SLUICE_STUN_FINGERPRINT) {
			if (attr_len != 4)
				return -SLUICE_DROP_STUN_BAD;
			m.fingerprint_off = (__u16)off;
		} else if (m.integrity_off) {
			;
		} else if (type == SLUICE_STUN_MESSAGE_INTEGRITY) {
			if (attr_len != SLUICE_SHA1_LEN)
				return -SLUICE_DROP_STUN_BAD;
			m.integrity_off = (__u16)off;
		} else {
			err = sluice_stun_attr_read(data, type, off + 4,
						    attr_len, &m);
			if (err)
				return err;
		}
		off += 4 + ((attr_len + 3) & ~3U);
	}
	*ret = m;
	return 0;
}

/* CRC-32 of ITU V.42, bitwise: messages are short and few. */
static inline __u32 sluice_stun_crc32(const __u8 *data, size_t len)
{
	__u32 crc = 0xffffffff;
	size_t i;
	int bit;

	for (i = 0; i < len; i++) {
		crc ^= data[i];
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
	}
	return ~crc;
}

/*
 * The value of a FINGERPRINT attribute at offset off; the header's length
 * field must already count that attribute (RFC 8489 14.7).
 */
static inline __u32 sluice_stun_fingerprint(const __u8 *data, __u32 off)
{
	return sluice_stun_crc32(data, off) ^ 0x5354554e;
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
