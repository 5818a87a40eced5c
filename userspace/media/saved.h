/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is stored of a session beside what the kernel holds: who it is, what
 * was negotiated, our ICE credentials, the ids of its parts. Never a media
 * key. Media thread, and before it runs.
 */
#ifndef MEDIA_SAVED_H
#define MEDIA_SAVED_H

#include "media/session.h"
#include "store/record.h"

/* Ids as they were: the parts are looked for in the datapath by them. */
struct saved_ids {
	uint32_t backend;		/* enum datapath_backend */
	bool rtcp_ports;
	uint32_t web_transport;
	uint32_t transport[MEDIA_STREAMS];
	uint32_t stream[MEDIA_STREAMS][DIRECTIONS];
};

void saved_pack(const struct session *s, struct record *r);
/*
 * Into a zeroed session: all that does not live in the datapath. -EBADMSG:
 * not a whole one.
 */
int saved_unpack(const struct record *r, uint32_t id, struct session *s,
		 struct saved_ids *ret_ids);

#endif
