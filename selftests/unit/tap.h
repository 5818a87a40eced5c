/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TAP for unit tests. A check's name says what it proves:
 * <noun>_<condition>_<result>. main() ends with `return tap_done();`.
 */
#ifndef SELFTESTS_TAP_H
#define SELFTESTS_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

static inline int tap_check(int ok, const char *file, int line,
			    const char *name)
{
	tap_count++;
	if (!ok)
		tap_failed++;
	printf("%sok %d - %s\n", ok ? "" : "not ", tap_count, name);
	if (!ok)
		printf("# at %s:%d\n", file, line);
	fflush(stdout);
	return ok;
}

#define CHECK(cond, name) tap_check(!!(cond), __FILE__, __LINE__, name)
#define CHECK_STR(got, want, name) do { \
	const char *g_ = (got), *w_ = (want); \
	if (!tap_check(g_ && !strcmp(g_, w_), __FILE__, __LINE__, name)) \
		printf("# got  %s\n# want %s\n", g_ ? g_ : "(null)", w_); \
} while (0)
#define CHECK_INT(got, want, name) do { \
	long long g_ = (got), w_ = (want); \
	if (!tap_check(g_ == w_, __FILE__, __LINE__, name)) \
		printf("# got  %lld\n# want %lld\n", g_, w_); \
} while (0)
#define CHECK_MEM(got, want, len, name) \
	tap_check(!memcmp(got, want, len), __FILE__, __LINE__, name)

static inline void tap_skip(const char *name, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++tap_count, name, why);
}

static inline int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed ? 1 : 0;
}

#endif
