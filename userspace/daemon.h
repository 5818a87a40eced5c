/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's parts put together. daemon_start() is the privileged stage
 * (binds ports, reads keys' files, loads and attaches BPF); what follows needs
 * only descriptors.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include <stdbool.h>

#include "conf/conf.h"

struct daemon;

struct daemon_options {
	bool discard_media;	/* what an earlier run left in the kernel */
	bool keep_media;	/* a stop leaves the calls to the next run */
};

/* Takes conf. Errors are logged with what they concern. */
int daemon_start(struct conf *conf, const struct daemon_options *options,
		 struct daemon **ret);
/*
 * Serves until SIGTERM or SIGINT. Every call gets BYE, unless keep_media; a
 * second signal does not wait for that. SIGHUP reads the configuration again.
 */
void daemon_run(struct daemon *d);
void daemon_free(struct daemon *d);	/* accepts NULL; frees conf too */

#endif
