/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * STUN on the browser port. Every binding request is verified here, so that
 * the daemon sees none but those of somebody who knows a password. On the
 * selected pair it is also answered (RFC 8445 7.3, consent of RFC 7675),
 * whether the daemon lives or not; elsewhere, and where there is more to
 * decide, it goes up.
 */
#ifndef SLUICE_STAGE_STUN_H
#define SLUICE_STAGE_STUN_H

#include "lib/stun.h"
#include "maps.h"
#include "stage/parse.h"
#include "stage/relay.h"
#include "stage/rewrite.h"

/* Checks a second that one ufrag may bring from unknown tuples; burst 1 s. */
#define SLUICE_UFRAG_INTERVAL_NS	20000000ULL
#define SLUICE_UFRAG_BURST_NS		1000000000ULL

/* Virtual scheduling: bucket_ns is when the bucket is full again. */
static __always_inline int sluice_ufrag_admit(struct sluice_ufrag *u,
					      __u64 now)
{
	__u64 full = u->bucket_ns, next;

	next = (full > now ? full : now) + SLUICE_UFRAG_INTERVAL_NS;
	if (next > now + SLUICE_UFRAG_BURST_NS)
		return -SLUICE_DROP_STUN_RATE;
	/* lost race: another CPU took a token as well; the error is one */
	__sync_val_compare_and_swap(&u->bucket_ns, full, next);
	return 0;
}

/* RFC 8445 7.2.2: the receiver's ufrag, a colon, the sender's. */
static __always_inline int sluice_stun_ufrag(struct sluice_work *w,
					     struct sluice_ufrag_key *ret)
{
	__u32 at = w->stun.username_off;
	const __u8 *p;

	if (!at || w->stun.username_len <= SLUICE_UFRAG_LEN)
		return -SLUICE_DROP_STUN_BAD;
	p = w->packet + sluice_bound(at, SLUICE_STUN_BOUND);
	if (p[SLUICE_UFRAG_LEN] != ':')
		return -SLUICE_DROP_STUN_UFRAG;
	__builtin_memcpy(ret->ufrag, p, sizeof(ret->ufrag));
	return 0;
}

/* FINGERPRINT of the message in packet[]. */
SLUICE_STEP int sluice_stun_check_crc(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	__u32 at;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	at = w->stun.fingerprint_off;
	if (!at || sluice_get32(w->packet + 4 +
				sluice_bound(at, SLUICE_STUN_BOUND)) !=
		   sluice_stun_fingerprint(w->packet, at))
		return -SLUICE_DROP_STUN_INTEGRITY;
	return 0;
}

/* MESSAGE-INTEGRITY; the attribute in packet[] is lost. */
SLUICE_STEP int sluice_stun_check_hmac(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	struct sluice_ufrag_key ufrag;
	struct sluice_ice_key *key;
	__u32 at, i, want[5], got[5], diff = 0;
	const __u8 *value;
	int err;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	err = sluice_stun_ufrag(w, &ufrag);
	if (err)
		return err;
	key = bpf_map_lookup_elem(&sl_ice_keys, &ufrag);
	at = w->stun.integrity_off;
	if (!key || !at)
		return -SLUICE_DROP_STUN_INTEGRITY;
	value = w->packet + 4 + sluice_bound(at, SLUICE_STUN_BOUND);
#pragma unroll
	for (i = 0; i < 5; i++)
		got[i] = sluice_get32(value + 4 * i);
	err = sluice_stun_sign(w->packet, at, key, want);
	if (err)
		return err;
#pragma unroll
	for (i = 0; i < 5; i++)
		diff |= want[i] ^ got[i];
	return diff ? -SLUICE_DROP_STUN_INTEGRITY : 0;
}

/*
 * Parsed into work->stun. 0: a request that names a ufrag of ours, or
 * XDP_PASS for a known pair's indication.
 */
SLUICE_STEP int sluice_stun_read(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	struct sluice_ufrag_key ufrag;
	__u32 len;
	int err;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	len = w->len;
	if (len < SLUICE_STUN_HEADER_LEN || len > SLUICE_PACKET_MAX)
		return -SLUICE_DROP_STUN_BAD;
	if (bpf_xdp_load_bytes(ctx, w->udp_off, w->packet,
			       sluice_bound_len(len, SLUICE_SCRATCH - 1)))
		return -SLUICE_DROP_INTERNAL;
	err = sluice_stun_parse(w->packet, len, &w->stun);
	if (err)
		return err;
	/* keep-alives are not answered; responses belong to nobody */
	if (w->stun.type == SLUICE_STUN_BINDING_INDICATION && w->has_flow)
		return XDP_PASS;
	if (w->stun.type != SLUICE_STUN_BINDING_REQUEST)
		return -SLUICE_DROP_STUN_BAD;
	err = sluice_stun_ufrag(w, &ufrag);
	if (err)
		return err;
	if (!bpf_map_lookup_elem(&sl_ufrags, &ufrag))
		return -SLUICE_DROP_STUN_UFRAG;
	return 0;
}

/* A verified request that the daemon has to see. */
static __always_inline int sluice_stun_pass_up(struct sluice_work *w,
					       struct sluice_ufrag *u)
{
	int err;

	if (!w->has_flow || u->transport != w->transport) {
		err = sluice_ufrag_admit(u, w->now_ns);
		if (err)
			return err;
	}
	return sluice_to_daemon(SLUICE_COUNT_PASSED_STUN);
}

static __always_inline bool sluice_is_remote(const struct sluice_work *w,
					     const struct sluice_transport *t)
{
	const __u32 *a = (const __u32 *)w->remote.b;
	const __u32 *b = (const __u32 *)t->remote.b;

	return w->remote_port == t->remote_port && a[0] == b[0] &&
	       a[1] == b[1] && a[2] == b[2] && a[3] == b[3];
}

/* RFC 8489 14.2: port and address XORed with cookie and transaction id. */
static __always_inline __u32 sluice_stun_mapped(struct sluice_work *w)
{
	bool v4 = sluice_addr_is_v4(&w->remote);
	__u8 *p = w->packet + SLUICE_STUN_HEADER_LEN;
	__u32 i;

	sluice_put16(p, SLUICE_STUN_XOR_MAPPED_ADDRESS);
	sluice_put16(p + 2, v4 ? 8 : 20);
	sluice_put16(p + 4, v4 ? 1 : 2);
	sluice_put16(p + 6, bpf_ntohs(w->remote_port) ^
			    (SLUICE_STUN_COOKIE >> 16));
	if (v4) {
		sluice_put32(p + 8, sluice_get32(w->remote.b + 12) ^
				    SLUICE_STUN_COOKIE);
		return SLUICE_STUN_HEADER_LEN + 12;
	}
#pragma unroll
	for (i = 0; i < 16; i += 4)
		sluice_put32(p + 8 + i, sluice_get32(w->remote.b + i) ^
					sluice_get32(w->packet + 4 + i));
	return SLUICE_STUN_HEADER_LEN + 24;
}

/* Binding success over the request in packet[], whose id stays in place. */
SLUICE_STEP int sluice_stun_build(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	struct sluice_ufrag_key ufrag;
	struct sluice_ice_key *key;
	__u32 at, i, value[5];
	__u8 *p;
	int err;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	err = sluice_stun_ufrag(w, &ufrag);
	if (err)
		return err;
	key = bpf_map_lookup_elem(&sl_ice_keys, &ufrag);
	if (!key)
		return -SLUICE_DROP_STUN_INTEGRITY;
	sluice_put16(w->packet, SLUICE_STUN_BINDING_SUCCESS);
	at = sluice_stun_mapped(w);
	err = sluice_stun_sign(w->packet, at, key, value);
	if (err)
		return err;
	p = w->packet + at;
	sluice_put16(p, SLUICE_STUN_MESSAGE_INTEGRITY);
	sluice_put16(p + 2, SLUICE_SHA1_LEN);
#pragma unroll
	for (i = 0; i < 5; i++)
		sluice_put32(p + 4 + 4 * i, value[i]);
	at += 4 + SLUICE_SHA1_LEN;
	w->len = at + 8;
	sluice_put16(w->packet + 2, (__u16)(at + 8 - SLUICE_STUN_HEADER_LEN));
	p = w->packet + at;
	sluice_put16(p, SLUICE_STUN_FINGERPRINT);
	sluice_put16(p + 2, 4);
	sluice_put32(p + 4, sluice_stun_fingerprint(w->packet, at));
	return 0;
}

SLUICE_STEP int sluice_stun_send(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	struct sluice_peer_value *peer;
	struct sluice_transport *t;
	struct sluice_next_hop *hop;
	__u32 slot, id;
	int err;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	id = w->transport;
	t = sluice_transport(id);
	peer = bpf_map_lookup_elem(&sl_peers, &id);
	if (!t || !peer)
		return -SLUICE_DROP_INTERNAL;
	slot = t->next_hop;
	hop = bpf_map_lookup_elem(&sl_next_hops, &slot);
	if (!hop)
		return -SLUICE_DROP_NEXT_HOP;
	err = sluice_rewrite(ctx, w, &t->egress, NULL, hop);
	if (err)
		return err;
	__sync_fetch_and_add(&peer->checks, 1);
	peer->last_check_ns = w->now_ns;
	sluice_count(SLUICE_COUNT_ANSWERED_STUN);
	return sluice_send(ctx, hop);
}

/*
 * The verified request in work->stun. Only the pair that media takes is
 * answered here: any other one may be news to the daemon, and so is a role
 * conflict or an attribute that has to be refused (RFC 8489 6.3.1).
 */
SLUICE_STEP int sluice_stun_judge(struct xdp_md *ctx)
{
	struct sluice_work *w = sluice_work();
	struct sluice_transport *t;
	struct sluice_next_hop *hop;
	struct sluice_ufrag_key ufrag;
	struct sluice_ufrag *u;
	__u32 slot;
	int err;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	err = sluice_stun_ufrag(w, &ufrag);
	if (err)
		return err;
	u = bpf_map_lookup_elem(&sl_ufrags, &ufrag);
	if (!u)
		return -SLUICE_DROP_STUN_UFRAG;
	t = sluice_transport(w->transport);
	if (!t || u->transport != w->transport || !sluice_is_ready(t) ||
	    !(w->flow_flags & SLUICE_FLOW_SELECTED) ||
	    w->flow_flags & SLUICE_FLOW_USER || !sluice_is_remote(w, t) ||
	    w->stun.ice_controlled || w->stun.unknown_count)
		return sluice_stun_pass_up(w, u);
	slot = t->next_hop;
	hop = bpf_map_lookup_elem(&sl_next_hops, &slot);
	if (!hop || !(hop->flags & SLUICE_HOP_VALID))
		return sluice_stun_pass_up(w, u);
	return 0;
}

static __always_inline int sluice_stun(struct xdp_md *ctx)
{
	int err;

	err = sluice_stun_read(ctx);
	if (err > 0)
		return sluice_to_daemon(SLUICE_COUNT_PASSED_STUN);
	if (!err)
		err = sluice_stun_check_crc(ctx);
	if (!err)
		err = sluice_stun_check_hmac(ctx);
	if (!err)
		err = sluice_stun_judge(ctx);
	if (!err)
		err = sluice_stun_build(ctx);
	return err ? err : sluice_stun_send(ctx);
}

#endif
