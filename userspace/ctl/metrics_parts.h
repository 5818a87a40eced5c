/* SPDX-License-Identifier: Apache-2.0 */
/* What metrics.c counts and metrics_families.c prints. Inside ctl/. */
#ifndef CTL_METRICS_PARTS_H
#define CTL_METRICS_PARTS_H

#include "ctl/metrics.h"
#include "ctl/metrics_text.h"

/* Methods that are told apart; any other is the last. */
#define METRICS_METHODS { "INVITE", "ACK", "BYE", "CANCEL", "REGISTER", \
			  "OPTIONS", "INFO", "UPDATE", "PRACK", \
			  "SUBSCRIBE", "NOTIFY", "REFER", "MESSAGE", \
			  "PUBLISH", "other" }
#define METRICS_METHOD_COUNT	15
#define METRICS_RESULTS { "answered", "refused", "cancelled", "failed" }
#define METRICS_RESULT_COUNT	4

struct metrics_tally {
	uint64_t responses[2][METRICS_METHOD_COUNT][6]; /* side, class - 1 */
	uint64_t calls[2][METRICS_RESULT_COUNT];	/* direction */
	uint64_t one_way[3];				/* quality_silent */
	uint64_t dtls_done, dtls_failed;
	struct metrics_histogram jitter_s, mos, setup_s, audio_s;
};

void metrics_print(FILE *f, const struct ctl_context *x,
		   const struct metrics_tally *t);

#endif
