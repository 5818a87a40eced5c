/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to the daemon's control socket. */
#ifndef TOOLS_CLIENT_H
#define TOOLS_CLIENT_H

#include <jansson.h>

struct client;

/* 0, or EXIT_UNREACHABLE once stderr names the socket and says what to do. */
int client_open(const char *socket_path, struct client **ret);
void client_close(struct client *c);	/* accepts NULL */

/*
 * One request ("show calls"; args: taken, NULL for none) and its answer.
 * EXIT_UNREACHABLE if none comes in time; what the answer says is
 * client_verdict()'s.
 */
int client_ask(struct client *c, const char *command, json_t *args,
	       json_t **ret);
/* Next line of a stream, however long it takes; NULL: the daemon left. */
json_t *client_next(struct client *c);

/* Exit code of an answer, its error printed to stderr unless it is quiet. */
int client_verdict(const json_t *answer, int is_quiet);

#endif
