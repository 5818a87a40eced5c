/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket and the commands. All its descriptors sit in one epoll instance
 * that is itself readable on the signalling loop.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/limits.h"
#include "core/log.h"
#include "ctl/client.h"
#include "ctl/text.h"

#define COMMANDS_MAX	32
#define TURN_EVENTS	16
#define ACCEPT_PAUSE_MS	1000	/* out of descriptors */

struct command {
	char name[32];
	ctl_handler *handler;	/* NULL: a stream */
	void *arg;
};

struct ctl {
	struct loop *loop;
	struct loop_fd *loop_fd;
	struct loop_timer *pause;
	int epoll_fd, listen_fd;
	char *path;		/* once bound */
	struct command commands[COMMANDS_MAX];
	int command_count;
	struct ctl_client *clients;
	unsigned int client_count;
};

static int find(const struct ctl *c, const char *name)
{
	for (int i = 0; i < c->command_count; i++)
		if (!strcmp(c->commands[i].name, name))
			return i;
	return -1;
}

static void refuse(struct ctl_client *client, const char *code,
		   const char *error)
{
	json_t *answer = json_pack("{s:i, s:b, s:s, s:o}", "schema", 1, "ok", 0,
				   "code", code, "error", ctl_text(error));

	ctl_client_send(client, answer);
	json_decref(answer);
}

static void run(struct ctl *c, struct ctl_client *client, int index,
		const json_t *args)
{
	const struct command *command = &c->commands[index];
	struct ctl_reply reply = { 0 };
	json_t *answer;
	bool ok;

	if (!command->handler) {
		answer = json_pack("{s:i, s:b, s:s}", "schema", 1, "ok", 1,
				   "stream", command->name);
		ctl_client_send(client, answer);
		json_decref(answer);
		client->stream = index;
		ctl_client_flush(client);
		return;
	}
	command->handler(command->arg, args, &reply);
	/* Degraded is an answer with a warning, the others are refusals. */
	ok = !reply.code || !strcmp(reply.code, "degraded");
	answer = json_pack("{s:i, s:b, s:o}", "schema", 1, "ok", ok, "time",
			   ctl_time(clock_wall_ms()));
	if (reply.code)
		json_object_set_new(answer, "code", json_string(reply.code));
	if (reply.error[0])
		json_object_set_new(answer, "error", ctl_text(reply.error));
	if (reply.body)
		json_object_update(answer, reply.body);
	json_decref(reply.body);
	ctl_client_send(client, answer);
	json_decref(answer);
}

static void run_line(struct ctl *c, struct ctl_client *client,
		     const char *line, size_t len)
{
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const char *name = json_string_value(json_object_get(request,
							     "command"));
	const json_t *args = json_object_get(request, "args");
	char error[256];
	int index;

	if (!name) {
		refuse(client, "usage", request ? "no \"command\" in the line" :
						  "the line is no JSON object");
	} else if (args && !json_is_object(args)) {
		refuse(client, "usage", "\"args\" is no object");
	} else {
		index = find(c, name);
		if (index >= 0) {
			run(c, client, index, args);
		} else {
			snprintf(error, sizeof(error),
				 "unknown command \"%.64s\"", name);
			refuse(client, "usage", error);
		}
	}
	json_decref(request);
}

static void client_ready(struct ctl *c, struct ctl_client *client,
			 uint32_t events)
{
	const char *line;
	size_t len;

	if (client->is_dead)
		return;
	if (events & EPOLLOUT)
		ctl_client_flush(client);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) &&
	    !ctl_client_fill(client)) {
		client->is_closing = true;
		client->in_len = 0;
		refuse(client, "usage", "the line is too long");
		return;
	}
	while ((line = ctl_client_line(client, &len))) {
		run_line(c, client, line, len);
		ctl_client_line_done(client, len);
	}
	/* Its side is closed, and what it asked is answered. */
	if (client->is_closing && !client->is_dead)
		ctl_client_flush(client);
}

static void listen_again(void *arg)
{
	struct ctl *c = arg;
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	c->pause = NULL;
	epoll_ctl(c->epoll_fd, EPOLL_CTL_MOD, c->listen_fd, &ev);
}

static void accept_ready(struct ctl *c)
{
	static struct log_limit limit;
	struct epoll_event none = { .data.ptr = c };
	struct ctl_client *client;
	int fd = accept4(c->listen_fd, NULL, NULL,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno != EMFILE && errno != ENFILE)
			return;
		if (log_limit_pass(&limit, 1, NULL))
			log_warn("control: no descriptor for a client, "
				 "waiting");
		epoll_ctl(c->epoll_fd, EPOLL_CTL_MOD, c->listen_fd, &none);
		if (loop_timer_add(c->loop, ACCEPT_PAUSE_MS, listen_again, c,
				   &c->pause))
			listen_again(c);
		return;
	}
	if (ctl_client_create(c->epoll_fd, fd, &client)) {
		close(fd);
		return;
	}
	client->next = c->clients;
	c->clients = client;
	if (++c->client_count > LIMIT_CTL_CLIENTS) {
		client->is_closing = true;
		refuse(client, "refused", "too many clients of the control "
		       "socket");
	}
}

static void sweep(struct ctl *c)
{
	struct ctl_client **at = &c->clients, *client;

	while ((client = *at)) {
		if (!client->is_dead) {
			at = &client->next;
			continue;
		}
		*at = client->next;
		c->client_count--;
		ctl_client_free(client);
	}
}

static void ready(void *arg)
{
	struct ctl *c = arg;
	struct epoll_event events[TURN_EVENTS];
	int n = epoll_wait(c->epoll_fd, events, TURN_EVENTS, 0);

	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == c)
			accept_ready(c);
		else
			client_ready(c, events[i].data.ptr, events[i].events);
	}
	sweep(c);
}

/*
 * A path left by a daemon that died may go: nobody listens there. One that
 * answers, or is too busy to, may not, nor one of another kind.
 */
static int clear_path(const struct sockaddr_un *sun)
{
	struct stat st;
	int fd, err;

	if (lstat(sun->sun_path, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, (const void *)sun, sizeof(*sun)) ? errno : 0;
	close(fd);
	if (!err || err == EAGAIN)
		return -EADDRINUSE;
	if (err != ECONNREFUSED)
		return -err;
	return unlink(sun->sun_path) ? -errno : 0;
}

static void make_folder(const char *path, gid_t group)
{
	char *folder = strdup(path), *slash;

	if (!folder)
		return;
	slash = strrchr(folder, '/');
	if (slash && slash != folder) {
		*slash = '\0';
		if (mkdir(folder, 0750) == 0 && group != (gid_t)-1 &&
		    chown(folder, (uid_t)-1, group))
			log_warn("control: %s stays without group sluice: %s",
				 folder, strerror(errno));
	}
	free(folder);
}

static int bind_path(struct ctl *c, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const struct group *entry = getgrnam("sluice");
	gid_t group = entry ? entry->gr_gid : (gid_t)-1;
	int err;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	make_folder(path, group);
	err = clear_path(&sun);
	if (err)
		return err;
	/* The mode before bind(): nobody else connects in between. */
	if (fchmod(c->listen_fd, 0660) ||
	    bind(c->listen_fd, (const void *)&sun, sizeof(sun)))
		return -errno;
	c->path = strdup(path);
	if (!c->path) {
		unlink(path);
		return -ENOMEM;
	}
	if (group != (gid_t)-1 && chown(path, (uid_t)-1, group))
		log_warn("control: %s stays without group sluice: %s", path,
			 strerror(errno));
	if (chmod(path, 0660) || listen(c->listen_fd, LIMIT_CTL_CLIENTS))
		return -errno;
	return 0;
}

int ctl_create(struct loop *loop, const char *socket_path, struct ctl **ret)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct ctl *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	c->listen_fd = socket(AF_UNIX,
			      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	err = c->epoll_fd < 0 || c->listen_fd < 0 ? -errno : 0;
	if (!err)
		err = bind_path(c, socket_path);
	ev.data.ptr = c;
	if (!err && epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, c->listen_fd, &ev))
		err = -errno;
	if (!err)
		err = loop_fd_add(loop, c->epoll_fd, ready, c, &c->loop_fd);
	if (err) {
		log_err("control socket %s: %s%s", socket_path, strerror(-err),
			err == -EADDRINUSE ? ", another daemon answers there" :
					     "");
		ctl_free(c);
		return err;
	}
	*ret = c;
	return 0;
}

void ctl_free(struct ctl *c)
{
	struct ctl_client *client;

	if (!c)
		return;
	loop_fd_remove(c->loop_fd);
	loop_timer_cancel(c->pause);
	while ((client = c->clients)) {
		c->clients = client->next;
		ctl_client_free(client);
	}
	if (c->path)
		unlink(c->path);
	free(c->path);
	if (c->listen_fd >= 0)
		close(c->listen_fd);
	if (c->epoll_fd >= 0)
		close(c->epoll_fd);
	free(c);
}

int ctl_command(struct ctl *c, const char *name, ctl_handler *handler,
		void *arg)
{
	struct command *command;

	if (c->command_count == COMMANDS_MAX ||
	    strlen(name) >= sizeof(command->name))
		return -ENOSPC;
	if (find(c, name) >= 0)
		return -EEXIST;
	command = &c->commands[c->command_count++];
	strcpy(command->name, name);
	command->handler = handler;
	command->arg = arg;
	return 0;
}

int ctl_stream(struct ctl *c, const char *name)
{
	return ctl_command(c, name, NULL, NULL);
}

bool ctl_has_listeners(const struct ctl *c, const char *name)
{
	int index = find(c, name);

	for (const struct ctl_client *i = c->clients; i; i = i->next)
		if (i->stream == index && index >= 0 && !i->is_dead)
			return true;
	return false;
}

void ctl_publish(struct ctl *c, const char *name, json_t *object)
{
	int index = find(c, name);

	for (struct ctl_client *i = c->clients; i; i = i->next)
		if (i->stream == index && index >= 0 && !i->is_dead)
			ctl_client_publish(i, object);
	json_decref(object);
}
