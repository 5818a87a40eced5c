/* SPDX-License-Identifier: Apache-2.0 */
/* The PBX: who it is (addresses) and whether it is up (OPTIONS). */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"
#include "sip/stack.h"

#define TRUNK_UP_MS	30000	/* between two probes */
#define TRUNK_DOWN_MS	5000
#define TRUNK_ANSWER_T1	10	/* no answer within this many T1: down */

struct trunk {
	struct sip_stack *s;
	struct sip_trunk_status status;
	struct sip_client *probe;
	uint64_t sent_ms;
	uint32_t cseq;
	char call_id[33];
	char tag[17];
	struct loop_timer *timer;	/* next probe, or patience with this */
};

/* ---- addresses -------------------------------------------------------- */

int trunk_resolve(struct sip_stack *s)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct addrinfo *list = NULL;
	struct sip_uri u;
	struct addr a;
	int err;

	if (!s->settings.pbx)
		return 0;
	err = sip_uri_parse(s->settings.pbx, &u);
	if (err < 0) {
		log_err("sip: pbx: not a SIP URI: %s", s->settings.pbx);
		return err;
	}
	/* Literal addresses come back from it without a question asked. */
	err = getaddrinfo(u.host, NULL, &hints, &list);
	if (err) {
		log_err("sip: pbx: %s: %s", u.host, gai_strerror(err));
		return -EHOSTUNREACH;
	}
	for (struct addrinfo *i = list; i; i = i->ai_next) {
		if (s->pbx_count == SIP_PBX_ADDRS)
			break;
		if (addr_from_sockaddr(i->ai_addr, &a) == 0)
			s->pbx_addrs[s->pbx_count++] = a;
	}
	freeaddrinfo(list);
	return 0;
}

bool sip_trunk_is_allowed(const struct sip_stack *s, const struct addr *a)
{
	for (size_t i = 0; i < s->pbx_count; i++)
		if (addr_same_ip(&s->pbx_addrs[i], a))
			return true;
	for (size_t i = 0; i < s->settings.allow_count; i++)
		if (addr_net_contains(&s->settings.allow[i], a))
			return true;
	return false;
}

/* ---- keep-alive ------------------------------------------------------- */

static void probe(void *arg);

static void probe_after(struct trunk *t, uint32_t delay_ms)
{
	loop_timer_cancel(t->timer);
	t->timer = NULL;
	if (loop_timer_add(t->s->loop, delay_ms, probe, t, &t->timer) < 0)
		log_err("sip: no memory for the trunk's timer");
}

static void concluded(struct trunk *t, bool is_up, const char *reason)
{
	struct sip_trunk_status *st = &t->status;

	if (!st->known || st->up != is_up) {
		if (is_up)
			log_info("sip: %s is up", t->s->settings.pbx);
		else
			log_warn("sip: %s is down: %s", t->s->settings.pbx,
				 reason);
	}
	st->known = true;
	st->up = is_up;
	st->rtt_ms = is_up ? (uint32_t)(clock_ms() - t->sent_ms) : 0;
	snprintf(st->reason, sizeof(st->reason), "%s", reason);
	probe_after(t, is_up ? TRUNK_UP_MS : TRUNK_DOWN_MS);
}

static void probe_answered(void *arg, struct sip_client *ct,
			   const struct sip_msg *response)
{
	int status = sip_msg_status(response);
	struct trunk *t = arg;

	if (status < 200)
		return;
	t->probe = NULL;
	if (!sip_client_is_local(ct))
		concluded(t, true, "");
	else
		concluded(t, false, status == 408 ? "timeout" : "refused");
	sip_client_free(ct);
}

static void probe_unanswered(void *arg)
{
	struct trunk *t = arg;

	t->timer = NULL;
	sip_client_free(t->probe);
	t->probe = NULL;
	t->s->stats.timeouts++;
	concluded(t, false, "timeout");
}

static int send_probe(struct trunk *t)
{
	struct sip_stack *s = t->s;
	char self[ADDR_STRLEN + 16], to[280], agent[128] = "";
	struct sip_target target = { 0 };
	struct sip_msg *request;
	int err;

	snprintf(self, sizeof(self), "<sip:%s>", s->host);
	snprintf(to, sizeof(to), "<%s>", s->settings.pbx);
	snprintf(target.uri, sizeof(target.uri), "%s", s->settings.pbx);
	if (s->settings.user_agent)
		snprintf(agent, sizeof(agent), "User-Agent: %s\r\n",
			 s->settings.user_agent);
	const struct sip_request r = {
		.method = "OPTIONS", .ruri = s->settings.pbx, .from = self,
		.from_tag = t->tag, .to = to, .call_id = t->call_id,
		.cseq = ++t->cseq, .contact = self, .max_forwards = 70,
		.extra_headers = agent,
	};
	err = sip_msg_make_request(&r, NULL, &request);
	if (err < 0)
		return err;
	t->sent_ms = clock_ms();
	err = sip_client_send(s, &target, request, probe_answered, t,
			      &t->probe);
	sip_msg_unref(request);
	return err;
}

static void probe(void *arg)
{
	struct trunk *t = arg;

	t->timer = NULL;
	if (send_probe(t) < 0) {
		concluded(t, false, "cannot send");
		return;
	}
	if (loop_timer_add(t->s->loop, TRUNK_ANSWER_T1 * t->s->t1_ms,
			   probe_unanswered, t, &t->timer) < 0)
		log_err("sip: no memory for the trunk's timer");
}

void trunk_suspect(struct sip_stack *s)
{
	struct trunk *t = s->trunk;

	if (t && t->status.up && !t->probe)
		probe_after(t, 0);
}

int trunk_start(struct sip_stack *s)
{
	struct trunk *t;

	if (!s->settings.pbx)
		return 0;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->s = s;
	s->trunk = t;
	random_token(t->call_id, sizeof(t->call_id) - 1);
	random_token(t->tag, sizeof(t->tag) - 1);
	probe_after(t, 0);
	return 0;
}

void trunk_stop(struct sip_stack *s)
{
	struct trunk *t = s->trunk;

	if (!t)
		return;
	s->trunk = NULL;
	loop_timer_cancel(t->timer);
	sip_client_free(t->probe);
	free(t);
}

void sip_trunk_status(const struct sip_stack *s, struct sip_trunk_status *ret)
{
	if (s->trunk)
		*ret = s->trunk->status;
	else
		memset(ret, 0, sizeof(*ret));
}
