/* SPDX-License-Identifier: Apache-2.0 */
/* The stack as a whole: settings, tables, counters. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/su_log.h>

#include "core/log.h"
#include "core/random.h"
#include "sip/account.h"
#include "sip/stack.h"
#include "sip/tls.h"
#include "sip/trunk.h"

static void free_settings(struct sip_settings *c)
{
	free((char *)c->pbx);
	for (char *const *p = (char *const *)c->pbx_backup; p && *p; p++)
		free(*p);
	free((char **)c->pbx_backup);
	free((char *)c->resolv_conf);
	free((char *)c->tls.certificate);
	free((char *)c->tls.private_key);
	free((char *)c->tls.ca);
	free((char *)c->account.user);
	free((char *)c->account.auth_user);
	if (c->account.password)
		explicit_bzero((char *)c->account.password,
			       strlen(c->account.password));
	free((char *)c->account.password);
	free((char *)c->account.realm);
	free((char *)c->account.domain);
	free((char *)c->user_agent);
	free((struct addr_net *)c->allow);
}

static int copy_text(const char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

static int copy_list(const char *const **to, const char *const *from)
{
	size_t count = 0;
	char **list;

	*to = NULL;
	while (from && from[count])
		count++;
	if (!count)
		return 0;
	list = calloc(count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	*to = (const char *const *)list;
	for (size_t i = 0; i < count; i++)
		if (!(list[i] = strdup(from[i])))
			return -ENOMEM;
	return 0;
}

static int copy_settings(struct sip_settings *to,
			 const struct sip_settings *from)
{
	struct addr_net *allow = NULL;
	int err = 0;

	*to = *from;
	to->allow = NULL;
	/* All of them, even if one fails: none may stay the caller's. */
	err |= copy_text(&to->pbx, from->pbx);
	err |= copy_list(&to->pbx_backup, from->pbx_backup);
	err |= copy_text(&to->resolv_conf, from->resolv_conf);
	err |= copy_text(&to->tls.certificate, from->tls.certificate);
	err |= copy_text(&to->tls.private_key, from->tls.private_key);
	err |= copy_text(&to->tls.ca, from->tls.ca);
	err |= copy_text(&to->account.user, from->account.user);
	err |= copy_text(&to->account.auth_user, from->account.auth_user);
	err |= copy_text(&to->account.password, from->account.password);
	err |= copy_text(&to->account.realm, from->account.realm);
	err |= copy_text(&to->account.domain, from->account.domain);
	err |= copy_text(&to->user_agent, from->user_agent);
	if (from->allow_count) {
		allow = calloc(from->allow_count, sizeof(*allow));
		if (!allow)
			return -ENOMEM;
		memcpy(allow, from->allow, from->allow_count * sizeof(*allow));
		to->allow = allow;
	}
	return err ? -ENOMEM : 0;
}

/* sofia explains itself on stderr otherwise; errors come back as codes. */
static void sofia_says(void *stream, const char *fmt, va_list ap)
{
	(void)stream;
	(void)fmt;
	(void)ap;
}

void stack_set_contact(struct sip_stack *s, enum sip_transport by)
{
	snprintf(s->contact_host, sizeof(s->contact_host), "%s%s",
		 by == SIP_TLS ? tls_host(s) : s->host,
		 by == SIP_TLS ? ";transport=tls" :
		 by == SIP_TCP ? ";transport=tcp" : "");
}

/* Until DNS has told: as far as the URI says it. */
static void write_contact_host(struct sip_stack *s)
{
	enum sip_transport by = SIP_UDP;
	struct sip_target pbx = { 0 };
	char transport[16] = "";
	struct sip_uri u;

	if (s->settings.pbx && sip_uri_parse(s->settings.pbx, &u) == 0) {
		snprintf(pbx.uri, sizeof(pbx.uri), "%s", s->settings.pbx);
		sip_uri_param(&u, "transport", transport, sizeof(transport));
	}
	if (tls_is_target(&pbx))
		by = SIP_TLS;
	else if (!strcasecmp(transport, "tcp"))
		by = SIP_TCP;
	stack_set_contact(s, by);
}

int sip_stack_create(struct loop *loop, const struct sip_settings *settings,
		     const struct sip_user *user, struct sip_stack **ret)
{
	struct sip_stack *s;
	int err;

	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	su_log_redirect(NULL, sofia_says, NULL);
	s->loop = loop;
	s->user = *user;
	s->t1_ms = SIP_T1_MS;
	LIST_INIT(&s->servers);
	LIST_INIT(&s->clients);
	if (addr_is_set(&settings->web))
		addr_format(&settings->web, s->web_host);
	err = copy_settings(&s->settings, settings);
	if (!err)
		err = table_init(&s->merges);
	if (!err)
		err = table_init(&s->acks);
	if (!err)
		err = table_init(&s->ws_servers);
	if (!err)
		err = table_init(&s->ws_clients);
	if (!err)
		err = table_init(&s->flows);
	if (!err)
		err = nta_start(s);
	if (!err)
		err = tls_start(s);
	if (!err)
		write_contact_host(s);
	if (!err)
		err = trunk_start(s);
	if (!err)
		err = account_start(s);
	if (err < 0) {
		sip_stack_free(s);
		return err;
	}
	*ret = s;
	return 0;
}

void sip_stack_free(struct sip_stack *s)
{
	struct sip_server *st;
	struct sip_client *ct;

	if (!s)
		return;
	account_stop(s);
	trunk_stop(s);
	while ((ct = LIST_FIRST(&s->clients)))
		client_destroy(ct);
	while ((st = LIST_FIRST(&s->servers)))
		server_free(st);
	tls_stop(s);
	nta_stop(s);
	table_destroy(&s->merges);
	table_destroy(&s->acks);
	table_destroy(&s->ws_servers);
	table_destroy(&s->ws_clients);
	table_destroy(&s->flows);
	free_settings(&s->settings);
	free(s);
}

void sip_stack_set_t1(struct sip_stack *s, uint32_t t1_ms)
{
	s->t1_ms = t1_ms;
	nta_set_t1(s);
}

void sip_make_branch(char branch[SIP_BRANCH_SIZE])
{
	/* RFC 3261 8.1.1.7 */
	memcpy(branch, "z9hG4bK", 7);
	random_token(branch + 7, SIP_BRANCH_SIZE - 8);
}

void stack_trace(struct sip_stack *s, bool sent, const struct sip_target *peer,
		 const struct sip_msg *m)
{
	size_t len;
	char *text;

	if (!s->settings.trace)
		return;
	text = sip_msg_print(m, &len);
	if (!text)
		return;
	s->settings.trace(s->settings.trace_arg, sent, peer, text, len);
	free(text);
}

const char *sip_stack_host(const struct sip_stack *s)
{
	return s->contact_host;
}

void sip_stack_stats(const struct sip_stack *s, struct sip_stack_stats *ret)
{
	*ret = s->stats;
	nta_stats(s, ret);
}
