/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * SRTP (RFC 3711, RFC 7714): protect and unprotect of a whole RTP packet in
 * a scratch buffer, from the session keys of struct sluice_key.
 */
#ifndef SLUICE_LIB_SRTP_H
#define SLUICE_LIB_SRTP_H

#include "lib/aes.h"
#include "lib/ghash.h"
#include "lib/port.h"
#include "lib/rtp.h"
#include "lib/sha1.h"
#include "uapi/sluice.h"

#define SLUICE_SCRATCH	2048	/* bytes of the scratch buffer; 2^n */
/*
 * A map value that begins with it, or holds it, has as much behind it: what
 * the verifier takes for reachable (sluice_bound()).
 */
#define SLUICE_SCRATCH_ROOM	(2 * SLUICE_SCRATCH)

/*
 * Behind the longest packet the scratch buffer has room for HMAC's padding
 * (ROC, 0x80, zeros and length: at most 76 bytes), then for the working state,
 * which would not fit on BPF's stack, and one block for the outer hash.
 */
struct sluice_srtp_work {
	__u32 counter[4];	/* of the first CTR block */
	__u32 tag[4];		/* computed, big-endian words */
	__u32 state[5];		/* SHA-1 */
	__u32 reserved;
	struct sluice_aes_ctr ctr;
	struct sluice_ghash ghash;
	__u8 outer[SLUICE_SHA1_BLOCK];
} __attribute__((may_alias));

#define SLUICE_SCRATCH_WORK \
	(SLUICE_SCRATCH - (__u32)sizeof(struct sluice_srtp_work))

_Static_assert(SLUICE_PACKET_MAX + 80 + SLUICE_AES_BLOCK <=
		       SLUICE_SCRATCH_WORK &&
	       SLUICE_SCRATCH_WORK % 8 == 0, "scratch is too small");
_Static_assert(SLUICE_PACKET_MAX / SLUICE_AES_BLOCK < SLUICE_AES_CTR_MAX,
	       "the block counter of a packet exceeds its last byte");

/* Byte off of the scratch buffer; off has been checked. */
static __always_inline __u8 *sluice_srtp_at(__u8 *packet, __u32 off)
{
	return packet + sluice_bound(off, SLUICE_SCRATCH - 1);
}

/* Bytes of the authentication tag of an RTP packet; 0: not protected. */
static __always_inline __u32 sluice_srtp_tag_len(__u32 profile)
{
	switch (profile) {
	case SLUICE_SRTP_AES128_CM_SHA1_80:
		return 10;
	case SLUICE_SRTP_AES128_CM_SHA1_32:
		return 4;
	case SLUICE_SRTP_AEAD_AES_128_GCM:
	case SLUICE_SRTP_AEAD_AES_256_GCM:
		return 16;
	default:
		return 0;
	}
}

/* On the stack: maps keep no pointers. Handed to the loop bodies. */
struct sluice_srtp_pass {
	__u8 *packet;		/* the scratch buffer */
	const struct sluice_cipher_key *key;
	const void *ghash_table;	/* of key, for RTP */
	__u32 start;		/* of the bytes to work on */
	__u32 end;
	__u32 hash_blocks;	/* of HMAC's inner hash */
	__u32 is_opening;	/* GCM: what arrives is hashed, not what leaves */
};

/* Blocks that one call of a loop's body takes: a call costs as much as half. */
#define SLUICE_STRIDE	4
#define SLUICE_STRIDES(blocks) \
	(((blocks) + SLUICE_STRIDE - 1) / SLUICE_STRIDE)

static __always_inline struct sluice_srtp_work *sluice_srtp_work(__u8 *packet)
{
	return (struct sluice_srtp_work *)(packet + SLUICE_SCRATCH_WORK);
}

/* A block's halves as they lie in memory. */
static __always_inline __u64 sluice_block_half(const __u32 *words)
{
	return sluice_swap64((__u64)words[0] << 32 | words[1]);
}

static __always_inline void sluice_xor64(__u8 *p, __u64 v)
{
	((struct sluice_u64_unaligned *)p)->v ^= v;
}

/* Whole blocks always: what follows the packet in scratch has no meaning. */
static __attribute__((unused)) long sluice_ctr_step(sluice_loop_index i, void *context)
{
	struct sluice_srtp_pass *pass = context;
	__u32 k, n, off, block[4];
	__u8 *p;

	SLUICE_ROLLED
	for (k = 0; k < SLUICE_STRIDE; k++) {
		n = i * SLUICE_STRIDE + k;
		off = pass->start + n * SLUICE_AES_BLOCK;
		if (off >= pass->end ||
		    off > SLUICE_SCRATCH_WORK - SLUICE_AES_BLOCK)
			return 1;
		sluice_aes_ctr_block(&pass->key->aes,
				     &sluice_srtp_work(pass->packet)->ctr, n,
				     block);
		p = sluice_srtp_at(pass->packet, off);
		sluice_xor64(p, sluice_block_half(block));
		sluice_xor64(p + 8, sluice_block_half(block + 2));
	}
	return 0;
}

/* Blocks of 16 bytes in the pass's range. */
static __always_inline __u32 sluice_srtp_blocks(const struct sluice_srtp_pass *p)
{
	return (p->end - p->start + SLUICE_AES_BLOCK - 1) / SLUICE_AES_BLOCK;
}

/* Block i of the range; the last is taken as padded with zeros. 1: no more. */
static __always_inline int sluice_ghash_input(const struct sluice_srtp_pass *pass,
					      __u32 i, __u64 *ret_first,
					      __u64 *ret_last)
{
	__u32 off = pass->start + i * SLUICE_AES_BLOCK;
	__u32 left = pass->end - off;
	__u64 first, last;
	const __u8 *p;

	if (off > SLUICE_SCRATCH_WORK - SLUICE_AES_BLOCK)
		return 1;
	p = sluice_srtp_at(pass->packet, off);
	first = sluice_get64(p);
	last = sluice_get64(p + 8);
	if (left < SLUICE_AES_BLOCK) {
		if (left < 8)
			first &= ~0ULL << ((64 - 8 * left) & 63);
		if (left <= 8)
			last = 0;
		else
			last &= ~0ULL << ((128 - 8 * left) & 63);
	}
	*ret_first = first;
	*ret_last = last;
	return 0;
}

static __attribute__((unused)) long sluice_ghash_step(sluice_loop_index i, void *context)
{
	struct sluice_srtp_pass *pass = context;
	__u64 first, last;

	if (sluice_ghash_input(pass, i, &first, &last))
		return 1;
	sluice_ghash_lookup(pass->ghash_table,
			    &sluice_srtp_work(pass->packet)->ghash, first,
			    last);
	return 0;
}

/*
 * CTR and GHASH in one go. The first block of key stream masks the tag, the
 * payload's follow.
 */
static __attribute__((unused)) long sluice_gcm_step(sluice_loop_index i, void *context)
{
	struct sluice_srtp_pass *pass = context;
	struct sluice_srtp_work *work = sluice_srtp_work(pass->packet);
	__u64 first, last, stream_first, stream_last;
	__u32 k, n, off, block[4];
	__u8 *p;

	SLUICE_ROLLED
	for (k = 0; k < SLUICE_STRIDE; k++) {
		n = i * SLUICE_STRIDE + k;
		off = pass->start + n * SLUICE_AES_BLOCK;
		if (off >= pass->end + SLUICE_AES_BLOCK)
			return 1;
		sluice_aes_ctr_block(&pass->key->aes, &work->ctr, n - 1, block);
		if (!n) {
			work->tag[0] = block[0];
			work->tag[1] = block[1];
			work->tag[2] = block[2];
			work->tag[3] = block[3];
			continue;
		}
		off -= SLUICE_AES_BLOCK;
		if (off > SLUICE_SCRATCH_WORK - SLUICE_AES_BLOCK)
			return 1;
		stream_first = sluice_block_half(block);
		stream_last = sluice_block_half(block + 2);
		p = sluice_srtp_at(pass->packet, off);
		if (!pass->is_opening) {
			sluice_xor64(p, stream_first);
			sluice_xor64(p + 8, stream_last);
			stream_first = stream_last = 0;
		}
		if (sluice_ghash_input(pass, n - 1, &first, &last))
			return 1;
		sluice_xor64(p, stream_first);
		sluice_xor64(p + 8, stream_last);
		sluice_ghash_lookup(pass->ghash_table, &work->ghash, first,
				    last);
	}
	return 0;
}

/* One block of the inner hash; then the only one of the outer. */
static __attribute__((unused)) long sluice_hmac_step(sluice_loop_index i, void *context)
{
	struct sluice_srtp_pass *pass = context;
	struct sluice_srtp_work *work = sluice_srtp_work(pass->packet);
	__u32 off = i * SLUICE_SHA1_BLOCK;
	__u8 *p;
	int k;

	if (off > SLUICE_SCRATCH_WORK - SLUICE_SHA1_BLOCK)
		return 1;
	p = sluice_srtp_at(pass->packet, off);
	if (i >= pass->hash_blocks) {
		p = work->outer;
#pragma GCC unroll 5
		for (k = 0; k < 5; k++) {
			sluice_put32(p + 4 * k, work->state[k]);
			work->state[k] = pass->key->hmac_outer[k];
		}
	}
	sluice_sha1_round(work->state, p);
	return 0;
}

/*
 * HMAC over packet[0..end) || ROC (RFC 3711 4.2), with the padding written
 * behind the packet. The tag goes to the working state.
 */
SLUICE_SUBPROG int sluice_srtp_hmac(struct sluice_srtp_pass *pass, __u32 roc)
{
	struct sluice_srtp_work *work = sluice_srtp_work(pass->packet);
	__u32 len = pass->end;
	__u32 blocks = (len + 4 + 1 + 8 + SLUICE_SHA1_BLOCK - 1) /
		       SLUICE_SHA1_BLOCK;
	__u32 last = blocks * SLUICE_SHA1_BLOCK - 8;
	__u8 *p;
	int i;

	if (len > SLUICE_PACKET_MAX)
		return -SLUICE_DROP_INTERNAL;
	p = sluice_srtp_at(pass->packet, len);
	sluice_put32(p, roc);
	sluice_put64(p + 4, 0x8000000000000000);
#pragma GCC unroll 8
	for (i = 12; i < 76; i += 8)
		sluice_put64(p + i, 0);
	sluice_put64(sluice_srtp_at(pass->packet, last),
		     (SLUICE_SHA1_BLOCK + len + 4) * 8);

	p = work->outer;
	sluice_put32(p + 20, 0x80000000);
#pragma GCC unroll 5
	for (i = 24; i < 64; i += 8)
		sluice_put64(p + i, 0);
	sluice_put32(p + 60, (SLUICE_SHA1_BLOCK + SLUICE_SHA1_LEN) * 8);
#pragma GCC unroll 5
	for (i = 0; i < 5; i++)
		work->state[i] = pass->key->hmac_inner[i];
	pass->hash_blocks = blocks;
	sluice_loop(blocks + 1, sluice_hmac_step, pass);
#pragma GCC unroll 4
	for (i = 0; i < 4; i++)
		work->tag[i] = work->state[i];
	return 0;
}

/* RFC 3711 4.1.1: IV = (salt << 16) ^ (SSRC << 64) ^ (index << 16). */
static __always_inline void sluice_cm_counter(const __u8 *salt, __u64 index,
					      __u32 ssrc, __u32 *ret)
{
	ret[0] = sluice_get32(salt);
	ret[1] = sluice_get32(salt + 4) ^ ssrc;
	ret[2] = sluice_get32(salt + 8) ^ (__u32)(index >> 16);
	ret[3] = sluice_get32(salt + 12) ^ (__u32)index << 16;
}

/*
 * RFC 7714 8.1: IV = (0 || SSRC || ROC || SEQ) ^ salt, then the block counter
 * of SP 800-38D: 1 masks the tag, 2 and on encrypt.
 */
static __always_inline void sluice_gcm_counter(const __u8 *salt, __u64 index,
					       __u32 ssrc, __u32 *ret)
{
	ret[0] = sluice_get32(salt) ^ ssrc >> 16;
	ret[1] = sluice_get32(salt + 4) ^ ssrc << 16 ^
		 (__u32)(index >> 32 & 0xffff);
	ret[2] = sluice_get32(salt + 8) ^ (__u32)index;
	ret[3] = 2;
}

/* GHASH's result onto the mask. */
static __always_inline void sluice_gcm_tag(struct sluice_srtp_work *work)
{
	work->tag[0] ^= (__u32)(work->ghash.y1 >> 32);
	work->tag[1] ^= (__u32)work->ghash.y1;
	work->tag[2] ^= (__u32)(work->ghash.y0 >> 32);
	work->tag[3] ^= (__u32)work->ghash.y0;
}

/*
 * Header (AAD) and payload, which is encrypted or decrypted on the way; the tag
 * over header and ciphertext, into the working state.
 */
SLUICE_SUBPROG void sluice_gcm(struct sluice_srtp_pass *pass)
{
	struct sluice_srtp_work *work = sluice_srtp_work(pass->packet);
	__u32 header_len = pass->start, len = pass->end;
	__u64 first, last;

	work->ghash.y1 = 0;
	work->ghash.y0 = 0;
	pass->start = 0;
	pass->end = header_len;
	/* Most headers are one block, and a loop costs as much as it. */
	if (header_len > SLUICE_AES_BLOCK)
		sluice_loop(sluice_srtp_blocks(pass), sluice_ghash_step, pass);
	else if (!sluice_ghash_input(pass, 0, &first, &last))
		sluice_ghash_lookup(pass->ghash_table, &work->ghash, first,
				    last);
	pass->start = header_len;
	pass->end = len;
	sluice_loop(SLUICE_STRIDES(1 + sluice_srtp_blocks(pass)),
		    sluice_gcm_step, pass);
	sluice_ghash_lookup(pass->ghash_table, &work->ghash,
			    (__u64)header_len * 8,
			    (__u64)(len - header_len) * 8);
	sluice_gcm_tag(work);
}

/* What all blocks of a packet have in common, from the first counter. */
SLUICE_SUBPROG void sluice_srtp_ctr_start(struct sluice_srtp_pass *pass)
{
	struct sluice_srtp_work *work = sluice_srtp_work(pass->packet);

	sluice_aes_ctr_start(&pass->key->aes, work->counter, &work->ctr);
}

/* Encrypts or decrypts the pass's range. */
static __always_inline void sluice_srtp_ctr(struct sluice_srtp_pass *pass)
{
	sluice_loop(SLUICE_STRIDES(sluice_srtp_blocks(pass)), sluice_ctr_step,
		    pass);
}

/*
 * packet: a buffer of exactly SLUICE_SCRATCH bytes, aligned to 8, holding the
 * RTP packet of len bytes; header_len: where the payload begins (struct
 * sluice_rtp's payload_off). index: ROC || SEQ. Works in place; bytes beyond
 * the returned length are undefined afterwards.
 *
 * Returns the new length, or -SLUICE_DROP_x with the packet undefined:
 * SHORT, TOO_BIG, or INTERNAL for a profile that is not done here.
 */
static __always_inline int sluice_srtp_protect(const struct sluice_key *key,
					       __u64 index, __u32 ssrc,
					       __u8 *packet, __u32 header_len,
					       __u32 len)
{
	struct sluice_srtp_pass pass = { .packet = packet, .key = &key->rtp,
					 .ghash_table = key->ghash_table,
					 .start = header_len, .end = len };
	struct sluice_srtp_work *work = sluice_srtp_work(packet);
	__u32 profile = key->profile;
	__u32 tag_len = sluice_srtp_tag_len(profile);
	__u8 *p;
	int err;

	if (header_len < SLUICE_RTP_HEADER_LEN || len < header_len)
		return -SLUICE_DROP_SHORT;
	if (len > SLUICE_PACKET_MAX - tag_len)
		return -SLUICE_DROP_TOO_BIG;

	switch (profile) {
	case SLUICE_SRTP_AES128_CM_SHA1_80:
	case SLUICE_SRTP_AES128_CM_SHA1_32:
		sluice_cm_counter(key->rtp.salt, index, ssrc, work->counter);
		sluice_srtp_ctr_start(&pass);
		sluice_srtp_ctr(&pass);
		err = sluice_srtp_hmac(&pass, (__u32)(index >> 16));
		if (err)
			return err;
		break;
	case SLUICE_SRTP_AEAD_AES_128_GCM:
	case SLUICE_SRTP_AEAD_AES_256_GCM:
		sluice_gcm_counter(key->rtp.salt, index, ssrc, work->counter);
		sluice_srtp_ctr_start(&pass);
		sluice_gcm(&pass);
		break;
	default:
		return -SLUICE_DROP_INTERNAL;
	}

	/* All four words: a shorter tag's rest lies beyond the packet. */
	p = sluice_srtp_at(packet, len);
	sluice_put32(p, work->tag[0]);
	sluice_put32(p + 4, work->tag[1]);
	sluice_put32(p + 8, work->tag[2]);
	sluice_put32(p + 12, work->tag[3]);
	return (int)(len + tag_len);
}

/*
 * As above, the other way: AUTH if the tag is wrong. With GCM the scratch
 * buffer then holds what nobody vouches for.
 */
static __always_inline int sluice_srtp_unprotect(const struct sluice_key *key,
						 __u64 index, __u32 ssrc,
						 __u8 *packet,
						 __u32 header_len, __u32 len)
{
	struct sluice_srtp_pass pass = { .packet = packet, .key = &key->rtp,
					 .ghash_table = key->ghash_table,
					 .start = header_len, .is_opening = 1 };
	struct sluice_srtp_work *work = sluice_srtp_work(packet);
	__u32 profile = key->profile;
	__u32 tag_len = sluice_srtp_tag_len(profile);
	__u32 got0, got1, got2, got3, diff;
	__u8 *p;
	int err;

	if (header_len < SLUICE_RTP_HEADER_LEN || len < header_len + tag_len)
		return -SLUICE_DROP_SHORT;
	if (len > SLUICE_PACKET_MAX)
		return -SLUICE_DROP_TOO_BIG;
	len -= tag_len;
	pass.end = len;
	p = sluice_srtp_at(packet, len);
	got0 = sluice_get32(p);
	got1 = sluice_get32(p + 4);
	got2 = sluice_get32(p + 8);
	got3 = sluice_get32(p + 12);

	/* The difference is gathered from all words: constant time. */
	switch (profile) {
	case SLUICE_SRTP_AES128_CM_SHA1_80:
	case SLUICE_SRTP_AES128_CM_SHA1_32:
		sluice_cm_counter(key->rtp.salt, index, ssrc, work->counter);
		err = sluice_srtp_hmac(&pass, (__u32)(index >> 16));
		if (err)
			return err;
		diff = work->tag[0] ^ got0;
		if (tag_len == 10)
			diff |= (work->tag[1] ^ got1) |
				(work->tag[2] ^ got2) >> 16;
		break;
	case SLUICE_SRTP_AEAD_AES_128_GCM:
	case SLUICE_SRTP_AEAD_AES_256_GCM:
		sluice_gcm_counter(key->rtp.salt, index, ssrc, work->counter);
		sluice_srtp_ctr_start(&pass);
		sluice_gcm(&pass);
		diff = (work->tag[0] ^ got0) | (work->tag[1] ^ got1) |
		       (work->tag[2] ^ got2) | (work->tag[3] ^ got3);
		break;
	default:
		return -SLUICE_DROP_INTERNAL;
	}
	if (diff)
		return -SLUICE_DROP_AUTH;
	if (tag_len < 16) {
		sluice_srtp_ctr_start(&pass);
		sluice_srtp_ctr(&pass);
	}
	return (int)len;
}

#ifndef __bpf__
#include "lib/srtp_kdf.h"
#endif

#endif
