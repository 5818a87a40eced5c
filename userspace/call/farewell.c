/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BYE to a browser: on its flow if it has one, else once it is back. The call
 * itself does not wait; what is kept of it is this request.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "call/internal.h"
#include "core/clock.h"
#include "core/limits.h"
#include "core/log.h"
#include "store/store.h"

#define TRIES	2	/* the second on a newer flow */

struct farewell {
	struct farewell *next;
	struct calls *calls;
	char id[MEDIA_CALL_ID_LEN], alias[64];
	struct sip_msg *bye[TRIES];
	unsigned int tried;
	uint64_t conn;		/* of the last try */
	uint64_t until_ms;
	struct sip_client *client;
	bool is_owner;		/* of the call's record */
};

static void farewell_free(struct farewell *f)
{
	struct calls *cs = f->calls;

	registrar_wait_cancel(cs->settings.registrar, f);
	sip_client_free(f->client);
	for (unsigned int i = 0; i < TRIES; i++)
		sip_msg_unref(f->bye[i]);
	LL_DELETE(cs->farewells, f);
	cs->farewell_count--;
	free(f);
}

/* Said, or nobody came back to hear it. */
static void done(struct farewell *f)
{
	if (f->is_owner)
		store_delete(f->calls->settings.store, STORE_CALL, f->id);
	farewell_free(f);
}

bool call_farewells_own(const struct call *c)
{
	bool is_any = false;
	struct farewell *f;

	LL_FOREACH(c->calls->farewells, f) {
		if (strcmp(f->id, c->id))
			continue;
		f->is_owner = true;
		is_any = true;
	}
	return is_any;
}

/* At the end of the daemon: the next one says them. */
void call_farewells_free(struct calls *cs)
{
	while (cs->farewells)
		farewell_free(cs->farewells);
}

static void next_try(struct farewell *f);

static void responded(void *arg, struct sip_client *ct,
		      const struct sip_msg *m)
{
	struct farewell *f = arg;

	if (sip_msg_status(m) < 200)
		return;
	f->client = NULL;
	if (sip_client_is_local(ct) && f->tried < TRIES)
		next_try(f);
	else
		done(f);
	sip_client_free(ct);
}

static void send_now(struct farewell *f, uint64_t conn)
{
	struct sip_target to = { .is_ws = true, .conn = conn };

	f->conn = conn;
	if (f->tried == TRIES ||
	    sip_client_send(f->calls->stack, &to, f->bye[f->tried++],
			    responded, f, &f->client))
		done(f);
}

static void came_back(void *arg, bool found)
{
	struct farewell *f = arg;
	struct registrar_flow flow;

	if (found && !registrar_find_alias(f->calls->settings.registrar,
					   f->alias, &flow) && flow.conn) {
		log_call_info(f->id, "BYE to %s, which is back", flow.aor);
		send_now(f, flow.conn);
		return;
	}
	done(f);
}

static void next_try(struct farewell *f)
{
	struct registrar *r = f->calls->settings.registrar;
	struct registrar_flow flow;
	uint64_t now = clock_ms();

	if (!registrar_find_alias(r, f->alias, &flow) && flow.conn &&
	    flow.conn != f->conn) {
		send_now(f, flow.conn);
		return;
	}
	if (!*f->alias || now >= f->until_ms ||
	    registrar_wait(r, f->alias, (uint32_t)(f->until_ms - now),
			   came_back, f))
		done(f);
}

int call_farewell(struct call_leg *leg, const struct sip_request *q,
		  const struct sip_msg *src)
{
	struct calls *cs = leg->call->calls;
	bool has_flow = call_leg_refresh_flow(leg);
	struct farewell *f;
	int err = 0;

	/* The limit is for those that have to be kept. */
	if (!has_flow && cs->farewell_count >= LIMIT_FAREWELLS)
		return -ENOBUFS;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->calls = cs;
	f->until_ms = clock_ms() + LIMIT_FAREWELL_MS;
	snprintf(f->id, sizeof(f->id), "%s", leg->call->id);
	snprintf(f->alias, sizeof(f->alias), "%s", leg->alias);
	LL_PREPEND(cs->farewells, f);
	cs->farewell_count++;
	/* Sending puts a Via into a request: one for each try. */
	for (unsigned int i = 0; !err && i < TRIES; i++)
		err = sip_dialog_request(leg->dialog, q, src, &f->bye[i]);
	if (err) {
		farewell_free(f);
		return err;
	}
	if (has_flow) {
		send_now(f, leg->dialog->peer.conn);
		return 0;
	}
	log_call_info(f->id, "BYE waits for %s to reconnect", leg->uri);
	next_try(f);
	return 0;
}
