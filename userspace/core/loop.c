/* SPDX-License-Identifier: Apache-2.0 */
#include "core/loop.h"

#include <errno.h>
#include <stdlib.h>

#include <sofia-sip/su.h>
#include <sofia-sip/su_wait.h>

struct loop {
	su_root_t *root;
	uint32_t timer_count;
};

struct loop_fd {
	su_root_t *root;
	int index;		/* su_root's registration */
	void (*cb)(void *arg);
	void *arg;
};

struct loop_timer {
	struct loop *loop;
	su_timer_t *timer;
	void (*cb)(void *arg);
	void *arg;
};

int loop_create(struct loop **ret)
{
	struct loop *l;

	/* Ignores SIGPIPE, too. */
	if (su_init() < 0)
		return -ENOMEM;
	l = calloc(1, sizeof(*l));
	if (!l)
		goto err;
	l->root = su_root_create(l);
	if (!l->root)
		goto err;
	/* nta would otherwise start a second thread for its resolver. */
	su_root_threading(l->root, 0);
	*ret = l;
	return 0;
err:
	loop_free(l);
	return -ENOMEM;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->root)
		su_root_destroy(l->root);
	free(l);
}

void loop_run(struct loop *l)
{
	su_root_run(l->root);
}

void loop_stop(struct loop *l)
{
	su_root_break(l->root);
}

static int fd_readable(su_root_magic_t *magic, su_wait_t *w,
		       su_wakeup_arg_t *arg)
{
	struct loop_fd *f = arg;

	(void)magic;
	(void)w;
	f->cb(f->arg);
	return 0;
}

int loop_fd_add(struct loop *l, int fd, void (*cb)(void *arg), void *arg,
		struct loop_fd **ret)
{
	su_wait_t wait[1] = { SU_WAIT_INIT };
	struct loop_fd *f;

	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->root = l->root;
	f->cb = cb;
	f->arg = arg;
	if (su_wait_create(wait, fd, SU_WAIT_IN) < 0)
		goto err;
	f->index = su_root_register(l->root, wait, fd_readable, f, 0);
	if (f->index <= 0)
		goto err;
	*ret = f;
	return 0;
err:
	free(f);
	return -ENOMEM;
}

void loop_fd_remove(struct loop_fd *f)
{
	if (!f)
		return;
	su_root_deregister(f->root, f->index);
	free(f);
}

static void timer_expired(su_root_magic_t *magic, su_timer_t *timer,
			  su_timer_arg_t *arg)
{
	struct loop_timer *t = arg;
	void (*cb)(void *arg) = t->cb;
	void *cb_arg = t->arg;

	(void)magic;
	(void)timer;
	loop_timer_cancel(t);
	cb(cb_arg);
}

int loop_timer_add(struct loop *l, uint32_t delay_ms, void (*cb)(void *arg),
		   void *arg, struct loop_timer **ret)
{
	struct loop_timer *t;

	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->loop = l;
	l->timer_count++;
	t->cb = cb;
	t->arg = arg;
	t->timer = su_timer_create(su_root_task(l->root), delay_ms);
	if (!t->timer)
		goto err;
	if (su_timer_set_interval(t->timer, timer_expired, t, delay_ms) < 0)
		goto err;
	*ret = t;
	return 0;
err:
	loop_timer_cancel(t);
	return -ENOMEM;
}

void loop_timer_cancel(struct loop_timer *t)
{
	if (!t)
		return;
	if (t->timer)
		su_timer_destroy(t->timer);
	t->loop->timer_count--;
	free(t);
}

uint32_t loop_timer_count(const struct loop *l)
{
	return l->timer_count;
}

void *loop_sofia_root(struct loop *l)
{
	return l->root;
}
