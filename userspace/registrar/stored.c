/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bindings in the store. The flow is not stored: after a restart the browser
 * is offline until it registers again. Times are wall times there.
 */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/limits.h"
#include "core/log.h"
#include "registrar/internal.h"
#include "store/store.h"

void registrar_store(struct registrar *r, const struct binding *b)
{
	struct record *rec;

	if (!r->settings.store)
		return;
	rec = record_new();
	if (!rec) {
		log_err("binding of %s not stored: out of memory", b->aor);
		return;
	}
	record_put_text(rec, "key", b->key);
	record_put_text(rec, "aor", b->aor);
	record_put_text(rec, "contact", b->contact);
	record_put_text(rec, "instance", b->instance);
	record_put_text(rec, "user-agent", b->user_agent);
	record_put_text(rec, "service-route", b->service_route);
	record_put_text(rec, "pub-gruu", b->pub_gruu);
	record_put_text(rec, "temp-gruu", b->temp_gruu);
	record_put_text(rec, "call-id", b->client_call_id);
	record_put_number(rec, "cseq", b->client_cseq);
	record_put_number(rec, "created", clock_to_wall(b->created_ms));
	record_put_number(rec, "expires", clock_to_wall(b->expires_ms));
	record_put_number(rec, "trunk-expires", clock_to_wall(b->trunk_expires_ms));
	store_put(r->settings.store, STORE_BINDING, b->alias, rec);
	record_free(rec);
}

void registrar_forget(struct registrar *r, struct binding *b)
{
	store_delete(r->settings.store, STORE_BINDING, b->alias);
	location_remove(&r->location, b);
}

static bool take_text(const struct record *rec, const char *name, char **field)
{
	const char *text = record_text(rec, name);
	char *copy = strdup(text ? text : "");

	if (!copy)
		return false;
	free(*field);
	*field = copy;
	return true;
}

static void restore(void *arg, const char *alias, const struct record *rec)
{
	struct registrar *r = arg;
	const char *key = record_text(rec, "key"), *aor;
	uint64_t now = clock_ms(), throttled_ms;
	struct binding *b;

	if (!key || strlen(alias) > LOCATION_ALIAS_LEN ||
	    r->location.count >= LIMIT_REGISTRATIONS ||
	    clock_from_wall(record_number(rec, "trunk-expires", 0)) <= now) {
		store_delete(r->settings.store, STORE_BINDING, alias);
		return;
	}
	if (location_by_alias(&r->location, alias) ||
	    location_by_key(&r->location, key))
		return;
	aor = record_text(rec, "aor");
	b = aor ? location_add(&r->location, alias, key, aor) : NULL;
	if (!b)
		return;
	if (!take_text(rec, "contact", &b->contact) ||
	    !take_text(rec, "instance", &b->instance) ||
	    !take_text(rec, "user-agent", &b->user_agent) ||
	    !take_text(rec, "service-route", &b->service_route) ||
	    !take_text(rec, "pub-gruu", &b->pub_gruu) ||
	    !take_text(rec, "temp-gruu", &b->temp_gruu) ||
	    !take_text(rec, "call-id", &b->client_call_id)) {
		location_remove(&r->location, b);
		return;
	}
	b->client_cseq = (uint32_t)record_number(rec, "cseq", 0);
	b->created_ms = clock_from_wall(record_number(rec, "created", 0));
	b->trunk_expires_ms =
		clock_from_wall(record_number(rec, "trunk-expires", 0));
	b->expires_ms = clock_from_wall(record_number(rec, "expires", 0));
	/* Refreshes answered from the cache were not written. */
	throttled_ms = now + r->settings.expires_max_s * 1000ULL;
	if (throttled_ms > b->trunk_expires_ms)
		throttled_ms = b->trunk_expires_ms;
	if (b->expires_ms < throttled_ms)
		b->expires_ms = throttled_ms;
	b->lost_ms = now;
}

void registrar_restore(struct registrar *r)
{
	store_each(r->settings.store, STORE_BINDING, restore, r);
	if (r->location.count)
		log_info("%u registrations restored; their browsers have to "
			 "connect again", r->location.count);
}
