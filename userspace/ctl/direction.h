/* SPDX-License-Identifier: Apache-2.0 */
/* A stream's figures as JSON, for the daemon's answers and those without it. */
#ifndef CTL_DIRECTION_H
#define CTL_DIRECTION_H

#include <jansson.h>

#include "datapath/datapath.h"

/* All of Documentation/sluicectl-json.rst's `web_to_sip` but for mos. */
json_t *direction_json(const struct datapath_stream_stats *s);

#endif
