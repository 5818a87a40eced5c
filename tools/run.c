/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands do. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "command.h"
#include "conf/conf.h"
#include "list.h"
#include "offline.h"
#include "options.h"
#include "text.h"
#include "view.h"

static void print_json(const json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT);
	fputc('\n', stdout);
	fflush(stdout);
}

/* What the words say behind VERB OBJECT; NULL: nothing. */
static json_t *arguments(const struct command *c, const struct options *o,
			 const char *id)
{
	const char *value = c->key ? strchr(o->words[o->word_count - 1], '=') :
				     NULL;
	json_t *args;

	if (!id && !value)
		return NULL;
	args = json_object();
	if (id)
		json_object_set_new(args, "id", json_string(id));
	if (value)
		json_object_set_new(args, c->key, json_string(value + 1));
	return args;
}

/* One question on a connection of its own. */
static int ask(const struct command *c, const struct options *o,
	       const char *id, json_t **ret)
{
	struct client *client;
	char *request;
	int err = client_open(o->socket, &client);

	if (err)
		return err;
	request = text_format("%s%s%s", c->verb, c->object ? " " : "",
			      c->object ? c->object : "");
	err = client_ask(client, request, arguments(c, o, id), ret);
	free(request);
	client_close(client);
	return err;
}

/* Degraded: part of the truth. */
static int ask_kernel(const struct command *c, const struct options *o,
		      json_t **ret)
{
	json_t *answer = offline_show(c->object, o);

	if (!answer)
		return EXIT_UNREACHABLE;
	if (o->is_json)
		print_json(answer);
	*ret = answer;
	return EXIT_DEGRADED;
}

/* The answer, or the exit code; -j prints even a refusal. */
static int ask_and_judge(const struct command *c, const struct options *o,
			 const char *id, json_t **ret)
{
	json_t *answer;
	int code = ask(c, o, id, &answer);

	if (code == EXIT_UNREACHABLE && c->is_offline)
		return ask_kernel(c, o, ret);
	if (code)
		return code;
	if (o->is_json)
		print_json(answer);
	code = client_verdict(answer, o->is_json);
	if (code && code != EXIT_DEGRADED) {
		json_decref(answer);
		return code;
	}
	*ret = answer;
	return code;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int print(const struct command *c, const struct options *o,
		 const json_t *answer, const json_t *before, double elapsed_s)
{
	if (o->interval_s && o->is_terminal)
		fputs("\033[H\033[J", stdout);
	if (c->argument)
		view_flat(json_object_get(answer, "call"), o);
	else if (!c->list)
		view_status(answer, o);
	if (!c->list)
		return 0;
	if (!strcmp(c->object, "datapath"))
		view_datapath(answer, o);
	return list_print(c->list, answer, before, elapsed_s, o);
}

/* Once, or until the user stops it (-w). */
static int repeat(const struct command *c, const struct options *o,
		  const char *id)
{
	json_t *answer = NULL, *before = NULL;
	double then = 0, at;
	int code, err = 0;

	for (;;) {
		code = ask_and_judge(c, o, id, &answer);
		if (code && code != EXIT_DEGRADED)
			break;
		at = now();
		if (!o->is_json)
			err = print(c, o, answer, before, at - then);
		if (err)
			code = err;
		json_decref(before);
		before = answer;
		then = at;
		if (!o->interval_s || err || fflush(stdout))
			break;
		sleep(o->interval_s);
	}
	json_decref(before);
	return code;
}

int run_show(const struct command *c, const struct options *o, const char *id)
{
	return repeat(c, o, id);
}

int run_terminate(const struct command *c, const struct options *o,
		  const char *id)
{
	json_t *answer;
	int code = ask_and_judge(c, o, id, &answer);

	if (code)
		return code;
	if (!o->is_json)
		printf("call %s ends\n", json_string_value(json_object_get(
						 answer, "terminated")));
	json_decref(answer);
	return EXIT_OK;
}

int run_move(const struct command *c, const struct options *o, const char *id)
{
	json_t *answer;
	int code = ask_and_judge(c, o, id, &answer);

	if (code)
		return code;
	if (!o->is_json)
		printf("call %s moves to the %s path\n",
		       json_string_value(json_object_get(answer, "moved")),
		       json_string_value(json_object_get(answer, "path")));
	json_decref(answer);
	return EXIT_OK;
}

static void print_sessions(const json_t *answer, const char *to)
{
	json_int_t moved = json_integer_value(json_object_get(
		answer, "moved_sessions"));
	json_int_t other = json_integer_value(json_object_get(
		answer, "other_sessions"));

	if (moved)
		printf("%lld sessions moved to the %s path\n",
		       (long long)moved, to);
	if (other)
		printf("%lld sessions stay where they are\n",
		       (long long)other);
}

/* path: where sessions go to by it. */
static int order_datapath(const struct command *c, const struct options *o,
			  const char *done, const char *was_so,
			  const char *path)
{
	json_t *answer;
	int code = ask_and_judge(c, o, NULL, &answer);

	if (code)
		return code;
	if (!o->is_json) {
		printf("%s: %s\n", json_is_true(json_object_get(
					   answer, "is_changed")) ?
		       done : was_so, json_string_value(json_object_get(
					      answer, "reason")));
		print_sessions(answer, path);
	}
	json_decref(answer);
	return EXIT_OK;
}

int run_adopt(const struct command *c, const struct options *o, const char *id)
{
	int code = order_datapath(c, o, "attached", "attached already",
				  "kernel");

	if (code == EXIT_UNREACHABLE)
		fputs("sluicectl: every start adopts what an earlier one left\n",
		      stderr);
	return code;
}

int run_detach(const struct command *c, const struct options *o,
	       const char *id)
{
	int code = order_datapath(c, o, "detached", "nothing was attached",
				  "user");

	if (code != EXIT_UNREACHABLE)
		return code;
	if (o->word_count > 2) {
		fputs("sluicectl: only a daemon can move calls\n", stderr);
		return code;
	}
	return offline_detach(o);
}

int run_reload(const struct command *c, const struct options *o,
	       const char *id)
{
	json_t *answer;
	int code = ask(c, o, NULL, &answer);

	if (code)
		return code;
	if (o->is_json)
		print_json(answer);
	else
		view_reload(answer);
	code = client_verdict(answer, o->is_json);
	json_decref(answer);
	return code;
}

int run_stream(const struct command *c, const struct options *o,
	       const char *id)
{
	struct client *client;
	json_t *answer = NULL, *line;
	unsigned int count = 0;
	int code = client_open(o->socket, &client);

	if (code)
		return code;
	code = client_ask(client, c->verb, NULL, &answer);
	if (!code)
		code = client_verdict(answer, false);
	json_decref(answer);
	while (!code && (!o->limit || count++ < o->limit) &&
	       (line = client_next(client))) {
		if (o->is_json)
			print_json(line);
		else if (!strcmp(c->verb, "trace"))
			view_trace(line, o);
		else
			view_event(line, o);
		json_decref(line);
		if (ferror(stdout))
			break;
	}
	client_close(client);
	return code;
}

static void print_check(const char *file, const char *lines, bool is_good,
			const struct options *o)
{
	char *copy = text_format("%s", lines), *rest = copy, *line;
	json_t *list;

	if (!o->is_json) {
		fputs(lines, stderr);
		if (is_good)
			printf("%s: good\n", file);
	} else {
		list = json_array();
		while ((line = strsep(&rest, "\n")))
			if (*line)
				json_array_append_new(list, json_string(line));
		list = json_pack("{s:i, s:b, s:s, s:o}", "schema", 1, "ok",
				 is_good, "file", file, "messages", list);
		print_json(list);
		json_decref(list);
	}
	free(copy);
}

/* Without the daemon: the same code reads the file. */
int run_check(const struct command *c, const struct options *o,
	      const char *file)
{
	struct conf *conf = NULL;
	char *lines = NULL;
	size_t size;
	FILE *errors = open_memstream(&lines, &size);
	int err;

	if (!errors)
		return EXIT_REFUSED;
	err = conf_load(file, errors, &conf);
	fclose(errors);
	print_check(file, lines, !err, o);
	free(lines);
	conf_free(conf);
	return err ? EXIT_REFUSED : EXIT_OK;
}
