/* SPDX-License-Identifier: Apache-2.0 */
/* RTCP of either side: read, and written anew for the other one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "media/rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int is_true)
{
	if (!is_true)
		abort();
}

/* The names of whoever is in it, so that much passes over. */
static void make_map(const struct rtcp_compound *c, struct rtcp_map *ret)
{
	*ret = (struct rtcp_map){ .in_ssrc = 1, .out_ssrc = 2, .seen_ssrc = 3,
				  .source_ssrc = 4, .cname = "cname" };
	if (c->sender_count)
		ret->in_ssrc = c->sender[c->sender_count - 1].ssrc;
	if (c->feedback_count)
		ret->seen_ssrc = c->feedback[0].ssrc;
	else if (c->block_count)
		ret->seen_ssrc = c->block[c->block_count - 1].ssrc;
}

static void build(const struct rtcp_compound *c, size_t capacity)
{
	uint8_t *buf = malloc(capacity ? capacity : 1);
	struct rtcp_compound again;
	struct rtcp_map map;
	size_t len;

	if (!buf)
		return;
	make_map(c, &map);
	len = rtcp_build(c, &map, buf, capacity);
	need(len <= capacity && len % 4 == 0);
	if (len)
		need(rtcp_parse(buf, len, &again) == 0);
	free(buf);
}

/* The first byte is the room to write to, in words. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rtcp_compound c;
	uint8_t *copy;

	if (!size)
		return 0;
	copy = malloc(size);
	if (!copy)
		return 0;
	memcpy(copy, data + 1, size - 1);
	if (rtcp_parse(copy, size - 1, &c) == 0) {
		need(c.sender_count <= RTCP_SENDERS_MAX &&
		     c.block_count <= RTCP_BLOCKS_MAX &&
		     c.feedback_count <= RTCP_FEEDBACK_MAX);
		build(&c, 1500);
		build(&c, 4U * data[0]);
	}
	free(copy);
	return 0;
}
