/* SPDX-License-Identifier: Apache-2.0 */
/* The location cache by AOR and by connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "registrar/location.h"
#include "tap.h"

static struct location cache;

static struct binding *add(const char *alias, const char *aor, uint64_t conn)
{
	char key[64];
	struct binding *b;

	snprintf(key, sizeof(key), "%s|%s", aor, alias);
	b = location_add(&cache, alias, key, aor);
	location_set_conn(&cache, b, conn);
	return b;
}

static void test_groups(void)
{
	struct binding *a1 = add("a1", "sip:a@x", 1), *a2, *b1;

	a2 = add("a2", "sip:a@x", 2);
	b1 = add("b1", "sip:b@x", 1);
	a1->expires_ms = 20;
	a2->expires_ms = 10;
	CHECK_STR(a2->aor, "sip:a@x", "binding_has_its_aor");
	CHECK_INT(location_count_aor(&cache, "sip:a@x", true), 2,
		  "aor_of_two_browsers_counted");
	CHECK_INT(location_count_aor(&cache, "sip:c@x", false), 0,
		  "aor_unknown_counts_none");
	CHECK_INT(location_count_conn(&cache, 1), 2,
		  "connection_of_two_users_counted");
	CHECK(!location_stalest(&cache, "sip:a@x"), "aor_online_none_stale");
	location_set_conn(&cache, a1, 0);
	CHECK(location_stalest(&cache, "sip:a@x") == a1,
	      "aor_offline_one_is_stale");
	location_set_conn(&cache, a2, 0);
	CHECK(location_stalest(&cache, "sip:a@x") == a2,
	      "aor_offline_stalest_is_first_to_expire");
	CHECK_INT(location_count_aor(&cache, "sip:a@x", true), 0,
		  "aor_offline_counts_none_online");
	CHECK(location_of_conn(&cache, 1) == b1 &&
	      !LIST_NEXT(b1, conn_next), "connection_lost_one_keeps_other");
	CHECK(!location_of_conn(&cache, 2), "connection_lost_all_unknown");
	location_set_conn(&cache, a2, 1);
	location_set_conn(&cache, a2, 1);
	CHECK_INT(location_count_conn(&cache, 1), 2,
		  "connection_taken_over_counted_once");
	location_remove(&cache, a2);
	CHECK(location_of_aor(&cache, "sip:a@x") == a1,
	      "aor_keeps_the_other_binding");
	location_remove(&cache, a1);
	CHECK(!location_of_aor(&cache, "sip:a@x"), "aor_removed_unknown");
	CHECK_INT(cache.count, 1, "bindings_counted");
	location_clear(&cache);
	CHECK(!cache.aors && !cache.conns && !cache.count,
	      "cache_cleared_empty");
}

int main(void)
{
	test_groups();
	return tap_done();
}
