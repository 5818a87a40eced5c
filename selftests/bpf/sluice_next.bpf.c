// SPDX-License-Identifier: GPL-2.0-only
/*
 * The next build of the program: the same source, and an instruction more, so
 * that the kernel gives it another tag. For upgrades from one to the other.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __always_inline __u64 next_time(void)
{
	asm volatile("r0 = 2" ::: "r0");
	return bpf_ktime_get_ns();
}

#define bpf_ktime_get_ns next_time
#include "sluice_xdp.bpf.c"
