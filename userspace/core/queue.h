/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How threads talk: bounded queues of flat, owned messages, many writers, one
 * reader. A message holds ids and bytes, never pointers to another thread's
 * objects. The reader waits on queue_fd() becoming readable.
 */
#ifndef CORE_QUEUE_H
#define CORE_QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct message {
	struct message *next;	/* queue's own */
	uint32_t type;		/* of the receiving module's enum */
	uint32_t len_bytes;
	_Alignas(16) unsigned char data[];
};

struct queue;

/* NULL if memory is out. Zeroed. Freed by message_free(), never by free(). */
struct message *message_new(uint32_t type, size_t len_bytes);
/* Zeroises first: messages may carry keys. Accepts NULL. */
void message_free(struct message *m);

int queue_create(size_t limit, struct queue **ret);
/* Frees what is still inside. No writer may be left. Accepts NULL. */
void queue_free(struct queue *q);

/*
 * Takes the message on success; -ENOBUFS when full, by messages or by
 * LIMIT_QUEUE_BYTES (the caller keeps it).
 */
int queue_push(struct queue *q, struct message *m);
/* Above the limit too: for what must not be lost (teardown, closings). */
void queue_push_always(struct queue *q, struct message *m);

/* All messages in order as a list by ->next, or NULL; clears the wake-up. */
struct message *queue_take(struct queue *q);

/* The reader has not finished what it took: queue_fd() is readable at once. */
void queue_again(struct queue *q);

/* Readable while something may wait. Owned by the queue. */
int queue_fd(const struct queue *q);
/* Refused pushes so far. */
uint64_t queue_refused(const struct queue *q);

#endif
