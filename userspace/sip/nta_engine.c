/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions on the SIP side by sofia's nta: UDP and TCP, timers,
 * retransmissions, DNS. nta runs as for a proxy (NTATAG_UA off), because as a
 * user agent it ends forked calls by itself and refuses every PRACK; so the
 * 2xx to an INVITE is repeated by server.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct nta;
struct sip_server;
struct sip_client;
#define NTA_AGENT_MAGIC_T	struct sip_stack
#define NTA_LEG_MAGIC_T		struct sip_stack
#define NTA_INCOMING_MAGIC_T	struct sip_server
#define NTA_OUTGOING_MAGIC_T	struct sip_client
#include <sofia-sip/msg_mclass.h>
#include <sofia-sip/nta.h>
#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/tport_tag.h>

#include "core/log.h"
#include "sip/msg.h"
#include "sip/nta_front.h"
#include "sip/stack.h"

/* nta ends an INVITE that rings longer; when to give up is the call's. */
#define NTA_RINGING_MAX_MS	(24 * 3600 * 1000)
/* Connections without traffic are closed; keep-alives hold the trunk's. */
#define NTA_TCP_IDLE_MS		(300 * 1000)

struct nta {
	nta_agent_t *agent;
	nta_leg_t *leg;		/* takes every request */
	struct nta_front *front;
};

/* ---- messages --------------------------------------------------------- */

/* A copy for nta, which keeps and changes what it is given. */
static msg_t *copy_for_nta(const struct sip_msg *m)
{
	msg_t *copy = msg_dup(m->msg);

	if (copy && msg_serialize(copy, (msg_pub_t *)sip_object(copy)) < 0) {
		msg_destroy(copy);
		return NULL;
	}
	return copy;
}

static int source_of(msg_t *msg, struct sip_target *ret)
{
	const su_addrinfo_t *ai = msg_addrinfo(msg);
	const sip_t *sip = sip_object(msg);
	char text[ADDR_STRLEN];
	struct sip_target t = { 0 };

	if (!ai || !ai->ai_addr ||
	    addr_from_sockaddr((const struct sockaddr *)ai->ai_addr,
			       &t.peer) < 0)
		return -EAFNOSUPPORT;
	/* nta has compared the Via with the transport that it came by. */
	snprintf(t.uri, sizeof(t.uri), "sip:%s;transport=%s",
		 addr_format(&t.peer, text),
		 sip->sip_via && !strcasecmp(sip_via_transport(sip->sip_via),
					     "tcp") ? "tcp" : "udp");
	*ret = t;
	return 0;
}

/* ---- server ----------------------------------------------------------- */

static int incoming_event(struct sip_server *st, nta_incoming_t *irq,
			  sip_t const *sip)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	char *reason = NULL;

	(void)irq;
	if (!sip || !sip->sip_request ||
	    sip->sip_request->rq_method != sip_method_cancel)
		return 0;
	if (sip->sip_reason)
		reason = sip_header_as_string(home,
				(const sip_header_t *)sip->sip_reason);
	server_cancelled(st, reason);
	su_home_deinit(home);
	return 0;
}

static int received_cancel(struct sip_stack *s)
{
	s->stats.responses_out[STATS_SIP]++;
	return 481;
}

static void received_ack(struct sip_stack *s, nta_incoming_t *irq,
			 const struct sip_msg *m,
			 const struct sip_target *source)
{
	nta_incoming_destroy(irq);
	server_ack(s, m, source);
}

static int received_request(struct sip_stack *s, nta_incoming_t *irq,
			    struct sip_msg *m, const struct sip_target *source)
{
	struct sip_server *st;
	int err;

	err = server_create(s, m, source, &st);
	if (err < 0) {
		s->stats.responses_out[STATS_SIP]++;
		return err == -EEXIST ? 482 : 503;
	}
	st->irq = irq;
	nta_incoming_bind(irq, incoming_event, st);
	s->user.request(s->user.arg, st);
	return 0;
}

/* A status returned is sent by nta, which then ends the transaction. */
static int received(struct sip_stack *s, nta_leg_t *leg, nta_incoming_t *irq,
		    sip_t const *sip)
{
	msg_t *msg = nta_incoming_getrequest(irq);
	struct sip_target source;
	struct sip_msg *m;
	int status = 0;

	(void)leg;
	(void)sip;
	if (!msg)
		return 500;
	if (source_of(msg, &source) < 0) {
		msg_destroy(msg);
		return 500;
	}
	if (sip_msg_wrap(msg, &m) < 0)
		return 500;
	if (sip_msg_check(m, NULL) < 0) {
		s->stats.dropped_parse[STATS_SIP]++;
		sip_msg_unref(m);
		return 400;
	}
	s->stats.requests_in[STATS_SIP]++;
	stack_trace(s, false, &source, m);
	switch (sip_msg_method(m)) {
	case SIP_ACK:
		received_ack(s, irq, m, &source);
		break;
	case SIP_CANCEL:
		status = received_cancel(s);
		break;
	default:
		status = received_request(s, irq, m, &source);
		break;
	}
	sip_msg_unref(m);
	return status;
}

void nta_server_detach(struct sip_server *st)
{
	nta_incoming_t *irq = st->irq;

	if (!irq)
		return;
	st->irq = NULL;
	nta_incoming_bind(irq, NULL, NULL);
	nta_incoming_destroy(irq);
}

int nta_reply(struct sip_server *st, struct sip_msg *response)
{
	msg_t *copy;
	int err = 0;

	if (!st->irq)
		return -ENOTCONN;
	copy = copy_for_nta(response);
	if (!copy)
		return -ENOMEM;
	if (nta_incoming_mreply(st->irq, copy) < 0)
		err = -EIO;
	if (sip_msg_status(response) >= 200)
		nta_server_detach(st);
	return err;
}

int nta_repeat(struct sip_server *st)
{
	struct nta *n = st->s->nta;
	struct sip_msg *copy;
	msg_t *msg;
	int err;

	if (!n)
		return -ENOTCONN;
	msg = msg_dup(st->final->msg);
	if (!msg)
		return -ENOMEM;
	err = sip_msg_wrap(msg, &copy);
	if (err < 0)
		return err;
	/* nta_msg_tsend() forwards: it takes one Via off. */
	err = sip_msg_push_via(copy, "SIP/2.0/UDP 0.0.0.0;branch=z9hG4bK-own");
	if (!err && nta_msg_tsend(n->agent, msg_ref(msg), NULL, TAG_END()) < 0)
		err = -EIO;
	sip_msg_unref(copy);
	return err;
}

/* ---- client ----------------------------------------------------------- */

static int outgoing_event(struct sip_client *ct, nta_outgoing_t *orq,
			  sip_t const *sip)
{
	bool is_local = !sip || nta_sip_is_internal(sip);
	struct sip_stack *s = ct->s;
	struct sip_msg *m;
	msg_t *msg;

	if (!sip)
		return 0;
	msg = nta_outgoing_getresponse(orq);
	if (!msg || sip_msg_wrap(msg, &m) < 0)
		return 0;
	if (sip_msg_check(m, NULL) < 0) {
		s->stats.dropped_parse[STATS_SIP]++;
		sip_msg_unref(m);
		return 0;
	}
	if (!is_local) {
		s->stats.responses_in[STATS_SIP]++;
		stack_trace(s, false, &ct->to, m);
		client_provisional(ct, sip_msg_status(m));
	} else if (sip_msg_status(m) == 408) {
		s->stats.timeouts++;
	}
	client_response(ct, m, is_local);
	sip_msg_unref(m);
	return 0;
}

/* RFC 3261 18.1.1 leaves large requests to TCP unless the URI says UDP. */
static bool is_udp_asked(const char *uri)
{
	char transport[16];
	struct sip_uri u;

	return sip_uri_parse(uri, &u) == 0 &&
	       sip_uri_param(&u, "transport", transport, sizeof(transport)) &&
	       !strcasecmp(transport, "udp");
}

int nta_client_start(struct sip_client *ct)
{
	struct nta *n = ct->s->nta;
	nta_outgoing_t *orq;
	msg_t *msg;

	if (!n)
		return -ENOTCONN;
	/* A CANCEL of ours will need it. */
	if (ct->is_invite && !*ct->branch)
		sip_make_branch(ct->branch);
	msg = msg_ref(ct->request->msg);
	orq = nta_outgoing_mcreate(n->agent, outgoing_event, ct,
				   URL_STRING_MAKE(ct->to.uri), msg,
				   NTATAG_PASS_100(1),
				   TAG_IF(*ct->branch,
					  NTATAG_BRANCH_KEY(ct->branch)),
				   TAG_IF(is_udp_asked(ct->to.uri),
					  TPTAG_MTU(65535)),
				   TAG_END());
	if (!orq) {
		msg_destroy(msg);
		return -EINVAL;
	}
	ct->orq = orq;
	return 0;
}

void nta_client_detach(struct sip_client *ct)
{
	if (ct->orq)
		nta_outgoing_destroy(ct->orq);
	ct->orq = NULL;
}

int nta_ack(struct sip_stack *s, const struct sip_target *to,
	    struct sip_msg *ack, const char *branch)
{
	struct nta *n = s->nta;

	if (!n)
		return -ENOTCONN;
	/* Consumes a reference, on failure too. */
	if (nta_msg_tsend(n->agent, msg_ref(ack->msg),
			  URL_STRING_MAKE(to->uri),
			  TAG_IF(branch, NTATAG_BRANCH_KEY(branch)),
			  TAG_IF(is_udp_asked(to->uri), TPTAG_MTU(65535)),
			  TAG_END()) < 0)
		return -EIO;
	return 0;
}

/* A response of no transaction of nta's. */
static int received_stateless(struct sip_stack *s, nta_agent_t *agent,
			      msg_t *msg, sip_t *sip)
{
	struct sip_target source;
	struct sip_msg *m;

	(void)agent;
	if (!sip->sip_status || source_of(msg, &source) < 0) {
		msg_destroy(msg);
		return 0;
	}
	if (sip_msg_wrap(msg, &m) < 0)
		return 0;
	if (sip_msg_check(m, NULL) < 0) {
		s->stats.dropped_parse[STATS_SIP]++;
	} else {
		s->stats.responses_in[STATS_SIP]++;
		stack_trace(s, false, &source, m);
		ws_response(s, m, &source);
	}
	sip_msg_unref(m);
	return 0;
}

/* ---- life ------------------------------------------------------------- */

static int bind_agent(struct sip_stack *s, struct nta *n)
{
	char text[ADDR_STRLEN], url[ADDR_STRLEN + 16];
	struct addr a = s->settings.listen;

	addr_format(&a, text);
	if (!a.port)	/* any port: tests */
		*strrchr(text, ':') = '\0';
	snprintf(url, sizeof(url), "sip:%s%s", text, a.port ? "" : ":*");
	n->agent = nta_agent_create(loop_sofia_root(s->loop),
				    (url_string_t *)url,
				    received_stateless, s,
				    NTATAG_MCLASS(nta_front_class(n->front)),
				    NTATAG_SIPFLAGS(MSG_DO_EXTRACT_COPY),
				    NTATAG_UA(0),
				    NTATAG_CANCEL_487(0),
				    NTATAG_MERGE_482(0),
				    NTATAG_MAXSIZE(LIMIT_SIP_MESSAGE_BYTES),
				    NTATAG_MAX_PROCEEDING(
					    LIMIT_SIP_TRANSACTIONS),
				    NTATAG_TIMER_C(NTA_RINGING_MAX_MS),
				    NTATAG_PASS_408(1),
				    NTATAG_GRAYLIST(0),
				    NTATAG_BLACKLIST(0),
				    TPTAG_IDLE(NTA_TCP_IDLE_MS),
				    TAG_END());
	if (!n->agent) {
		log_err("sip: cannot listen on %s: %s", text, strerror(errno));
		return -EADDRNOTAVAIL;
	}
	return 0;
}

/* The port really bound. */
static int read_host(struct sip_stack *s, struct nta *n)
{
	const sip_via_t *v = nta_agent_via(n->agent);
	struct addr a = s->settings.listen;

	if (!v)
		return -EADDRNOTAVAIL;
	if (v->v_port)
		a.port = (uint16_t)strtoul(v->v_port, NULL, 10);
	if (!a.port)
		a.port = 5060;
	addr_format(&a, s->host);
	return 0;
}

int nta_start(struct sip_stack *s)
{
	struct nta *n;
	int err;

	n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	s->nta = n;
	err = nta_front_create(s, &n->front);
	if (!err)
		err = bind_agent(s, n);
	if (!err)
		err = read_host(s, n);
	if (err < 0)
		return err;
	nta_front_bound(n->front);
	n->leg = nta_leg_tcreate(n->agent, received, s, NTATAG_NO_DIALOG(1),
				 TAG_END());
	return n->leg ? nta_set_t1(s) : -ENOMEM;
}

void nta_sources_changed(struct sip_stack *s)
{
	if (s->nta)
		nta_front_sources_changed(s->nta->front);
}

int nta_set_t1(struct sip_stack *s)
{
	uint32_t t1_ms = s->t1_ms;

	if (nta_agent_set_params(s->nta->agent, NTATAG_SIP_T1(t1_ms),
				 NTATAG_SIP_T1X64(64 * t1_ms),
				 NTATAG_SIP_T2(8 * t1_ms),
				 NTATAG_SIP_T4(10 * t1_ms), TAG_END()) < 0)
		return -EINVAL;
	return 0;
}

void nta_stats(const struct sip_stack *s, struct sip_stack_stats *ret)
{
	usize_t servers = 0, clients = 0;

	if (!s->nta)
		return;
	nta_front_stats(s->nta->front, ret);
	nta_agent_get_stats(s->nta->agent, NTATAG_S_IRQ_HASH_USED_REF(servers),
			    NTATAG_S_ORQ_HASH_USED_REF(clients), TAG_END());
	ret->nta_servers = (uint32_t)servers;
	ret->nta_clients = (uint32_t)clients;
}

void nta_stop(struct sip_stack *s)
{
	struct nta *n = s->nta;

	if (!n)
		return;
	s->nta = NULL;
	if (n->leg)
		nta_leg_destroy(n->leg);
	if (n->agent)
		nta_agent_destroy(n->agent);
	nta_front_free(n->front);
	free(n);
}
