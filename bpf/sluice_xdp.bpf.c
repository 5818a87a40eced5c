// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel datapath: entry point and order of stages. Whatever is not
 * addressed to a port of the gateway passes untouched.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"
#include "stage/parse.h"
#include "stage/find.h"
#include "stage/lookup.h"
#include "stage/relay.h"
#include "stage/rtcp.h"
#include "stage/stun.h"
#include "stage/watch.h"

/* A step of its own, so that its stack is free again during the crypto. */
SLUICE_STEP int sluice_admit(struct xdp_md *ctx)
{
	struct sluice_packet p = {};
	struct sluice_work *w = sluice_work();
	struct sluice_near_flow *near = NULL;
	struct sluice_flow *flow = NULL;
	__u32 transport;
	int verdict;

	if (!w)
		return -SLUICE_DROP_INTERNAL;
	verdict = sluice_parse(ctx, &p);
	if (verdict)
		return verdict;
	/* Most packets are media, and a flow stands behind a port of ours. */
	if (!p.fault &&
	    sluice_classify(p.byte0, p.byte1) == SLUICE_CLASS_RTP)
		near = sluice_near_flow(&p.key);
	if (near) {
		transport = near->transport;
	} else {
		verdict = sluice_lookup(&p, &flow);
		if (verdict != SLUICE_GO_RTP && verdict < SLUICE_GO_STUN)
			return verdict;
		transport = flow ? flow->transport : 0;
	}
	w->now_ns = bpf_ktime_get_ns();
	w->udp_off = p.off;
	w->len = p.len;
	w->transport = transport;
	if (verdict == SLUICE_GO_RTP) {
		verdict = sluice_find(w, near, p.byte1 & 0x7f);
		return verdict ? verdict : sluice_relay_read(ctx, w);
	}
	if (verdict >= SLUICE_GO_STUN) {
		w->remote = p.key.remote;
		w->remote_port = p.key.remote_port;
		w->has_flow = !!flow;
		w->flow_flags = flow ? flow->flags : 0;
	}
	return verdict;
}

SEC("xdp")
int sluice_xdp(struct xdp_md *ctx)
{
	int verdict;

	verdict = sluice_admit(ctx);
	if (verdict == SLUICE_GO_RTP)
		verdict = sluice_relay(ctx);
	else if (verdict == SLUICE_GO_STUN)
		verdict = sluice_stun(ctx);
	else if (verdict == SLUICE_GO_RTCP)
		verdict = sluice_rtcp(ctx);
	if (verdict > 0)
		return verdict;
	if (verdict == -SLUICE_DROP_AUTH)
		sluice_source_forged(ctx);
	sluice_count_drop(verdict ? -verdict : SLUICE_DROP_INTERNAL);
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
