// SPDX-License-Identifier: GPL-2.0-only
/*
 * Both ends of a throughput measurement. traffic_source turns each live frame
 * of a test run into the next prepared frame and sends it out of a device;
 * traffic_sink counts and drops what arrives.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "traffic.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);		/* set before loading */
	__type(key, __u32);
	__type(value, struct traffic_frame);
} tr_frames SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic_state);
} tr_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic_arrived);
} tr_arrived SEC(".maps");

#define PATIENCE	(1 << 20)	/* looks at the clock for one frame */

static long wait_step(__u32 i, void *due)
{
	return bpf_ktime_get_ns() >= *(__u64 *)due;
}

/*
 * The pace is kept here rather than by the caller: each BPF_PROG_TEST_RUN waits
 * for RCU and makes its page pool anew.
 */
static __always_inline void wait_for_turn(struct traffic_state *s)
{
	__u64 due, now = bpf_ktime_get_ns();

	if (!s->start_ns)
		s->start_ns = now;
	due = s->start_ns + (s->next - s->first) * s->interval_ps / 1000;
	if (now < due)
		bpf_loop(PATIENCE, wait_step, &due, 0);
	s->end_ns = now < due ? due : now;
}

SEC("xdp")
int traffic_source(struct xdp_md *ctx)
{
	__u32 zero = 0, at, len, have;
	struct traffic_state *s = bpf_map_lookup_elem(&tr_state, &zero);
	struct traffic_frame *f;

	if (!s)
		return XDP_DROP;
	at = s->next;
	f = bpf_map_lookup_elem(&tr_frames, &at);
	if (!f)
		return XDP_DROP;
	wait_for_turn(s);
	s->next = at + 1;
	len = f->len;
	if (len < ETH_HLEN || len > sizeof(f->data))
		return XDP_DROP;
	/*
	 * The test run's frames are longer than any (TRAFFIC_TEMPLATE_LEN): the
	 * kernel takes the length anew only from a frame that was changed, and
	 * a recycled one has the length that the relay gave it.
	 */
	have = ctx->data_end - ctx->data;
	if (have != len && bpf_xdp_adjust_tail(ctx, (int)len - (int)have))
		return XDP_DROP;
	if (bpf_xdp_store_bytes(ctx, 0, f->data, len))
		return XDP_DROP;
	return bpf_redirect(s->ifindex, 0);
}

SEC("xdp")
int traffic_sink(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (struct iphdr *)(eth + 1);
	struct traffic_arrived *a;
	__u32 zero = 0;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	a = bpf_map_lookup_elem(&tr_arrived, &zero);
	if (a) {
		a->count++;
		a->last_ns = bpf_ktime_get_ns();
	}
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
