/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* SHA-1 (FIPS 180-4 6.1) and HMAC-SHA1 (RFC 2104) with prepared pads. */
#ifndef SLUICE_LIB_SHA1_H
#define SLUICE_LIB_SHA1_H

#include "lib/port.h"

#define SLUICE_SHA1_LEN		20
#define SLUICE_SHA1_BLOCK	64

#ifdef __bpf__
/*
 * By hand in BPF, which has no rotation. a and b hold their value in both
 * halves of a register, so that a shift to the right rotates; the upper halves
 * of c, d and e mean nothing. W lies in pairs on the stack, 32 words at r9,
 * the earlier one in the upper half, and is extended a pair at a time:
 *
 *   W[t] = rol1(W[t-3] ^ W[t-8] ^ W[t-14] ^ W[t-16]), and thus from 32 on
 *   W[t] = rol2(W[t-6] ^ W[t-16] ^ W[t-28] ^ W[t-32])
 *
 * r5: temporary, r6: the newest pair, never read back from the slot where it
 * was just stored, r7 and r8: masks of the rotation. What a round adds up is
 * in the order in which it is known: W, K, f, last rol5(a).
 */

/* f(b, c, d) and K onto e. */
#define SLUICE_SHA1_CH(b, c, d, e) \
	"w" #e " += 0x5a827999;" \
	"w5 = w" #c ";w5 ^= w" #d ";w5 &= w" #b ";w5 ^= w" #d ";" \
	"w" #e " += w5;"
#define SLUICE_SHA1_PARITY(b, c, d, e) \
	"w5 = w" #c ";w5 ^= w" #d ";w5 ^= w" #b ";w" #e " += w5;"
#define SLUICE_SHA1_PARITY1(b, c, d, e) \
	"w" #e " += 0x6ed9eba1;" SLUICE_SHA1_PARITY(b, c, d, e)
#define SLUICE_SHA1_MAJ(b, c, d, e) \
	"w" #e " += -0x70e44324;"	/* 0x8f1bbcdc */ \
	"w5 = w" #c ";w5 &= w" #d ";w" #e " += w5;" \
	"w5 = w" #c ";w5 ^= w" #d ";w5 &= w" #b ";w" #e " += w5;"
#define SLUICE_SHA1_PARITY2(b, c, d, e) \
	"w" #e " += -0x359d3e2a;"	/* 0xca62c1d6 */ \
	SLUICE_SHA1_PARITY(b, c, d, e)
/* The rest of a round; e then has both halves. */
#define SLUICE_SHA1_TURN(a, b, e) \
	"r" #b " >>= 2;" \
	"r5 = r" #a ";r5 >>= 27;w" #e " += w5;" \
	"r5 = r" #e ";r5 <<= 32;r" #e " |= r5;"

/* Two rounds with r6; the names move on by two. */
#define SLUICE_SHA1_2(fn, a, b, c, d, e) \
	"r5 = r6;r5 >>= 32;w" #e " += w5;" fn(b, c, d, e) \
	SLUICE_SHA1_TURN(a, b, e) \
	"w" #d " += w6;" fn(a, b, c, d) \
	SLUICE_SHA1_TURN(e, a, d)
#define SLUICE_SHA1_READ_2(fn, slot, a, b, c, d, e) \
	"r6 = *(u64 *)(r9 + 8*" #slot ");" \
	SLUICE_SHA1_2(fn, a, b, c, d, e)
#define SLUICE_SHA1_MADE_2(fn, slot, a, b, c, d, e) \
	"*(u64 *)(r9 + 8*" #slot ") = r6;" \
	SLUICE_SHA1_2(fn, a, b, c, d, e)
#define SLUICE_SHA1_XOR(slot) "r5 = *(u64 *)(r9 + 8*" #slot ");r6 ^= r5;"
#define SLUICE_SHA1_ROTATE(up, down) \
	"r5 = r6;r5 >>= " #down ";r5 &= r8;" \
	"r6 <<= " #up ";r6 &= r7;r6 |= r5;"
/* Slots of W[t-4], W[t-8], W[t-14], W[t-16]; r6 holds W[t-2]. */
#define SLUICE_SHA1_ROL1_2(fn, slot, s4, s8, s14, s16, a, b, c, d, e) \
	"r6 >>= 32;" \
	"r5 = *(u64 *)(r9 + 8*" #s4 ");r5 <<= 32;r6 |= r5;" \
	SLUICE_SHA1_XOR(s8) SLUICE_SHA1_XOR(s14) SLUICE_SHA1_XOR(s16) \
	SLUICE_SHA1_ROTATE(1, 31) \
	SLUICE_SHA1_MADE_2(fn, slot, a, b, c, d, e)
/* Slots of W[t-6], W[t-16], W[t-28]; that of W[t-32] is overwritten. */
#define SLUICE_SHA1_ROL2_2(fn, slot, s6, s16, s28, a, b, c, d, e) \
	"r6 = *(u64 *)(r9 + 8*" #slot ");" \
	SLUICE_SHA1_XOR(s6) SLUICE_SHA1_XOR(s16) SLUICE_SHA1_XOR(s28) \
	SLUICE_SHA1_ROTATE(2, 30) \
	SLUICE_SHA1_MADE_2(fn, slot, a, b, c, d, e)

/* One block of 64 bytes into the state. */
static __always_inline void sluice_sha1_round(__u32 *state, const __u8 *block)
{
	register __u64 r0 __asm__("r0");
	register __u64 r1 __asm__("r1");
	register __u64 r2 __asm__("r2");
	register __u64 r3 __asm__("r3");
	register __u64 r4 __asm__("r4");
	register __u64 *r9 __asm__("r9");
	__u64 w[16];
	int i;

#pragma GCC unroll 8
	for (i = 0; i < 8; i++)
		w[i] = sluice_get64(block + 8 * i);
	r0 = state[0] | (__u64)state[0] << 32;
	r1 = state[1] | (__u64)state[1] << 32;
	r2 = state[2];
	r3 = state[3];
	r4 = state[4];
	r9 = w;
	__asm__ volatile(
		SLUICE_SHA1_READ_2(SLUICE_SHA1_CH, 0, 0, 1, 2, 3, 4)
		SLUICE_SHA1_READ_2(SLUICE_SHA1_CH, 1, 3, 4, 0, 1, 2)
		SLUICE_SHA1_READ_2(SLUICE_SHA1_CH, 2, 1, 2, 3, 4, 0)
		SLUICE_SHA1_READ_2(SLUICE_SHA1_CH, 3, 4, 0, 1, 2, 3)
		SLUICE_SHA1_READ_2(SLUICE_SHA1_CH, 4, 2, 3, 4, 0, 1)
		SLUICE_SHA1_READ_2(SLUICE_SHA1_CH, 5, 0, 1, 2, 3, 4)
		SLUICE_SHA1_READ_2(SLUICE_SHA1_CH, 6, 3, 4, 0, 1, 2)
		SLUICE_SHA1_READ_2(SLUICE_SHA1_CH, 7, 1, 2, 3, 4, 0)
		"r7 = 0xfffffffefffffffe ll; r8 = 0x100000001 ll;"
		SLUICE_SHA1_ROL1_2(SLUICE_SHA1_CH, 8, 6, 4, 1, 0, 4, 0, 1, 2, 3)
		SLUICE_SHA1_ROL1_2(SLUICE_SHA1_CH, 9, 7, 5, 2, 1, 2, 3, 4, 0, 1)
		SLUICE_SHA1_ROL1_2(SLUICE_SHA1_PARITY1, 10, 8, 6, 3, 2, 0, 1, 2, 3, 4)
		SLUICE_SHA1_ROL1_2(SLUICE_SHA1_PARITY1, 11, 9, 7, 4, 3, 3, 4, 0, 1, 2)
		SLUICE_SHA1_ROL1_2(SLUICE_SHA1_PARITY1, 12, 10, 8, 5, 4, 1, 2, 3, 4, 0)
		SLUICE_SHA1_ROL1_2(SLUICE_SHA1_PARITY1, 13, 11, 9, 6, 5, 4, 0, 1, 2, 3)
		SLUICE_SHA1_ROL1_2(SLUICE_SHA1_PARITY1, 14, 12, 10, 7, 6, 2, 3, 4, 0, 1)
		SLUICE_SHA1_ROL1_2(SLUICE_SHA1_PARITY1, 15, 13, 11, 8, 7, 0, 1, 2, 3, 4)
		"r7 = 0xfffffffcfffffffc ll; r8 = 0x300000003 ll;"
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_PARITY1, 0, 13, 8, 2, 3, 4, 0, 1, 2)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_PARITY1, 1, 14, 9, 3, 1, 2, 3, 4, 0)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_PARITY1, 2, 15, 10, 4, 4, 0, 1, 2, 3)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_PARITY1, 3, 0, 11, 5, 2, 3, 4, 0, 1)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_MAJ, 4, 1, 12, 6, 0, 1, 2, 3, 4)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_MAJ, 5, 2, 13, 7, 3, 4, 0, 1, 2)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_MAJ, 6, 3, 14, 8, 1, 2, 3, 4, 0)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_MAJ, 7, 4, 15, 9, 4, 0, 1, 2, 3)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_MAJ, 8, 5, 0, 10, 2, 3, 4, 0, 1)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_MAJ, 9, 6, 1, 11, 0, 1, 2, 3, 4)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_MAJ, 10, 7, 2, 12, 3, 4, 0, 1, 2)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_MAJ, 11, 8, 3, 13, 1, 2, 3, 4, 0)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_MAJ, 12, 9, 4, 14, 4, 0, 1, 2, 3)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_MAJ, 13, 10, 5, 15, 2, 3, 4, 0, 1)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_PARITY2, 14, 11, 6, 0, 0, 1, 2, 3, 4)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_PARITY2, 15, 12, 7, 1, 3, 4, 0, 1, 2)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_PARITY2, 0, 13, 8, 2, 1, 2, 3, 4, 0)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_PARITY2, 1, 14, 9, 3, 4, 0, 1, 2, 3)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_PARITY2, 2, 15, 10, 4, 2, 3, 4, 0, 1)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_PARITY2, 3, 0, 11, 5, 0, 1, 2, 3, 4)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_PARITY2, 4, 1, 12, 6, 3, 4, 0, 1, 2)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_PARITY2, 5, 2, 13, 7, 1, 2, 3, 4, 0)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_PARITY2, 6, 3, 14, 8, 4, 0, 1, 2, 3)
		SLUICE_SHA1_ROL2_2(SLUICE_SHA1_PARITY2, 7, 4, 15, 9, 2, 3, 4, 0, 1)
		: "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4)
		: "r"(r9)
		: "r5", "r6", "r7", "r8", "memory");
	state[0] += (__u32)r0;
	state[1] += (__u32)r1;
	state[2] += (__u32)r2;
	state[3] += (__u32)r3;
	state[4] += (__u32)r4;
}
#else
#define SLUICE_ROL(x, n) ((x) << (n) | (x) >> (32 - (n)))

#define SLUICE_SHA1_CH(b, c, d) ((d) ^ ((b) & ((c) ^ (d))))
#define SLUICE_SHA1_PARITY(b, c, d) ((b) ^ (c) ^ (d))
#define SLUICE_SHA1_MAJ(b, c, d) (((b) & (c)) | ((d) & ((b) | (c))))

#define SLUICE_SHA1_W(t) \
	(next = w[((t) + 13) & 15] ^ w[((t) + 8) & 15] ^ \
		w[((t) + 2) & 15] ^ w[(t) & 15], \
	 next = SLUICE_ROL(next, 1), w[(t) & 15] = next, next)
#define SLUICE_SHA1_LOAD(t) \
	(next = sluice_get32(block + 4 * (t)), w[t] = next, next)

#define SLUICE_SHA1_ROUND(fn, k, input, a, b, c, d, e) \
	(e += SLUICE_ROL(a, 5) + SLUICE_SHA1_##fn(b, c, d) + (k) + (input), \
	 b = SLUICE_ROL(b, 30))
#define SLUICE_SHA1_5(fn, k, in, t) \
	do { \
		SLUICE_SHA1_ROUND(fn, k, in(t), a, b, c, d, e); \
		SLUICE_SHA1_ROUND(fn, k, in((t) + 1), e, a, b, c, d); \
		SLUICE_SHA1_ROUND(fn, k, in((t) + 2), d, e, a, b, c); \
		SLUICE_SHA1_ROUND(fn, k, in((t) + 3), c, d, e, a, b); \
		SLUICE_SHA1_ROUND(fn, k, in((t) + 4), b, c, d, e, a); \
	} while (0)
#define SLUICE_SHA1_20(fn, k, t) \
	do { \
		SLUICE_SHA1_5(fn, k, SLUICE_SHA1_W, t); \
		SLUICE_SHA1_5(fn, k, SLUICE_SHA1_W, (t) + 5); \
		SLUICE_SHA1_5(fn, k, SLUICE_SHA1_W, (t) + 10); \
		SLUICE_SHA1_5(fn, k, SLUICE_SHA1_W, (t) + 15); \
	} while (0)

/* One block of 64 bytes into the state. */
static __always_inline void sluice_sha1_round(__u32 *state, const __u8 *block)
{
	__u32 a = state[0], b = state[1], c = state[2], d = state[3];
	__u32 e = state[4], next;
	__u32 w[16];

	SLUICE_SHA1_5(CH, 0x5a827999, SLUICE_SHA1_LOAD, 0);
	SLUICE_SHA1_5(CH, 0x5a827999, SLUICE_SHA1_LOAD, 5);
	SLUICE_SHA1_5(CH, 0x5a827999, SLUICE_SHA1_LOAD, 10);
	SLUICE_SHA1_ROUND(CH, 0x5a827999, SLUICE_SHA1_LOAD(15), a, b, c, d, e);
	SLUICE_SHA1_ROUND(CH, 0x5a827999, SLUICE_SHA1_W(16), e, a, b, c, d);
	SLUICE_SHA1_ROUND(CH, 0x5a827999, SLUICE_SHA1_W(17), d, e, a, b, c);
	SLUICE_SHA1_ROUND(CH, 0x5a827999, SLUICE_SHA1_W(18), c, d, e, a, b);
	SLUICE_SHA1_ROUND(CH, 0x5a827999, SLUICE_SHA1_W(19), b, c, d, e, a);
	SLUICE_SHA1_20(PARITY, 0x6ed9eba1, 20);
	SLUICE_SHA1_20(MAJ, 0x8f1bbcdc, 40);
	SLUICE_SHA1_20(PARITY, 0xca62c1d6, 60);

	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
}
#endif

static __always_inline void sluice_sha1_init(__u32 *state)
{
	state[0] = 0x67452301;
	state[1] = 0xefcdab89;
	state[2] = 0x98badcfe;
	state[3] = 0x10325476;
	state[4] = 0xc3d2e1f0;
}

SLUICE_SUBPROG void sluice_sha1_block(__u32 *state, const __u8 *block)
{
	sluice_sha1_round(state, block);
}

#ifndef __bpf__
struct sluice_sha1 {
	__u32 state[5];
	__u64 len;		/* bytes so far */
	__u8 block[SLUICE_SHA1_BLOCK];
};

static inline void sluice_sha1_start(struct sluice_sha1 *s)
{
	sluice_sha1_init(s->state);
	s->len = 0;
}

static inline void sluice_sha1_add(struct sluice_sha1 *s, const void *data,
				   size_t len)
{
	const __u8 *p = data;
	size_t used = s->len % SLUICE_SHA1_BLOCK, n;

	s->len += len;
	while (len) {
		n = SLUICE_SHA1_BLOCK - used;
		if (n > len)
			n = len;
		memcpy(s->block + used, p, n);
		p += n;
		len -= n;
		used += n;
		if (used == SLUICE_SHA1_BLOCK) {
			sluice_sha1_block(s->state, s->block);
			used = 0;
		}
	}
}

static inline void sluice_sha1_finish(struct sluice_sha1 *s,
				      __u8 ret[SLUICE_SHA1_LEN])
{
	static const __u8 pad[SLUICE_SHA1_BLOCK] = { 0x80 };
	size_t used = s->len % SLUICE_SHA1_BLOCK;
	__u64 bits = s->len * 8;
	__u8 length[8];
	int i;

	sluice_put64(length, bits);
	sluice_sha1_add(s, pad, used < 56 ? 56 - used : 120 - used);
	sluice_sha1_add(s, length, sizeof(length));
	for (i = 0; i < 5; i++)
		sluice_put32(ret + 4 * i, s->state[i]);
}

/* The states after the inner and the outer pad block of a key. */
static inline void sluice_hmac_sha1_expand(const void *key, size_t key_len,
					   __u32 ret_inner[5],
					   __u32 ret_outer[5])
{
	__u8 pad[SLUICE_SHA1_BLOCK] = { 0 };
	struct sluice_sha1 s;
	int i;

	if (key_len > SLUICE_SHA1_BLOCK) {
		sluice_sha1_start(&s);
		sluice_sha1_add(&s, key, key_len);
		sluice_sha1_finish(&s, pad);
	} else {
		memcpy(pad, key, key_len);
	}
	for (i = 0; i < SLUICE_SHA1_BLOCK; i++)
		pad[i] ^= 0x36;
	sluice_sha1_init(ret_inner);
	sluice_sha1_block(ret_inner, pad);
	for (i = 0; i < SLUICE_SHA1_BLOCK; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	sluice_sha1_init(ret_outer);
	sluice_sha1_block(ret_outer, pad);
	explicit_bzero(pad, sizeof(pad));
}

/* A running HMAC: start, sluice_sha1_add() as often as needed, finish. */
static inline void sluice_hmac_sha1_start(struct sluice_sha1 *s,
					  const __u32 inner[5])
{
	memcpy(s->state, inner, sizeof(s->state));
	s->len = SLUICE_SHA1_BLOCK;
}

static inline void sluice_hmac_sha1_finish(struct sluice_sha1 *s,
					   const __u32 outer[5],
					   __u8 ret[SLUICE_SHA1_LEN])
{
	__u8 inner[SLUICE_SHA1_LEN];

	sluice_sha1_finish(s, inner);
	sluice_hmac_sha1_start(s, outer);
	sluice_sha1_add(s, inner, sizeof(inner));
	sluice_sha1_finish(s, ret);
}

static inline void sluice_hmac_sha1(const void *key, size_t key_len,
				    const void *data, size_t len,
				    __u8 ret[SLUICE_SHA1_LEN])
{
	__u32 inner[5], outer[5];
	struct sluice_sha1 s;

	sluice_hmac_sha1_expand(key, key_len, inner, outer);
	sluice_hmac_sha1_start(&s, inner);
	sluice_sha1_add(&s, data, len);
	sluice_hmac_sha1_finish(&s, outer, ret);
	explicit_bzero(inner, sizeof(inner));
	explicit_bzero(outer, sizeof(outer));
}
#endif

#endif
