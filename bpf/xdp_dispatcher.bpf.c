// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dispatcher for libxdp, which loads it as "xdp-dispatcher.o", fills in conf
 * and puts each member in the place of one of the slots. The names, the
 * structure and the version are libxdp's. It is there for one reason: a member
 * that resizes packets may stand only where the slot itself does (Linux 6.12.2x
 * and later), and libxdp's own slots do not before its version 1.5.5.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp/prog_dispatcher.h>

/* Nothing else may be in .rodata: libxdp writes all of it. */
static volatile const struct xdp_dispatcher_config conf = {};

/* Volatile: the compiler must not know what a slot returns. */
#define SLOT(name)						\
	__attribute__((noinline)) int name(struct xdp_md *ctx)	\
	{							\
		volatile int ret = XDP_DISPATCHER_RETVAL;	\
								\
		if (!ctx)					\
			return XDP_ABORTED;			\
		bpf_xdp_adjust_tail(ctx, 0);			\
		return ret;					\
	}

SLOT(prog0)
SLOT(prog1)
SLOT(prog2)
SLOT(prog3)
SLOT(prog4)
SLOT(prog5)
SLOT(prog6)
SLOT(prog7)
SLOT(prog8)
SLOT(prog9)
/* libxdp tries out on it whether this kernel replaces functions. */
SLOT(compat_test)

/* Ends the chain, unless member i says that the next one is to see it, too. */
#define RUN(i)								\
	do {								\
		if (members <= (i))					\
			return XDP_PASS;				\
		verdict = prog##i(ctx);					\
		if (!(1U << verdict & conf.chain_call_actions[i]))	\
			return verdict;					\
	} while (0)

SEC("xdp")
int xdp_dispatcher(struct xdp_md *ctx)
{
	__u8 members = conf.num_progs_enabled;
	int verdict;

	RUN(0);
	RUN(1);
	RUN(2);
	RUN(3);
	RUN(4);
	RUN(5);
	RUN(6);
	RUN(7);
	RUN(8);
	RUN(9);
	/* never: a reference, or it would not be in the program */
	if (members > MAX_DISPATCHER_ACTIONS)
		compat_test(ctx);
	return XDP_PASS;
}

SEC("xdp")
int xdp_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
__uint(dispatcher_version, XDP_DISPATCHER_VERSION) SEC(XDP_METADATA_SECTION);
