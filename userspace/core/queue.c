/* SPDX-License-Identifier: Apache-2.0 */
#include "core/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/limits.h"

struct queue {
	pthread_mutex_t lock;
	struct message *head;
	struct message **tail;
	size_t count;
	size_t limit;
	size_t bytes;
	uint64_t refused;
	int fd;
};

struct message *message_new(uint32_t type, size_t len_bytes)
{
	struct message *m = calloc(1, sizeof(*m) + len_bytes);

	if (!m)
		return NULL;
	m->type = type;
	m->len_bytes = (uint32_t)len_bytes;
	return m;
}

void message_free(struct message *m)
{
	if (!m)
		return;
	explicit_bzero(m->data, m->len_bytes);
	free(m);
}

int queue_create(size_t limit, struct queue **ret)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->fd < 0) {
		int err = -errno;

		free(q);
		return err;
	}
	pthread_mutex_init(&q->lock, NULL);
	q->tail = &q->head;
	q->limit = limit;
	*ret = q;
	return 0;
}

void queue_free(struct queue *q)
{
	struct message *m, *next;

	if (!q)
		return;
	for (m = q->head; m; m = next) {
		next = m->next;
		message_free(m);
	}
	close(q->fd);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

void queue_again(struct queue *q)
{
	static const uint64_t one = 1;

	/* An eventfd write fails only when its 64-bit counter is full. */
	if (write(q->fd, &one, sizeof(one)) < 0)
		return;
}

static int push(struct queue *q, struct message *m, size_t limit,
		size_t limit_bytes)
{
	int was_empty;

	m->next = NULL;
	pthread_mutex_lock(&q->lock);
	if (q->count >= limit || q->bytes >= limit_bytes) {
		q->refused++;
		pthread_mutex_unlock(&q->lock);
		return -ENOBUFS;
	}
	was_empty = !q->head;
	*q->tail = m;
	q->tail = &m->next;
	q->count++;
	q->bytes += m->len_bytes;
	pthread_mutex_unlock(&q->lock);
	if (was_empty)
		queue_again(q);
	return 0;
}

int queue_push(struct queue *q, struct message *m)
{
	return push(q, m, q->limit, LIMIT_QUEUE_BYTES);
}

void queue_push_always(struct queue *q, struct message *m)
{
	push(q, m, SIZE_MAX, SIZE_MAX);
}

struct message *queue_take(struct queue *q)
{
	struct message *list;
	uint64_t n;

	if (read(q->fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		return NULL;
	pthread_mutex_lock(&q->lock);
	list = q->head;
	q->head = NULL;
	q->tail = &q->head;
	q->count = 0;
	q->bytes = 0;
	pthread_mutex_unlock(&q->lock);
	return list;
}

int queue_fd(const struct queue *q)
{
	return q->fd;
}

uint64_t queue_refused(const struct queue *q)
{
	return q->refused;
}
