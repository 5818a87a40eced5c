/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test's loop, and WAIT_FOR(condition): turns it until the condition holds;
 * whether it does.
 */
#ifndef SELFTESTS_WAIT_FOR_H
#define SELFTESTS_WAIT_FOR_H

#include <stdbool.h>

#include "core/loop.h"

#define PATIENCE_MS	20000	/* only a failing test waits this long */

static struct loop *loop;
static bool is_late;

static void stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static void too_late(void *arg)
{
	is_late = true;
	stop(arg);
}

#define WAIT_FOR(cond) ({ \
	struct loop_timer *patience_, *tick_; \
	bool holds_; \
	is_late = false; \
	loop_timer_add(loop, PATIENCE_MS, too_late, NULL, &patience_); \
	while (!(holds_ = (cond)) && !is_late) { \
		loop_timer_add(loop, 2, stop, NULL, &tick_); \
		loop_run(loop); \
	} \
	if (!is_late) \
		loop_timer_cancel(patience_); \
	holds_; })

#endif
