// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel path taken away and put back by the operator, with sessions
 * alive. Who goes to the user path hears no gap (move.c).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "media/session.h"

#define BREATHS	8	/* each a hundred datagrams and more */

static uint32_t count_in(const struct worker *w, enum datapath_backend b)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < LIMIT_MEDIA_SESSIONS; i++)
		n += w->session[i] && w->session[i]->backend == b;
	return n;
}

/*
 * Between parts of a long order: the kernel is to know that we live, or it
 * passes nothing up, and the browsers' one socket is not to overflow.
 */
static void breathe(struct worker *w)
{
	datapath_tick(w->dp);
	for (int n = 0; n < BREATHS; n++)
		worker_receive(w, &w->web_end);
}

static void moved(struct session *s, int err, struct media_kernel *ret)
{
	if (!err) {
		session_moved(s);
		ret->moved++;
		return;
	}
	log_call_warn(s->call, "media: cannot be moved: %s", strerror(-err));
	snprintf(ret->reason, sizeof(ret->reason),
		 "call %.16s cannot be moved: %s", s->call, strerror(-err));
	ret->stay++;
}

/*
 * All of them; those that cannot go are left where they are. To the kernel one
 * by one: what comes to the sockets of one that has departed is lost.
 */
static void move_all(struct worker *w, enum datapath_backend to,
		     const char *why, struct media_kernel *ret)
{
	uint32_t most = to == DATAPATH_USER ? RELAY_TOGETHER : 1;
	struct session *s[RELAY_TOGETHER];
	uint32_t n = 0, done = 0;
	int err[RELAY_TOGETHER];

	for (uint32_t i = 0; i < LIMIT_MEDIA_SESSIONS; i++) {
		if (w->session[i] && w->session[i]->backend != to)
			s[n++] = w->session[i];
		if (!n || (n < most && i + 1 < LIMIT_MEDIA_SESSIONS))
			continue;
		relay_move_together(s, n, to, why, err);
		for (uint32_t k = 0; k < n; k++)
			moved(s[k], err[k], ret);
		done += n;
		n = 0;
		if (done < RELAY_TOGETHER)
			continue;
		done = 0;
		breathe(w);
	}
}

static void take_away(struct worker *w)
{
	if (w->datapath_end.fd >= 0)
		worker_unwatch(w, &w->datapath_end);
	w->datapath_end.fd = -1;
	datapath_detach(w->dp);
}

int kernel_detach(struct worker *w, const struct worker_kernel *order,
		  struct media_kernel *ret)
{
	if (datapath_preferred(w->dp) != DATAPATH_XDP)
		return 0;
	if (order->moves)
		move_all(w, DATAPATH_USER, "detached by the operator", ret);
	ret->stay = count_in(w, DATAPATH_XDP);
	if (ret->stay)
		return -EBUSY;
	take_away(w);
	ret->is_changed = true;
	return 0;
}

/* The doors of all that lives, which the new backend does not know. */
static int install(struct worker *w, const struct worker_kernel *order)
{
	int err;

	datapath_install(w->dp, order->backend, order->reason);
	err = worker_watch_datapath(w);
	if (!err)
		err = worker_web_port(w);
	for (uint32_t i = 0; !err && i < LIMIT_MEDIA_SESSIONS; i++)
		if (w->session[i])
			err = relay_announce(w->session[i]);
	/* half of the doors would shut out the calls behind the others */
	if (err)
		take_away(w);
	return err;
}

int kernel_attach(struct worker *w, const struct worker_kernel *order,
		  struct media_kernel *ret)
{
	int err;

	if (order->backend)
		err = install(w, order);
	else
		err = datapath_attach_missing(w->dp, ret->reason,
					      sizeof(ret->reason));
	if (err < 0) {
		if (!ret->reason[0])
			snprintf(ret->reason, sizeof(ret->reason), "%s",
				 strerror(-err));
		return err;
	}
	ret->is_changed = order->backend || err > 0;
	if (order->moves)
		move_all(w, DATAPATH_XDP, "", ret);
	return 0;
}
