// SPDX-License-Identifier: GPL-2.0-only
/* Somebody else's programs, which let everything pass. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int test_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

/* What a program does that writes frames of another length. */
SEC("xdp")
int test_resize(struct xdp_md *ctx)
{
	bpf_xdp_adjust_tail(ctx, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
