/* SPDX-License-Identifier: Apache-2.0 */
#include "wss/frame.h"

#include <stdlib.h>
#include <string.h>

#include "core/limits.h"

#define FIN		0x80
#define RSV		0x70
#define OPCODE		0x0f
#define MASKED		0x80
#define CONTROL		0x08	/* opcodes 8 to 15, RFC 6455 5.5 */
#define MESSAGE_KEEP	4096	/* buffer kept between messages */

static enum frame_event fail(struct frame_reader *r, uint16_t status,
			     const char *why)
{
	r->status = status;
	r->why = why;
	return FRAME_ERROR;
}

/* How long the header will be, by its first two bytes. */
static unsigned int header_size(const struct frame_reader *r)
{
	unsigned int len = r->header[1] & 0x7f;

	return 2 + 4 + (len == 126 ? 2 : len == 127 ? 8 : 0);
}

/* What can be judged by two bytes is refused before more is awaited. */
static enum frame_event check_opcode(struct frame_reader *r)
{
	uint8_t opcode = r->header[0] & OPCODE;
	bool is_final = r->header[0] & FIN;

	if (r->header[0] & RSV)
		return fail(r, FRAME_STATUS_PROTOCOL, "reserved bit");
	if (!(r->header[1] & MASKED))	/* RFC 6455 5.1 */
		return fail(r, FRAME_STATUS_PROTOCOL, "unmasked frame");
	switch (opcode) {
	case FRAME_OP_CONTINUATION:
		if (!r->message_opcode)
			return fail(r, FRAME_STATUS_PROTOCOL,
				    "continuation of nothing");
		break;
	case FRAME_OP_TEXT:
	case FRAME_OP_BINARY:
		if (r->message_opcode)
			return fail(r, FRAME_STATUS_PROTOCOL,
				    "message inside a message");
		break;
	case FRAME_OP_CLOSE:
	case FRAME_OP_PING:
	case FRAME_OP_PONG:
		if (!is_final || (r->header[1] & 0x7f) > 125)
			return fail(r, FRAME_STATUS_PROTOCOL,
				    "long or fragmented control frame");
		break;
	default:
		return fail(r, FRAME_STATUS_PROTOCOL, "reserved opcode");
	}
	return FRAME_MORE;
}

static enum frame_event header_complete(struct frame_reader *r)
{
	unsigned int field = r->header[1] & 0x7f, bytes, i;
	uint64_t len = field;

	if (field >= 126) {
		bytes = field == 126 ? 2 : 8;
		for (len = 0, i = 0; i < bytes; i++)
			len = len << 8 | r->header[2 + i];
		/* RFC 6455 5.2: the shortest form, the top bit zero. */
		if (len < 126 || (field == 127 && len <= UINT16_MAX) ||
		    len > INT64_MAX)
			return fail(r, FRAME_STATUS_PROTOCOL,
				    "length not in its shortest form");
	}
	memcpy(r->mask, r->header + r->header_len - 4, 4);
	r->is_final = r->header[0] & FIN;
	r->opcode = r->header[0] & OPCODE;
	if (!(r->opcode & CONTROL)) {
		if (len > LIMIT_WSS_MESSAGE_BYTES - r->message_len)
			return fail(r, FRAME_STATUS_TOO_BIG,
				    "message too big");
		if (++r->fragments > LIMIT_WSS_FRAGMENTS)
			return fail(r, FRAME_STATUS_TOO_BIG,
				    "too many fragments");
		if (r->opcode != FRAME_OP_CONTINUATION)
			r->message_opcode = r->opcode;
	} else {
		r->control_len = 0;
	}
	r->remaining = (size_t)len;
	r->offset = 0;
	r->is_in_payload = true;
	return FRAME_MORE;
}

static int message_reserve(struct frame_reader *r, size_t more)
{
	size_t need = r->message_len + more, size = r->message_size;
	uint8_t *p;

	if (need <= size)
		return 0;
	for (size = size ? size : 1024; size < need;)
		size *= 2;
	p = realloc(r->message, size);
	if (!p)
		return -1;
	r->message = p;
	r->message_size = size;
	return 0;
}

static enum frame_event take_payload(struct frame_reader *r,
				     const uint8_t *data, size_t n)
{
	uint8_t *to;
	size_t i;

	if (r->opcode & CONTROL) {
		to = r->control + r->control_len;
		r->control_len += n;
	} else {
		if (message_reserve(r, n))
			return fail(r, FRAME_STATUS_TOO_BIG, "out of memory");
		to = r->message + r->message_len;
		r->message_len += n;
	}
	for (i = 0; i < n; i++)
		to[i] = data[i] ^ r->mask[(r->offset + i) & 3];
	r->offset += n;
	r->remaining -= n;
	return FRAME_MORE;
}

/* RFC 6455 7.4: codes that may stand in a frame. */
static bool is_close_status(unsigned int code)
{
	return (code >= 1000 && code <= 1003) ||
	       (code >= 1007 && code <= 1014) ||
	       (code >= 3000 && code <= 4999);
}

static enum frame_event close_received(struct frame_reader *r)
{
	unsigned int code;

	r->status = 0;
	if (!r->control_len)
		return FRAME_CLOSE;
	code = (unsigned int)r->control[0] << 8 | r->control[1];
	if (r->control_len == 1 || !is_close_status(code))
		return fail(r, FRAME_STATUS_PROTOCOL, "bad close status");
	if (!frame_is_utf8(r->control + 2, r->control_len - 2))
		return fail(r, FRAME_STATUS_NOT_UTF8, "close reason not UTF-8");
	r->status = (uint16_t)code;
	return FRAME_CLOSE;
}

static enum frame_event frame_complete(struct frame_reader *r)
{
	bool is_text = r->message_opcode == FRAME_OP_TEXT;

	r->is_in_payload = false;
	r->header_len = 0;
	if (r->opcode & CONTROL) {
		r->data = r->control;
		r->len_bytes = r->control_len;
		if (r->opcode == FRAME_OP_CLOSE)
			return close_received(r);
		return r->opcode == FRAME_OP_PING ? FRAME_PING : FRAME_PONG;
	}
	if (!r->is_final)
		return FRAME_MORE;
	r->data = r->message ? r->message : r->header;
	r->len_bytes = r->message_len;
	r->message_opcode = 0;
	r->message_len = 0;
	r->fragments = 0;
	if (is_text && !frame_is_utf8(r->data, r->len_bytes))
		return fail(r, FRAME_STATUS_NOT_UTF8, "text not UTF-8");
	return FRAME_MESSAGE;
}

enum frame_event frame_read(struct frame_reader *r, const uint8_t *data,
			    size_t len, size_t *ret_used)
{
	enum frame_event e = FRAME_MORE;
	size_t used = 0, n;

	/* An idle client keeps no more than a small buffer. */
	if (!r->message_opcode && r->message_size > MESSAGE_KEEP) {
		free(r->message);
		r->message = NULL;
		r->message_size = 0;
	}
	while (e == FRAME_MORE && used < len) {
		if (!r->is_in_payload) {
			r->header[r->header_len++] = data[used++];
			if (r->header_len == 2)
				e = check_opcode(r);
			if (e == FRAME_MORE && r->header_len > 2 &&
			    r->header_len == header_size(r))
				e = header_complete(r);
		} else {
			n = len - used < r->remaining ? len - used :
							r->remaining;
			e = take_payload(r, data + used, n);
			used += n;
		}
		if (e == FRAME_MORE && r->is_in_payload && !r->remaining)
			e = frame_complete(r);
	}
	*ret_used = used;
	return e;
}

bool frame_is_open(const struct frame_reader *r)
{
	return r->header_len || r->is_in_payload || r->message_opcode;
}

void frame_reader_clear(struct frame_reader *r)
{
	free(r->message);
	memset(r, 0, sizeof(*r));
}

size_t frame_header(enum frame_opcode opcode, size_t payload_len,
		    uint8_t ret_header[FRAME_HEADER_BYTES])
{
	size_t n = 2;
	int shift;

	ret_header[0] = (uint8_t)(FIN | opcode);
	if (payload_len < 126) {
		ret_header[1] = (uint8_t)payload_len;
		return n;
	}
	shift = payload_len <= UINT16_MAX ? 8 : 56;
	ret_header[1] = shift == 8 ? 126 : 127;
	for (; shift >= 0; shift -= 8)
		ret_header[n++] = (uint8_t)((uint64_t)payload_len >> shift);
	return n;
}

bool frame_is_utf8(const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len;
	unsigned int more, low, high;

	while (p < end) {
		uint8_t c = *p++;

		if (c < 0x80)
			continue;
		low = 0x80;
		high = 0xbf;
		if (c >= 0xc2 && c <= 0xdf)
			more = 1;
		else if (c >= 0xe0 && c <= 0xef)
			more = 2;
		else if (c >= 0xf0 && c <= 0xf4)
			more = 3;
		else
			return false;
		/* Overlong forms, surrogates, beyond U+10FFFF: RFC 3629 4. */
		if (c == 0xe0)
			low = 0xa0;
		else if (c == 0xed)
			high = 0x9f;
		else if (c == 0xf0)
			low = 0x90;
		else if (c == 0xf4)
			high = 0x8f;
		for (; more; more--, p++) {
			if (p == end || *p < low || *p > high)
				return false;
			low = 0x80;
			high = 0xbf;
		}
	}
	return true;
}
