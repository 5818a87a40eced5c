/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /metrics and nothing else, over HTTP/1.x, one request a connection. The
 * answer fits into the socket's buffer or is not given: nobody is waited for.
 * Signalling thread. Inside ctl/.
 */
#ifndef CTL_METRICS_HTTP_H
#define CTL_METRICS_HTTP_H

#include <stddef.h>

#include "core/addr.h"
#include "core/loop.h"

struct metrics_http;

/* The text for an answer; NULL: out of memory. Valid until the next call. */
typedef const char *metrics_http_text(void *arg, size_t *ret_len);

int metrics_http_create(struct loop *loop, const struct addr *listen_on,
			metrics_http_text *text, void *arg,
			struct metrics_http **ret);
void metrics_http_free(struct metrics_http *h);	/* accepts NULL */

#endif
