/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd's journal by its native protocol: a datagram a record, with fields
 * that can be asked for (journalctl SLUICE_CALL=9c41...). Thread-safe.
 */
#ifndef CORE_JOURNAL_H
#define CORE_JOURNAL_H

#include <stdbool.h>

#define JOURNAL_SOCKET	"/run/systemd/journal/socket"

/* Does fd lead to the journal? (systemd.exec(5), $JOURNAL_STREAM) */
bool journal_is_behind(int fd, const char *journal_stream);
/* A connected socket, or -errno. */
int journal_open(const char *path);

struct journal_record {
	int priority;			/* of syslog(3) */
	const char *message;		/* one line */
	const char *call;		/* NULL: none */
	const char *event;		/* NULL: an ordinary line */
	const char *message_id;		/* of the event, 32 hex digits */
};

/* -EAGAIN: it does not read, the record is lost; waits 100 ms, not each time. */
int journal_send(int fd, const struct journal_record *r);

#endif
