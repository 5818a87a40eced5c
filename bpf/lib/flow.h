/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Where a flow lies in sl_near, and whether it is the one. */
#ifndef SLUICE_LIB_FLOW_H
#define SLUICE_LIB_FLOW_H

#include <stdbool.h>

#include "lib/port.h"
#include "uapi/sluice.h"

/* Flows that the kernel relays by themselves. */
#define SLUICE_FLOW_FAR \
	(SLUICE_FLOW_LEARN | SLUICE_FLOW_USER | SLUICE_FLOW_RTCP)

#define SLUICE_FLOW_WORDS	(sizeof(struct sluice_flow_key) / 8)

/*
 * Whoever makes flows collide sends them the long way, and no more: it needs
 * no secret.
 */
static __always_inline __u32 sluice_flow_hash(const struct sluice_flow_key *key)
{
	const struct sluice_u64_unaligned *w = (const void *)key;
	__u64 h = 0;
	__u32 i;

#pragma GCC unroll 5
	for (i = 0; i < SLUICE_FLOW_WORDS; i++) {
		h = (h ^ w[i].v) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 32;
	}
	return (__u32)h;
}

static __always_inline bool sluice_flow_is(const struct sluice_near_flow *f,
					   const struct sluice_flow_key *key)
{
	const struct sluice_u64_unaligned *a = (const void *)&f->key;
	const struct sluice_u64_unaligned *b = (const void *)key;
	__u64 diff = 0;
	__u32 i;

#pragma GCC unroll 5
	for (i = 0; i < SLUICE_FLOW_WORDS; i++)
		diff |= a[i].v ^ b[i].v;
	return !diff && f->transport;
}

#endif
