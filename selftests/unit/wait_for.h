/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test's loop, and WAIT_FOR(condition): turns it until the condition holds;
 * false if patience ends. WAIT_FOR_TURN(), if there is one, is done meanwhile.
 */
#ifndef SELFTESTS_WAIT_FOR_H
#define SELFTESTS_WAIT_FOR_H

#include <stdbool.h>

#include "core/loop.h"

#define PATIENCE_MS	20000	/* only a failing test waits this long */

#ifndef WAIT_FOR_TURN
#define WAIT_FOR_TURN()
#endif

static struct loop *loop;
static bool is_late;

static inline void too_late(void *arg)
{
	(void)arg;
	is_late = true;
	loop_stop(loop);
}

static inline void ticked(void *arg)
{
	struct loop_timer **tick = arg;

	*tick = NULL;
	WAIT_FOR_TURN();
	loop_stop(loop);
}

#define WAIT_FOR(cond) ({ \
	struct loop_timer *patience_, *tick_ = NULL; \
	bool holds_; \
	is_late = false; \
	loop_timer_add(loop, PATIENCE_MS, too_late, NULL, &patience_); \
	while (!(holds_ = (cond)) && !is_late) { \
		if (!tick_) \
			loop_timer_add(loop, 5, ticked, &tick_, &tick_); \
		loop_run(loop); \
	} \
	loop_timer_cancel(tick_); \
	if (!is_late) \
		loop_timer_cancel(patience_); \
	holds_; })

#endif
