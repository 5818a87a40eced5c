/* SPDX-License-Identifier: Apache-2.0 */
#include "media/tuples.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"

#define BUCKETS	8192	/* power of two; about two sessions a bucket at most */

struct tuples {
	uint32_t seed;
	struct tuple *tuple[BUCKETS];
	struct ufrag_entry *ufrag[BUCKETS];
};

/* FNV-1a from a secret start: chains cannot be aimed at from outside. */
static uint32_t hash(const struct tuples *t, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t h = t->seed;

	while (len--)
		h = (h ^ *p++) * 16777619U;
	return (h ^ h >> 15) & (BUCKETS - 1);
}

static uint32_t hash_addr(const struct tuples *t, const struct addr *a)
{
	uint8_t key[18];

	memcpy(key, a->ip, 16);
	memcpy(key + 16, &a->port, 2);
	return hash(t, key, sizeof(key));
}

int tuples_create(struct tuples **ret)
{
	struct tuples *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->seed = random_u32();
	*ret = t;
	return 0;
}

void tuples_free(struct tuples *t)
{
	free(t);
}

void tuples_add(struct tuples *t, struct tuple *tuple)
{
	struct tuple **head = &t->tuple[hash_addr(t, &tuple->remote)];

	tuple->next = *head;
	*head = tuple;
}

void tuples_remove(struct tuples *t, struct tuple *tuple)
{
	struct tuple **p = &t->tuple[hash_addr(t, &tuple->remote)];

	while (*p && *p != tuple)
		p = &(*p)->next;
	if (*p)
		*p = tuple->next;
}

struct tuple *tuples_find(const struct tuples *t, const struct addr *remote)
{
	struct tuple *tuple = t->tuple[hash_addr(t, remote)];

	while (tuple && !addr_equal(&tuple->remote, remote))
		tuple = tuple->next;
	return tuple;
}

void tuples_add_ufrag(struct tuples *t, struct ufrag_entry *entry)
{
	struct ufrag_entry **head;

	head = &t->ufrag[hash(t, entry->ufrag, SLUICE_UFRAG_LEN)];
	entry->next = *head;
	*head = entry;
}

void tuples_remove_ufrag(struct tuples *t, struct ufrag_entry *entry)
{
	struct ufrag_entry **p;

	p = &t->ufrag[hash(t, entry->ufrag, SLUICE_UFRAG_LEN)];
	while (*p && *p != entry)
		p = &(*p)->next;
	if (*p)
		*p = entry->next;
}

struct session *tuples_find_ufrag(const struct tuples *t, const char *ufrag)
{
	struct ufrag_entry *e = t->ufrag[hash(t, ufrag, SLUICE_UFRAG_LEN)];

	while (e && memcmp(e->ufrag, ufrag, SLUICE_UFRAG_LEN))
		e = e->next;
	return e ? e->session : NULL;
}
