/* SPDX-License-Identifier: Apache-2.0 */
/* A backend's counters as JSON, for the daemon's answers and those without it. */
#ifndef CTL_TOTALS_H
#define CTL_TOTALS_H

#include <jansson.h>

#include "datapath/datapath.h"

/* One of Documentation/sluicectl-json.rst's `backends`. */
json_t *totals_json(const char *backend, const struct datapath_totals *t);

#endif
