/* SPDX-License-Identifier: Apache-2.0 */
/* The signalling thread's event loop. */
#include <unistd.h>

#include "core/loop.h"
#include "tap.h"

static struct loop *loop;
static struct loop_fd *reader;
static int pipe_fds[2];
static char order[8];
static size_t order_len;

static void note(char c)
{
	if (order_len < sizeof(order) - 1)
		order[order_len++] = c;
}

static void stop(void *arg)
{
	(void)arg;
	note('s');
	loop_stop(loop);
}

static void readable(void *arg)
{
	struct loop_timer *t;
	char c;

	(void)arg;
	note(read(pipe_fds[0], &c, 1) == 1 ? c : '?');
	if (c != 'b')
		return;
	/* Removing itself inside its own callback. */
	loop_fd_remove(reader);
	reader = NULL;
	loop_timer_add(loop, 0, stop, NULL, &t);
}

static void write_two(void *arg)
{
	(void)arg;
	if (write(pipe_fds[1], "ab", 2) != 2)
		note('?');
}

static void never(void *arg)
{
	(void)arg;
	note('!');
}

int main(void)
{
	struct loop_timer *t, *cancelled;

	if (loop_create(&loop) < 0 || pipe(pipe_fds) < 0)
		return 1;
	CHECK(!loop_fd_add(loop, pipe_fds[0], readable, NULL, &reader),
	      "loop_fd_added");
	loop_timer_add(loop, 0, never, NULL, &cancelled);
	loop_timer_add(loop, 1, write_two, NULL, &t);
	loop_timer_cancel(cancelled);
	loop_run(loop);
	CHECK_STR(order, "abs", "loop_callbacks_run_in_order");
	CHECK(loop_sofia_root(loop), "loop_root_given");
	loop_timer_cancel(NULL);
	loop_fd_remove(NULL);
	loop_free(loop);
	loop_free(NULL);
	return tap_done();
}
