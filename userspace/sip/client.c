/* SPDX-License-Identifier: Apache-2.0 */
/* Client transactions: what is the same on both engines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "sip/account.h"
#include "sip/msg.h"
#include "sip/stack.h"
#include "sip/tls.h"
#include "sip/trunk.h"

#define DOUBT_T1	4

int client_create(struct sip_stack *s, const struct sip_target *to,
		  struct sip_msg *request, sip_response_cb *cb, void *arg,
		  struct sip_client **ret)
{
	struct sip_client *ct;

	if (s->stats.client_live >= LIMIT_SIP_TRANSACTIONS)
		return -ENOBUFS;
	ct = calloc(1, sizeof(*ct));
	if (!ct)
		return -ENOMEM;
	ct->s = s;
	ct->to = *to;
	/* A TLS flow is found by the URI: it may be another one by now. */
	if (!to->is_ws)
		ct->to.conn = 0;
	ct->request = sip_msg_ref(request);
	ct->cb = cb;
	ct->arg = arg;
	ct->is_invite = sip_msg_method(request) == SIP_INVITE;
	LIST_INSERT_HEAD(&s->clients, ct, list);
	s->stats.client_live++;
	*ret = ct;
	return 0;
}

void client_destroy(struct sip_client *ct)
{
	struct sip_stack *s = ct->s;

	nta_client_detach(ct);
	table_remove(&s->ws_clients, &ct->ws);
	loop_timer_cancel(ct->timer);
	loop_timer_cancel(ct->doubt);
	sip_msg_unref(ct->request);
	sip_msg_unref(ct->unsent);
	free(ct->reason);
	LIST_REMOVE(ct, list);
	s->stats.client_live--;
	free(ct);
}

/* Still to be absorbed: the 487 of an INVITE that was cancelled. */
static bool is_needed(const struct sip_client *ct)
{
	return ct->is_cancelled && ct->status < 200;
}

bool client_is_flow(const struct sip_client *ct)
{
	return ct->to.is_ws || tls_is_target(&ct->to);
}

static int start(struct sip_client *ct)
{
	return client_is_flow(ct) ? ws_client_start(ct) : nta_client_start(ct);
}

/* Sending puts a Via into a message: what is to be sent again is kept. */
static int copy_of(const struct sip_msg *m, struct sip_msg **ret)
{
	msg_t *copy = msg_copy(m->msg);

	return copy ? sip_msg_wrap(copy, ret) : -ENOMEM;
}

static void doubted(void *arg)
{
	struct sip_client *ct = arg;

	ct->doubt = NULL;
	trunk_doubt(ct->s, ct->to.uri);
}

/*
 * Without a word for so long, the address is asked by an OPTIONS, whose answer
 * is due in a sixth of the time that the request itself has.
 */
static void doubt_later(struct sip_client *ct)
{
	loop_timer_cancel(ct->doubt);
	ct->doubt = NULL;
	if (loop_timer_add(ct->s->loop, DOUBT_T1 * ct->s->t1_ms, doubted, ct,
			   &ct->doubt) < 0)
		log_err("sip: no memory for a timer");
}

/* In a new transaction with this branch, or any ""; takes the request. */
static void go_again(struct sip_client *ct, struct sip_msg *request,
		     const char *branch)
{
	nta_client_detach(ct);
	table_remove(&ct->s->ws_clients, &ct->ws);
	loop_timer_cancel(ct->timer);
	ct->timer = NULL;
	ct->to.conn = 0;
	snprintf(ct->branch, sizeof(ct->branch), "%s", branch);
	ct->status = 0;
	sip_msg_unref(ct->request);
	sip_msg_unref(ct->unsent);
	ct->request = request;
	ct->unsent = NULL;
	if (copy_of(ct->request, &ct->unsent) < 0 || start(ct) < 0)
		client_fail_later(ct, 503);
	if (ct->is_trunk)
		doubt_later(ct);
	ct->s->stats.requests_out[STATS_SIP]++;
	stack_trace(ct->s, true, &ct->to, ct->request);
}

/* RFC 3263 4.3: the same request, a new transaction, another address. */
static int failover(struct sip_client *ct)
{
	struct sip_msg *request;
	int err;

	if (!ct->is_trunk || ct->status || ct->is_cancelled || ct->is_freed ||
	    !ct->unsent)
		return -EALREADY;
	err = trunk_pick(ct->s, sip_msg_call_id(ct->request), &ct->to,
			 &ct->tried);
	if (err < 0)
		return err;
	request = ct->unsent;
	ct->unsent = NULL;
	go_again(ct, request, "");
	return 0;
}

/* RFC 3261 22: the same request to the same address, with credentials. */
static int answer_challenge(struct sip_client *ct,
			    const struct sip_msg *response)
{
	struct sip_user *user = &ct->s->user;
	char branch[SIP_BRANCH_SIZE];
	struct sip_msg *next;

	if (ct->is_cancelled || ct->is_freed || !ct->unsent ||
	    account_answer(ct->s, ct->unsent, response, &ct->challenges,
			   &next) < 0)
		return -ENOTSUP;
	sip_make_branch(branch);
	if (user->renumbered)
		user->renumbered(user->arg, next, branch);
	go_again(ct, next, branch);
	return 0;
}

static void failed_over(void *arg)
{
	struct sip_client *ct = arg;

	ct->timer = NULL;
	failover(ct);
}

void client_failover_all(struct sip_stack *s, const char *uri)
{
	struct sip_client *ct;
	uint32_t tried;

	LIST_FOREACH(ct, &s->clients, list) {
		struct sip_target other = { 0 };

		tried = ct->tried;
		if (!ct->is_trunk || ct->status || ct->is_freed ||
		    ct->is_cancelled || strcmp(ct->to.uri, uri) ||
		    trunk_pick(s, sip_msg_call_id(ct->request), &other,
			       &tried) < 0)
			continue;
		/* From the loop: we are in some transaction's callback. */
		loop_timer_cancel(ct->timer);
		ct->timer = NULL;
		if (loop_timer_add(s->loop, 0, failed_over, ct,
				   &ct->timer) < 0)
			log_err("sip: no memory for a timer");
	}
}

void client_response(struct sip_client *ct, const struct sip_msg *response,
		     bool is_local)
{
	int status = sip_msg_status(response);

	if (ct->status >= 200 && (status < 200 || status >= 300))
		return;
	if (ct->is_trunk && !ct->status && !ct->is_freed &&
	    (is_local || status == 503)) {
		/*
		 * Who has long been asked by OPTIONS, and answered, just drops
		 * this request; or else is down by now.
		 */
		if (is_local && status == 408)
			trunk_doubt(ct->s, ct->to.uri);
		else if (is_local)
			trunk_failed(ct->s, ct->to.uri, "refused");
		if (failover(ct) == 0)
			return;
	}
	if ((status == 401 || status == 407) && !is_local &&
	    answer_challenge(ct, response) == 0)
		return;
	loop_timer_cancel(ct->doubt);
	ct->doubt = NULL;
	ct->status = status;
	ct->is_local = is_local;
	if (is_local && !ct->to.is_ws)
		trunk_suspect(ct->s);
	if (status >= 200) {
		loop_timer_cancel(ct->timer);
		ct->timer = NULL;
		if (ct->is_freed) {
			bool is_2xx = status < 300;

			/* The CANCEL came too late. */
			if (is_2xx)
				client_stray_2xx(ct->s, response, &ct->to);
			client_destroy(ct);
			return;
		}
	}
	if (!ct->cb)
		return;
	ct->is_in_cb = true;
	ct->cb(ct->arg, ct, response);
	ct->is_in_cb = false;
	if (ct->is_freed && !is_needed(ct))
		client_destroy(ct);
}

void client_fail(struct sip_client *ct, int status)
{
	const struct sip_reply reply = { .status = status };
	struct sip_msg *response;

	if (ct->status >= 200)
		return;
	if (status == 408)
		ct->s->stats.timeouts++;
	if (sip_msg_make_reply(ct->request, &reply, NULL, &response) < 0) {
		log_err("sip: no response could be made for a failed request");
		return;
	}
	client_response(ct, response, true);
	sip_msg_unref(response);
}

static void failed_503(void *arg)
{
	struct sip_client *ct = arg;

	ct->timer = NULL;
	client_fail(ct, 503);
}

static void failed_408(void *arg)
{
	struct sip_client *ct = arg;

	ct->timer = NULL;
	client_fail(ct, 408);
}

void client_fail_later(struct sip_client *ct, int status)
{
	uint32_t delay_ms = status == 408 ? 64 * ct->s->t1_ms : 0;

	loop_timer_cancel(ct->timer);
	ct->timer = NULL;
	if (loop_timer_add(ct->s->loop, delay_ms,
			   status == 408 ? failed_408 : failed_503, ct,
			   &ct->timer) < 0)
		log_err("sip: no memory for a timer");
}

void client_stray_2xx(struct sip_stack *s, const struct sip_msg *response,
		      const struct sip_target *from)
{
	if (s->user.stray_2xx)
		s->user.stray_2xx(s->user.arg, response, from);
}

/* ---- transaction.h ---------------------------------------------------- */

static int send_request(struct sip_client *ct, struct sip_client **ret)
{
	struct sip_stack *s = ct->s;
	int err;

	err = start(ct);
	if (err < 0) {
		client_destroy(ct);
		return err;
	}
	s->stats.requests_out[ct->to.is_ws]++;
	stack_trace(s, true, &ct->to, ct->request);
	*ret = ct;
	return 0;
}

int client_send_to(struct sip_stack *s, const struct sip_target *to,
		   struct sip_msg *request, const char *branch,
		   sip_response_cb *cb, void *arg, struct sip_client **ret)
{
	struct sip_client *ct;
	int err;

	err = client_create(s, to, request, cb, arg, &ct);
	if (err < 0)
		return err;
	snprintf(ct->branch, sizeof(ct->branch), "%s", branch);
	return send_request(ct, ret);
}

int sip_client_send(struct sip_stack *s, const struct sip_target *to,
		    struct sip_msg *request, sip_response_cb *cb, void *arg,
		    struct sip_client **ret)
{
	return sip_client_send_as(s, to, request, "", cb, arg, ret);
}

int sip_client_send_as(struct sip_stack *s, const struct sip_target *to,
		       struct sip_msg *request, const char *branch,
		       sip_response_cb *cb, void *arg, struct sip_client **ret)
{
	struct sip_client *ct;
	int err;

	err = client_create(s, to, request, cb, arg, &ct);
	if (err < 0)
		return err;
	snprintf(ct->branch, sizeof(ct->branch), "%s", branch);
	ct->is_trunk = trunk_is_target(s, to);
	if (!ct->is_trunk) {
		if (s->account && !to->is_ws)
			copy_of(ct->request, &ct->unsent);
		return send_request(ct, ret);
	}
	if (trunk_pick(s, sip_msg_call_id(request), &ct->to,
		       &ct->tried) < 0) {
		/* No address is known yet. */
		client_fail_later(ct, 503);
		*ret = ct;
		return 0;
	}
	err = copy_of(ct->request, &ct->unsent);
	if (err < 0) {
		client_destroy(ct);
		return err;
	}
	doubt_later(ct);
	return send_request(ct, ret);
}

void sip_client_cancel(struct sip_client *ct, const char *reason)
{
	if (!ct->is_invite || ct->is_cancelled || ct->status >= 200)
		return;
	ct->is_cancelled = true;
	if (reason)
		ct->reason = strdup(reason);
	/* RFC 3261 9.1: an INVITE without an answer for 64*T1 is over. */
	client_fail_later(ct, 408);
	client_cancel(ct);
}

void sip_client_free(struct sip_client *ct)
{
	if (!ct || ct->is_freed)
		return;
	ct->is_freed = true;
	ct->cb = NULL;
	if (!ct->is_in_cb && !is_needed(ct))
		client_destroy(ct);
}

const struct sip_msg *sip_client_request(const struct sip_client *ct)
{
	return ct->request;
}

const struct sip_target *sip_client_target(const struct sip_client *ct)
{
	return &ct->to;
}

bool sip_client_is_local(const struct sip_client *ct)
{
	return ct->is_local;
}

int sip_ack(struct sip_stack *s, const struct sip_target *to,
	    struct sip_msg *ack)
{
	struct sip_target next = *to;
	uint32_t tried = 0;
	struct sip_msg *out;
	int err;

	if (trunk_is_target(s, to)) {
		err = trunk_pick(s, sip_msg_call_id(ack), &next, &tried);
		if (err < 0)
			return err;
	}
	/* A repeated 2xx has it sent again. */
	err = copy_of(ack, &out);
	if (err < 0)
		return err;
	err = next.is_ws || tls_is_target(&next) ? ws_ack(s, &next, out) :
		nta_ack(s, &next, out, NULL);
	if (!err) {
		s->stats.requests_out[to->is_ws]++;
		stack_trace(s, true, &next, out);
	}
	sip_msg_unref(out);
	return err;
}
