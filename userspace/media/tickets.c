/* SPDX-License-Identifier: Apache-2.0 */
#include "media/tickets.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"

/* id = generation * LIMIT_MEDIA_SESSIONS + slot + 1, so never 0. */
#define GENERATIONS	(UINT32_MAX / LIMIT_MEDIA_SESSIONS)

struct slot {
	uint32_t generation;
	bool is_open;		/* known to the signalling thread */
	bool is_used;		/* not yet released */
	struct ticket ticket;
};

struct tickets {
	pthread_mutex_t lock;
	uint32_t cursor;
	uint32_t room, streams;	/* there are, in use */
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
	*ret = t;
	return 0;
}

void tickets_set_room(struct tickets *t, uint32_t streams)
{
	pthread_mutex_lock(&t->lock);
	t->room = streams;
	pthread_mutex_unlock(&t->lock);
}

static bool has_room(const struct tickets *t, uint32_t m_lines)
{
	return t->streams + 2 * m_lines <= t->room;
}

void tickets_free(struct tickets *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	explicit_bzero(t, sizeof(*t));
	free(t);
}

int tickets_take(struct tickets *t, struct ticket *ticket)
{
	int err = -ENOSPC;

	pthread_mutex_lock(&t->lock);
	for (uint32_t n = 0; has_room(t, ticket->stream_count) &&
			     n < LIMIT_MEDIA_SESSIONS; n++) {
		uint32_t i = t->cursor;
		struct slot *s = &t->slot[i];

		t->cursor = (i + 1) % LIMIT_MEDIA_SESSIONS;
		if (s->is_used)
			continue;
		s->generation = (s->generation + 1) % GENERATIONS;
		ticket->local.id = s->generation * LIMIT_MEDIA_SESSIONS + i + 1;
		s->ticket = *ticket;
		s->is_used = s->is_open = true;
		t->streams += 2 * ticket->stream_count;
		err = 0;
		break;
	}
	pthread_mutex_unlock(&t->lock);
	return err;
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
		t->streams += 2 * ticket->stream_count;
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
		t->streams -= 2 * s->ticket.stream_count;
		err = ticket->stream_count <= s->ticket.stream_count ||
		      has_room(t, ticket->stream_count) ? 0 : -ENOSPC;
		if (!err)
			s->ticket = *ticket;
		t->streams += 2 * s->ticket.stream_count;
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

void tickets_release(struct tickets *t, uint32_t id)
{
	struct slot *s;

	pthread_mutex_lock(&t->lock);
	s = find(t, id);
	if (s) {
		s->is_used = s->is_open = false;
		t->streams -= 2 * s->ticket.stream_count;
		explicit_bzero(&s->ticket, sizeof(s->ticket));
	}
	pthread_mutex_unlock(&t->lock);
}
