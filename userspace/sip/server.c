/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server transactions: what is the same on both engines. An object lives until
 * its final response was sent; that of an INVITE on until the ACK or 64*T1.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/random.h"
#include "sip/stack.h"
#include "sip/tls.h"

#define KEY_SIZE	2048

/*
 * RFC 3261 8.2.2.2, but with the Request-URI: a proxy that forks to two
 * aliases sends us two requests that differ in nothing else.
 */
static int merge_key(const struct sip_msg *m, char *key)
{
	const char *tag = sip_msg_from_tag(m);
	int n;

	n = snprintf(key, KEY_SIZE, "%s\n%s\n%u\n%s\n%s", sip_msg_call_id(m),
		     tag ? tag : "", sip_msg_cseq(m), sip_msg_method_name(m),
		     sip_msg_ruri(m));
	return n < 0 || n >= KEY_SIZE ? -E2BIG : 0;
}

static int ack_key(const struct sip_msg *m, const char *to_tag, char *key)
{
	const char *tag = sip_msg_from_tag(m);
	int n;

	n = snprintf(key, KEY_SIZE, "%s\n%s\n%s\n%u", sip_msg_call_id(m),
		     tag ? tag : "", to_tag ? to_tag : "", sip_msg_cseq(m));
	return n < 0 || n >= KEY_SIZE ? -E2BIG : 0;
}

/* What one browser has under way: in s->flows, by its connection. */
struct flow_use {
	struct table_node node;
	LIST_HEAD(, sip_server) servers;
	unsigned int count;
};

/*
 * An INVITE that was refused waits 64*T1 for its ACK: without a limit of its
 * own a browser that sends none takes everybody's transactions.
 */
static int flow_enter(struct sip_stack *s, struct sip_server *st,
		      uint64_t conn)
{
	struct flow_use *u;
	char key[24];

	snprintf(key, sizeof(key), "%llu", (unsigned long long)conn);
	u = table_find(&s->flows, key);
	if (u && u->count >= LIMIT_SIP_REQUESTS_PER_CLIENT)
		return -EDQUOT;
	if (!u) {
		u = calloc(1, sizeof(*u));
		if (!u || table_add(&s->flows, &u->node, key, u) < 0) {
			free(u);
			return -ENOMEM;
		}
		LIST_INIT(&u->servers);
	}
	u->count++;
	st->flow = u;
	LIST_INSERT_HEAD(&u->servers, st, of_flow);
	return 0;
}

static void flow_leave(struct sip_stack *s, struct sip_server *st)
{
	struct flow_use *u = st->flow;

	if (!u)
		return;
	LIST_REMOVE(st, of_flow);
	if (--u->count)
		return;
	table_remove(&s->flows, &u->node);
	free(u);
}

void server_flow_closed(struct sip_stack *s, uint64_t conn)
{
	struct sip_server *st, *next;
	struct flow_use *u;
	char key[24];

	snprintf(key, sizeof(key), "%llu", (unsigned long long)conn);
	u = table_find(&s->flows, key);
	for (st = u ? LIST_FIRST(&u->servers) : NULL; st; st = next) {
		next = LIST_NEXT(st, of_flow);
		/* Nobody is left who could acknowledge it. */
		if (st->is_invite && st->status >= 300)
			server_free(st);
	}
}

int server_create(struct sip_stack *s, struct sip_msg *request,
		  const struct sip_target *source, struct sip_server **ret)
{
	bool is_initial = !sip_msg_to_tag(request);
	char key[KEY_SIZE];
	struct sip_server *st;
	int err;

	if (s->stats.server_live >= LIMIT_SIP_TRANSACTIONS)
		return -ENOBUFS;
	if (merge_key(request, key) < 0)
		return -E2BIG;
	if (is_initial && table_find(&s->merges, key))
		return -EEXIST;
	st = calloc(1, sizeof(*st));
	if (!st)
		return -ENOMEM;
	err = source->is_ws ? flow_enter(s, st, source->conn) : 0;
	if (!err && is_initial)
		err = table_add(&s->merges, &st->merge, key, st);
	if (err < 0) {
		flow_leave(s, st);
		free(st);
		return err;
	}
	st->s = s;
	st->request = sip_msg_ref(request);
	st->source = *source;
	st->is_invite = sip_msg_method(request) == SIP_INVITE;
	random_token(st->tag, sizeof(st->tag) - 1);
	LIST_INSERT_HEAD(&s->servers, st, list);
	s->stats.server_live++;
	*ret = st;
	return 0;
}

void server_free(struct sip_server *st)
{
	struct sip_stack *s;

	if (!st)
		return;
	s = st->s;
	nta_server_detach(st);
	table_remove(&s->merges, &st->merge);
	table_remove(&s->ws_servers, &st->ws);
	table_remove(&s->acks, &st->ack);
	flow_leave(s, st);
	loop_timer_cancel(st->end);
	loop_timer_cancel(st->repeat);
	free(st->cancel_reason);
	sip_msg_unref(st->final);
	sip_msg_unref(st->request);
	LIST_REMOVE(st, list);
	s->stats.server_live--;
	free(st);
}

static void server_ended(void *arg)
{
	struct sip_server *st = arg;

	st->end = NULL;
	if (st->ack.key && st->s->user.ack_missing)
		st->s->user.ack_missing(st->s->user.arg, st);
	server_free(st);
}

/* Not at once: the object is still in use up the stack. */
static void end_after(struct sip_server *st, uint32_t delay_ms)
{
	loop_timer_cancel(st->end);
	st->end = NULL;
	if (loop_timer_add(st->s->loop, delay_ms, server_ended, st,
			   &st->end) < 0)
		log_err("sip: no memory for a timer, transaction kept");
}

static bool is_on_flow(const struct sip_server *st)
{
	/* By its URI: of an earlier run the connection is not known. */
	return st->source.is_ws || tls_is_target(&st->source);
}

static void repeat_2xx(void *arg)
{
	struct sip_server *st = arg;
	struct sip_stack *s = st->s;
	uint32_t t2_ms = s->t1_ms * (SIP_T2_MS / SIP_T1_MS);

	st->repeat = NULL;
	if ((is_on_flow(st) ? ws_reply(st, st->final) : nta_repeat(st)) == 0)
		s->stats.responses_out[STATS_SIP]++;
	/* RFC 3261 13.3.1.4 */
	st->repeat_ms = st->repeat_ms * 2 > t2_ms ? t2_ms : st->repeat_ms * 2;
	loop_timer_add(s->loop, st->repeat_ms, repeat_2xx, st, &st->repeat);
}

static void final_sent(struct sip_server *st, struct sip_msg *response)
{
	struct sip_stack *s = st->s;
	char key[KEY_SIZE];

	if (!st->is_invite) {
		end_after(st, 0);
		return;
	}
	end_after(st, 64 * s->t1_ms);
	if (st->status >= 300 && !st->is_resumed)
		return;
	if (ack_key(st->request, sip_msg_to_tag(response), key) == 0)
		table_add(&s->acks, &st->ack, key, st);
	if (st->source.is_ws)
		return;
	if (!st->final)
		st->final = sip_msg_ref(response);
	st->repeat_ms = s->t1_ms;
	loop_timer_add(s->loop, st->repeat_ms, repeat_2xx, st, &st->repeat);
}

void server_cancelled(struct sip_server *st, const char *reason)
{
	if (st->is_cancelled || st->status >= 200)
		return;
	st->is_cancelled = true;
	st->cancel_reason = reason ? strdup(reason) : NULL;
	if (st->s->user.cancelled)
		st->s->user.cancelled(st->s->user.arg, st);
}

void server_ack(struct sip_stack *s, const struct sip_msg *ack,
		const struct sip_target *from)
{
	struct sip_server *st;
	char key[KEY_SIZE];

	if (ack_key(ack, sip_msg_to_tag(ack), key) < 0)
		return;
	st = table_find(&s->acks, key);
	if (st) {
		table_remove(&s->acks, &st->ack);
		loop_timer_cancel(st->repeat);
		st->repeat = NULL;
		end_after(st, 0);
	}
	if (s->user.ack)
		s->user.ack(s->user.arg, ack, from);
}

/* ---- transaction.h ---------------------------------------------------- */

const struct sip_msg *sip_server_request(const struct sip_server *st)
{
	return st->request;
}

const struct sip_target *sip_server_source(const struct sip_server *st)
{
	return &st->source;
}

void sip_server_set_data(struct sip_server *st, void *data)
{
	st->data = data;
}

void *sip_server_data(const struct sip_server *st)
{
	return st->data;
}

const char *sip_server_cancel_reason(const struct sip_server *st)
{
	return st->cancel_reason;
}

bool sip_server_pending(const struct sip_server *st)
{
	return st->status < 200;
}

/* Whatever there was to be said, a request is owed its end. */
static int make_bare(struct sip_server *st, int status,
		     const struct sip_reply *r, struct sip_msg **ret)
{
	const struct sip_reply bare = { .status = status,
					.to_tag = r->to_tag };
	static struct log_limit limit;
	uint32_t more;

	if (log_limit_pass(&limit, 5, &more))
		log_warn("sip: %s %s: its %d cannot be written, %d without "
			 "its headers leaves, %u more not logged",
			 sip_msg_method_name(st->request),
			 sip_msg_call_id(st->request), r->status, status, more);
	return sip_msg_make_reply(st->request, &bare, NULL, ret);
}

int sip_server_reply(struct sip_server *st, const struct sip_reply *reply,
		     const struct sip_msg *src)
{
	struct sip_reply r = *reply;
	struct sip_msg *response;
	bool is_lost = false;
	int err;

	if (st->status >= 200)
		return -EALREADY;
	/* RFC 3261 8.2.6.2: everything but 100 has a tag. */
	if (!r.to_tag && r.status > 100)
		r.to_tag = st->tag;
	err = sip_msg_make_reply(st->request, &r, src, &response);
	if (err < 0 && r.status >= 200) {
		is_lost = r.status < 300;
		err = make_bare(st, is_lost ? 500 : r.status, &r, &response);
		if (is_lost)
			r.status = 500;
	}
	if (err < 0)
		return err;
	stack_trace(st->s, true, &st->source, response);
	st->s->stats.responses_out[st->source.is_ws]++;
	st->status = r.status;
	if (st->is_resumed)
		st->final = sip_msg_ref(response);
	err = is_on_flow(st) ? ws_reply(st, response) :
		st->is_resumed ? nta_repeat(st) : nta_reply(st, response);
	if (r.status >= 200)
		final_sent(st, response);
	sip_msg_unref(response);
	return is_lost ? -EBADMSG : err;
}
