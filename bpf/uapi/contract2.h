/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Contract 2, frozen: what of its maps differs from the contract in sluice.h,
 * as daemons of that time wrote it. Never changed; it goes when contract 3 is
 * no longer the one before the present one. What is not here is the same in
 * both, and its maps are taken as they are; of a transport the last 56 bytes
 * were reserved then.
 */
#ifndef SLUICE_CONTRACT2_H
#define SLUICE_CONTRACT2_H

#include "uapi/sluice.h"

#define CONTRACT2_VERSION	2
#define CONTRACT2_SOURCES	16	/* of one stream */

struct contract2_flow {
	__u32 transport;
	__u32 flags;
	__u32 credential_generation;
	__u32 reserved;
	__u32 hint[4];		/* the kernel's, never believed */
};

struct contract2_key {
	__u32 profile;
	__u32 generation;
	__u8 reserved[16];
	struct sluice_cipher_key rtp;
	__u64 ghash_table[4][16][2];
	struct sluice_cipher_key rtcp;
	__u8 reserved2[64];
};

/* Under a lock of its own. */
struct contract2_out {
	__u32 lock;
	__u32 sources;		/* live ones */
	__u64 next_index;
	__u64 window[SLUICE_WINDOW_BITS / 64];
	__u32 current_ssrc;
	__u32 last_timestamp;
	__u64 last_sent_ns;
	__u64 packets;
	__u64 bytes;
};

struct contract2_ssrc_key {
	__u32 transport;	/* of arrival */
	__u32 ssrc;		/* host order */
};

/* Under a lock of its own. */
struct contract2_ssrc {
	__u32 lock;
	__u32 stream;
	__u64 highest;
	__u64 window[SLUICE_WINDOW_BITS / 64];
	__s64 index_delta;
	__u32 timestamp_delta;
	__u32 bad_seq;
	__u64 packets;
	__u64 bytes;
	__u64 first_index;
	__u64 last_seen_ns;
	__u32 last_transit;
	__u32 jitter_q4;
	__u64 late;
	__u64 reserved[4];
};

/* A stream's struct contract2_ssrc_key, ssrc << 32 | transport; 0: free. */
struct contract2_sources {
	__u64 keys[CONTRACT2_SOURCES];
};

/* Maps that are no more. */
#define CONTRACT2_MAP_OUT	"sl_out"	/* array, by stream id */
#define CONTRACT2_MAP_SSRCS	"sl_ssrcs"	/* hash */
#define CONTRACT2_MAP_SOURCES	"sl_sources"	/* array, by stream id */

_Static_assert(sizeof(struct contract2_flow) == 32, "contract2_flow");
_Static_assert(sizeof(struct contract2_key) == 2200, "contract2_key");
_Static_assert(sizeof(struct contract2_out) == 64, "contract2_out");
_Static_assert(sizeof(struct contract2_ssrc) == 128, "contract2_ssrc");
_Static_assert(sizeof(struct contract2_sources) == 128, "contract2_sources");

/*
 * What takes contract 2's place (contract2.bpf.c), under maps of its own,
 * which last no longer than that.
 */
#define CONTRACT2_MAP_CARRIED	"sl_carried"	/* array, by stream id */
#define CONTRACT2_MAP_JUMP	"sl_jump"	/* the present program */

/* How many streams one run of contract2_carry looks at. */
#define CONTRACT2_CARRY_MAX	256

/* The frame of such a run. */
struct contract2_carry {
	__u32 first;		/* stream */
	__u32 count;
	__u32 is_final;		/* nobody moves the old maps any more */
	__u32 reserved;
};

#endif
