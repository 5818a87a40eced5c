// SPDX-License-Identifier: GPL-2.0-only
/*
 * A frozen stand-in for a daemon of contract 2: its maps as they were, and a
 * program that moves a stream's state as its program did, but swallows the
 * packet where that one sent it. So a test sees whose a packet was, and that
 * no index is lost or used twice between the two. IPv4 without options; the
 * stream of a transport has its id.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define OLD_MAP(name, kind, key, value, entries) \
	struct { \
		__uint(type, kind); \
		__uint(max_entries, entries); \
		__uint(key_size, key); \
		__uint(value_size, value); \
	} name SEC(".maps")

struct old_out {
	struct bpf_spin_lock lock;
	__u32 sources;
	__u64 next_index;
	__u64 window[2];
	__u32 current_ssrc;
	__u32 last_timestamp;
	__u64 last_sent_ns;
	__u64 packets;
	__u64 bytes;
};

struct old_ssrc_key {
	__u32 transport;
	__u32 ssrc;
};

struct old_ssrc {
	struct bpf_spin_lock lock;
	__u32 stream;
	__u64 highest;
	__u64 window[2];
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

struct old_peer {
	struct bpf_spin_lock lock;
	__u32 rest[111];
};

OLD_MAP(sl_control, BPF_MAP_TYPE_ARRAY, 4, 32, 1);
OLD_MAP(sl_flows, BPF_MAP_TYPE_HASH, 40, 32, 128);
OLD_MAP(sl_ports, BPF_MAP_TYPE_HASH, 20, 8, 65536);
OLD_MAP(sl_ufrags, BPF_MAP_TYPE_HASH, 8, 16, 64);
OLD_MAP(sl_ice_keys, BPF_MAP_TYPE_HASH, 8, 64, 64);
OLD_MAP(sl_keys, BPF_MAP_TYPE_ARRAY, 4, 2200, 128);
OLD_MAP(sl_transports, BPF_MAP_TYPE_ARRAY, 4, 668, 64);
OLD_MAP(sl_streams, BPF_MAP_TYPE_ARRAY, 4, 64, 64);
OLD_MAP(sl_rtcp, BPF_MAP_TYPE_ARRAY, 4, 64, 64);
OLD_MAP(sl_sources, BPF_MAP_TYPE_ARRAY, 4, 128, 64);
OLD_MAP(sl_next_hops, BPF_MAP_TYPE_ARRAY, 4, 28, 1024);
OLD_MAP(sl_devices, BPF_MAP_TYPE_DEVMAP_HASH, 4, 4, 64);
OLD_MAP(sl_drops, BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 29);
OLD_MAP(sl_counters, BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 11);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} sl_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct old_out);
} sl_out SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct old_ssrc_key);
	__type(value, struct old_ssrc);
} sl_ssrcs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct old_peer);
} sl_peers SEC(".maps");

struct old_rtp {
	__be16 flags;
	__be16 seq;
	__be32 timestamp;
	__be32 ssrc;
};

static __always_inline void shift(__u64 *window, __u32 by)
{
	if (by >= 64) {
		window[1] = by >= 128 ? 0 : window[0] << (by & 63);
		window[0] = 0;
	} else {
		window[1] = window[1] << by | window[0] >> (64 - by);
		window[0] <<= by;
	}
	window[0] |= 1;
}

/* Whatever is not next in its source's order is left alone. */
static __always_inline void take(__u32 id, const struct old_rtp *rtp)
{
	struct old_ssrc_key key = { id, bpf_ntohl(rtp->ssrc) };
	__u32 timestamp = bpf_ntohl(rtp->timestamp), ahead;
	struct old_ssrc *s = bpf_map_lookup_elem(&sl_ssrcs, &key);
	struct old_out *out = bpf_map_lookup_elem(&sl_out, &id);
	__u64 now = bpf_ktime_get_ns(), index;

	if (!s || !out)
		return;
	ahead = (__u16)(bpf_ntohs(rtp->seq) - (__u16)s->highest);
	if (!ahead || ahead > 127)
		return;
	bpf_spin_lock(&s->lock);
	s->highest += ahead;
	shift(s->window, ahead);
	s->packets++;
	s->last_seen_ns = now;
	index = s->highest + s->index_delta;
	bpf_spin_unlock(&s->lock);
	bpf_spin_lock(&out->lock);
	shift(out->window, ahead);
	out->next_index = index + 1;
	out->current_ssrc = key.ssrc;
	out->last_timestamp = timestamp + s->timestamp_delta;
	out->last_sent_ns = now;
	out->packets++;
	bpf_spin_unlock(&out->lock);
}

SEC("xdp")
int sluice_xdp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	struct old_rtp *rtp = (void *)(udp + 1);
	__u32 key[10] = {}, *flow;

	if ((void *)(rtp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	key[2] = key[6] = bpf_htonl(0xffff);
	key[3] = ip->daddr;
	key[7] = ip->saddr;
	key[8] = udp->source << 16 | udp->dest;
	flow = bpf_map_lookup_elem(&sl_flows, key);
	if (!flow)
		return XDP_PASS;
	take(*flow, rtp);
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
