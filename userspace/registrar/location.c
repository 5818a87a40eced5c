/* SPDX-License-Identifier: Apache-2.0 */
#include "registrar/location.h"

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

uint32_t location_count_aor(const struct location *l, const char *aor,
			    bool online_only)
{
	uint32_t n = 0;

	for (struct binding *b = l->aliases; b; b = b->by_alias.next)
		n += !strcmp(b->aor, aor) &&
			(!online_only || (b->conn && !b->is_expired));
	return n;
}

struct binding *location_stalest(struct location *l, const char *aor)
{
	struct binding *oldest = NULL;

	for (struct binding *b = l->aliases; b; b = b->by_alias.next) {
		if (strcmp(b->aor, aor) || (b->conn && !b->is_expired))
			continue;
		if (!oldest || b->expires_ms < oldest->expires_ms)
			oldest = b;
	}
	return oldest;
}

uint32_t location_count_conn(const struct location *l, uint64_t conn)
{
	uint32_t n = 0;

	for (struct binding *b = l->aliases; b; b = b->by_alias.next)
		if (b->conn == conn)
			n++;
	return n;
}

static void binding_free(struct binding *b)
{
	if (!b)
		return;
	free(b->key);
	free(b->aor);
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
			     const char *key)
{
	struct binding *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	snprintf(b->alias, sizeof(b->alias), "%s", alias);
	b->key = strdup(key);
	b->aor = strdup("");
	b->contact = strdup("");
	b->instance = strdup("");
	b->user_agent = strdup("");
	b->service_route = strdup("");
	b->pub_gruu = strdup("");
	b->temp_gruu = strdup("");
	b->client_call_id = strdup("");
	if (!b->key || !b->aor || !b->contact || !b->instance ||
	    !b->user_agent || !b->service_route || !b->pub_gruu ||
	    !b->temp_gruu || !b->client_call_id) {
		binding_free(b);
		return NULL;
	}
	HASH_ADD(by_alias, l->aliases, alias[0], strlen(b->alias), b);
	HASH_ADD_KEYPTR(by_key, l->keys, b->key, strlen(b->key), b);
	l->count++;
	return b;
}

void location_remove(struct location *l, struct binding *b)
{
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
