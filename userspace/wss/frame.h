/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket frames, the server's side (RFC 6455 5). Pure but for memory. */
#ifndef WSS_FRAME_H
#define WSS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_opcode {
	FRAME_OP_CONTINUATION = 0,
	FRAME_OP_TEXT = 1,
	FRAME_OP_BINARY = 2,
	FRAME_OP_CLOSE = 8,
	FRAME_OP_PING = 9,
	FRAME_OP_PONG = 10,
};

/* Status codes of RFC 6455 7.4.1 that the gateway sends. */
enum frame_status {
	FRAME_STATUS_NORMAL = 1000,
	FRAME_STATUS_GOING_AWAY = 1001,
	FRAME_STATUS_PROTOCOL = 1002,
	FRAME_STATUS_NOT_UTF8 = 1007,
	FRAME_STATUS_POLICY = 1008,
	FRAME_STATUS_TOO_BIG = 1009,
};

enum frame_event {
	FRAME_MORE,		/* all taken, nothing whole yet */
	FRAME_MESSAGE,		/* data, len_bytes: a reassembled message */
	FRAME_PING,		/* data, len_bytes: to be echoed */
	FRAME_PONG,
	FRAME_CLOSE,		/* status: to be echoed, 0 if none was given */
	FRAME_ERROR,		/* status, why: the connection must end */
};

struct frame_reader {
	uint8_t header[14];
	unsigned int header_len;
	bool is_in_payload;
	bool is_final;
	uint8_t opcode;
	uint8_t mask[4];
	size_t remaining;	/* of the frame's payload */
	size_t offset;		/* in the frame's payload */

	uint8_t *message;	/* grows with what came, not with what is told */
	size_t message_len;
	size_t message_size;
	uint8_t message_opcode;	/* 0: no message is open */
	unsigned int fragments;

	uint8_t control[125];
	size_t control_len;

	/* What the last event means; data is good until the next call. */
	const uint8_t *data;
	size_t len_bytes;
	uint16_t status;
	const char *why;
};

/* Takes bytes up to the first event; ret_used says how many. */
enum frame_event frame_read(struct frame_reader *r, const uint8_t *data,
			    size_t len, size_t *ret_used);
/* True while a message or frame has begun and is not whole. */
bool frame_is_open(const struct frame_reader *r);
void frame_reader_clear(struct frame_reader *r);

#define FRAME_HEADER_BYTES	10

/* An unmasked, final frame's header; returns its length. */
size_t frame_header(enum frame_opcode opcode, size_t payload_len,
		    uint8_t ret_header[FRAME_HEADER_BYTES]);

bool frame_is_utf8(const uint8_t *data, size_t len);	/* RFC 3629 */

#endif
