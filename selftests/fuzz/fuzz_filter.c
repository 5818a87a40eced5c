/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pure readers of bytes from browsers: front filter, HTTP head, frames.
 * The first byte chooses; the rest is copied to a block of its exact size.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wss/filter.h"
#include "wss/frame.h"
#include "wss/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_frames(const uint8_t *data, size_t size)
{
	struct frame_reader r = { 0 };
	enum frame_event e = FRAME_MORE;
	size_t used;

	while (size && e != FRAME_ERROR && e != FRAME_CLOSE) {
		e = frame_read(&r, data, size, &used);
		if (used > size || (e == FRAME_MORE && used != size))
			abort();
		data += used;
		size -= used;
	}
	frame_reader_clear(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_request request;
	uint8_t *copy;

	if (!size)
		return 0;
	copy = malloc(size > 1 ? size - 1 : 1);
	if (!copy)
		return 0;
	memcpy(copy, data + 1, size - 1);
	if (data[0] % 3 == 0)
		sip_filter((char *)copy, size - 1);
	else if (data[0] % 3 == 1)
		http_parse((char *)copy, size - 1, &request);
	else
		fuzz_frames(copy, size - 1);
	free(copy);
	return 0;
}
