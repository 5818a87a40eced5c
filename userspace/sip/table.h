/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash table by string, nodes embedded in their objects. Keys come from peers,
 * so the hash is keyed (SipHash-1-3).
 */
#ifndef SIP_TABLE_H
#define SIP_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_node {
	struct table_node *next;
	char *key;		/* owned; NULL: not in a table */
	uint64_t hash;
	void *object;
};

struct table {
	struct table_node **buckets;
	size_t size;		/* a power of two */
	size_t count;
	uint64_t seed[2];
};

int table_init(struct table *t);
void table_destroy(struct table *t);	/* leaves the nodes alone */
/* Several nodes may have one key; the newest is found first. */
int table_add(struct table *t, struct table_node *n, const char *key,
	      void *object);
void table_remove(struct table *t, struct table_node *n); /* if it is in */
void *table_find(const struct table *t, const char *key);

#endif
