/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* SHA-1 (FIPS 180-4 6.1) and HMAC-SHA1 (RFC 2104) with prepared pads. */
#ifndef SLUICE_LIB_SHA1_H
#define SLUICE_LIB_SHA1_H

#include "lib/port.h"

#define SLUICE_SHA1_LEN		20
#define SLUICE_SHA1_BLOCK	64

/*
 * The compiler would keep all of W in registers, of which BPF has ten, and
 * spill beyond the 512 bytes of stack.
 */
#ifdef __bpf__
#define SLUICE_SHA1_SCHEDULE volatile __u32
#else
#define SLUICE_SHA1_SCHEDULE __u32
#endif

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
	SLUICE_SHA1_SCHEDULE w[16];

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
