/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Shared by drive.bpf.c and the programs that measure with it. */
#ifndef SELFTESTS_PERF_DRIVE_H
#define SELFTESTS_PERF_DRIVE_H

#include <linux/types.h>

#define DRIVE_FRAMES	32768
#define DRIVE_FRAME_MAX	248
#define DRIVE_KEYS	4096

struct drive_frame {
	__u32 len;
	__u32 reserved;
	__u8 b[DRIVE_FRAME_MAX];
};

struct drive_state {
	__u32 next;		/* frame */
	__s32 result;		/* of the last transform */
	__u64 random;
};

#ifndef __bpf__
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdint.h>

#include "uapi/sluice.h"

enum drive_side { DRIVE_TO_SIP, DRIVE_TO_WEB };

struct drive {
	struct bpf_object *object;	/* drive.bpf.o */
	struct bpf_object *sluice;	/* as the daemon's; NULL: none */
	bool wants_plain;		/* without an arena, whatever there is */
	uint32_t streams;
	uint32_t profile;		/* SLUICE_SRTP_NONE: plain both ways */
	uint64_t index[2];		/* of the next frames, by side */
	struct sluice_key key;		/* each web transport's, both ways */
};

/* Each dies with a message if the kernel refuses or a packet is lost. */
void drive_open(struct drive *d);
void drive_close(struct drive *d);
/* The real program with `streams` calls, each with keys in its own slots. */
void drive_calls(struct drive *d, uint32_t profile, uint32_t streams);
/* Nanoseconds a packet of 160 bytes, streams in random order; one round. */
double drive_relay(struct drive *d, enum drive_side side);
/* What the driving itself took of that. */
double drive_empty(struct drive *d, enum drive_side side);
/* Nanoseconds of an answer to a binding request, driving taken off. */
double drive_consent(struct drive *d);
/* Nanoseconds of one transform over DRIVE_KEYS slots that all hold key. */
void drive_keys(struct drive *d, const struct sluice_key *key);
double drive_transform(struct drive *d, const char *program,
		       const uint8_t *packet, uint32_t len, int want);

double median(double *v, int n);
/* One line for the runner; baseline NULL: none. */
void figure(const char *name, double value, const char *unit,
	    const char *baseline, double ratio);
#endif

#endif
