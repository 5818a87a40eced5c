/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * AES (FIPS 197), encryption only: both of SRTP's modes run the cipher
 * forwards. Table look-ups: a local attacker who shares the cache can time
 * them (Documentation/ says so to operators).
 */
#ifndef SLUICE_LIB_AES_H
#define SLUICE_LIB_AES_H

#include "lib/port.h"

#define SLUICE_AES_BLOCK	16

/* The S-box of FIPS 197 5.1.1, row by row. */
#define SLUICE_AES_SBOX(X) \
	X(0x63) X(0x7c) X(0x77) X(0x7b) X(0xf2) X(0x6b) X(0x6f) X(0xc5) \
	X(0x30) X(0x01) X(0x67) X(0x2b) X(0xfe) X(0xd7) X(0xab) X(0x76) \
	X(0xca) X(0x82) X(0xc9) X(0x7d) X(0xfa) X(0x59) X(0x47) X(0xf0) \
	X(0xad) X(0xd4) X(0xa2) X(0xaf) X(0x9c) X(0xa4) X(0x72) X(0xc0) \
	X(0xb7) X(0xfd) X(0x93) X(0x26) X(0x36) X(0x3f) X(0xf7) X(0xcc) \
	X(0x34) X(0xa5) X(0xe5) X(0xf1) X(0x71) X(0xd8) X(0x31) X(0x15) \
	X(0x04) X(0xc7) X(0x23) X(0xc3) X(0x18) X(0x96) X(0x05) X(0x9a) \
	X(0x07) X(0x12) X(0x80) X(0xe2) X(0xeb) X(0x27) X(0xb2) X(0x75) \
	X(0x09) X(0x83) X(0x2c) X(0x1a) X(0x1b) X(0x6e) X(0x5a) X(0xa0) \
	X(0x52) X(0x3b) X(0xd6) X(0xb3) X(0x29) X(0xe3) X(0x2f) X(0x84) \
	X(0x53) X(0xd1) X(0x00) X(0xed) X(0x20) X(0xfc) X(0xb1) X(0x5b) \
	X(0x6a) X(0xcb) X(0xbe) X(0x39) X(0x4a) X(0x4c) X(0x58) X(0xcf) \
	X(0xd0) X(0xef) X(0xaa) X(0xfb) X(0x43) X(0x4d) X(0x33) X(0x85) \
	X(0x45) X(0xf9) X(0x02) X(0x7f) X(0x50) X(0x3c) X(0x9f) X(0xa8) \
	X(0x51) X(0xa3) X(0x40) X(0x8f) X(0x92) X(0x9d) X(0x38) X(0xf5) \
	X(0xbc) X(0xb6) X(0xda) X(0x21) X(0x10) X(0xff) X(0xf3) X(0xd2) \
	X(0xcd) X(0x0c) X(0x13) X(0xec) X(0x5f) X(0x97) X(0x44) X(0x17) \
	X(0xc4) X(0xa7) X(0x7e) X(0x3d) X(0x64) X(0x5d) X(0x19) X(0x73) \
	X(0x60) X(0x81) X(0x4f) X(0xdc) X(0x22) X(0x2a) X(0x90) X(0x88) \
	X(0x46) X(0xee) X(0xb8) X(0x14) X(0xde) X(0x5e) X(0x0b) X(0xdb) \
	X(0xe0) X(0x32) X(0x3a) X(0x0a) X(0x49) X(0x06) X(0x24) X(0x5c) \
	X(0xc2) X(0xd3) X(0xac) X(0x62) X(0x91) X(0x95) X(0xe4) X(0x79) \
	X(0xe7) X(0xc8) X(0x37) X(0x6d) X(0x8d) X(0xd5) X(0x4e) X(0xa9) \
	X(0x6c) X(0x56) X(0xf4) X(0xea) X(0x65) X(0x7a) X(0xae) X(0x08) \
	X(0xba) X(0x78) X(0x25) X(0x2e) X(0x1c) X(0xa6) X(0xb4) X(0xc6) \
	X(0xe8) X(0xdd) X(0x74) X(0x1f) X(0x4b) X(0xbd) X(0x8b) X(0x8a) \
	X(0x70) X(0x3e) X(0xb5) X(0x66) X(0x48) X(0x03) X(0xf6) X(0x0e) \
	X(0x61) X(0x35) X(0x57) X(0xb9) X(0x86) X(0xc1) X(0x1d) X(0x9e) \
	X(0xe1) X(0xf8) X(0x98) X(0x11) X(0x69) X(0xd9) X(0x8e) X(0x94) \
	X(0x9b) X(0x1e) X(0x87) X(0xe9) X(0xce) X(0x55) X(0x28) X(0xdf) \
	X(0x8c) X(0xa1) X(0x89) X(0x0d) X(0xbf) X(0xe6) X(0x42) X(0x68) \
	X(0x41) X(0x99) X(0x2d) X(0x0f) X(0xb0) X(0x54) X(0xbb) X(0x16)

/* Multiplication by x and by x + 1 in GF(2^8). */
#define SLUICE_AES_X2(s) ((((s) << 1) ^ ((s) & 0x80 ? 0x1b : 0)) & 0xff)
#define SLUICE_AES_X3(s) (SLUICE_AES_X2(s) ^ (s))
#define SLUICE_AES_COLUMN(b0, b1, b2, b3) \
	((__u32)(b0) << 24 | (__u32)(b1) << 16 | (__u32)(b2) << 8 | (__u32)(b3))

/* SubBytes and MixColumns of one byte; one table for each row of the state. */
#define SLUICE_AES_T0(s) SLUICE_AES_COLUMN(SLUICE_AES_X2(s), s, s, SLUICE_AES_X3(s)),
#define SLUICE_AES_T1(s) SLUICE_AES_COLUMN(SLUICE_AES_X3(s), SLUICE_AES_X2(s), s, s),
#define SLUICE_AES_T2(s) SLUICE_AES_COLUMN(s, SLUICE_AES_X3(s), SLUICE_AES_X2(s), s),
#define SLUICE_AES_T3(s) SLUICE_AES_COLUMN(s, s, SLUICE_AES_X3(s), SLUICE_AES_X2(s)),

/* One array, so that one register holds the base of all four. */
static const __u32 sluice_aes_t[4][256] = {
	{ SLUICE_AES_SBOX(SLUICE_AES_T0) },
	{ SLUICE_AES_SBOX(SLUICE_AES_T1) },
	{ SLUICE_AES_SBOX(SLUICE_AES_T2) },
	{ SLUICE_AES_SBOX(SLUICE_AES_T3) },
};

/* Offsets into a table of the bytes of a word, first to last. */
#define SLUICE_AES_B0(w) ((w) >> 22 & 0x3fc)
#define SLUICE_AES_B1(w) ((w) >> 14 & 0x3fc)
#define SLUICE_AES_B2(w) ((w) >> 6 & 0x3fc)
#define SLUICE_AES_B3(w) ((w) << 2 & 0x3fc)

/* The row's table goes into the load's own offset. */
static __always_inline __u32 sluice_aes_look(const __u8 *table, __u32 row,
					     __u32 offset)
{
	const __u8 *p = table + offset;

	sluice_opaque(p);
	return *(const __u32 *)(p + 1024 * row);
}

#define SLUICE_AES_ROUND(a, b, c, d, k) \
	(sluice_aes_look(table, 0, SLUICE_AES_B0(a)) ^ \
	 sluice_aes_look(table, 1, SLUICE_AES_B1(b)) ^ \
	 sluice_aes_look(table, 2, SLUICE_AES_B2(c)) ^ \
	 sluice_aes_look(table, 3, SLUICE_AES_B3(d)) ^ (k))
/* The last round has no MixColumns: the S-box itself, out of the tables. */
#define SLUICE_AES_LAST(a, b, c, d, k) \
	(((sluice_aes_look(table, 2, SLUICE_AES_B0(a)) & 0xff000000) | \
	  (sluice_aes_look(table, 3, SLUICE_AES_B1(b)) & 0x00ff0000) | \
	  (sluice_aes_look(table, 0, SLUICE_AES_B2(c)) & 0x0000ff00) | \
	  (sluice_aes_look(table, 1, SLUICE_AES_B3(d)) & 0x000000ff)) ^ (k))
#define SLUICE_AES_STEP(out, in, round) \
	do { \
		const __u32 *k_ = rk + 4 * (round); \
		out##0 = SLUICE_AES_ROUND(in##0, in##1, in##2, in##3, k_[0]); \
		out##1 = SLUICE_AES_ROUND(in##1, in##2, in##3, in##0, k_[1]); \
		out##2 = SLUICE_AES_ROUND(in##2, in##3, in##0, in##1, k_[2]); \
		out##3 = SLUICE_AES_ROUND(in##3, in##0, in##1, in##2, k_[3]); \
	} while (0)

/* Rounds 3 to 10 of AES-128. */
static __always_inline void sluice_aes128_finish(const __u32 *rk,
						 const __u8 *table,
						 __u32 s0, __u32 s1, __u32 s2,
						 __u32 s3, __u32 out[4])
{
	__u32 t0, t1, t2, t3;

	SLUICE_AES_STEP(t, s, 3);
	SLUICE_AES_STEP(s, t, 4);
	SLUICE_AES_STEP(t, s, 5);
	SLUICE_AES_STEP(s, t, 6);
	SLUICE_AES_STEP(t, s, 7);
	SLUICE_AES_STEP(s, t, 8);
	SLUICE_AES_STEP(t, s, 9);
	out[0] = SLUICE_AES_LAST(t0, t1, t2, t3, rk[40]);
	out[1] = SLUICE_AES_LAST(t1, t2, t3, t0, rk[41]);
	out[2] = SLUICE_AES_LAST(t2, t3, t0, t1, rk[42]);
	out[3] = SLUICE_AES_LAST(t3, t0, t1, t2, rk[43]);
}

/*
 * One block under AES-128; words are big-endian values, rk the 44 round key
 * words of struct sluice_cipher_key.
 */
static __always_inline void sluice_aes128_encrypt(const __u32 *rk,
						  const __u32 in[4],
						  __u32 out[4])
{
	__u32 s0 = in[0] ^ rk[0], s1 = in[1] ^ rk[1];
	__u32 s2 = in[2] ^ rk[2], s3 = in[3] ^ rk[3];
	const __u8 *table = (const __u8 *)sluice_aes_t;
	__u32 t0, t1, t2, t3;

	sluice_opaque(table);
	SLUICE_AES_STEP(t, s, 1);
	SLUICE_AES_STEP(s, t, 2);
	sluice_aes128_finish(rk, table, s0, s1, s2, s3, out);
}

/*
 * Over the blocks of a packet only the counter's last byte changes: of round
 * 1 one look-up depends on it, of round 2 four. The rest is kept.
 */
struct sluice_aes_ctr {
	__u32 last;		/* last word of the first counter */
	__u32 round1;		/* column 0 without that byte */
	__u32 round2[4];	/* columns without column 0 of round 1 */
};

#define SLUICE_AES_CTR_MAX	254	/* blocks from a counter of 0 to 2 */

static __always_inline void sluice_aes128_ctr_start(const __u32 *rk,
						    const __u32 counter[4],
						    struct sluice_aes_ctr *ret)
{
	__u32 s0 = counter[0] ^ rk[0], s1 = counter[1] ^ rk[1];
	__u32 s2 = counter[2] ^ rk[2], s3 = counter[3] ^ rk[3];
	const __u8 *table = (const __u8 *)sluice_aes_t;
	__u32 t1, t2, t3;

	sluice_opaque(table);
	ret->last = counter[3];
	ret->round1 = sluice_aes_look(table, 0, SLUICE_AES_B0(s0)) ^
		      sluice_aes_look(table, 1, SLUICE_AES_B1(s1)) ^
		      sluice_aes_look(table, 2, SLUICE_AES_B2(s2)) ^ rk[4];
	t1 = SLUICE_AES_ROUND(s1, s2, s3, s0, rk[5]);
	t2 = SLUICE_AES_ROUND(s2, s3, s0, s1, rk[6]);
	t3 = SLUICE_AES_ROUND(s3, s0, s1, s2, rk[7]);
	ret->round2[0] = sluice_aes_look(table, 1, SLUICE_AES_B1(t1)) ^
			 sluice_aes_look(table, 2, SLUICE_AES_B2(t2)) ^
			 sluice_aes_look(table, 3, SLUICE_AES_B3(t3)) ^ rk[8];
	ret->round2[1] = sluice_aes_look(table, 0, SLUICE_AES_B0(t1)) ^
			 sluice_aes_look(table, 1, SLUICE_AES_B1(t2)) ^
			 sluice_aes_look(table, 2, SLUICE_AES_B2(t3)) ^ rk[9];
	ret->round2[2] = sluice_aes_look(table, 0, SLUICE_AES_B0(t2)) ^
			 sluice_aes_look(table, 1, SLUICE_AES_B1(t3)) ^
			 sluice_aes_look(table, 3, SLUICE_AES_B3(t1)) ^ rk[10];
	ret->round2[3] = sluice_aes_look(table, 0, SLUICE_AES_B0(t3)) ^
			 sluice_aes_look(table, 2, SLUICE_AES_B2(t1)) ^
			 sluice_aes_look(table, 3, SLUICE_AES_B3(t2)) ^ rk[11];
}

/* Block i < SLUICE_AES_CTR_MAX of the key stream. */
static __always_inline void
sluice_aes128_ctr_block(const __u32 *rk, const struct sluice_aes_ctr *c,
			__u32 i, __u32 out[4])
{
	const __u8 *table = (const __u8 *)sluice_aes_t;
	__u32 last = (c->last + i) ^ rk[3], t0;
	__u32 s0, s1, s2, s3;

	sluice_opaque(table);
	t0 = c->round1 ^ sluice_aes_look(table, 3, SLUICE_AES_B3(last));
	s0 = c->round2[0] ^ sluice_aes_look(table, 0, SLUICE_AES_B0(t0));
	s1 = c->round2[1] ^ sluice_aes_look(table, 3, SLUICE_AES_B3(t0));
	s2 = c->round2[2] ^ sluice_aes_look(table, 2, SLUICE_AES_B2(t0));
	s3 = c->round2[3] ^ sluice_aes_look(table, 1, SLUICE_AES_B1(t0));
	sluice_aes128_finish(rk, table, s0, s1, s2, s3, out);
}

#ifndef __bpf__
static inline __u32 sluice_aes_sub_word(__u32 w)
{
	const __u8 *table = (const __u8 *)sluice_aes_t;

	return SLUICE_AES_LAST(w, w, w, w, 0);
}

/* FIPS 197 5.2; key_len 16 fills 44 words, 32 fills 60. */
static inline void sluice_aes_expand(const __u8 *key, __u32 key_len,
				     __u32 *ret_round_keys)
{
	__u32 words = key_len / 4, total = 4 * (words + 7), i;
	__u32 *w = ret_round_keys, next, rcon = 1;

	for (i = 0; i < words; i++)
		w[i] = sluice_get32(key + 4 * i);
	for (; i < total; i++) {
		next = w[i - 1];
		if (i % words == 0) {
			next = sluice_aes_sub_word(next << 8 | next >> 24) ^
			       rcon << 24;
			rcon = SLUICE_AES_X2(rcon);
		} else if (words > 6 && i % words == 4) {
			next = sluice_aes_sub_word(next);
		}
		w[i] = w[i - words] ^ next;
	}
}

/* Any key length, bytes in and out: for key set-up, not for packets. */
static inline void sluice_aes_encrypt(const __u32 *rk, __u32 key_len,
				      const __u8 *in, __u8 *out)
{
	__u32 rounds = key_len / 4 + 6, s[4], t[4], r, i;
	const __u8 *table = (const __u8 *)sluice_aes_t;

	for (i = 0; i < 4; i++)
		s[i] = sluice_get32(in + 4 * i) ^ rk[i];
	for (r = 1; r < rounds; r++) {
		for (i = 0; i < 4; i++)
			t[i] = SLUICE_AES_ROUND(s[i], s[(i + 1) % 4],
						s[(i + 2) % 4], s[(i + 3) % 4],
						rk[4 * r + i]);
		for (i = 0; i < 4; i++)
			s[i] = t[i];
	}
	for (i = 0; i < 4; i++)
		sluice_put32(out + 4 * i,
			     SLUICE_AES_LAST(s[i], s[(i + 1) % 4],
					     s[(i + 2) % 4], s[(i + 3) % 4],
					     rk[4 * r + i]));
}
#endif

#endif
