/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static bool has_output(const struct ctl_client *c)
{
	return c->out_done < c->out_len;
}

static void watch(struct ctl_client *c, int op)
{
	struct epoll_event ev = { .data.ptr = c };

	/* While an answer waits nothing more is read: backpressure. */
	ev.events = has_output(c) ? EPOLLOUT : EPOLLIN;
	if (c->stream != CTL_NO_STREAM)
		ev.events |= EPOLLIN;
	if (epoll_ctl(c->epoll_fd, op, c->fd, &ev))
		c->is_dead = true;
}

int ctl_client_create(int epoll_fd, int fd, struct ctl_client **ret)
{
	struct ctl_client *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->fd = fd;
	c->epoll_fd = epoll_fd;
	c->stream = CTL_NO_STREAM;
	watch(c, EPOLL_CTL_ADD);
	if (c->is_dead) {
		err = -errno;
		free(c);
		return err;
	}
	*ret = c;
	return 0;
}

void ctl_client_free(struct ctl_client *c)
{
	if (!c)
		return;
	close(c->fd);
	free(c->out);
	free(c);
}

/* Epoll reports the hang-up, and that turn frees the client. */
static void die(struct ctl_client *c)
{
	c->is_dead = true;
	shutdown(c->fd, SHUT_RDWR);
}

void ctl_client_flush(struct ctl_client *c)
{
	ssize_t n;

	while (!c->is_dead && has_output(c)) {
		n = send(c->fd, c->out + c->out_done, c->out_len - c->out_done,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			c->out_done += (size_t)n;
		} else if (n < 0 && errno == EINTR) {
			continue;
		} else if (n < 0 && errno == EAGAIN) {
			break;
		} else {
			die(c);
			return;
		}
	}
	if (!has_output(c)) {
		/* A long list is not kept for as long as somebody listens. */
		free(c->out);
		c->out = NULL;
		c->out_len = c->out_done = c->out_size = 0;
		/* Unless it sent more before it closed its side. */
		if (c->is_closing && !memchr(c->in, '\n', c->in_len))
			die(c);
	}
	if (!c->is_dead)
		watch(c, EPOLL_CTL_MOD);
}

/* A listener that is always a little late never has it empty. */
static void forget_written(struct ctl_client *c)
{
	c->out_len -= c->out_done;
	memmove(c->out, c->out + c->out_done, c->out_len);
	c->out_done = 0;
}

static int append(const char *data, size_t len, void *arg)
{
	struct ctl_client *c = arg;
	size_t size = c->out_size ? c->out_size : 4096;
	char *out;

	if (c->out_done && c->out_done >= c->out_len / 2)
		forget_written(c);
	while (size - c->out_len < len)
		size *= 2;
	if (size != c->out_size) {
		out = realloc(c->out, size);
		if (!out)
			return -1;
		c->out = out;
		c->out_size = size;
	}
	memcpy(c->out + c->out_len, data, len);
	c->out_len += len;
	return 0;
}

void ctl_client_send(struct ctl_client *c, const json_t *object)
{
	if (c->is_dead)
		return;
	if (json_dump_callback(object, append, c, JSON_COMPACT) ||
	    append("\n", 1, c)) {
		die(c);
		return;
	}
	ctl_client_flush(c);
}

void ctl_client_publish(struct ctl_client *c, const json_t *object)
{
	json_t *note;

	if (c->out_len - c->out_done > LIMIT_CTL_STREAM_BYTES) {
		c->skipped++;
		return;
	}
	if (c->skipped) {
		note = json_pack("{s:I}", "skipped_lines",
				 (json_int_t)c->skipped);
		c->skipped = 0;
		ctl_client_send(c, note);
		json_decref(note);
	}
	ctl_client_send(c, object);
}

bool ctl_client_fill(struct ctl_client *c)
{
	ssize_t n;

	while (c->in_len < LIMIT_CTL_LINE_BYTES) {
		n = recv(c->fd, c->in + c->in_len,
			 LIMIT_CTL_LINE_BYTES - c->in_len, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0) {
			/* A client may close its writing side and wait. */
			c->is_closing = true;
			if (n < 0 || c->stream != CTL_NO_STREAM)
				die(c);
			return true;
		}
		/* It has nothing to say, and all the time to say it in. */
		if (c->stream != CTL_NO_STREAM)
			return true;
		c->in_len += (size_t)n;
	}
	return memchr(c->in, '\n', c->in_len);
}

const char *ctl_client_line(struct ctl_client *c, size_t *ret_len)
{
	const char *end = memchr(c->in, '\n', c->in_len);

	if (!end || has_output(c) || c->is_dead || c->stream != CTL_NO_STREAM)
		return NULL;
	*ret_len = (size_t)(end - c->in);
	return c->in;
}

void ctl_client_line_done(struct ctl_client *c, size_t len)
{
	c->in_len -= len + 1;
	memmove(c->in, c->in + len + 1, c->in_len);
}
