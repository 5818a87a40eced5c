/* SPDX-License-Identifier: Apache-2.0 */
/* RTCP of either side: read, and written anew for the other one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int is_true)
{
	if (!is_true)
		abort();
}

/* Names that occur in it, so that much passes over. */
static void make_line(const uint8_t *data, size_t size, uint32_t from,
		      struct sluice_rtcp_line *ret)
{
	*ret = (struct sluice_rtcp_line){
		.in_ssrc = size >= 8 ? sluice_get32(data + 4) + from : 1,
		.out_ssrc = 2 + from, .seen_ssrc = 3 + from,
		.source_ssrc = 4, .seq_delta = 0x10005,
		.timestamp_delta = 0xfffffff0, .feedback = 0x2f,
		.cname = "0123456789abcdef",
	};
	if (size >= 32 + 4 * from)
		ret->seen_ssrc = sluice_get32(data + 28 + 4 * from);
}

static void write_line(struct sluice_rtcp *r, uint32_t i, const uint8_t *data,
		       size_t size)
{
	uint8_t *out = malloc(SLUICE_RTCP_OUT_MAX);
	struct sluice_rtcp again = { 0 };
	uint32_t lines;

	if (!out)
		return;
	r->map = r->line[i];
	if (sluice_rtcp_write(r, data, out) == 0) {
		need(r->out_len % 4 == 0 && r->out_len >= 8 + 28);
		need(r->out_len <= size + 36);
		sluice_rtcp_scan(&again, out, r->out_len, &lines);
		need(again.is_whole || r->out_len > SLUICE_PACKET_MAX);
	}
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct sluice_rtcp r = { .line_count = 3 };
	uint32_t lines = 0, i;

	if (!copy || size > 0xffff) {
		free(copy);
		return 0;
	}
	memcpy(copy, data, size);
	for (i = 0; i < 3; i++)
		make_line(copy, size, i, &r.line[i]);
	if (sluice_rtcp_scan(&r, copy, (uint32_t)size, &lines) == 0) {
		need(lines && lines < 8 && r.is_whole);
		for (i = 0; i < 3; i++)
			if (lines >> i & 1)
				write_line(&r, i, copy, size);
	}
	free(copy);
	return 0;
}
