/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway as a user of the PBX, where that demands it: REGISTER and its
 * refresh (RFC 3261 10.2), and the credentials for whatever is challenged.
 */
#include "sip/account.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"
#include "sip/credentials.h"
#include "sip/msg.h"

#define RETRY_MIN_MS	5000
#define RETRY_MAX_MS	320000
#define ANSWERS_MAX	2	/* to one request: the second for a stale nonce */

struct account {
	struct sip_stack *s;
	struct credentials credentials;
	struct sip_account_status status;
	struct sip_client *client;
	struct loop_timer *timer;
	uint32_t cseq;
	uint32_t asked_s;
	uint32_t retry_ms;
	uint64_t expires_ms;
	char call_id[33];
	char tag[17];
};

static const char *domain_of(const struct sip_stack *s, char *buf, size_t size)
{
	struct sip_uri u;

	if (s->settings.account.domain)
		return s->settings.account.domain;
	if (sip_uri_parse(s->settings.pbx, &u) < 0)
		return "";
	snprintf(buf, size, strchr(u.host, ':') ? "[%s]" : "%s", u.host);
	return buf;
}

/* ---- challenges ------------------------------------------------------- */

int account_answer(struct sip_stack *s, const struct sip_msg *request,
		   const struct sip_msg *response, unsigned int *tries,
		   struct sip_msg **ret)
{
	struct account *a = s->account;
	int status = sip_msg_status(response), err;
	bool is_stale = false;
	char *header;

	if (!a || (status != 401 && status != 407) || *tries >= ANSWERS_MAX)
		return -ENOTSUP;
	/* A browser registers as itself, and knows its own password. */
	if ((sip_msg_method(request) == SIP_REGISTER &&
	     strcmp(sip_msg_call_id(request), a->call_id)) ||
	    (!*tries && (sip_msg_header(request, "Authorization") ||
			 sip_msg_header(request, "Proxy-Authorization"))))
		return -ENOTSUP;
	err = credentials_answer(&a->credentials, response, request, &header,
				 &is_stale);
	if (err)
		return err;
	/* They were refused. */
	if (*tries && !is_stale)
		err = -ENOTSUP;
	if (!err)
		err = sip_msg_authorize(request, header, ret);
	free(header);
	++*tries;
	return err;
}

/* ---- REGISTER --------------------------------------------------------- */

static void send_register(void *arg);

static void again_after(struct account *a, uint32_t delay_ms)
{
	loop_timer_cancel(a->timer);
	a->timer = NULL;
	if (loop_timer_add(a->s->loop, delay_ms, send_register, a,
			   &a->timer) < 0)
		log_err("sip: no memory for the account's timer");
}

static void failed(struct account *a, const char *reason)
{
	struct sip_account_status *st = &a->status;

	if (st->is_registered || strcmp(st->reason, reason))
		log_warn("sip: %s is not registered at the PBX: %s", st->aor,
			 reason);
	/* The binding outlives a refresh that failed. */
	if (clock_ms() >= a->expires_ms)
		st->is_registered = false;
	if (reason != st->reason)
		snprintf(st->reason, sizeof(st->reason), "%s", reason);
	again_after(a, a->retry_ms);
	a->retry_ms = a->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS :
		      a->retry_ms * 2;
}

void account_pbx_is_up(struct sip_stack *s)
{
	struct account *a = s->account;

	if (a && !a->client)
		again_after(a, 0);
}

/*
 * A telephone that shares the account is in the 2xx, too (RFC 3261 10.3). A
 * PBX that sees us by another address says that: then the user must do.
 */
static uint32_t granted_s(const struct account *a, const struct sip_msg *m)
{
	const char *uri, *v = NULL, *user = a->s->settings.account.user;
	char own[ADDR_STRLEN + 24];
	struct sip_uri u, ours = { 0 };
	bool is_ours;

	snprintf(own, sizeof(own), "sip:%s", sip_stack_host(a->s));
	sip_uri_parse(own, &ours);
	for (unsigned int n = 0; (uri = sip_msg_contact(m, n)); n++) {
		if (sip_uri_parse(uri, &u) || strcmp(u.user, user))
			continue;
		is_ours = !strcasecmp(u.host, ours.host) && u.port == ours.port;
		if (is_ours || !v)
			v = sip_msg_contact_param(m, n, "expires");
		if (is_ours)
			break;
	}
	if (!v)
		v = sip_msg_header(m, "Expires");
	return v ? (uint32_t)strtoul(v, NULL, 10) : a->asked_s;
}

static void succeeded(struct account *a, const struct sip_msg *m)
{
	struct sip_account_status *st = &a->status;
	uint32_t s = granted_s(a, m), early_s = s / 10 < 30 ? s / 10 : 30;

	if (!s || s > 86400 * 7) {
		failed(a, "the PBX granted no time");
		return;
	}
	if (!st->is_registered)
		log_info("sip: %s is registered at the PBX for %u s", st->aor,
			 s);
	st->is_registered = true;
	st->reason[0] = '\0';
	a->expires_ms = clock_ms() + (uint64_t)s * 1000;
	a->retry_ms = RETRY_MIN_MS;
	again_after(a, (s - early_s) * 1000 - 500);
}

static void answered(void *arg, struct sip_client *ct, const struct sip_msg *m)
{
	int status = sip_msg_status(m);
	struct account *a = arg;
	const char *min;
	char reason[96];

	if (status < 200)
		return;
	a->client = NULL;
	a->cseq = sip_msg_cseq(sip_client_request(ct));
	min = sip_msg_header(m, "Min-Expires");
	if (status < 300) {
		succeeded(a, m);
	} else if (status == 423 && min &&
		   strtoul(min, NULL, 10) > a->asked_s &&
		   strtoul(min, NULL, 10) <= 86400) {
		a->asked_s = (uint32_t)strtoul(min, NULL, 10);
		again_after(a, 0);
	} else {
		snprintf(reason, sizeof(reason), "%d %.80s", status,
			 sip_msg_phrase(m));
		failed(a, sip_client_is_local(ct) ? "the PBX does not answer" :
		       reason);
	}
	sip_client_free(ct);
}

static int build(struct account *a, struct sip_msg **ret)
{
	const struct sip_settings *set = &a->s->settings;
	char ruri[280], address[400], contact[400], extra[160], domain[264];
	const struct sip_request r = {
		.method = "REGISTER", .ruri = ruri, .from = address,
		.from_tag = a->tag, .to = address, .call_id = a->call_id,
		.cseq = ++a->cseq, .contact = contact, .max_forwards = 70,
		.extra_headers = extra,
	};

	snprintf(ruri, sizeof(ruri), "sip:%s",
		 domain_of(a->s, domain, sizeof(domain)));
	snprintf(address, sizeof(address), "<%s>", a->status.aor);
	snprintf(contact, sizeof(contact), "<sip:%s@%s>;expires=%u",
		 set->account.user, sip_stack_host(a->s), a->asked_s);
	snprintf(extra, sizeof(extra), "Expires: %u\r\nUser-Agent: %.100s\r\n",
		 a->asked_s, set->user_agent ? set->user_agent : "sluice");
	return sip_msg_make_request(&r, NULL, ret);
}

static void send_register(void *arg)
{
	struct sip_target to = { .is_ws = false };
	struct account *a = arg;
	struct sip_msg *m;
	int err;

	a->timer = NULL;
	sip_client_free(a->client);
	a->client = NULL;
	snprintf(to.uri, sizeof(to.uri), "%s", a->s->settings.pbx);
	err = build(a, &m);
	if (!err) {
		err = sip_client_send(a->s, &to, m, answered, a, &a->client);
		sip_msg_unref(m);
	}
	if (err)
		failed(a, "cannot send");
}

/* ---- life ------------------------------------------------------------- */

int account_start(struct sip_stack *s)
{
	const struct sip_account_settings *set = &s->settings.account;
	struct account *a;
	char domain[264];

	if (!set->user || !s->settings.pbx)
		return 0;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	s->account = a;
	a->s = s;
	a->credentials = (struct credentials){
		.user = set->auth_user ? set->auth_user : set->user,
		.password = set->password ? set->password : "",
		.realm = set->realm,
	};
	a->asked_s = set->expires_s ? set->expires_s : 3600;
	a->retry_ms = RETRY_MIN_MS;
	a->status.is_wanted = true;
	snprintf(a->status.aor, sizeof(a->status.aor), "sip:%s@%s", set->user,
		 domain_of(s, domain, sizeof(domain)));
	snprintf(a->status.reason, sizeof(a->status.reason), "not yet");
	random_token(a->call_id, sizeof(a->call_id) - 1);
	random_token(a->tag, sizeof(a->tag) - 1);
	again_after(a, 0);
	return 0;
}

void account_stop(struct sip_stack *s)
{
	struct account *a = s->account;

	if (!a)
		return;
	s->account = NULL;
	loop_timer_cancel(a->timer);
	sip_client_free(a->client);
	free(a);
}

void sip_account_status(const struct sip_stack *s,
			struct sip_account_status *ret)
{
	uint64_t now = clock_ms();

	memset(ret, 0, sizeof(*ret));
	if (!s->account)
		return;
	*ret = s->account->status;
	if (s->account->expires_ms > now)
		ret->expires_in_s =
			(uint32_t)((s->account->expires_ms - now) / 1000);
}
