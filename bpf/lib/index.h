/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Packet indices: the arriving one of RFC 3711 3.3.1 with its replay window,
 * RFC 3550 A.1 for plain RTP, and the leaving index space, which the gateway
 * owns. Nothing here touches the lock word of a structure; in the kernel the
 * caller holds the spin lock, so everything is inline and calls no helper.
 */
#ifndef SLUICE_LIB_INDEX_H
#define SLUICE_LIB_INDEX_H

#include <stdbool.h>

#include "uapi/sluice.h"
#include "lib/rtp.h"

/* RFC 3711 9.2: 2^48 packets a key; the last index stays unused. */
#define SLUICE_INDEX_LIMIT	((1ULL << 48) - 1)
/* RFC 3550 A.1: MAX_DROPOUT. */
#define SLUICE_MAX_DROPOUT	3000
#define SLUICE_BAD_SEQ_NONE	0x10000U
/* An index_delta that says: map this source anew with its next packet. */
#define SLUICE_DELTA_RESYNC	((__s64)(1ULL << 63))

static __always_inline void sluice_window_shift(__u64 *window, __u64 by)
{
	if (by >= SLUICE_WINDOW_BITS) {
		window[0] = 0;
		window[1] = 0;
	} else if (by >= 64) {
		window[1] = window[0] << (by - 64);
		window[0] = 0;
	} else if (by) {
		window[1] = window[1] << by | window[0] >> (64 - by);
		window[0] <<= by;
	}
}

/* behind: how far below the newest index; false when outside the window. */
static __always_inline bool sluice_window_fresh(const __u64 *window,
						__u64 behind)
{
	if (behind < 64)
		return !(window[0] >> behind & 1);
	if (behind < SLUICE_WINDOW_BITS)
		return !(window[1] >> (behind - 64) & 1);
	return false;
}

static __always_inline void sluice_window_mark(__u64 *window, __u64 behind)
{
	if (behind < 64)
		window[0] |= 1ULL << behind;
	else if (behind < SLUICE_WINDOW_BITS)
		window[1] |= 1ULL << (behind - 64);
}

/* A time in units of an RTP clock, modulo 2^32. */
static __always_inline __u32 sluice_clock_units(__u64 ns, __u32 clock_hz)
{
	return (__u32)(ns / 1000 * clock_hz / 1000000);
}

/**
 * sluice_index_estimate - packet index of an SRTP packet, RFC 3711 3.3.1
 * @s: the source; not read when @fresh
 * @seq: SEQ of the packet
 * @fresh: no packet of this source was authenticated yet: ROC is 0
 * @ret_index: ROC || SEQ
 *
 * With ROC 0 a SEQ far ahead stays in ROC 0, since ROC - 1 does not exist.
 * Return: 0 or -SLUICE_DROP_KEY_LIMIT.
 */
static __always_inline int sluice_index_estimate(const struct sluice_ssrc *s,
						 __u16 seq, bool fresh,
						 __u64 *ret_index)
{
	__u64 roc, index;
	__u32 s_l;

	if (fresh) {
		*ret_index = seq;
		return 0;
	}
	roc = s->highest >> 16;
	s_l = s->highest & 0xffff;
	if (s_l < 0x8000) {
		if (seq > s_l + 0x8000 && roc)
			roc--;
	} else if (seq < s_l - 0x8000) {
		roc++;
	}
	index = roc << 16 | seq;
	if (index >= SLUICE_INDEX_LIMIT)
		return -SLUICE_DROP_KEY_LIMIT;
	*ret_index = index;
	return 0;
}

/* Replay list of RFC 3711 3.3.2: 0 or -SLUICE_DROP_REPLAY. */
static __always_inline int sluice_index_check(const struct sluice_ssrc *s,
					      __u64 index)
{
	if (!s->packets || index > s->highest)
		return 0;
	if (!sluice_window_fresh(s->window, s->highest - index))
		return -SLUICE_DROP_REPLAY;
	return 0;
}

/**
 * sluice_index_plain - index of a plain RTP packet, after RFC 3550 A.1
 *
 * A jump forward by MAX_DROPOUT or more, or backward out of the window, takes
 * two packets in sequence; then the source counts as restarted: its index
 * moves on by a roll-over and its outgoing mapping is made anew. The caller
 * goes on with sluice_index_check() and sluice_index_commit().
 *
 * Return: 0, -SLUICE_DROP_SEQ_JUMP, -SLUICE_DROP_REPLAY (before the first
 * index) or -SLUICE_DROP_KEY_LIMIT.
 */
static __always_inline int sluice_index_plain(struct sluice_ssrc *s,
					      __u16 seq, __u64 *ret_index)
{
	__u64 index;
	__u16 ahead, behind;

	if (!s->packets) {
		*ret_index = seq;
		return 0;
	}
	ahead = seq - (__u16)s->highest;
	behind = (__u16)s->highest - seq;
	if (ahead < SLUICE_MAX_DROPOUT) {
		index = s->highest + ahead;
	} else if (behind < SLUICE_WINDOW_BITS) {
		if (behind > s->highest)
			return -SLUICE_DROP_REPLAY;
		index = s->highest - behind;
	} else if (seq != s->bad_seq) {
		s->bad_seq = (__u16)(seq + 1);
		return -SLUICE_DROP_SEQ_JUMP;
	} else {
		index = ((s->highest >> 16) + 1) << 16 | seq;
		/* the jump is no loss */
		s->first_index += index - s->highest - 1;
		s->index_delta = SLUICE_DELTA_RESYNC;
	}
	if (index >= SLUICE_INDEX_LIMIT)
		return -SLUICE_DROP_KEY_LIMIT;
	*ret_index = index;
	return 0;
}

/* Interarrival jitter, RFC 3550 A.8, in clock units times 16. */
static __always_inline void sluice_index_jitter(struct sluice_ssrc *s,
						__u32 timestamp,
						__u32 clock_hz, __u64 now_ns)
{
	__u32 transit = sluice_clock_units(now_ns, clock_hz) - timestamp;
	__u32 d = transit - s->last_transit;

	s->last_transit = transit;
	/* a new or restarted source has no transit to compare with */
	if (!s->packets || s->index_delta == SLUICE_DELTA_RESYNC)
		return;
	if (d & 0x80000000U)
		d = -d;
	s->jitter_q4 += d - ((s->jitter_q4 + 8) >> 4);
}

/**
 * sluice_index_commit - accept an authenticated packet
 *
 * The index passed sluice_index_check() under the same lock.
 */
static __always_inline void sluice_index_commit(struct sluice_ssrc *s,
						__u64 index,
						const struct sluice_rtp *rtp,
						__u32 clock_hz, __u64 now_ns)
{
	if (!rtp->is_foreign_clock)
		sluice_index_jitter(s, rtp->timestamp, clock_hz, now_ns);
	if (!s->packets) {
		s->first_index = index;
		s->highest = index;
		s->window[0] = 1;
		s->window[1] = 0;
	} else if (index > s->highest) {
		sluice_window_shift(s->window, index - s->highest);
		s->window[0] |= 1;
		s->highest = index;
	} else {
		sluice_window_mark(s->window, s->highest - index);
		s->late++;
		/* reordered start: the loss count begins lower */
		if (index < s->first_index)
			s->first_index = index;
	}
	s->bad_seq = SLUICE_BAD_SEQ_NONE;
	s->packets++;
	s->bytes += rtp->payload_len;
	s->last_seen_ns = now_ns;
}

/* A source makes room for another one; its figures stay with the stream. */
static __always_inline void sluice_source_gone(struct sluice_state *state,
					       const struct sluice_ssrc *s)
{
	__u64 expected = s->highest - s->first_index + 1;

	state->gone_packets += s->packets;
	state->gone_late += s->late;
	if (s->packets && expected > s->packets)
		state->gone_lost += expected - s->packets;
}

/* What follows an accepted packet that is not sent closes up to before it. */
static __always_inline void sluice_index_swallow(struct sluice_ssrc *s,
						 __u64 index)
{
	if (s->index_delta != SLUICE_DELTA_RESYNC && index == s->highest)
		s->index_delta--;
}

/* ---- SRTCP (RFC 3711 3.4): explicit indices, a window for each sender ---- */

/* SLUICE_RTCP_SENDERS: not known. */
static __always_inline __u32 sluice_peer_slot(const struct sluice_peer *p,
					      __u32 ssrc)
{
	__u32 i, slot = SLUICE_RTCP_SENDERS;

#pragma GCC unroll 16
	for (i = 0; i < SLUICE_RTCP_SENDERS; i++)
		if (p->sender[i].window[0] && p->sender[i].ssrc == ssrc)
			slot = i;
	return slot;
}

/* Replay list: 0, -SLUICE_DROP_REPLAY or -SLUICE_DROP_SSRC_LIMIT. */
static __always_inline int sluice_peer_check(const struct sluice_peer *p,
					     __u32 ssrc, __u32 index)
{
	__u32 slot = sluice_peer_slot(p, ssrc);
	const struct sluice_rtcp_sender *s;

	if (slot >= SLUICE_RTCP_SENDERS)
		return p->senders < SLUICE_RTCP_SENDERS ?
			       0 : -SLUICE_DROP_SSRC_LIMIT;
	s = &p->sender[slot];
	if (index > s->highest ||
	    sluice_window_fresh(s->window, s->highest - index))
		return 0;
	return -SLUICE_DROP_REPLAY;
}

/* An authenticated packet; as above, and what is accepted is marked. */
static __always_inline int sluice_peer_accept(struct sluice_peer *p,
					      __u32 ssrc, __u32 index)
{
	__u32 slot = sluice_peer_slot(p, ssrc);
	struct sluice_rtcp_sender *s;

	if (slot >= SLUICE_RTCP_SENDERS) {
		slot = p->senders;
		if (slot >= SLUICE_RTCP_SENDERS)
			return -SLUICE_DROP_SSRC_LIMIT;
		p->senders++;
		s = &p->sender[slot];
		s->ssrc = ssrc;
		s->highest = index;
		s->window[0] = 1;
		s->window[1] = 0;
		return 0;
	}
	s = &p->sender[slot];
	if (index > s->highest) {
		sluice_window_shift(s->window, index - s->highest);
		s->highest = index;
		s->window[0] |= 1;
		return 0;
	}
	if (!sluice_window_fresh(s->window, s->highest - index))
		return -SLUICE_DROP_REPLAY;
	sluice_window_mark(s->window, s->highest - index);
	return 0;
}

/* Map a source anew: its packet becomes the newest of the stream. */
static __always_inline void sluice_out_resync(struct sluice_out_state *o,
					      struct sluice_ssrc *s,
					      __u64 in_index, __u32 timestamp,
					      __u32 clock_hz, __u64 now_ns)
{
	__u32 elapsed;

	if (!o->next_index) {
		/* RFC 3711 3.3.1: receivers take ROC 0 for the first SEQ */
		s->index_delta = (__s64)(in_index & 0x7fff) - (__s64)in_index;
		s->timestamp_delta = 0;
		return;
	}
	s->index_delta = (__s64)o->next_index - (__s64)in_index;
	/* another CPU's packet may have come later and been sent before */
	if (now_ns < o->last_sent_ns)
		now_ns = o->last_sent_ns;
	elapsed = sluice_clock_units(now_ns - o->last_sent_ns, clock_hz);
	if (!elapsed)
		elapsed = 1;
	s->timestamp_delta = o->last_timestamp + elapsed - timestamp;
}

/**
 * sluice_out_assign - outgoing index and timestamp of an accepted packet
 * @o: the stream's index space; the caller holds its lock
 * @s: the source, or the caller's copy of its index_delta and
 *	timestamp_delta, which are updated
 * @ssrc: arriving SSRC, host order
 *
 * The index returned was never returned before for @o. It never runs ahead of
 * the last one by more than MAX_DROPOUT, however much was dropped meanwhile,
 * so that the receiver's ROC estimate holds.
 *
 * Return: 0, -SLUICE_DROP_OUT_DUPLICATE or -SLUICE_DROP_KEY_LIMIT.
 */
static __always_inline int
sluice_out_assign(struct sluice_out_state *o, struct sluice_ssrc *s,
		  __u64 in_index, __u32 timestamp, __u32 ssrc,
		  __u32 clock_hz, __u64 now_ns, __u64 *ret_index,
		  __u32 *ret_timestamp)
{
	__s64 index;
	__u64 newest, ahead;

	if (!o->next_index || o->current_ssrc != ssrc ||
	    s->index_delta == SLUICE_DELTA_RESYNC)
		sluice_out_resync(o, s, in_index, timestamp, clock_hz, now_ns);
	else if ((__s64)in_index + s->index_delta >=
		 (__s64)o->next_index + SLUICE_MAX_DROPOUT)
		/* one source, one clock: the timestamp mapping holds */
		s->index_delta = (__s64)o->next_index - (__s64)in_index;

	index = (__s64)in_index + s->index_delta;
	if (index < 0)
		return -SLUICE_DROP_OUT_DUPLICATE;
	if (index >= (__s64)SLUICE_INDEX_LIMIT)
		return -SLUICE_DROP_KEY_LIMIT;

	*ret_timestamp = timestamp + s->timestamp_delta;
	if ((__u64)index >= o->next_index) {
		ahead = (__u64)index + 1 - o->next_index;
		sluice_window_shift(o->window, ahead);
		o->window[0] |= 1;
		o->next_index = (__u64)index + 1;
		o->current_ssrc = ssrc;
		o->last_timestamp = *ret_timestamp;
		o->last_sent_ns = now_ns;
	} else {
		newest = o->next_index - 1;
		if (!sluice_window_fresh(o->window, newest - (__u64)index))
			return -SLUICE_DROP_OUT_DUPLICATE;
		sluice_window_mark(o->window, newest - (__u64)index);
	}
	*ret_index = (__u64)index;
	return 0;
}

#endif
