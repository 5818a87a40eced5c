/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which session a datagram on the browser port belongs to: by the ufrag of a
 * STUN check, else by a remote address that sent a verified one.
 */
#ifndef MEDIA_TUPLES_H
#define MEDIA_TUPLES_H

#include <stdint.h>

#include "core/addr.h"
#include "uapi/sluice.h"

struct session;
struct tuples;

/* A remote address with a verified check; owned by its session. */
struct tuple {
	struct tuple *next;		/* of the hash chain */
	struct session *session;
	struct addr remote;
	uint64_t last_check_ms;
};

/* The entry of our own ufrag, inside its session. */
struct ufrag_entry {
	struct ufrag_entry *next;
	struct session *session;
	char ufrag[SLUICE_UFRAG_LEN];
};

int tuples_create(struct tuples **ret);
void tuples_free(struct tuples *t);		/* accepts NULL */

void tuples_add(struct tuples *t, struct tuple *tuple);
void tuples_remove(struct tuples *t, struct tuple *tuple);
struct tuple *tuples_find(const struct tuples *t, const struct addr *remote);

void tuples_add_ufrag(struct tuples *t, struct ufrag_entry *entry);
void tuples_remove_ufrag(struct tuples *t, struct ufrag_entry *entry);
/* SLUICE_UFRAG_LEN characters. */
struct session *tuples_find_ufrag(const struct tuples *t, const char *ufrag);

#endif
