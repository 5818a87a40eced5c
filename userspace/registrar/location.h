/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The location cache: bindings by alias, by (AOR, instance), by AOR and by
 * connection. Nothing that a request does may take longer with more users.
 */
#ifndef REGISTRAR_LOCATION_H
#define REGISTRAR_LOCATION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#include "core/addr.h"

#define LOCATION_ALIAS_LEN	14	/* 5 bits each: 70 random bits */

struct binding;

/* Those of one AOR, or of one connection. */
struct binding_group {
	LIST_HEAD(, binding) list;
	uint32_t count;
	uint64_t conn;
	char *aor;		/* NULL: of a connection */
	UT_hash_handle hh;
};

struct binding {
	char alias[LOCATION_ALIAS_LEN + 1];
	char *key;		/* "aor|instance" or "aor|contact" */
	char *aor;		/* its group's */
	char *contact;		/* the browser's own URI */
	char *instance;		/* "" if it sent none */
	char *user_agent;
	char *service_route;	/* value of a Route header, or "" */
	char *pub_gruu, *temp_gruu; /* of the registrar, or "" */
	uint64_t conn;		/* 0: offline; location_set_conn() */
	struct addr peer;
	uint64_t lost_ms;	/* when conn went, clock_ms() */
	uint64_t created_ms;
	uint64_t trunk_expires_ms;	/* granted by the registrar ... */
	uint64_t confirmed_ms;		/* ... in its newest 2xx; 0: restored */
	uint64_t expires_ms;	/* granted to the browser */
	/* expires_ms is over: offline, while the PBX still sends calls here. */
	bool is_expired;
	uint64_t register_id;	/* reg_pending's, of the newest that counts */
	uint32_t client_cseq;	/* of the newest accepted REGISTER */
	char *client_call_id;
	UT_hash_handle by_alias;
	UT_hash_handle by_key;
	struct binding_group *of_aor;
	struct binding_group *of_conn;	/* NULL: offline */
	LIST_ENTRY(binding) aor_next;
	LIST_ENTRY(binding) conn_next;
};

struct location {
	struct binding *aliases;
	struct binding *keys;
	struct binding_group *aors;
	struct binding_group *conns;
	uint32_t count;
};

struct binding *location_by_alias(struct location *l, const char *alias);
struct binding *location_by_key(struct location *l, const char *key);
/* The first of an AOR or a connection, newest first: by aor_next, conn_next. */
struct binding *location_of_aor(const struct location *l, const char *aor);
struct binding *location_of_conn(const struct location *l, uint64_t conn);
/* Bindings of one AOR; online_only: that a browser holds now. */
uint32_t location_count_aor(const struct location *l, const char *aor,
			    bool online_only);
/* The one of this AOR that is offline longest; NULL: all are online. */
struct binding *location_stalest(struct location *l, const char *aor);
/* AORs registered on one connection. */
uint32_t location_count_conn(const struct location *l, uint64_t conn);
/* Empty binding, offline; the texts are copied. NULL: no memory. */
struct binding *location_add(struct location *l, const char *alias,
			     const char *key, const char *aor);
/* 0: offline, which never fails. -ENOMEM: as it was. */
int location_set_conn(struct location *l, struct binding *b, uint64_t conn);
void location_remove(struct location *l, struct binding *b);
void location_clear(struct location *l);

/* "aor|instance", or "aor|contact" without an instance; to be freed. */
char *location_key(const char *aor, const char *instance, const char *contact);

#endif
