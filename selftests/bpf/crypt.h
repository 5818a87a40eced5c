/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* In front of each packet between test_crypt.c and crypt.bpf.c. */
#ifndef SELFTESTS_BPF_CRYPT_H
#define SELFTESTS_BPF_CRYPT_H

#include <linux/types.h>

struct crypt_call {
	__u64 index;		/* ROC || SEQ; of SRTCP also the result */
	__s32 result;		/* new length or -SLUICE_DROP_x */
	__u32 reserved;
};

#endif
