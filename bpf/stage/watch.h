/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a driver refuses after the program's verdict. Raw tracepoints, which
 * need no trampoline. They see every XDP program of the host; only devices in
 * sl_devices count.
 */
#ifndef SLUICE_STAGE_WATCH_H
#define SLUICE_STAGE_WATCH_H

#include <bpf/bpf_core_read.h>

#include "maps.h"

struct net_device {
	int ifindex;
} __attribute__((preserve_access_index));

/* Last flush of the canary: what the driver took and its error. */
struct sluice_canary {
	__u32 ifindex;		/* target; 0: not armed */
	__s32 err;
	__u32 sent;
	__u32 drops;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sluice_canary);
} sl_canary SEC(".maps");

static __always_inline bool sluice_is_our_device(__u32 ifindex)
{
	return bpf_map_lookup_elem(&sl_devices, &ifindex);
}

static __always_inline void sluice_drop_many(__u64 n)
{
	__u32 reason = SLUICE_DROP_REDIRECT;
	__u64 *count = bpf_map_lookup_elem(&sl_drops, &reason);

	if (count)
		*count += n;
}

/* (from_dev, to_dev, sent, drops, err) */
SEC("raw_tp/xdp_devmap_xmit")
int sl_devmap_xmit(struct bpf_raw_tracepoint_args *ctx)
{
	struct net_device *from = (struct net_device *)ctx->args[0];
	struct net_device *to = (struct net_device *)ctx->args[1];
	__u32 zero = 0, target = BPF_CORE_READ(to, ifindex);
	int drops = (int)ctx->args[3];
	struct sluice_canary *c;

	c = bpf_map_lookup_elem(&sl_canary, &zero);
	if (c && c->ifindex && c->ifindex == target) {
		c->sent += (__u32)ctx->args[2];
		c->drops += (__u32)drops;
		c->err = (__s32)ctx->args[4];
	} else if (drops > 0 && sluice_is_our_device(target) &&
		   sluice_is_our_device(BPF_CORE_READ(from, ifindex))) {
		sluice_drop_many(drops);
	}
	return 0;
}

/* (dev, prog, tgt, err, map_type, map_id, index) */
SEC("raw_tp/xdp_redirect_err")
int sl_redirect_err(struct bpf_raw_tracepoint_args *ctx)
{
	struct net_device *dev = (struct net_device *)ctx->args[0];
	__u32 zero = 0;
	struct sluice_canary *c = bpf_map_lookup_elem(&sl_canary, &zero);

	if (c && c->ifindex && c->ifindex == (__u32)ctx->args[6]) {
		c->drops++;
		c->err = (__s32)ctx->args[3];
	} else if (sluice_is_our_device(BPF_CORE_READ(dev, ifindex))) {
		sluice_drop_many(1);
	}
	return 0;
}

/* (dev, prog, act): a driver without room for what goes back out of it. */
SEC("raw_tp/xdp_exception")
int sl_exception(struct bpf_raw_tracepoint_args *ctx)
{
	struct net_device *dev = (struct net_device *)ctx->args[0];

	/* of a redirection the tracepoints above tell */
	if (ctx->args[2] == XDP_TX &&
	    sluice_is_our_device(BPF_CORE_READ(dev, ifindex)))
		sluice_drop_many(1);
	return 0;
}

/* The canary: a live frame, sent out of the armed device. */
SEC("xdp")
int sluice_canary(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct sluice_canary *c = bpf_map_lookup_elem(&sl_canary, &zero);

	if (!c || !c->ifindex)
		return XDP_DROP;
	return bpf_redirect_map(&sl_devices, c->ifindex, 0);
}

#endif
