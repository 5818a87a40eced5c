/* SPDX-License-Identifier: Apache-2.0 */
/* CLOCK_MONOTONIC, the clock that BPF's ktime_get_ns reads. */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static inline uint64_t clock_ms(void)
{
	return clock_ns() / 1000000ULL;
}

/* Milliseconds since 1970. */
static inline uint64_t clock_wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000ULL + (uint64_t)ts.tv_nsec / 1000000ULL;
}

/* A time of clock_ms() as one that outlives the process, and back. */
static inline uint64_t clock_to_wall(uint64_t at_ms)
{
	return clock_wall_ms() + at_ms - clock_ms();
}

/* What lies before the host's start becomes its start. */
static inline uint64_t clock_from_wall(uint64_t wall_ms)
{
	uint64_t now = clock_ms(), wall_now = clock_wall_ms();

	if (wall_ms >= wall_now)
		return now + (wall_ms - wall_now);
	return wall_now - wall_ms < now ? now - (wall_now - wall_ms) : 0;
}

#endif
