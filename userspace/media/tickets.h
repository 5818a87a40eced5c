/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids of media sessions and what their SDP announces. Taken and closed on the
 * signalling thread; released by the media thread once nothing of the session
 * is left.
 */
#ifndef MEDIA_TICKETS_H
#define MEDIA_TICKETS_H

#include "media/media.h"

struct tickets;

struct ticket {
	struct media_local local;
	uint32_t stream_count;
	bool rtcp_ports;
	bool is_secured;	/* its SIP side may have keys */
};

int tickets_create(struct tickets **ret);
void tickets_free(struct tickets *t);		/* accepts NULL */

/*
 * The datapath's ids of streams; each m-line takes two. There are as many keys:
 * a browser's two are no more than the streams of an m-line, those of the SIP
 * side come on top. Before the first.
 */
void tickets_set_room(struct tickets *t, uint32_t streams);

/* Sets local.id; -ENOSPC: no slot or no streams. */
int tickets_take(struct tickets *t, struct ticket *ticket);
/* local.id is of an earlier run; -EEXIST: its slot is taken. */
int tickets_claim(struct tickets *t, const struct ticket *ticket);
/* -EINVAL: unknown or closed. */
int tickets_get(struct tickets *t, uint32_t id, struct ticket *ret);
/* -EINVAL; -ENOSPC: it has more m-lines than there are streams for. */
int tickets_update(struct tickets *t, const struct ticket *ticket);
/* From here on the id is unknown, but not yet free. */
int tickets_close(struct tickets *t, uint32_t id);
void tickets_release(struct tickets *t, uint32_t id);

/* Sessions not yet released. */
uint32_t tickets_used(struct tickets *t);

/* Index below LIMIT_MEDIA_SESSIONS, one session at a time. */
uint32_t ticket_slot(uint32_t id);

#endif
