/* SPDX-License-Identifier: Apache-2.0 */
#include "wss/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES	16384	/* a TLS record's worth */

static int append(struct client *c, struct chunk *chunk)
{
	*c->output_tail = chunk;
	c->output_tail = &chunk->next;
	lws_callback_on_writable(c->wsi);
	return 0;
}

int output_add(struct client *c, const void *head, size_t head_len,
	       const void *body, size_t len)
{
	/* What it costs, not what it says: a pong is mostly its chunk. */
	size_t cost = sizeof(struct chunk) + head_len + len;
	struct chunk *chunk;

	if (cost > c->worker->wss->limits.output_bytes - c->output_bytes)
		return -ENOBUFS;
	chunk = malloc(cost);
	if (!chunk)
		return -ENOMEM;
	memset(chunk, 0, sizeof(*chunk));
	memcpy(chunk->bytes, head, head_len);
	if (len)
		memcpy(chunk->bytes + head_len, body, len);
	chunk->data = chunk->bytes;
	chunk->len_bytes = head_len + len;
	chunk->charged = cost;
	c->output_bytes += cost;
	return append(c, chunk);
}

int output_add_static(struct client *c, const uint8_t *data, size_t len)
{
	struct chunk *chunk;

	if (!len)
		return 0;
	chunk = calloc(1, sizeof(*chunk));
	if (!chunk)
		return -ENOMEM;
	chunk->data = data;
	chunk->len_bytes = len;
	return append(c, chunk);
}

int output_frame(struct client *c, enum frame_opcode opcode,
		 const void *data, size_t len)
{
	uint8_t header[FRAME_HEADER_BYTES];
	size_t n = frame_header(opcode, len, header);

	return output_add(c, header, n, data, len);
}

static void drop_first(struct client *c)
{
	struct chunk *chunk = c->output;

	c->output = chunk->next;
	if (!c->output)
		c->output_tail = &c->output;
	c->output_bytes -= chunk->charged;
	free(chunk);
}

int output_write(struct client *c)
{
	struct chunk *chunk = c->output;
	size_t n;

	if (!chunk)
		return 0;
	n = chunk->len_bytes - chunk->sent;
	if (n > PIECE_BYTES)
		n = PIECE_BYTES;
	/* lws_write() only reads; its parameter is not const. */
	if (lws_write(c->wsi, (unsigned char *)chunk->data + chunk->sent, n,
		      LWS_WRITE_RAW) < (int)n)
		return -EIO;
	chunk->sent += n;
	if (chunk->sent == chunk->len_bytes)
		drop_first(c);
	return 0;
}

void output_clear(struct client *c)
{
	while (c->output)
		drop_first(c);
}
