/* SPDX-License-Identifier: GPL-2.0-only */
/* Somebody else's XDP programs, for test_backend.c: they pass everything. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int t_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

/* What a program does that writes frames of another length. */
SEC("xdp")
int t_resize(struct xdp_md *ctx)
{
	bpf_xdp_adjust_tail(ctx, 0);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
