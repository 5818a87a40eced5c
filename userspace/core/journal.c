/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/clock.h"

#define PATIENCE_MS	100	/* with a journal that does not read */

bool journal_is_behind(int fd, const char *journal_stream)
{
	unsigned long long dev, ino;
	struct stat st;

	return journal_stream &&
	       sscanf(journal_stream, "%llu:%llu", &dev, &ino) == 2 &&
	       !fstat(fd, &st) && st.st_dev == dev && st.st_ino == ino;
}

int journal_open(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* The short form of a field; no value of ours has a line break. */
static size_t add(char *text, size_t size, size_t at, const char *name,
		  const char *value)
{
	int n;

	if (!value || !*value)
		return at;
	n = snprintf(text + at, size - at, "%s=%s\n", name, value);
	return n > 0 && (size_t)n < size - at ? at + (size_t)n : at;
}

/*
 * One record waits for a journal that is slow; those behind it do not, until it
 * reads again: no call waits for a disk that the journal waits for.
 */
static int send_in_time(int fd, const void *data, size_t len)
{
	static atomic_bool is_stuck;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	uint64_t until_ms = clock_ms() +
			    (atomic_load(&is_stuck) ? 0 : PATIENCE_MS), now_ms;

	while (send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		now_ms = clock_ms();
		if (poll(&p, 1, now_ms < until_ms ?
				(int)(until_ms - now_ms) : 0) <= 0) {
			atomic_store(&is_stuck, true);
			return -EAGAIN;
		}
	}
	atomic_store(&is_stuck, false);
	return 0;
}

int journal_send(int fd, const struct journal_record *r)
{
	char text[8192], priority[16];
	size_t n = 0;

	snprintf(priority, sizeof(priority), "%d", r->priority);
	n = add(text, sizeof(text), n, "MESSAGE", r->message);
	n = add(text, sizeof(text), n, "PRIORITY", priority);
	n = add(text, sizeof(text), n, "SYSLOG_IDENTIFIER", "sluiced");
	n = add(text, sizeof(text), n, "SLUICE_CALL", r->call);
	n = add(text, sizeof(text), n, "SLUICE_EVENT", r->event);
	n = add(text, sizeof(text), n, "MESSAGE_ID", r->message_id);
	return send_in_time(fd, text, n);
}
