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

struct scratch {
	__u8 b[SLUICE_SCRATCH_ROOM];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} t_scratch SEC(".maps");

enum crypt_op { OP_PROTECT, OP_UNPROTECT, OP_PROTECT_RTCP, OP_UNPROTECT_RTCP };

static __always_inline int crypt_rtp(const struct sluice_key *key,
				     struct crypt_call *call, __u8 *packet,
				     __u32 len, enum crypt_op op)
{
	struct sluice_rtp rtp;
	int ret;

	ret = sluice_rtp_parse(packet, len, &rtp);
	if (ret)
		return ret;
	if (op == OP_PROTECT)
		return sluice_srtp_protect(key, call->index, rtp.ssrc, packet,
					   rtp.payload_off, len);
	return sluice_srtp_unprotect(key, call->index, rtp.ssrc, packet,
				     rtp.payload_off, len);
}

static __always_inline int crypt_rtcp(const struct sluice_key *key,
				      struct crypt_call *call, __u8 *packet,
				      __u32 len, enum crypt_op op)
{
	__u32 ssrc = sluice_get32(packet + 4), index = 0;
	int ret;

	if (op == OP_PROTECT_RTCP)
		return sluice_srtcp_protect(key, (__u32)call->index, ssrc,
					    packet, len);
	ret = sluice_srtcp_unprotect(key, ssrc, packet, len, &index);
	call->index = index;
	return ret;
}

static __always_inline int crypt_run(struct xdp_md *ctx, enum crypt_op op)
{
	__u32 zero = 0, len;
	struct crypt_call call;
	struct sluice_key *key;
	struct scratch *s;
	int ret;

	key = bpf_map_lookup_elem(&t_key, &zero);
	s = bpf_map_lookup_elem(&t_scratch, &zero);
	if (!key || !s)
		return XDP_ABORTED;
	if (bpf_xdp_load_bytes(ctx, 0, &call, sizeof(call)))
		return XDP_ABORTED;
	len = (__u32)bpf_xdp_get_buff_len(ctx) - sizeof(call);
	if (len < 1 || len > SLUICE_PACKET_MAX)
		return XDP_ABORTED;
	if (bpf_xdp_load_bytes(ctx, sizeof(call), s->b,
			       sluice_bound_len(len, SLUICE_SCRATCH - 1)))
		return XDP_ABORTED;

	if (op == OP_PROTECT || op == OP_UNPROTECT)
		ret = crypt_rtp(key, &call, s->b, len, op);
	else
		ret = crypt_rtcp(key, &call, s->b, len, op);
	call.result = ret;
	bpf_xdp_store_bytes(ctx, 0, &call, sizeof(call));
	if (ret < 0)
		return XDP_PASS;
	if (bpf_xdp_adjust_tail(ctx, ret - (int)len))
		return XDP_ABORTED;
	if (bpf_xdp_store_bytes(ctx, sizeof(call), s->b,
				sluice_bound_len(ret, SLUICE_SCRATCH - 1)))
		return XDP_ABORTED;
	return XDP_PASS;
}

SEC("xdp")
int t_protect(struct xdp_md *ctx)
{
	return crypt_run(ctx, OP_PROTECT);
}

SEC("xdp")
int t_unprotect(struct xdp_md *ctx)
{
	return crypt_run(ctx, OP_UNPROTECT);
}

SEC("xdp")
int t_protect_rtcp(struct xdp_md *ctx)
{
	return crypt_run(ctx, OP_PROTECT_RTCP);
}

SEC("xdp")
int t_open_rtcp(struct xdp_md *ctx)
{
	return crypt_run(ctx, OP_UNPROTECT_RTCP);
}

char LICENSE[] SEC("license") = "GPL";
