/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When memory goes back to the host. The allocator keeps what calls have freed,
 * because a few long-lived blocks lie between them: after a rush of calls that
 * is hundreds of megabytes.
 */
#ifndef CORE_TRIM_H
#define CORE_TRIM_H

#include <stdbool.h>
#include <stdint.h>

struct trim {
	uint32_t peak;		/* of what is live, since the last one */
};

/*
 * Told now and then how much is live (transactions, clients, calls); true: the
 * rush is over, and what it took may go.
 */
bool trim_is_due(struct trim *t, uint32_t live);
/* Holds every thread that allocates: about 50 ms a gigabyte. */
void trim_now(void);

#endif
