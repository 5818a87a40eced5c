/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * AES (FIPS 197), encryption only: both of SRTP's modes run the cipher
 * forwards. Table look-ups: a local attacker who shares the cache can time
 * them (Documentation/ says so to operators).
 */
#ifndef SLUICE_LIB_AES_H
#define SLUICE_LIB_AES_H

#include "lib/port.h"
#include "uapi/sluice.h"

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
/*
 * The state's words, the round keys and the tables have 16 bits for each byte,
 * which lies there times 8: an offset into a table of 64-bit entries takes no
 * mask and no shift, and an instruction count is what the cipher costs in BPF.
 * The first byte of a word is in the topmost lane.
 */
#define SLUICE_AES_LANES(b0, b1, b2, b3) \
	((__u64)(b0) << 51 | (__u64)(b1) << 35 | (__u64)(b2) << 19 | \
	 (__u64)(b3) << 3)

/* SubBytes and MixColumns of one byte; one table for each row of the state. */
#define SLUICE_AES_T0(s) SLUICE_AES_LANES(SLUICE_AES_X2(s), s, s, SLUICE_AES_X3(s)),
#define SLUICE_AES_T1(s) SLUICE_AES_LANES(SLUICE_AES_X3(s), SLUICE_AES_X2(s), s, s),
#define SLUICE_AES_T2(s) SLUICE_AES_LANES(s, SLUICE_AES_X3(s), SLUICE_AES_X2(s), s),
#define SLUICE_AES_T3(s) SLUICE_AES_LANES(s, s, SLUICE_AES_X3(s), SLUICE_AES_X2(s)),
/* The last round has no MixColumns: { 0, 0, 0, S, 0, 0, 0, 0 } in memory. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SLUICE_AES_S(s) (__u64)(s) << 24,
#define SLUICE_AES_S_AT(i) (i)
#else
#define SLUICE_AES_S(s) (__u64)(s) << 32,
#define SLUICE_AES_S_AT(i) (3 - (i))
#endif

/*
 * With SLUICE_ARENA the tables lie in a BPF arena (Linux 6.9), at its beginning,
 * and whoever loads the program puts them there: the base is then implied in
 * every load. Lanes are offsets from the arena's beginning, so the lower half
 * of its address has to be 0; the upper one is free in a process, also under
 * AddressSanitizer.
 */
#define SLUICE_AES_ARENA	"sl_aes"
#define SLUICE_AES_ARENA_AT	(1ull << 45)
#define SLUICE_AES_ARENA_TYPE	33	/* headers of Linux 6.1 lack the name */
#define SLUICE_AES_ARENA_PAGES	4

#ifdef SLUICE_ARENA
struct {
	__uint(type, SLUICE_AES_ARENA_TYPE);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SLUICE_AES_ARENA_PAGES);
} sl_aes SEC(".maps");
#else
/*
 * One object, so that one register holds the base of all tables. Of an offset
 * the verifier knows that it has 16 bits; behind the tables it finds room for
 * the largest.
 */
static const struct {
	__u64 t[4][256];
	__u64 s[256];
#ifdef __bpf__
	__u64 room[0x10000 / 8];
#endif
} sluice_aes_table = {
	.t = {
		{ SLUICE_AES_SBOX(SLUICE_AES_T0) },
		{ SLUICE_AES_SBOX(SLUICE_AES_T1) },
		{ SLUICE_AES_SBOX(SLUICE_AES_T2) },
		{ SLUICE_AES_SBOX(SLUICE_AES_T3) },
	},
	.s = { SLUICE_AES_SBOX(SLUICE_AES_S) },
};
#endif

#define SLUICE_AES_L0(w) ((__u64)(w) >> 48)
#define SLUICE_AES_L1(w) ((__u64)(w) >> 32 & 0xffff)
#define SLUICE_AES_L2(w) ((__u32)(w) >> 16)
#define SLUICE_AES_L3(w) ((__u32)(w) & 0xffff)

#ifdef SLUICE_ARENA
/* The verifier wants the arena named once in a program. */
static __always_inline void sluice_aes_begin(void)
{
	const void *arena = &sl_aes;

	sluice_opaque(arena);
}

static __always_inline const __u8 *sluice_aes_tables(void)
{
	return NULL;
}

/* Of the offset the lower half counts. */
#define sluice_aes_look(table, row, offset) __extension__({ \
	__u64 at_ = (offset); \
	(void)(table); \
	__asm__("%0 = addr_space_cast(%0, 0, 1);" \
		"%0 = *(u64 *)(%0 + %1);" : "+r"(at_) : "i"(2048 * (row))); \
	at_; \
})
#else
static __always_inline void sluice_aes_begin(void)
{
}

static __always_inline const __u8 *sluice_aes_tables(void)
{
	const __u8 *table = (const __u8 *)&sluice_aes_table;

	sluice_opaque(table);
	return table;
}

/* The row's table goes into the load's own offset. */
static __always_inline __u64 sluice_aes_look(const __u8 *table, __u32 row,
					     __u64 offset)
{
	const __u8 *p = table + offset;

	sluice_opaque(p);
	return *(const __u64 *)(p + 2048 * row);
}

/* The substituted byte as byte i of a word. */
static __always_inline __u32 sluice_aes_sub(const __u8 *table, __u32 i,
					    __u64 offset)
{
	const __u8 *p = table + offset;

	sluice_opaque(p);
	return ((const struct sluice_u32_unaligned *)
		(p + 4 * 2048 + SLUICE_AES_S_AT(i)))->v;
}
#endif

#define SLUICE_AES_ROUND(a, b, c, d, k) \
	((k) ^ sluice_aes_look(table, 0, SLUICE_AES_L0(a)) ^ \
	 sluice_aes_look(table, 1, SLUICE_AES_L1(b)) ^ \
	 sluice_aes_look(table, 2, SLUICE_AES_L2(c)) ^ \
	 sluice_aes_look(table, 3, SLUICE_AES_L3(d)))
#define SLUICE_AES_LAST(a, b, c, d) \
	(sluice_aes_sub(table, 0, SLUICE_AES_L0(a)) ^ \
	 sluice_aes_sub(table, 1, SLUICE_AES_L1(b)) ^ \
	 sluice_aes_sub(table, 2, SLUICE_AES_L2(c)) ^ \
	 sluice_aes_sub(table, 3, SLUICE_AES_L3(d)))
#define SLUICE_AES_STEP(out, in, round) \
	do { \
		const __u64 *k_ = rk + 4 * (round); \
		out##0 = SLUICE_AES_ROUND(in##0, in##1, in##2, in##3, k_[0]); \
		out##1 = SLUICE_AES_ROUND(in##1, in##2, in##3, in##0, k_[1]); \
		out##2 = SLUICE_AES_ROUND(in##2, in##3, in##0, in##1, k_[2]); \
		out##3 = SLUICE_AES_ROUND(in##3, in##0, in##1, in##2, k_[3]); \
	} while (0)

/* A word as lanes, and back. */
static __always_inline __u64 sluice_aes_lanes(__u32 w)
{
	return SLUICE_AES_LANES(w >> 24, w >> 16 & 0xff, w >> 8 & 0xff,
				w & 0xff);
}

static __always_inline __u32 sluice_aes_word(__u64 x)
{
	return (__u32)(x >> 27 & 0xff000000) | (__u32)(x >> 19 & 0xff0000) |
	       (__u32)(x >> 11 & 0xff00) | (__u32)(x >> 3 & 0xff);
}

#ifdef __bpf__
/*
 * By hand in BPF, where it takes every register: r0 to r6 for columns, r7 to
 * look up, r8 the tables, r9 the key. Column a's look-ups begin the new
 * columns x, y, z and, in its own register, the fourth; b, c and d are free
 * afterwards and serve as the next round's x, y, z. With an arena r8 is idle:
 * the cast, which takes the copy's place, makes the tables the base.
 */

/* From the lower half of a column; _HERE: the last, in the column's place. */
#ifdef SLUICE_ARENA
#define SLUICE_AES_ASM_LOOK(size, from, to, lane, at) \
	"r" #to " = addr_space_cast(r" #from ", 0, 1);" "w" #to lane ";" \
	"r" #to " = *(" size " *)(r" #to " + " #at ");"
#define SLUICE_AES_ASM_HERE(size, reg, lane, at) \
	SLUICE_AES_ASM_LOOK(size, reg, reg, lane, at)
#else
#define SLUICE_AES_ASM_HERE(size, reg, lane, at) \
	"w" #reg lane ";" "r" #reg " += r8;" \
	"r" #reg " = *(" size " *)(r" #reg " + " #at ");"
#define SLUICE_AES_ASM_LOOK(size, from, to, lane, at) \
	"w" #to " = w" #from ";" SLUICE_AES_ASM_HERE(size, to, lane, at)
#endif
#define SLUICE_AES_ASM_HIGH " >>= 16"
#define SLUICE_AES_ASM_LOW " &= 0xffff"
#define SLUICE_AES_ASM_UPPER(reg) "r" #reg " >>= 32;"
/* Into a column that is begun. */
#define SLUICE_AES_ASM_MORE(size, from, to, lane, at) \
	SLUICE_AES_ASM_LOOK(size, from, 7, lane, at) "r" #to " ^= r7;"
#define SLUICE_AES_ASM_KEY(size, to, at) \
	"r7 = *(" size " *)(r9 + " #at ");" "r" #to " ^= r7;"

#define SLUICE_AES_ASM_COLUMNS(size, t0, t1, t2, t3, a, b, c, d, x, y, z) \
	SLUICE_AES_ASM_LOOK(size, a, y, SLUICE_AES_ASM_LOW, t3) \
	SLUICE_AES_ASM_LOOK(size, a, z, SLUICE_AES_ASM_HIGH, t2) \
	SLUICE_AES_ASM_UPPER(a) \
	SLUICE_AES_ASM_LOOK(size, a, x, SLUICE_AES_ASM_HIGH, t0) \
	SLUICE_AES_ASM_HERE(size, a, SLUICE_AES_ASM_LOW, t1) \
	SLUICE_AES_ASM_MORE(size, b, z, SLUICE_AES_ASM_LOW, t3) \
	SLUICE_AES_ASM_MORE(size, b, a, SLUICE_AES_ASM_HIGH, t2) \
	SLUICE_AES_ASM_UPPER(b) \
	SLUICE_AES_ASM_MORE(size, b, y, SLUICE_AES_ASM_HIGH, t0) \
	SLUICE_AES_ASM_HERE(size, b, SLUICE_AES_ASM_LOW, t1) \
	"r" #x " ^= r" #b ";" \
	SLUICE_AES_ASM_MORE(size, c, a, SLUICE_AES_ASM_LOW, t3) \
	SLUICE_AES_ASM_MORE(size, c, x, SLUICE_AES_ASM_HIGH, t2) \
	SLUICE_AES_ASM_UPPER(c) \
	SLUICE_AES_ASM_MORE(size, c, z, SLUICE_AES_ASM_HIGH, t0) \
	SLUICE_AES_ASM_HERE(size, c, SLUICE_AES_ASM_LOW, t1) \
	"r" #y " ^= r" #c ";" \
	SLUICE_AES_ASM_MORE(size, d, x, SLUICE_AES_ASM_LOW, t3) \
	SLUICE_AES_ASM_MORE(size, d, y, SLUICE_AES_ASM_HIGH, t2) \
	SLUICE_AES_ASM_UPPER(d) \
	SLUICE_AES_ASM_MORE(size, d, a, SLUICE_AES_ASM_HIGH, t0) \
	SLUICE_AES_ASM_HERE(size, d, SLUICE_AES_ASM_LOW, t1) \
	"r" #z " ^= r" #d ";"
#define SLUICE_AES_ASM_ROUND(round, a, b, c, d, x, y, z) \
	SLUICE_AES_ASM_COLUMNS("u64", 0, 2048, 4096, 6144, a, b, c, d, x, y, z) \
	SLUICE_AES_ASM_KEY("u64", x, 32 * round + 24) \
	SLUICE_AES_ASM_KEY("u64", y, 32 * round + 32) \
	SLUICE_AES_ASM_KEY("u64", z, 32 * round + 40) \
	SLUICE_AES_ASM_KEY("u64", a, 32 * round + 48)
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SLUICE_AES_ASM_LAST(a, b, c, d, x, y, z) \
	SLUICE_AES_ASM_COLUMNS("u32", 8192, 8193, 8194, 8195, a, b, c, d, x, y, z)
#else
#define SLUICE_AES_ASM_LAST(a, b, c, d, x, y, z) \
	SLUICE_AES_ASM_COLUMNS("u32", 8195, 8194, 8193, 8192, a, b, c, d, x, y, z)
#endif

_Static_assert(__builtin_offsetof(struct sluice_aes_key, last_key) == 0 &&
	       __builtin_offsetof(struct sluice_aes_key, rounds) == 16 &&
	       __builtin_offsetof(struct sluice_aes_key, round_keys) == 24,
	       "offsets in the rounds");

/* Round 3 and all that follow. */
static __always_inline void sluice_aes_finish(const struct sluice_aes_key *key,
					      const __u8 *table,
					      __u64 s0, __u64 s1, __u64 s2,
					      __u64 s3, __u32 out[4])
{
	register __u64 r0 __asm__("r0") = s0;
	register __u64 r1 __asm__("r1") = s1;
	register __u64 r2 __asm__("r2") = s2;
	register __u64 r3 __asm__("r3") = s3;
	register __u64 r4 __asm__("r4");
	register __u64 r5 __asm__("r5");
	register __u64 r6 __asm__("r6");
	register const __u8 *r8 __asm__("r8") = table;
	register const struct sluice_aes_key *r9 __asm__("r9") = key;

	__asm__ volatile(
		SLUICE_AES_ASM_ROUND(3, 0, 1, 2, 3, 4, 5, 6)
		SLUICE_AES_ASM_ROUND(4, 4, 5, 6, 0, 1, 2, 3)
		SLUICE_AES_ASM_ROUND(5, 1, 2, 3, 4, 5, 6, 0)
		SLUICE_AES_ASM_ROUND(6, 5, 6, 0, 1, 2, 3, 4)
		SLUICE_AES_ASM_ROUND(7, 2, 3, 4, 5, 6, 0, 1)
		SLUICE_AES_ASM_ROUND(8, 6, 0, 1, 2, 3, 4, 5)
		SLUICE_AES_ASM_ROUND(9, 3, 4, 5, 6, 0, 1, 2)
		"w7 = *(u32 *)(r9 + 16);"
		"if w7 != 14 goto aes_last_%=;"
		SLUICE_AES_ASM_ROUND(10, 0, 1, 2, 3, 4, 5, 6)
		SLUICE_AES_ASM_ROUND(11, 4, 5, 6, 0, 1, 2, 3)
		SLUICE_AES_ASM_ROUND(12, 1, 2, 3, 4, 5, 6, 0)
		SLUICE_AES_ASM_ROUND(13, 5, 6, 0, 1, 2, 3, 4)
		"r0 = r2; r1 = r3; r2 = r4; r3 = r5;"
		"aes_last_%=:"
		SLUICE_AES_ASM_LAST(0, 1, 2, 3, 4, 5, 6)
		SLUICE_AES_ASM_KEY("u32", 4, 0)
		SLUICE_AES_ASM_KEY("u32", 5, 4)
		SLUICE_AES_ASM_KEY("u32", 6, 8)
		SLUICE_AES_ASM_KEY("u32", 0, 12)
		: "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "=&r"(r4),
		  "=&r"(r5), "=&r"(r6)
		: "r"(r8), "r"(r9)
		: "r7", "memory");
	out[0] = (__u32)r4;
	out[1] = (__u32)r5;
	out[2] = (__u32)r6;
	out[3] = (__u32)r0;
}
#else
/* Round 3 and all that follow. */
static __always_inline void sluice_aes_finish(const struct sluice_aes_key *key,
					      const __u8 *table,
					      __u64 s0, __u64 s1, __u64 s2,
					      __u64 s3, __u32 out[4])
{
	const __u64 *rk = key->round_keys;
	const __u32 *last = key->last_key;
	__u64 t0, t1, t2, t3;

	SLUICE_AES_STEP(t, s, 3);
	SLUICE_AES_STEP(s, t, 4);
	SLUICE_AES_STEP(t, s, 5);
	SLUICE_AES_STEP(s, t, 6);
	SLUICE_AES_STEP(t, s, 7);
	SLUICE_AES_STEP(s, t, 8);
	SLUICE_AES_STEP(t, s, 9);
	if (key->rounds == 14) {
		SLUICE_AES_STEP(s, t, 10);
		SLUICE_AES_STEP(t, s, 11);
		SLUICE_AES_STEP(s, t, 12);
		SLUICE_AES_STEP(t, s, 13);
	}
	out[0] = SLUICE_AES_LAST(t0, t1, t2, t3) ^ last[0];
	out[1] = SLUICE_AES_LAST(t1, t2, t3, t0) ^ last[1];
	out[2] = SLUICE_AES_LAST(t2, t3, t0, t1) ^ last[2];
	out[3] = SLUICE_AES_LAST(t3, t0, t1, t2) ^ last[3];
}
#endif

/*
 * Over the blocks of a packet only the counter's last byte changes: of round
 * 1 one look-up depends on it, of round 2 four. The rest is kept.
 */
struct sluice_aes_ctr {
	__u64 last;		/* last byte of the first counter */
	__u64 round1;		/* column 0 without that byte */
	__u64 round2[4];	/* columns without column 0 of round 1 */
};

#define SLUICE_AES_CTR_MAX	254	/* blocks from a counter of 0 to 2 */

static __always_inline void
sluice_aes_ctr_start(const struct sluice_aes_key *key, const __u32 counter[4],
		     struct sluice_aes_ctr *ret)
{
	const __u8 *table = sluice_aes_tables();
	const __u64 *rk = key->round_keys;
	__u64 s0 = sluice_aes_lanes(counter[0]) ^ rk[0];
	__u64 s1 = sluice_aes_lanes(counter[1]) ^ rk[1];
	__u64 s2 = sluice_aes_lanes(counter[2]) ^ rk[2];
	__u64 s3 = sluice_aes_lanes(counter[3]) ^ rk[3];
	__u64 t1, t2, t3;

	sluice_aes_begin();
	ret->last = counter[3] & 0xff;
	ret->round1 = sluice_aes_look(table, 0, SLUICE_AES_L0(s0)) ^
		      sluice_aes_look(table, 1, SLUICE_AES_L1(s1)) ^
		      sluice_aes_look(table, 2, SLUICE_AES_L2(s2)) ^ rk[4];
	t1 = SLUICE_AES_ROUND(s1, s2, s3, s0, rk[5]);
	t2 = SLUICE_AES_ROUND(s2, s3, s0, s1, rk[6]);
	t3 = SLUICE_AES_ROUND(s3, s0, s1, s2, rk[7]);
	ret->round2[0] = sluice_aes_look(table, 1, SLUICE_AES_L1(t1)) ^
			 sluice_aes_look(table, 2, SLUICE_AES_L2(t2)) ^
			 sluice_aes_look(table, 3, SLUICE_AES_L3(t3)) ^ rk[8];
	ret->round2[1] = sluice_aes_look(table, 0, SLUICE_AES_L0(t1)) ^
			 sluice_aes_look(table, 1, SLUICE_AES_L1(t2)) ^
			 sluice_aes_look(table, 2, SLUICE_AES_L2(t3)) ^ rk[9];
	ret->round2[2] = sluice_aes_look(table, 0, SLUICE_AES_L0(t2)) ^
			 sluice_aes_look(table, 1, SLUICE_AES_L1(t3)) ^
			 sluice_aes_look(table, 3, SLUICE_AES_L3(t1)) ^ rk[10];
	ret->round2[3] = sluice_aes_look(table, 0, SLUICE_AES_L0(t3)) ^
			 sluice_aes_look(table, 2, SLUICE_AES_L2(t1)) ^
			 sluice_aes_look(table, 3, SLUICE_AES_L3(t2)) ^ rk[11];
}

/* Block i < SLUICE_AES_CTR_MAX of the key stream. */
static __always_inline void
sluice_aes_ctr_block(const struct sluice_aes_key *key,
		     const struct sluice_aes_ctr *c, __u32 i, __u32 out[4])
{
	const __u8 *table = sluice_aes_tables();
	__u64 last = (c->last + i) << 3 ^ key->round_keys[3];
	__u64 s0, s1, s2, s3, t0;

	t0 = c->round1 ^ sluice_aes_look(table, 3, SLUICE_AES_L3(last));
	s0 = c->round2[0] ^ sluice_aes_look(table, 0, SLUICE_AES_L0(t0));
	s1 = c->round2[1] ^ sluice_aes_look(table, 3, SLUICE_AES_L3(t0));
	s2 = c->round2[2] ^ sluice_aes_look(table, 2, SLUICE_AES_L2(t0));
	s3 = c->round2[3] ^ sluice_aes_look(table, 1, SLUICE_AES_L1(t0));
	sluice_aes_finish(key, table, s0, s1, s2, s3, out);
}

#ifndef __bpf__
static inline __u32 sluice_aes_sub_word(__u32 w)
{
	const __u8 *table = (const __u8 *)&sluice_aes_table;
	__u64 x = sluice_aes_lanes(w);

	return SLUICE_AES_LAST(x, x, x, x);
}

/* FIPS 197 5.2; key_len: 16 or 32. */
static inline void sluice_aes_expand(const __u8 *key, __u32 key_len,
				     struct sluice_aes_key *ret)
{
	__u32 words = key_len / 4, total = 4 * (words + 7), i;
	__u32 w[60], next, rcon = 1;

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
	memset(ret, 0, sizeof(*ret));
	ret->rounds = words + 6;
	for (i = 0; i < total - 4; i++)
		ret->round_keys[i] = sluice_aes_lanes(w[i]);
	memcpy(ret->last_key, w + total - 4, sizeof(ret->last_key));
	explicit_bzero(w, sizeof(w));
}

/* The first key_len bytes of the round keys; they begin with the key itself. */
static inline void sluice_aes_raw(const struct sluice_aes_key *key,
				  __u32 key_len, __u8 *ret)
{
	__u32 i;

	for (i = 0; i < key_len / 4; i++)
		sluice_put32(ret + 4 * i, sluice_aes_word(key->round_keys[i]));
}

/* One block, for key set-up; words are big-endian values. */
static inline void sluice_aes_encrypt(const struct sluice_aes_key *key,
					       const __u32 in[4], __u32 out[4])
{
	const __u8 *table = sluice_aes_tables();
	const __u64 *rk = key->round_keys;
	__u64 s0 = sluice_aes_lanes(in[0]) ^ rk[0];
	__u64 s1 = sluice_aes_lanes(in[1]) ^ rk[1];
	__u64 s2 = sluice_aes_lanes(in[2]) ^ rk[2];
	__u64 s3 = sluice_aes_lanes(in[3]) ^ rk[3];
	__u64 t0, t1, t2, t3;

	SLUICE_AES_STEP(t, s, 1);
	SLUICE_AES_STEP(s, t, 2);
	sluice_aes_finish(key, table, s0, s1, s2, s3, out);
}

/* The same, bytes in and out. */
static inline void sluice_aes_encrypt_bytes(const struct sluice_aes_key *key,
					    const __u8 *in, __u8 *out)
{
	__u32 block[4], i;

	for (i = 0; i < 4; i++)
		block[i] = sluice_get32(in + 4 * i);
	sluice_aes_encrypt(key, block, block);
	for (i = 0; i < 4; i++)
		sluice_put32(out + 4 * i, block[i]);
}
#endif

#endif
