/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "options.h"

#define ANSWER_SECONDS	10

struct client {
	int fd;
	const char *path;
	char *data;
	size_t len, size;
};

static const char *advice(int error)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		return "start it (systemctl start sluice) or name its socket "
		       "with -s";
	case EACCES:
		return "join the group sluice or use sudo";
	default:
		return "name its socket with -s";
	}
}

static int unreachable(const char *path, int error)
{
	fprintf(stderr, "sluicectl: no daemon at %s: %s; %s\n", path,
		strerror(error), advice(error));
	return EXIT_UNREACHABLE;
}

static void limit_time(struct client *c, int seconds)
{
	struct timeval tv = { .tv_sec = seconds };

	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

int client_open(const char *socket_path, struct client **ret)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct client *c;
	int fd, err;

	if (strlen(socket_path) >= sizeof(sun.sun_path))
		return unreachable(socket_path, ENAMETOOLONG);
	strcpy(sun.sun_path, socket_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return unreachable(socket_path, errno);
	if (connect(fd, (const void *)&sun, sizeof(sun))) {
		err = errno;
		close(fd);
		return unreachable(socket_path, err);
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return unreachable(socket_path, ENOMEM);
	}
	c->fd = fd;
	c->path = socket_path;
	limit_time(c, ANSWER_SECONDS);
	*ret = c;
	return 0;
}

void client_close(struct client *c)
{
	if (!c)
		return;
	close(c->fd);
	free(c->data);
	free(c);
}

json_t *client_next(struct client *c)
{
	char *end, *data;
	json_t *object;
	size_t looked = 0;
	ssize_t n;

	for (;;) {
		end = c->len > looked ? memchr(c->data + looked, '\n',
					       c->len - looked) : NULL;
		if (end)
			break;
		looked = c->len;
		if (c->len == c->size) {
			data = realloc(c->data, c->size ? c->size * 2 : 65536);
			if (!data)
				return NULL;
			c->data = data;
			c->size = c->size ? c->size * 2 : 65536;
		}
		n = recv(c->fd, c->data + c->len, c->size - c->len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return NULL;
		c->len += (size_t)n;
	}
	object = json_loadb(c->data, (size_t)(end - c->data), 0, NULL);
	c->len -= (size_t)(end + 1 - c->data);
	memmove(c->data, end + 1, c->len);
	return object;
}

int client_ask(struct client *c, const char *command, json_t *args,
	       json_t **ret)
{
	json_t *request = json_pack("{s:s}", "command", command);
	json_t *answer = NULL;
	char *text;

	if (args)
		json_object_set_new(request, "args", args);
	text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	if (text && send(c->fd, text, strlen(text), MSG_NOSIGNAL) > 0 &&
	    send(c->fd, "\n", 1, MSG_NOSIGNAL) > 0)
		answer = client_next(c);
	free(text);
	if (!answer) {
		fprintf(stderr, "sluicectl: the daemon at %s does not answer; "
			"see its log (journalctl -u sluice)\n", c->path);
		return EXIT_UNREACHABLE;
	}
	/* What follows is a stream: silence is no fault. */
	if (json_object_get(answer, "stream"))
		limit_time(c, 0);
	*ret = answer;
	return 0;
}

int client_verdict(const json_t *answer, int is_quiet)
{
	static const struct {
		const char *code;
		enum exit_code exit;
	} all[] = {
		{ "refused", EXIT_REFUSED }, { "usage", EXIT_USAGE },
		{ "not-found", EXIT_NOT_FOUND },
		{ "degraded", EXIT_DEGRADED },
	};
	const char *code = json_string_value(json_object_get(answer, "code"));
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (error && !is_quiet)
		fprintf(stderr, "sluicectl: %s\n", error);
	for (size_t i = 0; code && i < sizeof(all) / sizeof(*all); i++)
		if (!strcmp(code, all[i].code))
			return all[i].exit;
	return json_is_true(json_object_get(answer, "ok")) ? EXIT_OK :
							     EXIT_REFUSED;
}
