/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SRTP in BPF on its own, for test_crypt.c. The frame is a struct crypt_call
 * and an RTP packet; the same comes back with the verdict in it.
 */
#include "lib/rtp.h"
#include "lib/srtcp.h"
#include "lib/srtp.h"
#include "../selftests/bpf/crypt.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sluice_key);
} t_key SEC(".maps");

/*
 * Not on the stack, and the steps are global functions: three calls of the
 * cipher take nearly all of the 512 bytes.
 */
struct scratch {
	__u8 b[SLUICE_SCRATCH_ROOM];
	struct crypt_call call;
	struct sluice_rtp rtp;
	__u32 len;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} t_scratch SEC(".maps");

#define STEP __weak __noinline

static __always_inline struct scratch *scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&t_scratch, &zero);
}

static __always_inline struct sluice_key *crypt_key(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&t_key, &zero);
}

STEP int t_load(struct xdp_md *ctx)
{
	struct scratch *s = scratch();
	__u32 len;

	if (!s || bpf_xdp_load_bytes(ctx, 0, &s->call, sizeof(s->call)))
		return -1;
	len = (__u32)bpf_xdp_get_buff_len(ctx) - sizeof(s->call);
	if (len < 1 || len > SLUICE_PACKET_MAX)
		return -1;
	s->len = len;
	return bpf_xdp_load_bytes(ctx, sizeof(s->call), s->b,
				  sluice_bound_len(len, SLUICE_SCRATCH - 1));
}

STEP int t_store(struct xdp_md *ctx)
{
	struct scratch *s = scratch();

	if (!s || bpf_xdp_store_bytes(ctx, 0, &s->call, sizeof(s->call)))
		return -1;
	if (s->call.result < 0)
		return 0;
	if (bpf_xdp_adjust_tail(ctx, s->call.result - (int)s->len))
		return -1;
	return bpf_xdp_store_bytes(ctx, sizeof(s->call), s->b,
				   sluice_bound_len(s->call.result,
						    SLUICE_SCRATCH - 1));
}

STEP int t_rtp_protect(struct xdp_md *ctx)
{
	struct sluice_key *key = crypt_key();
	struct scratch *s = scratch();
	int ret;

	if (!key || !s)
		return -SLUICE_DROP_INTERNAL;
	ret = sluice_rtp_parse(s->b, s->len, &s->rtp);
	if (ret)
		return ret;
	return sluice_srtp_protect(key, s->call.index, s->rtp.ssrc, s->b,
				   s->rtp.payload_off, s->len);
}

STEP int t_rtp_open(struct xdp_md *ctx)
{
	struct sluice_key *key = crypt_key();
	struct scratch *s = scratch();
	int ret;

	if (!key || !s)
		return -SLUICE_DROP_INTERNAL;
	ret = sluice_rtp_parse(s->b, s->len, &s->rtp);
	if (ret)
		return ret;
	return sluice_srtp_unprotect(key, s->call.index, s->rtp.ssrc, s->b,
				     s->rtp.payload_off, s->len);
}

STEP int t_rtcp_protect(struct xdp_md *ctx)
{
	struct sluice_key *key = crypt_key();
	struct scratch *s = scratch();

	if (!key || !s)
		return -SLUICE_DROP_INTERNAL;
	return sluice_srtcp_protect(key, (__u32)s->call.index,
				    sluice_get32(s->b + 4), s->b, s->len);
}

STEP int t_rtcp_open(struct xdp_md *ctx)
{
	struct sluice_key *key = crypt_key();
	struct scratch *s = scratch();
	__u32 index = 0;
	int ret;

	if (!key || !s)
		return -SLUICE_DROP_INTERNAL;
	ret = sluice_srtcp_unprotect(key, sluice_get32(s->b + 4), s->b,
				     s->len, &index);
	s->call.index = index;
	return ret;
}

static __always_inline int crypt_run(struct xdp_md *ctx,
				     int (*step)(struct xdp_md *ctx))
{
	struct scratch *s = scratch();

	if (!s || t_load(ctx))
		return XDP_ABORTED;
	s->call.result = step(ctx);
	return t_store(ctx) ? XDP_ABORTED : XDP_PASS;
}

SEC("xdp")
int t_protect(struct xdp_md *ctx)
{
	return crypt_run(ctx, t_rtp_protect);
}

SEC("xdp")
int t_unprotect(struct xdp_md *ctx)
{
	return crypt_run(ctx, t_rtp_open);
}

SEC("xdp")
int t_protect_rtcp(struct xdp_md *ctx)
{
	return crypt_run(ctx, t_rtcp_protect);
}

SEC("xdp")
int t_open_rtcp(struct xdp_md *ctx)
{
	return crypt_run(ctx, t_rtcp_open);
}

char LICENSE[] SEC("license") = "GPL";
