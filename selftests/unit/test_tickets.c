// SPDX-License-Identifier: Apache-2.0
/* Ids of media sessions, and the datapath's streams shared out among them. */
#include <errno.h>

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

int main(void)
{
	test_room();
	return tap_done();
}
