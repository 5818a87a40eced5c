/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives the daemon: records by kind and id. A put or delete that has
 * returned survives the death of the process, not that of the host. Thread-
 * safe; the cost of a put is tens of microseconds (Documentation/restart.rst).
 * Neither keys of media nor credentials of users are put here.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/record.h"

enum store_kind {
	STORE_CALL,		/* call/: answered calls and calls in set-up */
	STORE_MEDIA,		/* media/: a session's identity and streams */
	STORE_BINDING,		/* registrar/: an alias */
	STORE_SUB,		/* call/: subscriptions */
	STORE_KINDS
};

struct store;

struct store_status {
	const char *backend;	/* "sqlite" */
	char path[256];		/* "" if nothing outlives the process */
	uint64_t puts, deletes, failures;
	bool is_degraded;	/* the last write failed, or it is in memory */
	char error[128];	/* why */
};

/*
 * In this folder. A store that is broken, or not known, is set aside and begun
 * anew. If that fails too, or it cannot be opened now (a full disk, somebody's
 * lock, no right to), records live in memory, the status says so and the file
 * stays as it is. Only -ENOMEM fails.
 */
int store_open(const char *dir, struct store **ret);
void store_close(struct store *s);	/* accepts NULL */

/*
 * Errors are logged, counted and shown by the status: a caller may pass over
 * them. A NULL store takes everything and keeps nothing.
 */
int store_put(struct store *s, enum store_kind kind, const char *id,
	      struct record *r);
int store_delete(struct store *s, enum store_kind kind, const char *id);
/* cb may put and delete. A record that does not decode is passed over. */
int store_each(struct store *s, enum store_kind kind,
	       void (*cb)(void *arg, const char *id, const struct record *r),
	       void *arg);

/* false: the host was booted since the store was last open. */
bool store_is_same_boot(const struct store *s);
void store_status(struct store *s, struct store_status *ret);
/* Records now; reads the index. */
uint32_t store_count(struct store *s, enum store_kind kind);

#endif
