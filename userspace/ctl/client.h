/* SPDX-License-Identifier: Apache-2.0 */
/* One client of the control socket: lines in, lines out. Inside ctl/. */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"

#define CTL_NO_STREAM	(-1)

struct ctl_client {
	struct ctl_client *next;
	int fd, epoll_fd;
	int stream;		/* it listens to, or CTL_NO_STREAM */
	uint64_t skipped;	/* lines of the stream it was too slow for */
	bool is_closing;	/* once all is written */
	bool is_dead;		/* freed at the end of the turn */
	size_t in_len;
	char *out;
	size_t out_len, out_done, out_size;
	char in[LIMIT_CTL_LINE_BYTES];
};

/* Takes the non-blocking fd on success. -ENOMEM or -errno of epoll_ctl(). */
int ctl_client_create(int epoll_fd, int fd, struct ctl_client **ret);
void ctl_client_free(struct ctl_client *c);	/* accepts NULL */

/* Queues one line and writes what the socket takes. Never blocks. */
void ctl_client_send(struct ctl_client *c, const json_t *object);
/* A line of a stream: skipped and counted if the client does not read. */
void ctl_client_publish(struct ctl_client *c, const json_t *object);
void ctl_client_flush(struct ctl_client *c);

/* Reads what is there; of a listener, some of it. False: a line is too long. */
bool ctl_client_fill(struct ctl_client *c);
/*
 * Next whole line without its newline, or NULL; NULL too while an answer is
 * still being written, so that a client cannot pile them up. Valid until
 * ctl_client_line_done().
 */
const char *ctl_client_line(struct ctl_client *c, size_t *ret_len);
void ctl_client_line_done(struct ctl_client *c, size_t len);

#endif
