/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Shared by traffic.bpf.c and the programs that use it. */
#ifndef SELFTESTS_TRAFFIC_H
#define SELFTESTS_TRAFFIC_H

#include <linux/types.h>

#define TRAFFIC_FRAME_MAX	252
#define TRAFFIC_TEMPLATE_LEN	(TRAFFIC_FRAME_MAX + 4)

/* A whole Ethernet frame. */
struct traffic_frame {
	__u32 len;
	__u8 data[TRAFFIC_FRAME_MAX];
};

struct traffic_state {
	__u32 ifindex;	/* of the device that frames leave by */
	__u32 next;	/* index of the next frame */
	__u32 first;
	__u32 reserved;
	__u64 interval_ps;	/* between two frames; 0: no pause */
	__u64 start_ns;	/* 0: now */
	__u64 end_ns;	/* when the newest frame left */
};

/* By CPU. */
struct traffic_arrived {
	__u64 count;
	__u64 last_ns;	/* CLOCK_MONOTONIC */
};

#endif
