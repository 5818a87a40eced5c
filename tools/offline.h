/* SPDX-License-Identifier: Apache-2.0 */
/* What can be told, and ended, without the daemon: the pinned maps. */
#ifndef TOOLS_OFFLINE_H
#define TOOLS_OFFLINE_H

#include <jansson.h>

struct options;

/*
 * The answer to "show OBJECT" (streams, drops, datapath, interfaces) as the daemon would
 * give it, as far as the kernel knows; NULL once stderr says why not.
 */
json_t *offline_show(const char *object, const struct options *o);
/* What a dead daemon left in the kernel; the exit code. */
int offline_detach(const struct options *o);

#endif
