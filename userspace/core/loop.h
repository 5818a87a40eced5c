/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signalling thread's event loop (sofia's su_root, on epoll). Not
 * thread-safe: everything here is called on the signalling thread.
 */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <stdint.h>

struct loop;
struct loop_fd;
struct loop_timer;

int loop_create(struct loop **ret);
void loop_free(struct loop *l);
void loop_run(struct loop *l);		/* until loop_stop() */
void loop_stop(struct loop *l);

/* cb runs while fd is readable (level triggered). */
int loop_fd_add(struct loop *l, int fd, void (*cb)(void *arg), void *arg,
		struct loop_fd **ret);
void loop_fd_remove(struct loop_fd *f);	/* accepts NULL; does not close */

/* One shot. The handle is dead once cb has run or it was cancelled. */
int loop_timer_add(struct loop *l, uint32_t delay_ms, void (*cb)(void *arg),
		   void *arg, struct loop_timer **ret);
void loop_timer_cancel(struct loop_timer *t);	/* accepts NULL */

/* Timers that run. */
uint32_t loop_timer_count(const struct loop *l);

/* su_root_t of sofia-sip, for sip/ only. */
void *loop_sofia_root(struct loop *l);

#endif
