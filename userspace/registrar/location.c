/* SPDX-License-Identifier: Apache-2.0 */
#include "registrar/location.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct binding *location_by_alias(struct location *l, const char *alias)
{
	struct binding *b;

	HASH_FIND(by_alias, l->aliases, alias, strlen(alias), b);
	return b;
}

struct binding *location_by_key(struct location *l, const char *key)
{
	struct binding *b;

	HASH_FIND(by_key, l->keys, key, strlen(key), b);
	return b;
}

struct binding *location_of_aor(const struct location *l, const char *aor)
{
	struct binding_group *g;

	HASH_FIND(hh, l->aors, aor, strlen(aor), g);
	return g ? LIST_FIRST(&g->list) : NULL;
}

struct binding *location_of_conn(const struct location *l, uint64_t conn)
{
	struct binding_group *g;

	HASH_FIND(hh, l->conns, &conn, sizeof(conn), g);
	return g ? LIST_FIRST(&g->list) : NULL;
}

uint32_t location_count_aor(const struct location *l, const char *aor,
			    bool online_only)
{
	const struct binding *b = location_of_aor(l, aor);
	uint32_t n = 0;

	for (; b; b = LIST_NEXT(b, aor_next))
		n += !online_only || (b->conn && !b->is_expired);
	return n;
}

struct binding *location_stalest(struct location *l, const char *aor)
{
	struct binding *oldest = NULL, *b = location_of_aor(l, aor);

	for (; b; b = LIST_NEXT(b, aor_next)) {
		if (b->conn && !b->is_expired)
			continue;
		if (!oldest || b->expires_ms < oldest->expires_ms)
			oldest = b;
	}
	return oldest;
}

uint32_t location_count_conn(const struct location *l, uint64_t conn)
{
	struct binding_group *g;

	HASH_FIND(hh, l->conns, &conn, sizeof(conn), g);
	return g ? g->count : 0;
}

/* ---- groups ----------------------------------------------------------- */

static struct binding_group *aor_group(struct location *l, const char *aor)
{
	size_t len = strlen(aor);
	struct binding_group *g;

	HASH_FIND(hh, l->aors, aor, len, g);
	if (g)
		return g;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->aor = strdup(aor);
	if (!g->aor) {
		free(g);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, l->aors, g->aor, len, g);
	return g;
}

static struct binding_group *conn_group(struct location *l, uint64_t conn)
{
	struct binding_group *g;

	HASH_FIND(hh, l->conns, &conn, sizeof(conn), g);
	if (g)
		return g;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->conn = conn;
	HASH_ADD(hh, l->conns, conn, sizeof(g->conn), g);
	return g;
}

static void group_left(struct location *l, struct binding_group *g)
{
	if (--g->count)
		return;
	if (g->aor)
		HASH_DEL(l->aors, g);
	else
		HASH_DEL(l->conns, g);
	free(g->aor);
	free(g);
}

int location_set_conn(struct location *l, struct binding *b, uint64_t conn)
{
	struct binding_group *g = NULL;

	if (b->conn == conn)
		return 0;
	if (conn) {
		g = conn_group(l, conn);
		if (!g)
			return -ENOMEM;
		g->count++;
	}
	if (b->of_conn) {
		LIST_REMOVE(b, conn_next);
		group_left(l, b->of_conn);
	}
	b->conn = conn;
	b->of_conn = g;
	if (g)
		LIST_INSERT_HEAD(&g->list, b, conn_next);
	return 0;
}

/* ---- life ------------------------------------------------------------- */

static void binding_free(struct binding *b)
{
	if (!b)
		return;
	free(b->key);
	free(b->contact);
	free(b->instance);
	free(b->user_agent);
	free(b->service_route);
	free(b->pub_gruu);
	free(b->temp_gruu);
	free(b->client_call_id);
	free(b);
}

struct binding *location_add(struct location *l, const char *alias,
			     const char *key, const char *aor)
{
	struct binding *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	snprintf(b->alias, sizeof(b->alias), "%s", alias);
	b->key = strdup(key);
	b->contact = strdup("");
	b->instance = strdup("");
	b->user_agent = strdup("");
	b->service_route = strdup("");
	b->pub_gruu = strdup("");
	b->temp_gruu = strdup("");
	b->client_call_id = strdup("");
	if (b->key && b->contact && b->instance && b->user_agent &&
	    b->service_route && b->pub_gruu && b->temp_gruu &&
	    b->client_call_id)
		b->of_aor = aor_group(l, aor);
	if (!b->of_aor) {
		binding_free(b);
		return NULL;
	}
	b->aor = b->of_aor->aor;
	b->of_aor->count++;
	LIST_INSERT_HEAD(&b->of_aor->list, b, aor_next);
	HASH_ADD(by_alias, l->aliases, alias[0], strlen(b->alias), b);
	HASH_ADD_KEYPTR(by_key, l->keys, b->key, strlen(b->key), b);
	l->count++;
	return b;
}

void location_remove(struct location *l, struct binding *b)
{
	location_set_conn(l, b, 0);
	LIST_REMOVE(b, aor_next);
	group_left(l, b->of_aor);
	HASH_DELETE(by_alias, l->aliases, b);
	HASH_DELETE(by_key, l->keys, b);
	l->count--;
	binding_free(b);
}

void location_clear(struct location *l)
{
	while (l->aliases)
		location_remove(l, l->aliases);
}

char *location_key(const char *aor, const char *instance, const char *contact)
{
	char *key;

	if (asprintf(&key, "%s|%s", aor,
		     instance && *instance ? instance : contact) < 0)
		return NULL;
	return key;
}
