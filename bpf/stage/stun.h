/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The door for strangers on the browser port: a binding request that names
 * one of our ufrags may reach the daemon, so often and no more.
 */
#ifndef SLUICE_STAGE_STUN_H
#define SLUICE_STAGE_STUN_H

#include "lib/stun.h"
#include "maps.h"

/* Checks a second that one ufrag may bring from unknown tuples; burst 1 s. */
#define SLUICE_UFRAG_INTERVAL_NS	20000000ULL
#define SLUICE_UFRAG_BURST_NS		1000000000ULL
#define SLUICE_STUN_READ_MAX		1024
#define SLUICE_STUN_WALK_MAX		16	/* attributes before USERNAME */

struct sluice_stun_walk {
	__u8 *message;
	__u32 len;
	__u32 off;
	__u32 username;		/* offset of the value; 0: not found */
};

static long sluice_stun_step(__u32 i, void *context)
{
	struct sluice_stun_walk *w = context;
	__u32 off = w->off, len = w->len;
	struct sluice_work *work;
	__u32 type, attr_len;

	work = sluice_work();
	if (!work || off + 4 > len || off > SLUICE_STUN_READ_MAX)
		return 1;
	type = sluice_get16(work->packet + off);
	attr_len = sluice_get16(work->packet + off + 2);
	if (attr_len > len - off - 4)
		return 1;
	if (type == SLUICE_STUN_USERNAME) {
		if (attr_len > SLUICE_UFRAG_LEN)
			w->username = off + 4;
		return 1;
	}
	w->off = off + 4 + ((attr_len + 3) & ~3U);
	return 0;
}

/* Virtual scheduling: bucket_ns is when the bucket is full again. */
static __always_inline int sluice_ufrag_admit(struct sluice_ufrag *u)
{
	__u64 now = bpf_ktime_get_ns(), full = u->bucket_ns, next;

	next = (full > now ? full : now) + SLUICE_UFRAG_INTERVAL_NS;
	if (next > now + SLUICE_UFRAG_BURST_NS)
		return -SLUICE_DROP_STUN_RATE;
	/* lost race: another CPU took a token as well; the error is one */
	__sync_val_compare_and_swap(&u->bucket_ns, full, next);
	return 0;
}

/**
 * sluice_stun_stranger - may this STUN message reach the daemon?
 * @off: of the UDP payload in the frame
 * @len: of the UDP payload
 *
 * Integrity is checked by the daemon. Return: 0 or -SLUICE_DROP_x.
 */
SLUICE_STEP int sluice_stun_stranger(struct xdp_md *ctx, __u32 off, __u32 len)
{
	struct sluice_stun_walk walk = { .off = SLUICE_STUN_HEADER_LEN };
	struct sluice_work *w = sluice_work();
	struct sluice_ufrag_key key;
	struct sluice_ufrag *u;
	__u32 at;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	if (len < SLUICE_STUN_HEADER_LEN || len > SLUICE_STUN_READ_MAX ||
	    len % 4)
		return -SLUICE_DROP_STUN_BAD;
	if (bpf_xdp_load_bytes(ctx, off, w->packet, len))
		return -SLUICE_DROP_INTERNAL;
	if (sluice_get16(w->packet) != SLUICE_STUN_BINDING_REQUEST ||
	    sluice_get16(w->packet + 2) != len - SLUICE_STUN_HEADER_LEN ||
	    sluice_get32(w->packet + 4) != SLUICE_STUN_COOKIE)
		return -SLUICE_DROP_STUN_BAD;

	walk.len = len;
	bpf_loop(SLUICE_STUN_WALK_MAX, sluice_stun_step, &walk, 0);
	at = walk.username;
	if (!at || at > SLUICE_STUN_READ_MAX)
		return -SLUICE_DROP_STUN_BAD;
	/* RFC 8445 7.2.2: the receiver's ufrag, a colon, the sender's */
	if (w->packet[at + SLUICE_UFRAG_LEN] != ':')
		return -SLUICE_DROP_STUN_UFRAG;
	__builtin_memcpy(key.ufrag, w->packet + at, sizeof(key.ufrag));
	u = bpf_map_lookup_elem(&sl_ufrags, &key);
	if (!u)
		return -SLUICE_DROP_STUN_UFRAG;
	return sluice_ufrag_admit(u);
}

#endif
