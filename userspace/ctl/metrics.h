/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Prometheus scrapes (Documentation/metrics.rst). State is asked of the
 * modules when somebody scrapes; what happens is told here as it does. Labels
 * are bounded: never a user, a call, an address of a peer. Signalling thread.
 */
#ifndef CTL_METRICS_H
#define CTL_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#include "call/call.h"
#include "core/loop.h"
#include "ctl/show.h"

struct metrics;

/* Serves at context->conf->metrics; context outlives it. */
int metrics_create(struct loop *loop, const struct ctl_context *context,
		   struct metrics **ret);
void metrics_free(struct metrics *m);

/* All of these accept NULL: nobody wants metrics. */
void metrics_call(struct metrics *m, enum calls_notice what,
		  const struct call_info *info);
void metrics_media_event(struct metrics *m, const struct message *event);
void metrics_sip_message(struct metrics *m, bool is_web, const char *text,
			 size_t len);

#endif
