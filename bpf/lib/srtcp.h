/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * SRTCP (RFC 3711 3.4, RFC 7714 9): protect and unprotect of a whole compound
 * RTCP packet in a scratch buffer, with the same conventions as lib/srtp.h.
 */
#ifndef SLUICE_LIB_SRTCP_H
#define SLUICE_LIB_SRTCP_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/srtp.h"

/* What stays in the clear: the first header and the sender's SSRC. */
#define SLUICE_SRTCP_CLEAR_LEN	8
#define SLUICE_SRTCP_WORD_LEN	4	/* E bit and index */
#define SLUICE_SRTCP_E		0x80000000U
/* RFC 3711 9.2: at most 2^31 packets a key. */
#define SLUICE_SRTCP_INDEX_MAX	0x7fffffffU

/* RFC 5764 4.1.2: profile _32 has a tag of 80 bits here. 0: not protected. */
static __always_inline __u32 sluice_srtcp_tag_len(__u32 profile)
{
	switch (profile) {
	case SLUICE_SRTP_AES128_CM_SHA1_80:
	case SLUICE_SRTP_AES128_CM_SHA1_32:
		return 10;
	case SLUICE_SRTP_AEAD_AES_128_GCM:
	case SLUICE_SRTP_AEAD_AES_256_GCM:
		return 16;
	default:
		return 0;
	}
}

/* Bytes that protection adds. */
static __always_inline __u32 sluice_srtcp_trailer_len(__u32 profile)
{
	__u32 tag_len = sluice_srtcp_tag_len(profile);

	return tag_len ? tag_len + SLUICE_SRTCP_WORD_LEN : 0;
}

static __always_inline bool sluice_srtcp_is_gcm(__u32 profile)
{
	return profile == SLUICE_SRTP_AEAD_AES_128_GCM ||
	       profile == SLUICE_SRTP_AEAD_AES_256_GCM;
}

static __attribute__((unused)) long sluice_srtcp_ghash_step(sluice_loop_index i,
							     void *context)
{
	struct sluice_srtp_pass *pass = context;
	__u64 first, last;

	if (sluice_ghash_input(pass, i, &first, &last))
		return 1;
	sluice_ghash_block(&sluice_srtp_work(pass->packet)->ghash, first, last);
	return 0;
}

/*
 * AAD of RFC 7714 9.3: of an encrypted packet the clear part and the word of E
 * and index, else all of the packet and that word. pass->end: where tag and
 * word go or were; what is there in the buffer gets lost.
 */
SLUICE_SUBPROG int sluice_srtcp_gcm_tag(struct sluice_srtp_pass *pass,
					__u32 word)
{
	struct sluice_srtp_work *work = sluice_srtp_work(pass->packet);
	__u32 len = pass->end, off = len;

	sluice_ghash_start(&work->ghash, pass->key->ghash_h);
	if (word & SLUICE_SRTCP_E) {
		sluice_ghash_block(&work->ghash, sluice_get64(pass->packet),
				   (__u64)word << 32);
		sluice_loop(sluice_srtp_blocks(pass), sluice_srtcp_ghash_step,
			    pass);
		sluice_ghash_block(&work->ghash, 8 * (SLUICE_SRTCP_CLEAR_LEN +
				   SLUICE_SRTCP_WORD_LEN),
				   8 * (__u64)(len - SLUICE_SRTCP_CLEAR_LEN));
	} else {
		sluice_opaque(off);
		if (off > SLUICE_PACKET_MAX)
			return -SLUICE_DROP_INTERNAL;
		sluice_put32(pass->packet + off, word);
		pass->start = 0;
		pass->end = len + SLUICE_SRTCP_WORD_LEN;
		sluice_loop(sluice_srtp_blocks(pass), sluice_srtcp_ghash_step,
			    pass);
		sluice_ghash_block(&work->ghash, 8 * (__u64)pass->end, 0);
	}
	/* the key stream block before the first masks the tag */
	sluice_aes_ctr_block(&pass->key->aes, &work->ctr, (__u32)-1, work->tag);
	sluice_gcm_tag(work);
	return 0;
}

/*
 * packet: as for sluice_srtp_protect(), an RTCP packet of len bytes; index:
 * at most SLUICE_SRTCP_INDEX_MAX, never used before with this key; ssrc: the
 * sender's, as in the first header. Always encrypts (E = 1).
 *
 * Returns the new length, or -SLUICE_DROP_x with the packet undefined: SHORT,
 * TOO_BIG, KEY_LIMIT, or INTERNAL for a profile that is not done here.
 */
static __always_inline int sluice_srtcp_protect(const struct sluice_key *key,
						__u32 index, __u32 ssrc,
						__u8 *packet, __u32 len)
{
	struct sluice_srtp_pass pass = { .packet = packet, .key = &key->rtcp,
					 .start = SLUICE_SRTCP_CLEAR_LEN,
					 .end = len };
	struct sluice_srtp_work *work = sluice_srtp_work(packet);
	__u32 word = SLUICE_SRTCP_E | index, profile = key->profile, off = len;
	__u32 trailer_len = sluice_srtcp_trailer_len(profile);
	__u8 *p;
	int err;

	if (len < SLUICE_SRTCP_CLEAR_LEN)
		return -SLUICE_DROP_SHORT;
	if (len > SLUICE_PACKET_MAX - trailer_len)
		return -SLUICE_DROP_TOO_BIG;
	if (index > SLUICE_SRTCP_INDEX_MAX)
		return -SLUICE_DROP_KEY_LIMIT;

	switch (profile) {
	case SLUICE_SRTP_AES128_CM_SHA1_80:
	case SLUICE_SRTP_AES128_CM_SHA1_32:
		sluice_cm_counter(key->rtcp.salt, index, ssrc, work->counter);
		sluice_srtp_ctr_start(&pass);
		sluice_srtp_ctr(&pass);
		err = sluice_srtp_hmac(&pass, word);
		break;
	case SLUICE_SRTP_AEAD_AES_128_GCM:
	case SLUICE_SRTP_AEAD_AES_256_GCM:
		sluice_gcm_counter(key->rtcp.salt, index, ssrc, work->counter);
		sluice_srtp_ctr_start(&pass);
		sluice_srtp_ctr(&pass);
		err = sluice_srtcp_gcm_tag(&pass, word);
		break;
	default:
		return -SLUICE_DROP_INTERNAL;
	}
	if (err)
		return err;

	sluice_opaque(off);
	if (off > SLUICE_PACKET_MAX)
		return -SLUICE_DROP_INTERNAL;
	p = packet + off;
	if (sluice_srtcp_is_gcm(profile)) {
		sluice_put32(p + 16, word);
	} else {
		sluice_put32(p, word);
		p += SLUICE_SRTCP_WORD_LEN;
	}
	/* A shorter tag's rest lies beyond the packet. */
	sluice_put32(p, work->tag[0]);
	sluice_put32(p + 4, work->tag[1]);
	sluice_put32(p + 8, work->tag[2]);
	if (sluice_srtcp_is_gcm(profile))
		sluice_put32(p + 12, work->tag[3]);
	return (int)(len + trailer_len);
}

/*
 * The word of E and index of a packet of the wire, not yet authenticated: for
 * a replay check ahead of the cipher. Returns 0, -SLUICE_DROP_SHORT,
 * -SLUICE_DROP_TOO_BIG or -SLUICE_DROP_INTERNAL for a key without a profile.
 */
static __always_inline int sluice_srtcp_peek(const struct sluice_key *key,
					     const __u8 *packet, __u32 len,
					     __u32 *ret_word)
{
	__u32 tag_len = sluice_srtcp_tag_len(key->profile), off;

	if (!tag_len)
		return -SLUICE_DROP_INTERNAL;
	if (len < SLUICE_SRTCP_CLEAR_LEN + SLUICE_SRTCP_WORD_LEN + tag_len)
		return -SLUICE_DROP_SHORT;
	if (len > SLUICE_PACKET_MAX)
		return -SLUICE_DROP_TOO_BIG;
	off = len - SLUICE_SRTCP_WORD_LEN;
	if (!sluice_srtcp_is_gcm(key->profile))
		off -= tag_len;
	sluice_opaque(off);
	if (off > SLUICE_PACKET_MAX)
		return -SLUICE_DROP_INTERNAL;
	*ret_word = sluice_get32(packet + off);
	return 0;
}

/*
 * As above, the other way; packets with E = 0 are authenticated only. Nothing
 * is decrypted before the tag is verified; AUTH if it is wrong. ret_index is
 * set on success and has no E bit.
 */
static __always_inline int sluice_srtcp_unprotect(const struct sluice_key *key,
						  __u32 ssrc, __u8 *packet,
						  __u32 len, __u32 *ret_index)
{
	struct sluice_srtp_pass pass = { .packet = packet, .key = &key->rtcp,
					 .start = SLUICE_SRTCP_CLEAR_LEN };
	struct sluice_srtp_work *work = sluice_srtp_work(packet);
	__u32 profile = key->profile, word = 0, index, off, diff;
	__u32 got0, got1, got2, got3;
	const __u8 *p;
	int err;

	err = sluice_srtcp_peek(key, packet, len, &word);
	if (err)
		return err;
	index = word & SLUICE_SRTCP_INDEX_MAX;
	len -= sluice_srtcp_trailer_len(profile);
	pass.end = len;
	off = len;
	if (!sluice_srtcp_is_gcm(profile))
		off += SLUICE_SRTCP_WORD_LEN;
	sluice_opaque(off);
	if (off > SLUICE_PACKET_MAX)
		return -SLUICE_DROP_INTERNAL;
	p = packet + off;
	got0 = sluice_get32(p);
	got1 = sluice_get32(p + 4);
	got2 = sluice_get32(p + 8);
	got3 = sluice_get32(p + 12);

	/* The difference is gathered from all words: constant time. */
	switch (profile) {
	case SLUICE_SRTP_AES128_CM_SHA1_80:
	case SLUICE_SRTP_AES128_CM_SHA1_32:
		sluice_cm_counter(key->rtcp.salt, index, ssrc, work->counter);
		sluice_srtp_ctr_start(&pass);
		err = sluice_srtp_hmac(&pass, word);
		diff = (work->tag[0] ^ got0) | (work->tag[1] ^ got1) |
		       (work->tag[2] ^ got2) >> 16;
		break;
	case SLUICE_SRTP_AEAD_AES_128_GCM:
	case SLUICE_SRTP_AEAD_AES_256_GCM:
		sluice_gcm_counter(key->rtcp.salt, index, ssrc, work->counter);
		sluice_srtp_ctr_start(&pass);
		err = sluice_srtcp_gcm_tag(&pass, word);
		diff = (work->tag[0] ^ got0) | (work->tag[1] ^ got1) |
		       (work->tag[2] ^ got2) | (work->tag[3] ^ got3);
		break;
	default:
		return -SLUICE_DROP_INTERNAL;
	}
	if (err)
		return err;
	if (diff)
		return -SLUICE_DROP_AUTH;
	pass.start = SLUICE_SRTCP_CLEAR_LEN;
	pass.end = len;
	if (word & SLUICE_SRTCP_E)
		sluice_srtp_ctr(&pass);
	*ret_index = index;
	return (int)len;
}

#endif
