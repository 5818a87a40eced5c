/* SPDX-License-Identifier: Apache-2.0 */
/* The stack as a whole: settings, tables, counters. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/su_log.h>

#include "core/log.h"
#include "core/random.h"
#include "sip/stack.h"

static void free_settings(struct sip_settings *c)
{
	free((char *)c->pbx);
	free((char *)c->user_agent);
	free((struct addr_net *)c->allow);
}

static int copy_settings(struct sip_settings *to,
			 const struct sip_settings *from)
{
	struct addr_net *allow = NULL;

	*to = *from;
	to->allow = NULL;
	to->pbx = from->pbx ? strdup(from->pbx) : NULL;
	to->user_agent = from->user_agent ? strdup(from->user_agent) : NULL;
	if (from->allow_count) {
		allow = calloc(from->allow_count, sizeof(*allow));
		if (!allow)
			return -ENOMEM;
		memcpy(allow, from->allow, from->allow_count * sizeof(*allow));
		to->allow = allow;
	}
	if ((from->pbx && !to->pbx) || (from->user_agent && !to->user_agent))
		return -ENOMEM;
	return 0;
}

/* sofia explains itself on stderr otherwise; errors come back as codes. */
static void sofia_says(void *stream, const char *fmt, va_list ap)
{
	(void)stream;
	(void)fmt;
	(void)ap;
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
		err = trunk_resolve(s);
	if (!err)
		err = nta_start(s);
	if (!err)
		err = trunk_start(s);
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
	trunk_stop(s);
	while ((ct = LIST_FIRST(&s->clients)))
		client_destroy(ct);
	while ((st = LIST_FIRST(&s->servers)))
		server_free(st);
	nta_stop(s);
	table_destroy(&s->merges);
	table_destroy(&s->acks);
	table_destroy(&s->ws_servers);
	table_destroy(&s->ws_clients);
	free_settings(&s->settings);
	free(s);
}

void sip_stack_set_t1(struct sip_stack *s, uint32_t t1_ms)
{
	s->t1_ms = t1_ms;
	nta_set_t1(s);
}

void stack_make_branch(char branch[SIP_BRANCH_SIZE])
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
	return s->host;
}

void sip_stack_stats(const struct sip_stack *s, struct sip_stack_stats *ret)
{
	*ret = s->stats;
	nta_stats(s, ret);
}
