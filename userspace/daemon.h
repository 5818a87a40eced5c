/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's parts put together. daemon_start() is the privileged stage
 * (binds ports, reads keys' files, loads and attaches BPF); what follows needs
 * only descriptors.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include "conf/conf.h"

struct daemon;

/* Takes conf. Errors are logged with what they concern. */
int daemon_start(struct conf *conf, struct daemon **ret);
/* Serves until SIGTERM or SIGINT; a second one does not wait for calls. */
void daemon_run(struct daemon *d);
void daemon_free(struct daemon *d);	/* accepts NULL; frees conf too */

#endif
