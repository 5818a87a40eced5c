/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: clients are a thread with blocking sockets, the server
 * runs on the loop of the main thread.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/limits.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "tap.h"

#define BIG_BYTES	(4 * 1024 * 1024)	/* more than a socket holds */

static char dir[] = "/tmp/test_ctl.XXXXXX";
static char path[64];
static struct loop *loop;
static struct ctl *ctl;

static void do_echo(void *arg, const json_t *args, struct ctl_reply *ret)
{
	ret->body = json_pack("{s:O?}", "echo", args);
}

static void do_refuse(void *arg, const json_t *args, struct ctl_reply *ret)
{
	ret->code = "not-found";
	snprintf(ret->error, sizeof(ret->error), "no such \xff thing");
}

static void do_degraded(void *arg, const json_t *args, struct ctl_reply *ret)
{
	ret->code = "degraded";
	ret->body = json_pack("{s:i}", "value", 7);
}

static void do_big(void *arg, const json_t *args, struct ctl_reply *ret)
{
	char *text = malloc(BIG_BYTES);

	memset(text, 'x', BIG_BYTES);
	ret->body = json_pack("{s:o}", "big", json_stringn(text, BIG_BYTES));
	free(text);
}

/* Publishes args.count lines to whoever listens. */
static void do_publish(void *arg, const json_t *args, struct ctl_reply *ret)
{
	json_int_t n = json_integer_value(json_object_get(args, "count"));
	char fill[1024];

	memset(fill, 'f', sizeof(fill) - 1);
	fill[sizeof(fill) - 1] = '\0';
	for (json_int_t i = 0; i < n; i++)
		ctl_publish(ctl, "trace", json_pack("{s:I, s:s}", "n", i,
						    "fill", fill));
	ret->body = json_pack("{s:b}", "listeners",
			      ctl_has_listeners(ctl, "trace"));
}

static void do_stop(void *arg, const json_t *args, struct ctl_reply *ret)
{
	loop_stop(loop);
}

/* ---- clients --------------------------------------------------------- */

static int dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(sun.sun_path, path);
	if (connect(fd, (void *)&sun, sizeof(sun))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void say(int fd, const char *text)
{
	size_t len = strlen(text), done = 0;
	ssize_t n;

	while (done < len) {
		n = send(fd, text + done, len - done, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		done += (size_t)n;
	}
}

/* One line as JSON, or NULL at the end. */
static json_t *hear(int fd)
{
	static char line[BIG_BYTES + 4096];
	size_t len = 0, more;
	const char *end;
	ssize_t n;

	while (len < sizeof(line)) {
		n = recv(fd, line + len, sizeof(line) - len, MSG_PEEK);
		if (n <= 0)
			return NULL;
		end = memchr(line + len, '\n', (size_t)n);
		more = end ? (size_t)(end - line) + 1 - len : (size_t)n;
		n = recv(fd, line + len, more, 0);
		if (n <= 0)
			return NULL;
		len += (size_t)n;
		if (end)
			return json_loadb(line, len, 0, NULL);
	}
	return NULL;
}

static json_t *ask(int fd, const char *request)
{
	say(fd, request);
	say(fd, "\n");
	return hear(fd);
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

static void test_round_trip(void)
{
	int fd = dial();
	json_t *o = ask(fd, "{\"command\":\"echo\",\"args\":{\"a\":1}}");

	CHECK(json_is_true(json_object_get(o, "ok")) &&
	      json_integer_value(json_object_get(o, "schema")) == 1,
	      "answer_of_known_command_is_ok");
	CHECK_INT(json_integer_value(json_object_get(
			  json_object_get(o, "echo"), "a")), 1,
		  "answer_of_handler_is_merged");
	json_decref(o);
	o = ask(fd, "{\"command\":\"refuse\"}");
	CHECK(json_is_false(json_object_get(o, "ok")),
	      "answer_of_refusal_is_not_ok");
	CHECK_STR(text_of(o, "code"), "not-found", "refusal_has_code");
	CHECK_STR(text_of(o, "error"), "no such ? thing",
		  "refusal_text_without_utf8_is_mended");
	json_decref(o);
	o = ask(fd, "{\"command\":\"degraded\"}");
	CHECK(json_is_true(json_object_get(o, "ok")) &&
	      json_integer_value(json_object_get(o, "value")) == 7,
	      "answer_degraded_has_body");
	json_decref(o);
	close(fd);
}

static void test_bad_lines(void)
{
	static const struct {
		const char *name, *line, *error;
	} all[] = {
		{ "line_no_json_is_usage", "{\"command\":", "no JSON" },
		{ "line_array_is_usage", "[1]", "no \"command\"" },
		{ "line_empty_is_usage", "", "no JSON" },
		{ "command_unknown_is_usage", "{\"command\":\"fly\"}",
		  "unknown command \"fly\"" },
		{ "command_no_string_is_usage", "{\"command\":7}",
		  "no \"command\"" },
		{ "args_no_object_is_usage",
		  "{\"command\":\"echo\",\"args\":[]}", "no object" },
		{ "member_twice_is_usage",
		  "{\"command\":\"echo\",\"command\":\"stop\"}", "no JSON" },
	};
	int fd = dial();
	json_t *o;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		o = ask(fd, all[i].line);
		if (!CHECK(!strcmp(text_of(o, "code"), "usage") &&
			   strstr(text_of(o, "error"), all[i].error),
			   all[i].name))
			printf("# %s\n", text_of(o, "error"));
		json_decref(o);
	}
	/* A NUL must not let the rest of the line pass as the next one. */
	send(fd, "{}\0{\"command\":\"echo\"}\n", 22, MSG_NOSIGNAL);
	o = hear(fd);
	CHECK_STR(text_of(o, "code"), "usage", "line_with_nul_is_usage");
	json_decref(o);
	o = ask(fd, "{\"command\":\"echo\"}");
	CHECK(json_is_true(json_object_get(o, "ok")),
	      "client_after_bad_lines_is_served");
	json_decref(o);
	close(fd);
}

static void test_long_line(void)
{
	char *line = malloc(LIMIT_CTL_LINE_BYTES + 2);
	int fd = dial();
	json_t *o;

	memset(line, ' ', LIMIT_CTL_LINE_BYTES);
	line[LIMIT_CTL_LINE_BYTES] = '\0';
	say(fd, line);
	o = hear(fd);
	CHECK_STR(text_of(o, "error"), "the line is too long",
		  "line_above_limit_is_refused");
	json_decref(o);
	o = hear(fd);
	CHECK(!o, "line_above_limit_closes");
	json_decref(o);
	close(fd);

	/* One byte less and a newline is still a line. */
	fd = dial();
	memcpy(line, "{\"command\":\"echo\"}", 18);
	line[LIMIT_CTL_LINE_BYTES - 1] = '\n';
	say(fd, line);
	o = hear(fd);
	CHECK(json_is_true(json_object_get(o, "ok")),
	      "line_at_limit_is_served");
	json_decref(o);
	close(fd);
	free(line);
}

static void test_many_clients(void)
{
	int fds[LIMIT_CTL_CLIENTS + 1], served = 0;
	json_t *o;

	for (int i = 0; i < LIMIT_CTL_CLIENTS; i++) {
		fds[i] = dial();
		o = ask(fds[i], "{\"command\":\"echo\"}");
		served += json_is_true(json_object_get(o, "ok"));
		json_decref(o);
	}
	CHECK_INT(served, LIMIT_CTL_CLIENTS, "clients_at_limit_are_served");
	fds[LIMIT_CTL_CLIENTS] = dial();
	o = hear(fds[LIMIT_CTL_CLIENTS]);
	CHECK_STR(text_of(o, "code"), "refused", "client_above_limit_is_refused");
	json_decref(o);
	for (int i = 0; i <= LIMIT_CTL_CLIENTS; i++)
		close(fds[i]);
	/* The server hears of the closings one after the other. */
	do {
		fds[0] = dial();
		o = ask(fds[0], "{\"command\":\"echo\"}");
		served = json_is_true(json_object_get(o, "ok"));
		json_decref(o);
		close(fds[0]);
	} while (!served);
	CHECK(served, "client_after_others_left_is_served");
}

static void test_backpressure(void)
{
	int fd = dial(), other = dial();
	size_t sum = 0;
	json_t *o;

	/* Three long answers asked for before any is read, then half closed. */
	say(fd, "{\"command\":\"big\"}\n{\"command\":\"big\"}\n"
		"{\"command\":\"big\"}\n");
	shutdown(fd, SHUT_WR);
	o = ask(other, "{\"command\":\"echo\"}");
	CHECK(json_is_true(json_object_get(o, "ok")),
	      "client_beside_slow_one_is_served");
	json_decref(o);
	while ((o = hear(fd))) {
		sum += json_string_length(json_object_get(o, "big"));
		json_decref(o);
	}
	CHECK_INT(sum, 3 * BIG_BYTES, "answers_to_slow_client_are_whole");
	close(fd);
	close(other);
}

static void test_stream(void)
{
	int fd = dial(), slow = dial(), other = dial();
	json_int_t skipped = 0, lines = 0;
	json_t *o = ask(other, "{\"command\":\"publish\"}");

	CHECK(json_is_false(json_object_get(o, "listeners")),
	      "stream_without_client_has_no_listeners");
	json_decref(o);
	o = ask(fd, "{\"command\":\"trace\"}");
	CHECK_STR(text_of(o, "stream"), "trace", "stream_start_is_answered");
	json_decref(o);
	o = ask(other, "{\"command\":\"publish\",\"args\":{\"count\":2}}");
	CHECK(json_is_true(json_object_get(o, "listeners")),
	      "stream_with_client_has_listeners");
	json_decref(o);
	for (int i = 0; i < 2; i++) {
		o = hear(fd);
		CHECK_INT(json_integer_value(json_object_get(o, "n")), i,
			  "stream_line_arrives_in_order");
		json_decref(o);
	}
	close(fd);

	/* 4 MB for a client that does not read: bounded, the loss is told. */
	o = ask(slow, "{\"command\":\"trace\"}");
	json_decref(o);
	o = ask(other, "{\"command\":\"publish\",\"args\":{\"count\":4096}}");
	json_decref(o);
	while (lines + skipped < 4097) {
		o = hear(slow);
		if (!o)
			break;
		if (json_object_get(o, "n"))
			lines++;
		skipped += json_integer_value(json_object_get(
			o, "skipped_lines"));
		json_decref(o);
		/* What was skipped is told with the next line. */
		if (lines == 512) {
			o = ask(other, "{\"command\":\"publish\","
				       "\"args\":{\"count\":1}}");
			json_decref(o);
		}
	}
	CHECK(skipped > 0 && lines + skipped == 4097,
	      "stream_to_slow_client_skips_and_counts");
	close(slow);
	close(other);
}

/* ---- one client, without the loop ------------------------------------- */

#define LATE_LINES	20000	/* of a kilobyte */

/* Always some 512 KiB behind, and never further. */
static void test_late_listener(struct ctl_client *c, int far)
{
	static char text[1024], some[65536];
	json_t *line;

	memset(text, 't', sizeof(text) - 1);
	line = json_pack("{s:s}", "text", text);
	for (int i = 0; i < LATE_LINES; i++) {
		ctl_client_publish(c, line);
		if (c->out_len - c->out_done < LIMIT_CTL_STREAM_BYTES / 2)
			continue;
		if (recv(far, some, sizeof(some), MSG_DONTWAIT) > 0)
			ctl_client_flush(c);
	}
	json_decref(line);
	CHECK(!c->skipped && c->out_size <= 4 * LIMIT_CTL_STREAM_BYTES,
	      "stream_to_late_client_takes_no_more_memory");
}

static void test_talking_listener(struct ctl_client *c, int near, int far)
{
	static char some[65536];

	while (send(far, some, sizeof(some), MSG_DONTWAIT) > 0)
		;
	ctl_client_fill(c);
	CHECK(recv(near, some, 1, MSG_PEEK | MSG_DONTWAIT) == 1,
	      "stream_client_that_talks_is_heard_bit_by_bit");
}

static void test_listeners(void)
{
	int fds[2], epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct ctl_client *c;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) ||
	    ctl_client_create(epoll_fd, fds[0], &c))
		exit(1);
	c->stream = 0;
	test_late_listener(c, fds[1]);
	test_talking_listener(c, fds[0], fds[1]);
	ctl_client_free(c);
	close(fds[1]);
	close(epoll_fd);
}

static void *clients(void *arg)
{
	json_t *o;
	int fd;

	test_round_trip();
	test_bad_lines();
	test_long_line();
	test_many_clients();
	test_backpressure();
	test_stream();
	fd = dial();
	o = ask(fd, "{\"command\":\"stop\"}");
	json_decref(o);
	close(fd);
	return NULL;
}

static void test_path(void)
{
	struct ctl *second = NULL;
	struct stat st;

	CHECK(stat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	      (st.st_mode & 0777) == 0660, "socket_mode_is_0660");
	CHECK_INT(ctl_create(loop, path, &second), -EADDRINUSE,
		  "socket_of_living_daemon_is_not_taken");
	CHECK(stat(path, &st) == 0, "socket_of_living_daemon_stays");
}

static int bind_at(int type)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type, 0);

	strcpy(sun.sun_path, path);
	if (bind(fd, (void *)&sun, sizeof(sun)))
		perror(path);
	return fd;
}

/* Sockets that are somebody else's. */
static void test_others_path(void)
{
	int fd = bind_at(SOCK_DGRAM), waiting;
	struct stat st;

	CHECK_INT(ctl_create(loop, path, &ctl), -EPROTOTYPE,
		  "socket_of_another_kind_is_not_taken");
	CHECK(stat(path, &st) == 0, "socket_of_another_kind_stays");
	close(fd);
	unlink(path);

	/* A daemon that hangs, with one client in its queue already. */
	fd = bind_at(SOCK_STREAM);
	if (listen(fd, 0))
		perror(path);
	waiting = dial();
	CHECK_INT(ctl_create(loop, path, &ctl), -EADDRINUSE,
		  "socket_of_hanging_daemon_is_not_taken");
	close(waiting);
	close(fd);
	unlink(path);
}

static void test_left_over(void)
{
	struct stat st;
	FILE *f;

	CHECK(stat(path, &st), "socket_after_free_is_gone");
	close(bind_at(SOCK_STREAM));
	CHECK_INT(ctl_create(loop, path, &ctl), 0,
		  "socket_of_dead_daemon_is_taken");
	ctl_free(ctl);
	f = fopen(path, "w");
	fclose(f);
	CHECK_INT(ctl_create(loop, path, &ctl), -EEXIST,
		  "file_at_path_is_not_removed");
	CHECK(stat(path, &st) == 0, "file_at_path_stays");
	unlink(path);
}

int main(void)
{
	char folder[48];
	pthread_t thread;

	if (!mkdtemp(dir) || loop_create(&loop))
		return 1;
	snprintf(folder, sizeof(folder), "%s/made", dir);
	snprintf(path, sizeof(path), "%s/control.sock", folder);
	if (!CHECK(ctl_create(loop, path, &ctl) == 0,
		   "socket_in_missing_folder_is_made"))
		return tap_done();
	ctl_command(ctl, "echo", do_echo, NULL);
	ctl_command(ctl, "refuse", do_refuse, NULL);
	ctl_command(ctl, "degraded", do_degraded, NULL);
	ctl_command(ctl, "big", do_big, NULL);
	ctl_command(ctl, "publish", do_publish, NULL);
	ctl_command(ctl, "stop", do_stop, NULL);
	ctl_stream(ctl, "trace");
	CHECK_INT(ctl_command(ctl, "echo", do_echo, NULL), -EEXIST,
		  "command_twice_is_refused");
	test_path();
	pthread_create(&thread, NULL, clients, NULL);
	loop_run(loop);
	pthread_join(thread, NULL);
	ctl_free(ctl);
	test_listeners();
	test_left_over();
	test_others_path();
	loop_free(loop);
	rmdir(folder);
	rmdir(dir);
	return tap_done();
}
