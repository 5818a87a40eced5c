/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/random.h"

#define TABLE_MIN_BUCKETS	64

int table_init(struct table *t)
{
	memset(t, 0, sizeof(*t));
	t->buckets = calloc(TABLE_MIN_BUCKETS, sizeof(*t->buckets));
	if (!t->buckets)
		return -ENOMEM;
	t->size = TABLE_MIN_BUCKETS;
	random_bytes(t->seed, sizeof(t->seed));
	return 0;
}

void table_destroy(struct table *t)
{
	free(t->buckets);
	memset(t, 0, sizeof(*t));
}

/* Without memory the chains just grow longer. */
static void grow(struct table *t)
{
	struct table_node **buckets, *n, *next;
	size_t size = t->size * 2;

	buckets = calloc(size, sizeof(*buckets));
	if (!buckets)
		return;
	for (size_t i = 0; i < t->size; i++) {
		for (n = t->buckets[i]; n; n = next) {
			next = n->next;
			n->next = buckets[n->hash & (size - 1)];
			buckets[n->hash & (size - 1)] = n;
		}
	}
	free(t->buckets);
	t->buckets = buckets;
	t->size = size;
}

int table_add(struct table *t, struct table_node *n, const char *key,
	      void *object)
{
	struct table_node **bucket;

	n->key = strdup(key);
	if (!n->key)
		return -ENOMEM;
	if (t->count >= t->size)
		grow(t);
	n->hash = hash_text(t->seed, key);
	n->object = object;
	bucket = &t->buckets[n->hash & (t->size - 1)];
	n->next = *bucket;
	*bucket = n;
	t->count++;
	return 0;
}

void table_remove(struct table *t, struct table_node *n)
{
	struct table_node **p;

	if (!n->key)
		return;
	for (p = &t->buckets[n->hash & (t->size - 1)]; *p != n;
	     p = &(*p)->next)
		;
	*p = n->next;
	t->count--;
	free(n->key);
	n->key = NULL;
}

void *table_find(const struct table *t, const char *key)
{
	uint64_t hash = hash_text(t->seed, key);
	const struct table_node *n;

	for (n = t->buckets[hash & (t->size - 1)]; n; n = n->next)
		if (n->hash == hash && !strcmp(n->key, key))
			return n->object;
	return NULL;
}
