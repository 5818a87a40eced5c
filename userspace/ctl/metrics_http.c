/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/metrics_http.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "core/clock.h"
#include "core/limits.h"
#include "core/log.h"

#define TURN_EVENTS	16
#define TICK_MS		1000

#define TEXT_TYPE	"text/plain; version=0.0.4; charset=utf-8"

struct client {
	struct client *next, *prev;	/* oldest first */
	int fd;
	bool is_answered, is_dead;
	uint64_t since_ms;
	size_t used;
	char in[LIMIT_METRICS_REQUEST_BYTES + 1];
};

struct metrics_http {
	struct loop *loop;
	struct loop_fd *watch;
	struct loop_timer *tick;
	int listen_fd, epoll_fd;
	bool is_paused;			/* out of descriptors, until the tick */
	metrics_http_text *text;
	void *arg;
	struct client *clients;
	unsigned int count;
};

/* All of it or none; the peer reads it, or the deadline comes. */
static void answer(struct client *c, int status, const char *phrase,
		   const char *extra, const char *body, size_t len)
{
	char head[256];
	struct iovec iov[2] = { { .iov_base = head },
				{ .iov_base = (void *)body, .iov_len = len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n"
			 "Content-Length: %zu\r\n%sConnection: close\r\n\r\n",
			 status, phrase, TEXT_TYPE, len, extra);

	iov[0].iov_len = (size_t)n;
	if (sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) !=
	    (ssize_t)((size_t)n + len)) {
		c->is_dead = true;
		return;
	}
	shutdown(c->fd, SHUT_WR);
	c->is_answered = true;
}

static void refuse(struct client *c, int status, const char *phrase,
		   const char *extra)
{
	char body[64];
	int n = snprintf(body, sizeof(body), "%d %s\n", status, phrase);

	answer(c, status, phrase, extra, body, (size_t)n);
}

/* c->in holds a whole head: the request line, then what does not matter. */
static void serve(struct metrics_http *h, struct client *c)
{
	char *rest = c->in, *method, *path, *version;
	const char *text;
	size_t len = 0;

	c->in[strcspn(c->in, "\r\n")] = '\0';
	method = strsep(&rest, " ");
	path = strsep(&rest, " ");
	version = rest;
	if (!*method || !path || *path != '/' || !version ||
	    strncmp(version, "HTTP/1.", 7)) {
		refuse(c, 400, "Bad Request", "");
		return;
	}
	path[strcspn(path, "?")] = '\0';
	if (strcmp(path, "/metrics")) {
		refuse(c, 404, "Not Found", "");
		return;
	}
	if (strcmp(method, "GET")) {
		refuse(c, 405, "Method Not Allowed", "Allow: GET\r\n");
		return;
	}
	text = h->text(h->arg, &len);
	if (text)
		answer(c, 200, "OK", "", text, len);
	else
		refuse(c, 503, "Service Unavailable", "");
}

static void read_some(struct metrics_http *h, struct client *c)
{
	ssize_t n = recv(c->fd, c->in + c->used,
			 LIMIT_METRICS_REQUEST_BYTES - c->used, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* an answered one has only its end left to say */
	if (n <= 0 || c->is_answered) {
		c->is_dead = true;
		return;
	}
	c->used += (size_t)n;
	c->in[c->used] = '\0';
	if (memchr(c->in, '\0', c->used)) {
		refuse(c, 400, "Bad Request", "");
	} else if (strstr(c->in, "\r\n\r\n")) {
		serve(h, c);
		c->used = 0;
	} else if (c->used == LIMIT_METRICS_REQUEST_BYTES) {
		refuse(c, 431, "Request Header Fields Too Large", "");
	}
}

static void sweep(struct metrics_http *h)
{
	struct client *c, *tmp;

	DL_FOREACH_SAFE(h->clients, c, tmp) {
		if (!c->is_dead)
			continue;
		DL_DELETE(h->clients, c);
		h->count--;
		close(c->fd);
		free(c);
	}
}

static void ticked(void *arg);

static void listen_for(struct metrics_http *h, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = NULL };

	h->is_paused = !events;
	epoll_ctl(h->epoll_fd, EPOLL_CTL_MOD, h->listen_fd, &ev);
}

/* Who waits to be accepted would wake the loop again at once. */
static void pause_listening(struct metrics_http *h)
{
	static struct log_limit limit;

	if (log_limit_pass(&limit, 1, NULL))
		log_warn("metrics: no descriptor for a client: %s, waiting",
			 strerror(errno));
	if (h->tick || !loop_timer_add(h->loop, TICK_MS, ticked, h, &h->tick))
		listen_for(h, 0);
}

static void ticked(void *arg)
{
	struct metrics_http *h = arg;
	uint64_t now = clock_ms();
	struct client *c;

	h->tick = NULL;
	if (h->is_paused)
		listen_for(h, EPOLLIN);
	DL_FOREACH(h->clients, c)
		if (now - c->since_ms >= LIMIT_METRICS_MS)
			c->is_dead = true;
	sweep(h);
	if (h->clients)
		loop_timer_add(h->loop, TICK_MS, ticked, h, &h->tick);
}

/* Who came first goes first: no stranger keeps a scraper out by staying. */
static void accept_one(struct metrics_http *h)
{
	int fd = accept4(h->listen_fd, NULL, NULL,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct epoll_event ev = { .events = EPOLLIN };
	struct client *c;
	int room = LIMIT_METRICS_ANSWER_BYTES;

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			pause_listening(h);
		return;
	}
	c = calloc(1, sizeof(*c));
	ev.data.ptr = c;
	if (!c || epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, fd, &ev)) {
		close(fd);
		free(c);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	c->fd = fd;
	c->since_ms = clock_ms();
	DL_APPEND(h->clients, c);
	if (++h->count > LIMIT_METRICS_CLIENTS)
		h->clients->is_dead = true;
	if (!h->tick)
		loop_timer_add(h->loop, TICK_MS, ticked, h, &h->tick);
}

static void ready(void *arg)
{
	struct metrics_http *h = arg;
	struct epoll_event events[TURN_EVENTS];
	int n = epoll_wait(h->epoll_fd, events, TURN_EVENTS, 0);
	struct client *c;

	for (int i = 0; i < n; i++) {
		c = events[i].data.ptr;
		if (!c)
			accept_one(h);
		else if (!c->is_dead)
			read_some(h, c);
	}
	sweep(h);
}

static int listen_there(struct metrics_http *h, const struct addr *a)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(a, &sa);
	int one = 1;

	h->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	h->listen_fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK |
			      SOCK_CLOEXEC, 0);
	if (h->epoll_fd < 0 || h->listen_fd < 0)
		return -errno;
	setsockopt(h->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(h->listen_fd, (struct sockaddr *)&sa, len) ||
	    listen(h->listen_fd, 16) ||
	    epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, h->listen_fd, &ev))
		return -errno;
	return 0;
}

int metrics_http_create(struct loop *loop, const struct addr *listen_on,
			metrics_http_text *text, void *arg,
			struct metrics_http **ret)
{
	struct metrics_http *h = calloc(1, sizeof(*h));
	char name[ADDR_STRLEN];
	int err;

	if (!h)
		return -ENOMEM;
	h->loop = loop;
	h->text = text;
	h->arg = arg;
	h->listen_fd = h->epoll_fd = -1;
	err = listen_there(h, listen_on);
	if (!err)
		err = loop_fd_add(loop, h->epoll_fd, ready, h, &h->watch);
	if (err) {
		log_err("metrics: %s: %s", addr_format(listen_on, name),
			strerror(-err));
		metrics_http_free(h);
		return err;
	}
	*ret = h;
	return 0;
}

void metrics_http_free(struct metrics_http *h)
{
	struct client *c;

	if (!h)
		return;
	DL_FOREACH(h->clients, c)
		c->is_dead = true;
	sweep(h);
	loop_timer_cancel(h->tick);
	loop_fd_remove(h->watch);
	if (h->listen_fd >= 0)
		close(h->listen_fd);
	if (h->epoll_fd >= 0)
		close(h->epoll_fd);
	free(h);
}
