/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps of the contract and the program's own scratch. */
#ifndef SLUICE_MAPS_H
#define SLUICE_MAPS_H

#include <linux/bpf.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>

#include "uapi/sluice.h"
#include "lib/rtp.h"
#include "lib/srtp.h"
#include "lib/stun.h"

/*
 * The structures with a lock, as the kernel's BTF has to see them and as
 * `bpftool map dump` shows them. Elsewhere they are taken through the
 * contract's own types.
 */
struct sluice_state_value {
	struct bpf_spin_lock lock;
	__u16 sources;
	__u16 newest;
	__u64 next_index;
	__u64 window[SLUICE_WINDOW_BITS / 64];
	__u32 current_ssrc;
	__u32 last_timestamp;
	__u64 last_sent_ns;
	__u64 packets;
	__u64 bytes;
	__u64 gone_packets;
	__u64 gone_lost;
	__u64 gone_late;
	__u64 reserved[5];
	struct sluice_ssrc source[SLUICE_SSRCS_PER_STREAM];
};

struct sluice_peer_value {
	struct bpf_spin_lock lock;
	__u32 senders;
	__u64 checks;
	__u64 last_check_ns;
	__u64 rtcp_packets;
	__u64 last_rtcp_ns;
	__u64 forged;
	__u64 burst_since_ns;
	__u32 burst;
	__u32 reserved;
	struct sluice_rtcp_sender sender[SLUICE_RTCP_SENDERS];
};

#define SLUICE_SAME_PLACE(value, contract, field) \
	_Static_assert(offsetof(struct value, field) == \
		       offsetof(struct contract, field), #value "." #field)

_Static_assert(sizeof(struct sluice_state_value) ==
	       sizeof(struct sluice_state), "sluice_state_value");
_Static_assert(sizeof(struct sluice_peer_value) ==
	       sizeof(struct sluice_peer), "sluice_peer_value");
SLUICE_SAME_PLACE(sluice_state_value, sluice_out_state, newest);
SLUICE_SAME_PLACE(sluice_state_value, sluice_out_state, current_ssrc);
SLUICE_SAME_PLACE(sluice_state_value, sluice_out_state, bytes);
SLUICE_SAME_PLACE(sluice_state_value, sluice_state, gone_packets);
SLUICE_SAME_PLACE(sluice_state_value, sluice_state, source);
SLUICE_SAME_PLACE(sluice_peer_value, sluice_peer, senders);
SLUICE_SAME_PLACE(sluice_peer_value, sluice_peer, last_check_ns);
SLUICE_SAME_PLACE(sluice_peer_value, sluice_peer, burst);
SLUICE_SAME_PLACE(sluice_peer_value, sluice_peer, sender);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sluice_control);
} sl_control SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SLUICE_MAX_FLOWS);
	__type(key, struct sluice_flow_key);
	__type(value, struct sluice_flow);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} sl_flows SEC(".maps");

/* Mappable only for its alignment: the first entry begins a page. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_MAX_NEAR);
	__type(key, __u32);
	__type(value, struct sluice_near);
	__uint(map_flags, BPF_F_MMAPABLE);
} sl_near SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SLUICE_MAX_PORTS);
	__type(key, struct sluice_port_key);
	__type(value, struct sluice_port);
} sl_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SLUICE_MAX_UFRAGS);
	__type(key, struct sluice_ufrag_key);
	__type(value, struct sluice_ufrag);
} sl_ufrags SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SLUICE_MAX_UFRAGS);
	__type(key, struct sluice_ufrag_key);
	__type(value, struct sluice_ice_key);
} sl_ice_keys SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_MAX_KEYS);
	__type(key, __u32);
	__type(value, struct sluice_key);
	__uint(map_flags, BPF_F_MMAPABLE);
} sl_keys SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_MAX_TRANSPORTS);
	__type(key, __u32);
	__type(value, struct sluice_transport);
} sl_transports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_MAX_STREAMS);
	__type(key, __u32);
	__type(value, struct sluice_stream);
} sl_streams SEC(".maps");

/* Mappable as above. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_MAX_STREAMS);
	__type(key, __u32);
	__type(value, struct sluice_relay);
	__uint(map_flags, BPF_F_MMAPABLE);
} sl_relays SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_MAX_STREAMS);
	__type(key, __u32);
	__type(value, struct sluice_state_value);
	__uint(map_flags, BPF_F_MMAPABLE);
} sl_states SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_MAX_STREAMS);
	__type(key, __u32);
	__type(value, struct sluice_rtcp_out);
} sl_rtcp SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_MAX_TRANSPORTS);
	__type(key, __u32);
	__type(value, struct sluice_peer_value);
} sl_peers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_MAX_NEXT_HOPS);
	__type(key, __u32);
	__type(value, struct sluice_next_hop);
} sl_next_hops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} sl_devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLUICE_DROP_MAX);
	__type(key, __u32);
	__type(value, __u64);
} sl_drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLUICE_COUNT_MAX);
	__type(key, __u32);
	__type(value, __u64);
} sl_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} sl_events SEC(".maps");

#define SLUICE_HEAD_MAX	72	/* Ethernet, VLAN tag, IPv6, UDP: 66 */
#define SLUICE_HEAD_BOUND 127	/* for sluice_bound() */

/*
 * What the stages of one packet hand on. In memory rather than on the stack:
 * the verifier then forgets how a value came about, and the states of the
 * branches before merge.
 */
struct sluice_work {
	__u64 now_ns;
	__u64 index;		/* arriving */
	__u64 out_index;
	__u32 out_timestamp;
	__u32 udp_off;		/* UDP payload in the frame */
	__u32 len;		/* of the RTP packet in packet[] */
	__u32 transport;	/* of arrival */
	__u32 stream;
	__u32 slot;		/* source; SLUICE_SSRCS_PER_STREAM: a new one */
	__u32 rx_key;		/* 0: plain */
	__u32 tx_key;
	struct sluice_payload payload;
	struct sluice_rtp rtp;
	/* STUN and RTCP: where it came from, and its flow's flags */
	struct sluice_addr remote;
	__be16 remote_port;
	__u16 has_flow;
	__u32 flow_flags;
	struct sluice_stun stun;
	__u32 reserved;
	/* all headers, up against the packet */
	__u8 head[SLUICE_HEAD_MAX];
	__u8 packet[SLUICE_SCRATCH];
	__u8 tail[SLUICE_SCRATCH_ROOM - SLUICE_SCRATCH];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sluice_work);
} sl_work SEC(".maps");

/*
 * A global function: the verifier looks at it alone, whoever calls it. Weak,
 * or clang would leave out arguments that the body happens not to use.
 */
#define SLUICE_STEP __weak __noinline

static __always_inline struct sluice_work *sluice_work(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&sl_work, &zero);
}

static __always_inline void sluice_count_drop(__u32 reason)
{
	__u64 *count = bpf_map_lookup_elem(&sl_drops, &reason);

	if (count)
		(*count)++;
}

static __always_inline void sluice_count(__u32 counter)
{
	__u64 *count = bpf_map_lookup_elem(&sl_counters, &counter);

	if (count)
		(*count)++;
}

#endif
