/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions over flows: a browser's WebSocket (RFC 7118) and the trunk's
 * TLS connections. Reliable transports, so nothing is repeated and timers D,
 * I, J and K are zero; B, F and H stay.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "sip/msg.h"
#include "sip/stack.h"
#include "sip/tls.h"
#include "sip/trunk.h"

#define KEY_SIZE	1024

static int send_to(struct sip_stack *s, struct sip_target *to,
		   const struct sip_msg *m)
{
	size_t len;
	char *text;
	int err;

	text = sip_msg_print(m, &len);
	if (!text)
		return -ENOMEM;
	if (!to->is_ws)
		err = tls_send(s, to, text, len);
	else if (s->settings.ws_send)
		err = s->settings.ws_send(s->settings.ws_arg, to->conn, text,
					  len);
	else
		err = -ENOTCONN;
	free(text);
	return err;
}

/* RFC 3261 17.2.3; the flow too, as branches are chosen by strangers. */
static int server_key(const struct sip_msg *m, uint64_t conn,
		      const char *method, char *key)
{
	char sent_by[300];
	int n;

	if (sip_msg_sent_by(m, sent_by, sizeof(sent_by)) < 0)
		return -E2BIG;
	n = snprintf(key, KEY_SIZE, "%s\n%s\n%s\n%llu", sip_msg_branch(m),
		     sent_by, method, (unsigned long long)conn);
	return n < 0 || n >= KEY_SIZE ? -E2BIG : 0;
}

static int client_key(const char *branch, const char *method, char *key)
{
	int n = snprintf(key, KEY_SIZE, "%s\n%s", branch, method);

	return n < 0 || n >= KEY_SIZE ? -E2BIG : 0;
}

/* A response outside of any transaction. */
static void reply_stateless(struct sip_stack *s, const struct sip_msg *request,
			    const struct sip_target *source, int status,
			    const char *phrase, const char *to_tag)
{
	const struct sip_reply r = {
		.status = status, .phrase = phrase, .to_tag = to_tag,
	};
	struct sip_target to = *source;
	struct sip_msg *response;

	if (sip_msg_make_reply(request, &r, NULL, &response) < 0)
		return;
	stack_trace(s, true, source, response);
	s->stats.responses_out[source->is_ws]++;
	send_to(s, &to, response);
	sip_msg_unref(response);
}

static void reject(struct sip_stack *s, const struct sip_msg *request,
		   const struct sip_target *source, int status,
		   const char *phrase)
{
	char tag[SIP_BRANCH_SIZE];

	sip_make_branch(tag);
	reply_stateless(s, request, source, status, phrase,
			tag + strlen("z9hG4bK"));
}

/* ---- server ----------------------------------------------------------- */

int ws_reply(struct sip_server *st, struct sip_msg *response)
{
	return send_to(st->s, &st->source, response);
}

static void received_cancel(struct sip_stack *s, const struct sip_msg *m,
			    const struct sip_target *source)
{
	struct sip_server *st;
	char key[KEY_SIZE];

	st = server_key(m, source->conn, "INVITE", key) == 0 ?
		table_find(&s->ws_servers, key) : NULL;
	if (!st) {
		reject(s, m, source, 481, NULL);
		return;
	}
	/* The same tag as in the INVITE's responses: RFC 3261 9.2 */
	reply_stateless(s, m, source, 200, NULL, st->tag);
	server_cancelled(st, sip_msg_header(m, "Reason"));
}

static void received_ack(struct sip_stack *s, const struct sip_msg *m,
			 const struct sip_target *source)
{
	struct sip_server *st;
	char key[KEY_SIZE];

	st = server_key(m, source->conn, "INVITE", key) == 0 ?
		table_find(&s->ws_servers, key) : NULL;
	/*
	 * Of a 2xx it has a branch of its own (RFC 3261 13.2.2.4), or is meant
	 * to: without it a call would end for want of an ACK.
	 */
	if (!st || (st->status >= 200 && st->status < 300)) {
		server_ack(s, m, source);
		return;
	}
	if (st->status >= 300)
		server_free(st);
}

static void log_busy(const struct sip_target *source, int err)
{
	static struct log_limit limit;
	char ip[ADDR_STRLEN];
	uint32_t skipped;

	if (!log_limit_pass(&limit, 5, &skipped))
		return;
	if (err == -EDQUOT)
		log_warn("sip: %s has %d requests under way, one more refused",
			 addr_format(&source->peer, ip),
			 LIMIT_SIP_REQUESTS_PER_CLIENT);
	else
		log_warn("sip: request from %s refused: %s",
			 addr_format(&source->peer, ip), err == -ENOBUFS ?
			 "too many transactions" : strerror(-err));
}

static void received_request(struct sip_stack *s, struct sip_msg *m,
			     const struct sip_target *source)
{
	struct sip_server *st;
	char key[KEY_SIZE];
	int err;

	if (server_key(m, source->conn, sip_msg_method_name(m), key) < 0) {
		reject(s, m, source, 400, "Bad Via Header");
		return;
	}
	/* A retransmission, which nobody needs on this transport. */
	if (table_find(&s->ws_servers, key))
		return;
	err = server_create(s, m, source, &st);
	if (err == -EEXIST) {
		reject(s, m, source, 482, NULL);
		return;
	}
	if (!err && table_add(&s->ws_servers, &st->ws, key, st) < 0) {
		server_free(st);
		err = -ENOMEM;
	}
	if (err < 0) {
		log_busy(source, err);
		reject(s, m, source, 503, err == -EDQUOT ?
		       "Too Many Requests Under Way" : NULL);
		return;
	}
	if (st->is_invite)
		reply_stateless(s, m, source, 100, NULL, NULL);
	s->user.request(s->user.arg, st);
}

/* ---- client ----------------------------------------------------------- */

static int push_via(struct sip_stack *s, const struct sip_target *to,
		    struct sip_msg *m, const char *branch)
{
	char via[ADDR_STRLEN + SIP_BRANCH_SIZE + 64];

	snprintf(via, sizeof(via), "SIP/2.0/%s %s;branch=%s",
		 to->is_ws ? "WSS" : "TLS",
		 !to->is_ws ? tls_host(s) :
		 *s->web_host ? s->web_host : s->host, branch);
	return sip_msg_push_via(m, via);
}

int ws_client_expect(struct sip_client *ct)
{
	char key[KEY_SIZE];
	int err;

	err = client_key(ct->branch, sip_msg_method_name(ct->request), key);
	return err < 0 ? err :
		table_add(&ct->s->ws_clients, &ct->ws, key, ct);
}

int ws_client_start(struct sip_client *ct)
{
	struct sip_stack *s = ct->s;
	int err;

	if (!*ct->branch)
		sip_make_branch(ct->branch);
	err = push_via(s, &ct->to, ct->request, ct->branch);
	if (!err)
		err = ws_client_expect(ct);
	if (err < 0)
		return err;
	/* Timers B and F */
	client_fail_later(ct, send_to(s, &ct->to, ct->request) < 0 ? 503 : 408);
	return 0;
}

static void send_with_branch(struct sip_client *ct, struct sip_msg *m,
			     bool is_cancel)
{
	struct sip_stack *s = ct->s;

	if (!client_is_flow(ct) && is_cancel) {
		client_send_cancel(ct, m);
		return;
	}
	if (!client_is_flow(ct) ? nta_ack(s, &ct->to, m, ct->branch) :
	    push_via(s, &ct->to, m, ct->branch))
		return;
	if (client_is_flow(ct))
		send_to(s, &ct->to, m);
	s->stats.requests_out[ct->to.is_ws]++;
	stack_trace(s, true, &ct->to, m);
}

/*
 * ACK of a non-2xx and CANCEL: Via, R-URI, Route, From, Call-ID and CSeq
 * number of the INVITE. RFC 3261 17.1.1.3, 9.1
 */
static void send_like_invite(struct sip_client *ct, const char *method,
			     const struct sip_msg *response)
{
	const struct sip_msg *invite = ct->request;
	const char *routes[LIMIT_SIP_ROUTES + 1] = { NULL };
	const struct sip_msg *to = response ? response : invite;
	const char *name, *value;
	char *extra = NULL;
	msg_header_t *pos = NULL;
	struct sip_msg *m;
	size_t count = 0;

	while (count < LIMIT_SIP_ROUTES &&
	       sip_msg_next_header(invite, &pos, &name, &value))
		if (sip_header_is(name, "Route"))
			routes[count++] = value;
	if (ct->reason && !response &&
	    asprintf(&extra, "Reason: %s\r\n", ct->reason) < 0)
		extra = NULL;
	const struct sip_request r = {
		.method = method, .ruri = sip_msg_ruri(invite),
		.from = sip_msg_from_value(invite),
		.from_tag = sip_msg_from_tag(invite),
		.to = sip_msg_to_value(to), .to_tag = sip_msg_to_tag(to),
		.call_id = sip_msg_call_id(invite),
		.cseq = sip_msg_cseq(invite), .routes = routes,
		.max_forwards = 70, .extra_headers = extra,
	};
	if (sip_msg_make_request(&r, NULL, &m) == 0) {
		send_with_branch(ct, m, !response);
		sip_msg_unref(m);
	}
	free(extra);
}

/* nta's own CANCEL ends an INVITE over TCP: its final response is unknown then. */
void client_cancel(struct sip_client *ct)
{
	/* RFC 3261 9.1: not before a provisional response. */
	if (!ct->status || ct->is_cancel_sent)
		return;
	ct->is_cancel_sent = true;
	send_like_invite(ct, "CANCEL", NULL);
}

void client_provisional(struct sip_client *ct, int status)
{
	if (status >= 200 || ct->status >= 200)
		return;
	ct->status = status;
	if (ct->is_cancelled)
		client_cancel(ct);
}

int ws_ack(struct sip_stack *s, const struct sip_target *to,
	   struct sip_msg *ack)
{
	struct sip_target next = *to;
	char branch[SIP_BRANCH_SIZE];
	int err;

	if (!to->is_ws)
		next.conn = 0;	/* by its URI: the flow may be another one now */
	sip_make_branch(branch);
	err = push_via(s, to, ack, branch);
	return err < 0 ? err : send_to(s, &next, ack);
}

void ws_response(struct sip_stack *s, const struct sip_msg *m,
		 const struct sip_target *source)
{
	int status = sip_msg_status(m);
	struct sip_client *ct;
	char key[KEY_SIZE];

	ct = client_key(sip_msg_branch(m), sip_msg_method_name(m), key) == 0 ?
		table_find(&s->ws_clients, key) : NULL;
	/* A branch is known to its flow only, but it costs nothing to check. */
	if (ct && (ct->to.is_ws != source->is_ws ||
		   (ct->to.is_ws && ct->to.conn != source->conn)))
		return;
	/*
	 * What matches nothing is worth an ACK and a BYE only from where our
	 * INVITEs go: else anybody could have them sent, repeated, to a Contact
	 * of his choice.
	 */
	if (!ct && !source->is_ws && !sip_trunk_is_allowed(s, &source->peer)) {
		trunk_stranger(s, &source->peer, "response");
		return;
	}
	if (!ct) {
		if (sip_msg_method(m) == SIP_INVITE && status >= 200 &&
		    status < 300)
			client_stray_2xx(s, m, source);
		return;
	}
	if (ct->is_invite && status >= 300)
		send_like_invite(ct, "ACK", m);
	if (ct->is_invite && status < 200 && !ct->is_cancelled) {
		/* Timer B ends with Proceeding. */
		loop_timer_cancel(ct->timer);
		ct->timer = NULL;
	}
	client_provisional(ct, status);
	client_response(ct, m, false);
}

/* ---- flows ------------------------------------------------------------ */

/* Unparsable: 400 if the headers of a response can be taken from it. */
static void received_bad(struct sip_stack *s, const char *data, size_t len,
			 const struct sip_target *source, const char *reason)
{
	static struct log_limit limit;
	char ip[ADDR_STRLEN];
	struct sip_msg *m;
	uint32_t skipped;
	msg_t *msg;

	s->stats.dropped_parse[source->is_ws]++;
	if (log_limit_pass(&limit, 5, &skipped))
		log_warn("sip: message from %s refused: %s, ignoring",
			 addr_format(&source->peer, ip), reason);
	if (!len)
		return;
	msg = msg_make(sip_default_mclass(), MSG_DO_EXTRACT_COPY, data,
		       (ssize_t)len);
	if (!msg || sip_msg_wrap(msg, &m) < 0)
		return;
	if (m->sip && m->sip->sip_request && m->sip->sip_via &&
	    m->sip->sip_from && m->sip->sip_to && m->sip->sip_call_id &&
	    m->sip->sip_cseq && m->sip->sip_cseq->cs_method_name &&
	    sip_msg_method(m) != SIP_ACK)
		reject(s, m, source, 400, reason);
	sip_msg_unref(m);
}

/*
 * RFC 3261 18.2.2: once its connection is gone a response takes a new one, to
 * the port of sent-by. The one that the request came from listens to nobody.
 */
static void take_sent_by(const struct sip_msg *m, struct sip_target *source)
{
	struct addr a = source->peer;
	char text[ADDR_STRLEN];

	a.port = sip_msg_sent_by_port(m);
	if (!a.port)
		a.port = TLS_PORT;
	snprintf(source->uri, sizeof(source->uri), "sip:%s;transport=tls",
		 addr_format(&a, text));
}

void flow_received(struct sip_stack *s, const struct sip_target *from,
		   const char *data, size_t len)
{
	struct sip_target own = *from, *source = &own;
	char reason[128] = "";
	struct sip_msg *m;

	if (sip_msg_parse(data, len, &m, reason) < 0) {
		received_bad(s, data, len, source, reason);
		return;
	}
	if (source->is_ws)
		sip_msg_set_from_web(m);
	stack_trace(s, false, source, m);
	if (!sip_msg_is_request(m)) {
		s->stats.responses_in[source->is_ws]++;
		ws_response(s, m, source);
		sip_msg_unref(m);
		return;
	}
	s->stats.requests_in[source->is_ws]++;
	if (!source->is_ws)
		take_sent_by(m, source);
	sip_msg_set_received(m, &source->peer);
	switch (sip_msg_method(m)) {
	case SIP_ACK:
		received_ack(s, m, source);
		break;
	case SIP_CANCEL:
		received_cancel(s, m, source);
		break;
	default:
		received_request(s, m, source);
		break;
	}
	sip_msg_unref(m);
}

void flow_closed(struct sip_stack *s, bool is_ws, uint64_t conn)
{
	struct sip_client *ct;

	/* From the loop: a callback may free other clients of the list. */
	LIST_FOREACH(ct, &s->clients, list)
		if (ct->to.is_ws == is_ws && ct->to.conn == conn &&
		    conn && ct->status < 200)
			client_fail_later(ct, 503);
}

void sip_stack_ws_received(struct sip_stack *s, uint64_t conn,
			   const struct addr *peer, const char *data,
			   size_t len)
{
	const struct sip_target source = {
		.is_ws = true, .conn = conn, .peer = *peer,
	};

	flow_received(s, &source, data, len);
}

void sip_stack_ws_closed(struct sip_stack *s, uint64_t conn)
{
	flow_closed(s, true, conn);
	server_flow_closed(s, conn);
}
