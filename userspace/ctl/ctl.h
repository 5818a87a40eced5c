/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: a client sends one JSON object a line
 * ({"command":"show calls","args":{...}}), the daemon answers one JSON object
 * ({"schema":1,"ok":true,...} or {"ok":false,"code":"not-found","error":"..."}).
 * `trace` and `events` answer with a stream of lines until the client leaves.
 * Runs on the signalling thread. Commands are registered by main.c.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <jansson.h>
#include <stdbool.h>

#include "core/loop.h"

struct ctl;

/* sluicectl's exit code follows from `code`: "refused" 1, "usage" 2,
 * "not-found" 4, "degraded" 5.
 */
struct ctl_reply {
	json_t *body;		/* members are merged into the answer; owned */
	const char *code;	/* NULL: ok */
	char error[256];
};

typedef void ctl_handler(void *arg, const json_t *args, struct ctl_reply *ret);

int ctl_create(struct loop *loop, const char *socket_path, struct ctl **ret);
void ctl_free(struct ctl *c);		/* accepts NULL; removes the socket */
/* name: "show calls". */
int ctl_command(struct ctl *c, const char *name, ctl_handler *handler,
		void *arg);
/* A streaming command: a client that says it gets every ctl_publish(). */
int ctl_stream(struct ctl *c, const char *name);
bool ctl_has_listeners(const struct ctl *c, const char *name);
/* Takes the object. */
void ctl_publish(struct ctl *c, const char *name, json_t *object);

#endif
