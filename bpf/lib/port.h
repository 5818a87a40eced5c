/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What BPF, userspace and the kernel spell differently. Everything else in
 * bpf/lib is plain C over buffers and lengths.
 */
#ifndef SLUICE_LIB_PORT_H
#define SLUICE_LIB_PORT_H

#include <linux/types.h>

#ifdef __bpf__
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#else
#include <string.h>
#endif

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif

/*
 * A helper too large to be inlined: a subprogram in BPF (at most 5 arguments),
 * an ordinary function elsewhere.
 */
#define SLUICE_SUBPROG static __noinline __attribute__((unused))

/* Before a loop whose body is large. */
#ifdef __clang__
#define SLUICE_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define SLUICE_ROLLED
#endif

/* Hides a value's origin from the compiler. */
#define sluice_opaque(x) __asm__ volatile("" : "+r"(x))

/*
 * An offset or a length in the form that every verifier believes: masked, in
 * a register of 64 bits, by an instruction that the compiler can neither move
 * nor merge. A comparison alone does not do: clang compares a copy, or makes
 * one subtraction of two limits, and Linux 6.1 and 6.12 do not see that the
 * register in use was meant. mask: 2^n - 1; x must be within it already.
 */
#ifdef __bpf__
#define sluice_bound(x, mask) __extension__({ \
	__u64 bound_ = (x); \
	__asm__ volatile("%0 &= %1" : "+r"(bound_) : "i"(mask)); \
	bound_; \
})
#else
#define sluice_bound(x, mask) ((__u64)(x) & (mask))
#endif

/* The same for a length that must not be 0: 1..mask + 1. */
#define sluice_bound_len(x, mask) (sluice_bound((__u64)(x) - 1, mask) + 1)

/*
 * For BPF not packed: clang would load byte by byte, though every verifier of
 * a host with efficient unaligned access takes the whole word.
 */
#ifdef __bpf__
#define SLUICE_UNALIGNED __attribute__((may_alias))
#else
#define SLUICE_UNALIGNED __attribute__((packed, may_alias))
#endif

struct sluice_u64_unaligned {
	__u64 v;
} SLUICE_UNALIGNED;

struct sluice_u32_unaligned {
	__u32 v;
} SLUICE_UNALIGNED;

struct sluice_u16_unaligned {
	__u16 v;
} SLUICE_UNALIGNED;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define sluice_swap16(x) __builtin_bswap16(x)
#define sluice_swap32(x) __builtin_bswap32(x)
#define sluice_swap64(x) __builtin_bswap64(x)
#else
#define sluice_swap16(x) (x)
#define sluice_swap32(x) (x)
#define sluice_swap64(x) (x)
#endif

#define sluice_be16(x) ((__u16)sluice_swap16((__u16)(x)))
#define sluice_be32(x) ((__u32)sluice_swap32((__u32)(x)))

/* Network order at any alignment; both byte orders of a host. */
static __always_inline __u16 sluice_get16(const void *p)
{
	return sluice_swap16(((const struct sluice_u16_unaligned *)p)->v);
}

static __always_inline __u32 sluice_get32(const void *p)
{
	return sluice_swap32(((const struct sluice_u32_unaligned *)p)->v);
}

static __always_inline __u64 sluice_get64(const void *p)
{
	return sluice_swap64(((const struct sluice_u64_unaligned *)p)->v);
}

static __always_inline void sluice_put16(void *p, __u16 v)
{
	((struct sluice_u16_unaligned *)p)->v = sluice_swap16(v);
}

static __always_inline void sluice_put32(void *p, __u32 v)
{
	((struct sluice_u32_unaligned *)p)->v = sluice_swap32(v);
}

static __always_inline void sluice_put64(void *p, __u64 v)
{
	((struct sluice_u64_unaligned *)p)->v = sluice_swap64(v);
}

/*
 * A counted loop. In BPF the body is verified once (bpf_loop); a bounded `for`
 * costs the verifier sixteen times as much. The body returns 1 to stop.
 */
#ifdef __bpf__
#define sluice_loop(count, body, context) bpf_loop(count, body, context, 0)
typedef __u32 sluice_loop_index;
#else
typedef __u32 sluice_loop_index;

static __always_inline long sluice_loop(__u32 count,
					long (*body)(sluice_loop_index i,
						     void *context),
					void *context)
{
	__u32 i;

	for (i = 0; i < count; i++)
		if (body(i, context))
			break;
	return i;
}
#endif

#endif
