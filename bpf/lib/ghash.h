/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * GHASH (NIST SP 800-38D 6.4) in two ways: by integer multiplication from H
 * alone, in constant time, for the odd RTCP packet; and by look-ups of four
 * bits in 1 KiB of multiples of H a key, three times as fast, for RTP. Larger
 * tables are faster for one stream and slower for thousands.
 */
#ifndef SLUICE_LIB_GHASH_H
#define SLUICE_LIB_GHASH_H

#include "lib/port.h"

/*
 * A running GHASH. Halves of 128-bit values are big-endian 64-bit values in
 * host order; suffix r: the bits of a half reversed.
 */
struct sluice_ghash {
	__u64 h1, h0, h2;	/* first half, last half, their sum */
	__u64 h1r, h0r, h2r;
	__u64 y1, y0;
};

static __always_inline __u64 sluice_reverse64(__u64 x)
{
	x = (x & 0x5555555555555555) << 1 | (x >> 1 & 0x5555555555555555);
	x = (x & 0x3333333333333333) << 2 | (x >> 2 & 0x3333333333333333);
	x = (x & 0x0f0f0f0f0f0f0f0f) << 4 | (x >> 4 & 0x0f0f0f0f0f0f0f0f);
	return __builtin_bswap64(x);
}

/* Six of them inline at once would spill beyond BPF's stack. */
#ifdef __bpf__
#define SLUICE_CLMUL SLUICE_SUBPROG
#else
#define SLUICE_CLMUL static __always_inline
#endif

/*
 * Low half of the carry-less product. Each operand is cut into four with
 * three empty bits between any two bits, so that up to 16 ones can be added in
 * a column without their carries reaching the next bit that counts (of 16 bits
 * in a part the 16th sum could overflow only beyond bit 63).
 */
SLUICE_CLMUL __u64 sluice_clmul_low(__u64 x, __u64 y)
{
	const __u64 m0 = 0x1111111111111111, m1 = m0 << 1;
	const __u64 m2 = m0 << 2, m3 = m0 << 3;
	__u64 x0, x1, x2, x3, y0, y1, y2, y3, z0, z1, z2, z3;

	x0 = x & m0, x1 = x & m1, x2 = x & m2, x3 = x & m3;
	y0 = y & m0, y1 = y & m1, y2 = y & m2, y3 = y & m3;
	z0 = (x0 * y0) ^ (x1 * y3) ^ (x2 * y2) ^ (x3 * y1);
	z1 = (x0 * y1) ^ (x1 * y0) ^ (x2 * y3) ^ (x3 * y2);
	z2 = (x0 * y2) ^ (x1 * y1) ^ (x2 * y0) ^ (x3 * y3);
	z3 = (x0 * y3) ^ (x1 * y2) ^ (x2 * y1) ^ (x3 * y0);
	return (z0 & m0) | (z1 & m1) | (z2 & m2) | (z3 & m3);
}

/* h: struct sluice_cipher_key's ghash_h. */
static __always_inline void sluice_ghash_start(struct sluice_ghash *g,
					       const __u64 *h)
{
	g->h1 = h[0];
	g->h0 = h[1];
	g->h2 = g->h0 ^ g->h1;
	g->h1r = sluice_reverse64(g->h1);
	g->h0r = sluice_reverse64(g->h0);
	g->h2r = g->h0r ^ g->h1r;
	g->y1 = 0;
	g->y0 = 0;
}

/*
 * y = (y ^ block) * H. Karatsuba over 64-bit halves; the high half of each
 * product is the reversed low half of the reversed operands. GCM's bit order
 * is reflected, so the 255-bit product moves up by one before the reduction by
 * x^128 + x^7 + x^2 + x + 1.
 */
SLUICE_SUBPROG void sluice_ghash_block(struct sluice_ghash *g, __u64 first,
				       __u64 last)
{
	__u64 y1 = g->y1 ^ first, y0 = g->y0 ^ last, y2 = y0 ^ y1;
	__u64 y1r = sluice_reverse64(y1), y0r = sluice_reverse64(y0);
	__u64 y2r = y0r ^ y1r;
	__u64 z0 = sluice_clmul_low(y0, g->h0);
	__u64 z1 = sluice_clmul_low(y1, g->h1);
	__u64 z2 = sluice_clmul_low(y2, g->h2) ^ z0 ^ z1;
	__u64 z0h = sluice_clmul_low(y0r, g->h0r);
	__u64 z1h = sluice_clmul_low(y1r, g->h1r);
	__u64 z2h = sluice_clmul_low(y2r, g->h2r) ^ z0h ^ z1h;
	__u64 v0, v1, v2, v3;

	z0h = sluice_reverse64(z0h) >> 1;
	z1h = sluice_reverse64(z1h) >> 1;
	z2h = sluice_reverse64(z2h) >> 1;

	v0 = z0;
	v1 = z0h ^ z2;
	v2 = z1 ^ z2h;
	v3 = z1h;

	v3 = v3 << 1 | v2 >> 63;
	v2 = v2 << 1 | v1 >> 63;
	v1 = v1 << 1 | v0 >> 63;
	v0 = v0 << 1;

	v2 ^= v0 ^ v0 >> 1 ^ v0 >> 2 ^ v0 >> 7;
	v1 ^= v0 << 63 ^ v0 << 62 ^ v0 << 57;
	v3 ^= v1 ^ v1 >> 1 ^ v1 >> 2 ^ v1 >> 7;
	v2 ^= v1 << 63 ^ v1 << 62 ^ v1 << 57;

	g->y1 = v3;
	g->y0 = v2;
}

/* y * H, not reduced: 128 bits and 48 more at the top of ret[2]. */
#ifdef __bpf__
/* r0 to r2: the product, r3: y, r4 and r5: temporary, r9: the table. */
#define SLUICE_GHASH_ENTRY(at) \
	"r4 += r9;" \
	"r5 = *(u64 *)(r4 + " #at ");r0 ^= r5;" \
	"r4 = *(u64 *)(r4 + " #at " + 8);r1 ^= r4;"
/* The lowest 16 bits of y. */
#define SLUICE_GHASH_16 \
	"w4 = w3;w4 &= 0xf0;" SLUICE_GHASH_ENTRY(512) \
	"w4 = w3;w4 <<= 4;w4 &= 0xf0;" SLUICE_GHASH_ENTRY(768) \
	"w4 = w3;w4 >>= 4;w4 &= 0xf0;" SLUICE_GHASH_ENTRY(256) \
	"w4 = w3;w4 >>= 8;w4 &= 0xf0;" SLUICE_GHASH_ENTRY(0)
/* Times x^16; what leaves at the end is kept in r2. */
#define SLUICE_GHASH_SHIFT \
	"r2 >>= 16;r4 = r1;r4 <<= 48;r2 |= r4;" \
	"r1 >>= 16;r4 = r0;r4 <<= 48;r1 |= r4;" \
	"r0 >>= 16;r3 >>= 16;"

static __always_inline void sluice_ghash_half(const __u8 *table, __u64 y,
					      __u64 ret[3])
{
	register __u64 r0 __asm__("r0") = 0;
	register __u64 r1 __asm__("r1") = 0;
	register __u64 r2 __asm__("r2") = 0;
	register __u64 r3 __asm__("r3") = y;
	register const __u8 *r9 __asm__("r9") = table;

	__asm__ volatile(
		SLUICE_GHASH_16 SLUICE_GHASH_SHIFT
		SLUICE_GHASH_16 SLUICE_GHASH_SHIFT
		SLUICE_GHASH_16 SLUICE_GHASH_SHIFT
		SLUICE_GHASH_16
		: "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
		: "r"(r9)
		: "r4", "r5", "memory");
	ret[0] = r0;
	ret[1] = r1;
	ret[2] = r2;
}
#else
#define SLUICE_GHASH_ENTRY(j, offset) \
	do { \
		p = table + (offset); \
		sluice_opaque(p); \
		z0 ^= *(const __u64 *)(p + 256 * (j)); \
		z1 ^= *(const __u64 *)(p + 256 * (j) + 8); \
	} while (0)
/* The lowest 16 bits of y. */
#define SLUICE_GHASH_16() \
	do { \
		SLUICE_GHASH_ENTRY(3, y << 4 & 0xf0); \
		SLUICE_GHASH_ENTRY(2, y & 0xf0); \
		SLUICE_GHASH_ENTRY(1, y >> 4 & 0xf0); \
		SLUICE_GHASH_ENTRY(0, y >> 8 & 0xf0); \
	} while (0)
/* Times x^16; what leaves at the end is kept in z2. */
#define SLUICE_GHASH_SHIFT() \
	do { \
		z2 = z2 >> 16 | z1 << 48; \
		z1 = z1 >> 16 | z0 << 48; \
		z0 >>= 16; \
		y >>= 16; \
	} while (0)

static __always_inline void sluice_ghash_half(const __u8 *table, __u64 y,
					      __u64 ret[3])
{
	__u64 z0 = 0, z1 = 0, z2 = 0;
	const __u8 *p;

	SLUICE_GHASH_16();
	SLUICE_GHASH_SHIFT();
	SLUICE_GHASH_16();
	SLUICE_GHASH_SHIFT();
	SLUICE_GHASH_16();
	SLUICE_GHASH_SHIFT();
	SLUICE_GHASH_16();
	ret[0] = z0;
	ret[1] = z1;
	ret[2] = z2;
}
#endif

/* As sluice_ghash_block(), by struct sluice_key's ghash_table. */
static __always_inline void sluice_ghash_lookup(const void *table,
						struct sluice_ghash *g,
						__u64 first, __u64 last)
{
	__u64 a[3], b[3];

	/* x^64 times the second half, then the reduction */
	sluice_ghash_half(table, g->y0 ^ last, b);
	b[0] ^= b[2] ^ b[2] >> 1 ^ b[2] >> 2 ^ b[2] >> 7;
	sluice_ghash_half(table, g->y1 ^ first, a);
	a[2] ^= b[1];
	g->y1 = a[0] ^ a[2] ^ a[2] >> 1 ^ a[2] >> 2 ^ a[2] >> 7;
	g->y0 = a[1] ^ b[0] ^ a[2] << 63 ^ a[2] << 62 ^ a[2] << 57;
}

#ifndef __bpf__
/* Times x. */
static inline void sluice_ghash_double(__u64 v[2])
{
	__u64 out = v[1] & 1;

	v[1] = v[1] >> 1 | v[0] << 63;
	v[0] = v[0] >> 1 ^ (out ? 0xe1ULL << 56 : 0);
}

/* struct sluice_key's ghash_table from ghash_h. */
static inline void sluice_ghash_expand(const __u64 h[2], __u64 ret[4][16][2])
{
	__u64 power[2] = { h[0], h[1] };
	int j, n, bit;

	memset(ret, 0, 4 * 16 * 16);
	for (j = 0; j < 4; j++)
		for (bit = 8; bit; bit >>= 1) {
			for (n = 0; n < 16; n++)
				if (n & bit) {
					ret[j][n][0] ^= power[0];
					ret[j][n][1] ^= power[1];
				}
			sluice_ghash_double(power);
		}
	explicit_bzero(power, sizeof(power));
}
#endif

#endif
