// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drives a program under BPF_PROG_TEST_RUN: each repetition puts the next of
 * many prepared frames in the place of the last one's remains and calls the
 * program. And each transform by itself, over many keys in random order.
 */
#include <stdbool.h>

#include "lib/rtp.h"
#include "lib/srtp.h"
#include "../selftests/perf/drive.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DRIVE_FRAMES);
	__type(key, __u32);
	__type(value, struct drive_frame);
} d_frames SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} d_program SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DRIVE_KEYS);
	__type(key, __u32);
	__type(value, struct sluice_key);
} d_keys SEC(".maps");

struct scratch {
	__u8 b[SLUICE_SCRATCH];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} d_scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct drive_state);
} d_state SEC(".maps");

static __always_inline struct drive_state *state(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&d_state, &zero);
}

SEC("xdp")
int d_drive(struct xdp_md *ctx)
{
	struct drive_state *s = state();
	struct drive_frame *f;
	__u32 have, want, i;

	if (!s)
		return XDP_ABORTED;
	i = s->next++;
	f = bpf_map_lookup_elem(&d_frames, &i);
	if (!f)
		return XDP_ABORTED;
	want = f->len;
	have = (__u32)bpf_xdp_get_buff_len(ctx);
	if (have > want)
		bpf_xdp_adjust_head(ctx, (int)(have - want));
	else if (have < want)
		bpf_xdp_adjust_tail(ctx, (int)(want - have));
	sluice_opaque(want);
	if (want < 1 || want > DRIVE_FRAME_MAX)
		return XDP_ABORTED;
	if (bpf_xdp_store_bytes(ctx, 0, f->b, want))
		return XDP_ABORTED;
	bpf_tail_call(ctx, &d_program, 0);
	return XDP_ABORTED;
}

/* What d_drive costs by itself. */
SEC("xdp")
int d_nothing(struct xdp_md *ctx)
{
	return XDP_TX;
}

enum transform { NONE, PROTECT, UNPROTECT };

/* The packet comes back unchanged; result: of the last run. */
static __always_inline int transform(struct xdp_md *ctx, enum transform what)
{
	__u32 zero = 0, slot, len = (__u32)bpf_xdp_get_buff_len(ctx);
	struct drive_state *s = state();
	struct sluice_key *key;
	struct scratch *scratch;
	struct sluice_rtp rtp;
	int ret;

	scratch = bpf_map_lookup_elem(&d_scratch, &zero);
	if (!s || !scratch)
		return XDP_ABORTED;
	s->random = s->random * 6364136223846793005ULL + 1442695040888963407ULL;
	slot = s->random >> 40 & (DRIVE_KEYS - 1);
	key = bpf_map_lookup_elem(&d_keys, &slot);
	if (!key)
		return XDP_ABORTED;
	sluice_opaque(len);
	if (len < 1 || len > SLUICE_PACKET_MAX)
		return XDP_ABORTED;
	if (bpf_xdp_load_bytes(ctx, 0, scratch->b, len))
		return XDP_ABORTED;
	ret = sluice_rtp_parse(scratch->b, len, &rtp);
	if (!ret && what == PROTECT)
		ret = sluice_srtp_protect(key, rtp.seq, rtp.ssrc, scratch->b,
					  rtp.payload_off, len);
	if (!ret && what == UNPROTECT)
		ret = sluice_srtp_unprotect(key, rtp.seq, rtp.ssrc, scratch->b,
					    rtp.payload_off, len);
	s->result = ret;
	return XDP_PASS;
}

SEC("xdp")
int d_copy(struct xdp_md *ctx)
{
	return transform(ctx, NONE);
}

SEC("xdp")
int d_protect(struct xdp_md *ctx)
{
	return transform(ctx, PROTECT);
}

SEC("xdp")
int d_unprotect(struct xdp_md *ctx)
{
	return transform(ctx, UNPROTECT);
}

char _license[] SEC("license") = "GPL";
