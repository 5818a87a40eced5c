/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The MKI of a protected packet (RFC 3711 3.1): between the payload and HMAC's
 * tag, and behind all else with AEAD (RFC 7714 8.2 and 9.2). No cipher sees
 * it: it is taken out ahead of unprotect and put in after protect.
 */
#ifndef SLUICE_LIB_MKI_H
#define SLUICE_LIB_MKI_H

#include "lib/port.h"
#include "uapi/sluice.h"

#define SLUICE_MKI_BOUND	2047	/* for sluice_bound() */
#define SLUICE_MKI_AHEAD	8	/* in the clear, of RTCP; RTP has more */

_Static_assert(SLUICE_MKI_MAX == 4, "an MKI is not a word any more");
_Static_assert(SLUICE_PACKET_MAX + 4 + 12 <= SLUICE_MKI_BOUND,
	       "a packet may be longer than its bound");

/* Of HMAC's tag, 4 or 10 bytes, which may lie behind the MKI. */
struct sluice_mki_tag {
	__u32 word[3];
};

static __always_inline void sluice_mki_get_tag(const __u8 *p,
					       struct sluice_mki_tag *ret)
{
	ret->word[0] = sluice_get32(p);
	ret->word[1] = sluice_get32(p + 4);
	ret->word[2] = sluice_get32(p + 8);
}

static __always_inline void sluice_mki_put_tag(__u8 *p,
					       const struct sluice_mki_tag *t)
{
	sluice_put32(p, t->word[0]);
	sluice_put32(p + 4, t->word[1]);
	sluice_put32(p + 8, t->word[2]);
}

/* Bytes behind the MKI; an AEAD's tag, of 16, lies ahead of it. */
static __always_inline __u32 sluice_mki_tail(__u32 tag_len)
{
	return tag_len < 16 ? tag_len : 0;
}

/**
 * sluice_mki_take - takes the MKI out of a packet of the wire
 * @packet: SLUICE_SCRATCH bytes, in BPF with as much behind them
 * @tag_len: of the key's profile, of RTP or RTCP
 *
 * Return: the new length; @len if the key has no MKI. -SLUICE_DROP_SHORT,
 * -SLUICE_DROP_TOO_BIG, or -SLUICE_DROP_AUTH: it is another key's.
 */
static __always_inline int sluice_mki_take(const struct sluice_key *key,
					   __u8 *packet, __u32 len,
					   __u32 tag_len)
{
	__u32 mki_len = key->mki_len, tail = sluice_mki_tail(tag_len), off;
	struct sluice_mki_tag tag;
	__u32 mask;
	__u8 *p;

	if (!mki_len)
		return (int)len;
	if (mki_len > SLUICE_MKI_MAX)
		return -SLUICE_DROP_INTERNAL;
	if (len < SLUICE_MKI_AHEAD + mki_len + tag_len)
		return -SLUICE_DROP_SHORT;
	if (len > SLUICE_PACKET_MAX)
		return -SLUICE_DROP_TOO_BIG;
	off = len - tail - mki_len;
	mask = (__u32)(0xffffffff00000000ULL >> (8 * mki_len));
	p = packet + sluice_bound(off, SLUICE_MKI_BOUND);
	if ((sluice_get32(p) ^ sluice_get32(key->mki)) & mask)
		return -SLUICE_DROP_AUTH;
	if (tail) {
		off += mki_len;
		sluice_mki_get_tag(packet + sluice_bound(off, SLUICE_MKI_BOUND),
				   &tag);
		sluice_mki_put_tag(p, &tag);
	}
	return (int)(len - mki_len);
}

/**
 * sluice_mki_put - puts the key's MKI into a protected packet
 *
 * As sluice_mki_take(), with room for 16 bytes behind @len.
 *
 * Return: the new length or -SLUICE_DROP_TOO_BIG.
 */
static __always_inline int sluice_mki_put(const struct sluice_key *key,
					  __u8 *packet, __u32 len,
					  __u32 tag_len)
{
	__u32 mki_len = key->mki_len, tail = sluice_mki_tail(tag_len), off;
	struct sluice_mki_tag tag;
	__u8 *p;

	if (!mki_len)
		return (int)len;
	if (mki_len > SLUICE_MKI_MAX || len < tail)
		return -SLUICE_DROP_INTERNAL;
	if (len > SLUICE_PACKET_MAX - mki_len)
		return -SLUICE_DROP_TOO_BIG;
	off = len - tail;
	p = packet + sluice_bound(off, SLUICE_MKI_BOUND);
	if (tail)
		sluice_mki_get_tag(p, &tag);
	sluice_put32(p, sluice_get32(key->mki));
	if (tail) {
		off += mki_len;
		sluice_mki_put_tag(packet + sluice_bound(off, SLUICE_MKI_BOUND),
				   &tag);
	}
	return (int)(len + mki_len);
}

#endif
