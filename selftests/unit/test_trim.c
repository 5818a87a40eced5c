/* SPDX-License-Identifier: Apache-2.0 */
/* When freed memory goes back to the host. */
#include "core/trim.h"
#include "tap.h"

int main(void)
{
	struct trim t = { 0 };

	CHECK(!trim_is_due(&t, 0) && !trim_is_due(&t, 100) &&
	      !trim_is_due(&t, 0), "trim_of_little_is_not_due");
	CHECK(!trim_is_due(&t, 40000) && !trim_is_due(&t, 30000),
	      "trim_in_a_rush_is_not_due");
	CHECK(trim_is_due(&t, 10000), "trim_after_a_rush_is_due");
	CHECK(!trim_is_due(&t, 9000), "trim_is_due_once");
	CHECK(trim_is_due(&t, 2000), "trim_of_what_was_left_is_due");
	CHECK(!trim_is_due(&t, 5000) && trim_is_due(&t, 1000),
	      "trim_after_the_next_rush_is_due");
	trim_now();
	return tap_done();
}
