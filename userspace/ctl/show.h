/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of the control socket: every module's state as JSON (its form
 * is Documentation/sluicectl-json.rst). Signalling thread.
 */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "call/call.h"
#include "conf/conf.h"
#include "ctl/ctl.h"
#include "media/media.h"
#include "registrar/registrar.h"
#include "sip/transaction.h"
#include "store/store.h"
#include "wss/wss.h"

struct metrics;

/* Filled by main.c; outlives the control socket. All pointers are set, but
 * for metrics if nobody wants them.
 */
struct ctl_context {
	struct ctl *ctl;
	const struct loop *loop;
	struct metrics *metrics;
	struct calls *calls;
	struct registrar *registrar;
	struct media *media;
	struct wss *wss;
	struct sip_stack *stack;
	struct store *store;
	const struct conf *conf;	/* as it runs */
	const char *certificate;	/* the state folder's own, for DTLS */
	uint64_t started_wall_ms;
	const char *version;
};

/* Registers all commands and streams; sets context->ctl. */
int show_register(struct ctl *c, struct ctl_context *context);

/* `reload`, for SIGHUP: what is wrong goes to the log. */
void show_hangup(struct ctl_context *context);

/*
 * For main.c, cheap while nobody listens. show_trace has the shape of
 * sip_settings.trace; arg is the context, whose .ctl may still be NULL.
 */
void show_trace(void *arg, bool sent, const struct sip_target *peer,
		const char *text, size_t len);
void show_media_event(const struct ctl_context *context,
		      const struct message *m);	/* enum media_message */
void show_call_event(void *arg, enum calls_notice what,
		     const struct call_info *info); /* of calls_settings */
void show_wss_event(const struct ctl_context *context,
		    const struct message *m);	/* enum wss_message */

#endif
