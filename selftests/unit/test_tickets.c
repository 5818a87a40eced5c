// SPDX-License-Identifier: Apache-2.0
/* Ids of media sessions, and the datapath's streams shared out among them. */
#include <errno.h>

#include "core/limits.h"
#include "media/tickets.h"
#include "tap.h"

static struct tickets *t;

static int take(uint32_t m_lines, uint32_t *ret_id)
{
	struct ticket ticket = { .stream_count = m_lines };
	int err = tickets_take(t, &ticket);

	if (!err)
		*ret_id = ticket.local.id;
	return err;
}

static int grow(uint32_t id, uint32_t m_lines)
{
	struct ticket ticket = { 0 };

	if (tickets_get(t, id, &ticket))
		return -EINVAL;
	ticket.stream_count = m_lines;
	return tickets_update(t, &ticket);
}

static void test_room(void)
{
	struct ticket ticket = { .stream_count = 1 };
	uint32_t a = 0, b = 0, c = 0;

	if (tickets_create(&t))
		return;
	tickets_set_room(t, 7);
	CHECK(!take(1, &a) && !take(2, &b), "tickets_within_room_are_given");
	CHECK_INT(take(1, &c), -ENOSPC, "ticket_beyond_room_is_refused");
	CHECK_INT(grow(a, 2), -ENOSPC, "ticket_grown_beyond_room_is_refused");
	CHECK(!tickets_get(t, a, &ticket) && ticket.stream_count == 1,
	      "ticket_refused_to_grow_is_as_before");
	tickets_close(t, b);
	CHECK_INT(take(1, &c), -ENOSPC, "ticket_closed_still_has_its_streams");
	tickets_release(t, b);
	CHECK_INT(grow(a, 3), 0, "ticket_grows_into_what_was_released");
	CHECK_INT(take(1, &c), -ENOSPC, "ticket_grown_has_its_streams");
	CHECK_INT(grow(a, 1), 0, "ticket_shrinks");
	CHECK(!take(2, &c) && c != a && c != b, "ticket_has_an_id_of_its_own");
	tickets_free(t);
}

/* Its keys are more than its streams, and there are not more keys. */
static void test_keys(void)
{
	struct ticket ticket = { .stream_count = 1, .is_secured = true };

	if (tickets_create(&t))
		return;
	tickets_set_room(t, 7);
	CHECK_INT(tickets_take(t, &ticket), 0, "ticket_with_keys_is_given");
	CHECK_INT(tickets_take(t, &ticket), -ENOSPC,
		  "ticket_beyond_the_keys_is_refused");
	tickets_release(t, ticket.local.id);
	CHECK_INT(tickets_take(t, &ticket), 0,
		  "ticket_with_keys_gives_them_back");
	tickets_free(t);
}

static void give_back(uint32_t id)
{
	tickets_close(t, id);
	tickets_release(t, id);
}

/* Calls that come and go take no more slots than there are at a time. */
static void test_slots(void)
{
	uint32_t a = 0, b = 0, c = 0, last, highest = 0;
	bool is_fresh = true;

	if (tickets_create(&t))
		return;
	take(1, &a);
	take(1, &b);
	give_back(a);
	for (int i = 0; i < 1000; i++) {
		last = a;
		take(1, &a);
		is_fresh = is_fresh && a != last;
		if (ticket_slot(a) > highest)
			highest = ticket_slot(a);
		give_back(a);
	}
	CHECK_INT(highest, 0, "ticket_slots_are_used_again");
	CHECK(is_fresh, "ticket_of_a_used_slot_has_another_id");
	CHECK(!take(1, &a) && !take(1, &c) && ticket_slot(a) != ticket_slot(c) &&
	      ticket_slot(c) != ticket_slot(b) &&
	      ticket_slot(a) != ticket_slot(b),
	      "ticket_slot_is_of_one_session");
	tickets_free(t);
}

static uint32_t claim(uint32_t slot)
{
	struct ticket ticket = { .stream_count = 1 };

	ticket.local.id = 7 * LIMIT_MEDIA_SESSIONS + slot + 1;
	return tickets_claim(t, &ticket) ? 0 : ticket.local.id;
}

/* Ids of an earlier run: before the first, freed, and beyond the last. */
static void test_claims(void)
{
	bool is_taken[8] = { false };
	uint32_t id = 0, claimed[3];

	if (tickets_create(&t))
		return;
	claimed[0] = claim(1);
	CHECK(claimed[0] && !claim(1), "ticket_claimed_is_taken");
	take(1, &id);			/* 0 */
	give_back(id);
	claimed[1] = claim(0);
	claimed[2] = claim(3);
	give_back(claimed[2]);		/* before its turn has come */
	for (int i = 0; i < 3; i++) {
		take(1, &id);
		is_taken[ticket_slot(id) & 7] = true;
	}
	CHECK(is_taken[2] && is_taken[3] && is_taken[4],
	      "ticket_claimed_slots_are_passed_over");
	give_back(claimed[0]);
	give_back(claimed[1]);
	take(1, &id);
	is_taken[ticket_slot(id) & 7] = true;
	take(1, &id);
	is_taken[ticket_slot(id) & 7] = true;
	take(1, &id);
	CHECK(is_taken[0] && is_taken[1] && ticket_slot(id) == 5,
	      "ticket_claimed_slots_are_used_again");
	tickets_free(t);
}

/* Every slot once: the list neither loses one nor gives one twice. */
static void test_all_slots(void)
{
	static uint32_t ids[LIMIT_MEDIA_SESSIONS];
	uint32_t given = 0, again = 0, id = 0;

	if (tickets_create(&t))
		return;
	while (given < LIMIT_MEDIA_SESSIONS && !take(1, &ids[given]))
		given++;
	CHECK(given == LIMIT_MEDIA_SESSIONS && take(1, &id) == -ENOSPC,
	      "tickets_are_as_many_as_sessions");
	for (uint32_t i = 0; i < given; i++)
		give_back(ids[i]);
	while (again < LIMIT_MEDIA_SESSIONS && !take(1, &id))
		again++;
	CHECK(again == LIMIT_MEDIA_SESSIONS && take(1, &id) == -ENOSPC,
	      "tickets_given_back_are_as_many");
	tickets_free(t);
}

int main(void)
{
	test_room();
	test_keys();
	test_slots();
	test_claims();
	test_all_slots();
	return tap_done();
}
