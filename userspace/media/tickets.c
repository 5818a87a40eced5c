/* SPDX-License-Identifier: Apache-2.0 */
#include "media/tickets.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"

/* id = generation * LIMIT_MEDIA_SESSIONS + slot + 1, so never 0. */
#define GENERATIONS	(UINT32_MAX / LIMIT_MEDIA_SESSIONS)

#define NONE		UINT32_MAX

struct slot {
	uint32_t generation;
	uint32_t next_free;	/* if it is listed; slot or NONE */
	bool is_listed;		/* as free; what claims it leaves it there */
	bool is_open;		/* known to the signalling thread */
	bool is_used;		/* not yet released */
	struct ticket ticket;
};

struct tickets {
	pthread_mutex_t lock;
	/*
	 * The slot released last is taken first, so that no more of them are
	 * ever touched than there are sessions at a time.
	 */
	uint32_t first_free;
	uint32_t untouched;	/* from here on none was ever released */
	uint32_t used;		/* slots */
	uint32_t room, streams;	/* there are, in use: cost() */
	struct slot slot[LIMIT_MEDIA_SESSIONS];
};

uint32_t ticket_slot(uint32_t id)
{
	return (id - 1) % LIMIT_MEDIA_SESSIONS;
}

int tickets_create(struct tickets **ret)
{
	struct tickets *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	pthread_mutex_init(&t->lock, NULL);
	t->room = UINT32_MAX;
	t->first_free = NONE;
	*ret = t;
	return 0;
}

void tickets_set_room(struct tickets *t, uint32_t streams)
{
	pthread_mutex_lock(&t->lock);
	t->room = streams;
	pthread_mutex_unlock(&t->lock);
}

/* Streams, or the keys if those are more. */
static uint32_t cost(const struct ticket *t)
{
	return 2 * t->stream_count + (t->is_secured ? 2 : 0);
}

static bool has_room(const struct tickets *t, const struct ticket *ticket)
{
	return t->streams + cost(ticket) <= t->room;
}

void tickets_free(struct tickets *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	explicit_bzero(t, sizeof(*t));
	free(t);
}

/* NONE: all are used. Those that were claimed are passed over. */
static uint32_t free_slot(struct tickets *t)
{
	struct slot *s;

	while (t->first_free != NONE) {
		s = &t->slot[t->first_free];
		t->first_free = s->next_free;
		s->is_listed = false;
		if (!s->is_used)
			return (uint32_t)(s - t->slot);
	}
	while (t->untouched < LIMIT_MEDIA_SESSIONS &&
	       t->slot[t->untouched].is_used)
		t->untouched++;
	return t->untouched < LIMIT_MEDIA_SESSIONS ? t->untouched++ : NONE;
}

int tickets_take(struct tickets *t, struct ticket *ticket)
{
	uint32_t i = NONE;
	struct slot *s;

	pthread_mutex_lock(&t->lock);
	if (has_room(t, ticket))
		i = free_slot(t);
	if (i != NONE) {
		s = &t->slot[i];
		s->generation = (s->generation + 1) % GENERATIONS;
		ticket->local.id = s->generation * LIMIT_MEDIA_SESSIONS + i + 1;
		s->ticket = *ticket;
		s->is_used = s->is_open = true;
		t->streams += cost(ticket);
		t->used++;
	}
	pthread_mutex_unlock(&t->lock);
	return i != NONE ? 0 : -ENOSPC;
}

int tickets_claim(struct tickets *t, const struct ticket *ticket)
{
	struct slot *s = &t->slot[ticket_slot(ticket->local.id)];
	int err = -EEXIST;

	pthread_mutex_lock(&t->lock);
	if (!s->is_used) {
		s->generation = (ticket->local.id - 1) / LIMIT_MEDIA_SESSIONS;
		s->ticket = *ticket;
		s->is_used = s->is_open = true;
		t->streams += cost(ticket);
		t->used++;
		err = 0;
	}
	pthread_mutex_unlock(&t->lock);
	return err;
}

static struct slot *find(struct tickets *t, uint32_t id)
{
	struct slot *s = &t->slot[ticket_slot(id)];

	return s->is_used && s->ticket.local.id == id ? s : NULL;
}

int tickets_get(struct tickets *t, uint32_t id, struct ticket *ret)
{
	struct slot *s;
	int err = -EINVAL;

	pthread_mutex_lock(&t->lock);
	s = find(t, id);
	if (s && s->is_open) {
		*ret = s->ticket;
		err = 0;
	}
	pthread_mutex_unlock(&t->lock);
	return err;
}

int tickets_update(struct tickets *t, const struct ticket *ticket)
{
	struct slot *s;
	int err = -EINVAL;

	pthread_mutex_lock(&t->lock);
	s = find(t, ticket->local.id);
	if (s && s->is_open) {
		t->streams -= cost(&s->ticket);
		err = ticket->stream_count <= s->ticket.stream_count ||
		      has_room(t, ticket) ? 0 : -ENOSPC;
		if (!err)
			s->ticket = *ticket;
		t->streams += cost(&s->ticket);
	}
	pthread_mutex_unlock(&t->lock);
	return err;
}

int tickets_close(struct tickets *t, uint32_t id)
{
	struct slot *s;
	int err = -EINVAL;

	pthread_mutex_lock(&t->lock);
	s = find(t, id);
	if (s && s->is_open) {
		s->is_open = false;
		err = 0;
	}
	pthread_mutex_unlock(&t->lock);
	return err;
}

/* What is beyond those ever taken comes in its turn. */
static void list(struct tickets *t, struct slot *s)
{
	uint32_t i = (uint32_t)(s - t->slot);

	if (s->is_listed || i >= t->untouched)
		return;
	s->next_free = t->first_free;
	s->is_listed = true;
	t->first_free = i;
}

void tickets_release(struct tickets *t, uint32_t id)
{
	struct slot *s;

	pthread_mutex_lock(&t->lock);
	s = find(t, id);
	if (s) {
		s->is_used = s->is_open = false;
		t->used--;
		t->streams -= cost(&s->ticket);
		explicit_bzero(&s->ticket, sizeof(s->ticket));
		list(t, s);
	}
	pthread_mutex_unlock(&t->lock);
}

uint32_t tickets_used(struct tickets *t)
{
	uint32_t used;

	pthread_mutex_lock(&t->lock);
	used = t->used;
	pthread_mutex_unlock(&t->lock);
	return used;
}
