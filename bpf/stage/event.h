/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How often a stream may have something told to the daemon. A far end makes an
 * event with each packet that is reported, each request for a picture, each new
 * source of a plain stream; the ring is that of all streams.
 */
#ifndef SLUICE_STAGE_EVENT_H
#define SLUICE_STAGE_EVENT_H

#include "maps.h"

/* 100 a second, 64 at once: RFC 4733 packets come every 20 ms or slower. */
#define SLUICE_TELL_INTERVAL_NS	10000000ULL
#define SLUICE_TELL_BURST_NS	640000000ULL
#define SLUICE_TELL_STREAMS	4096	/* that told something of late */

/* By stream: when its bucket is full again, as that of a ufrag. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SLUICE_TELL_STREAMS);
	__type(key, __u32);
	__type(value, __u64);
} sl_told SEC(".maps");

static __always_inline bool sluice_may_tell(const struct sluice_work *w)
{
	__u64 now = w->now_ns, next = now;
	__u32 id = w->stream;
	__u64 *full;

	full = bpf_map_lookup_elem(&sl_told, &id);
	if (full && *full > now)
		next = *full;
	next += SLUICE_TELL_INTERVAL_NS;
	if (next > now + SLUICE_TELL_BURST_NS)
		return false;
	if (full)
		*full = next;
	else
		bpf_map_update_elem(&sl_told, &id, &next, BPF_ANY);
	return true;
}

#endif
