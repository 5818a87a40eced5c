/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trim.h"

#include <malloc.h>

#define RUSH_MIN	500	/* less is not worth the while */

bool trim_is_due(struct trim *t, uint32_t live)
{
	if (live > t->peak)
		t->peak = live;
	if (t->peak - live < RUSH_MIN || live > t->peak / 4)
		return false;
	t->peak = live;
	return true;
}

void trim_now(void)
{
	malloc_trim(0);
}
