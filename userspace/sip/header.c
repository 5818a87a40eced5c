/* SPDX-License-Identifier: Apache-2.0 */
/* Single headers of a message: by name, Contacts, Record-Routes, Vias. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sip/msg.h"

/* RFC 3261 7.3.3 and the extensions that registered a compact form. */
static const struct {
	char compact;
	const char *name;
} compact_forms[] = {
	{ 'a', "Accept-Contact" },	{ 'b', "Referred-By" },
	{ 'c', "Content-Type" },	{ 'd', "Request-Disposition" },
	{ 'e', "Content-Encoding" },	{ 'f', "From" },
	{ 'i', "Call-ID" },		{ 'j', "Reject-Contact" },
	{ 'k', "Supported" },		{ 'l', "Content-Length" },
	{ 'm', "Contact" },		{ 'n', "Identity-Info" },
	{ 'o', "Event" },		{ 'r', "Refer-To" },
	{ 's', "Subject" },		{ 't', "To" },
	{ 'u', "Allow-Events" },	{ 'v', "Via" },
	{ 'x', "Session-Expires" },	{ 'y', "Identity" },
};

static const char *long_name(const char *name)
{
	if (!name[0] || name[1])
		return name;
	for (size_t i = 0; i < sizeof(compact_forms) / sizeof(compact_forms[0]);
	     i++)
		if ((name[0] | 0x20) == compact_forms[i].compact)
			return compact_forms[i].name;
	return name;
}

bool sip_header_is(const char *have, const char *want)
{
	return !strcasecmp(long_name(have), long_name(want));
}

/* "Name: value CRLF" as received to a value on one line. */
static const char *raw_value(su_home_t *home, const msg_common_t *c)
{
	const char *p = c->h_data, *end = p + c->h_len;
	char *value, *out;

	while (p < end && *p != ':')
		p++;
	if (p == end)
		return NULL;
	for (p++; p < end && strchr(" \t\r\n", *p); p++)
		;
	while (end > p && strchr(" \t\r\n", end[-1]))
		end--;
	value = out = su_alloc(home, (isize_t)(end - p) + 1);
	if (!value)
		return NULL;
	while (p < end) {
		if (*p == '\r' || *p == '\n') {
			while (p < end && strchr(" \t\r\n", *p))
				p++;
			*out++ = ' ';
		} else {
			*out++ = *p++;
		}
	}
	*out = '\0';
	return value;
}

static bool is_line(const msg_header_t *h)
{
	msg_hclass_t *c = h->sh_class;

	if (c == sip_request_class || c == sip_status_class ||
	    c == sip_separator_class || c == sip_payload_class ||
	    c == sip_error_class)
		return false;
	/* Further elements of a list share the first one's line. */
	return !h->sh_data || h->sh_len;
}

bool sip_msg_next_header(const struct sip_msg *m, msg_header_t **pos,
			 const char **ret_name, const char **ret_value)
{
	su_home_t *home = msg_home(m->msg);
	msg_header_t *h = *pos;
	const char *name, *value;

	for (h = h ? h->sh_succ : *msg_chain_head(m->msg); h; h = h->sh_succ) {
		if (!is_line(h))
			continue;
		name = h->sh_class == sip_unknown_class ?
			h->sh_unknown->un_name : h->sh_class->hc_name;
		if (h->sh_data)
			value = raw_value(home, h->sh_common);
		else if (h->sh_class == sip_unknown_class)
			value = h->sh_unknown->un_value;
		else
			value = sip_header_as_string(home, (void *)h);
		if (!name || !value)
			continue;
		*pos = h;
		*ret_name = long_name(name);
		*ret_value = value;
		return true;
	}
	return false;
}

const char *sip_msg_header(const struct sip_msg *m, const char *name)
{
	const char *have;
	msg_header_t *h;

	for (h = *msg_chain_head(m->msg); h; h = h->sh_succ) {
		if (!is_line(h))
			continue;
		have = h->sh_class == sip_unknown_class ?
			h->sh_unknown->un_name : h->sh_class->hc_name;
		if (!have || !sip_header_is(have, name))
			continue;
		if (h->sh_data)
			return raw_value(msg_home(m->msg), h->sh_common);
		if (h->sh_class == sip_unknown_class)
			return h->sh_unknown->un_value;
		return sip_header_as_string(msg_home(m->msg), (void *)h);
	}
	return NULL;
}

static const sip_contact_t *nth_contact(const struct sip_msg *m,
					unsigned int n)
{
	const sip_contact_t *c = m->sip->sip_contact;

	while (c && n--)
		c = c->m_next;
	return c;
}

const char *sip_msg_contact(const struct sip_msg *m, unsigned int n)
{
	const sip_contact_t *c = nth_contact(m, n);

	return c ? url_as_string(msg_home(m->msg), c->m_url) : NULL;
}

const char *sip_msg_contact_param(const struct sip_msg *m, unsigned int n,
				  const char *name)
{
	const sip_contact_t *c = nth_contact(m, n);
	const char *value;
	size_t len;

	if (!c || !c->m_params)
		return NULL;
	value = msg_params_find(c->m_params, name);
	if (!value)
		return NULL;
	len = strlen(value);
	if (len >= 2 && value[0] == '"' && value[len - 1] == '"')
		return su_strndup(msg_home(m->msg), value + 1,
				  (isize_t)len - 2);
	return value;
}

const char *sip_msg_record_route(const struct sip_msg *m, unsigned int n)
{
	sip_record_route_t *r = m->sip->sip_record_route;
	sip_record_route_t *one;

	while (r && n--)
		r = r->r_next;
	if (!r)
		return NULL;
	one = sip_record_route_dup(msg_home(m->msg), r);
	if (!one)
		return NULL;
	one->r_next = NULL;
	return sip_header_as_string(msg_home(m->msg), (void *)one);
}

const char *sip_msg_route(const struct sip_msg *m)
{
	const sip_route_t *r = m->sip->sip_route;

	return r ? url_as_string(msg_home(m->msg), r->r_url) : NULL;
}

char *sip_msg_headers(const struct sip_msg *m, const char *name)
{
	const char *have, *value;
	msg_header_t *pos = NULL;
	char *list = NULL;
	size_t len;
	FILE *f = open_memstream(&list, &len);

	if (!f)
		return NULL;
	while (sip_msg_next_header(m, &pos, &have, &value))
		if (sip_header_is(have, name))
			fprintf(f, "%s%s", ftell(f) ? ", " : "", value);
	if (fclose(f)) {
		free(list);
		return NULL;
	}
	return list;
}

/* ---- Via -------------------------------------------------------------- */

int sip_msg_set_received(struct sip_msg *m, const struct addr *peer)
{
	su_home_t *home = msg_home(m->msg);
	sip_via_t *v = m->sip->sip_via;
	char ip[ADDR_STRLEN];
	bool has_rport = v->v_rport;
	const char *param;

	addr_format_ip(peer, ip);
	param = su_sprintf(home, "received=%s", ip);
	if (!param)
		return -ENOMEM;
	msg_fragment_clear_chain((msg_header_t *)v);
	if (msg_header_replace_param(home, v->v_common, param) < 0)
		return -ENOMEM;
	if (!has_rport)
		return 0;
	param = su_sprintf(home, "rport=%u", peer->port);
	if (!param || msg_header_replace_param(home, v->v_common, param) < 0)
		return -ENOMEM;
	return 0;
}

bool sip_msg_drop_rport(struct sip_msg *m)
{
	sip_via_t *v = m->sip->sip_via;

	msg_fragment_clear_chain((msg_header_t *)v);
	return msg_header_remove_param(v->v_common, "rport") > 0;
}

int sip_msg_authorize(const struct sip_msg *m, const char *header,
		      struct sip_msg **ret)
{
	bool is_proxy = !strncasecmp(header, "Proxy-", 6);
	const char *value = strchr(header, ':') + 1;
	msg_header_t *old, *h;
	struct sip_msg *copy;
	msg_t *msg;
	int err;

	msg = msg_copy(m->msg);
	if (!msg)
		return -ENOMEM;
	err = sip_msg_wrap(msg, &copy);
	if (err < 0)
		return err;
	value += strspn(value, " ");
	old = is_proxy ? (msg_header_t *)copy->sip->sip_proxy_authorization :
			 (msg_header_t *)copy->sip->sip_authorization;
	if (old)
		msg_header_remove_all(msg, (msg_pub_t *)copy->sip, old);
	h = is_proxy ? (msg_header_t *)sip_proxy_authorization_make(
				msg_home(msg), value) :
		       (msg_header_t *)sip_authorization_make(msg_home(msg),
							      value);
	copy->sip->sip_cseq->cs_seq++;
	msg_fragment_clear_chain((msg_header_t *)copy->sip->sip_cseq);
	/* Encoded at once: a lone header of this kind is cut when printed. */
	if (!h || msg_header_insert(msg, (msg_pub_t *)copy->sip, h) < 0 ||
	    msg_serialize(msg, (msg_pub_t *)copy->sip) < 0 ||
	    msg_prepare(msg) < 0) {
		sip_msg_unref(copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

int sip_msg_push_via(struct sip_msg *m, const char *value)
{
	sip_via_t *v = sip_via_make(msg_home(m->msg), value);

	if (!v)
		return -ENOMEM;
	/* Via is of the kind that msg_header_insert() puts first. */
	if (msg_header_insert(m->msg, (msg_pub_t *)m->sip,
			      (msg_header_t *)v) < 0)
		return -ENOMEM;
	return msg_serialize(m->msg, (msg_pub_t *)m->sip) < 0 ? -EINVAL : 0;
}

uint16_t sip_msg_sent_by_port(const struct sip_msg *m)
{
	const char *text = m->sip->sip_via->v_port;
	unsigned long port = text ? strtoul(text, NULL, 10) : 0;

	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

int sip_msg_sent_by(const struct sip_msg *m, char *buf, size_t size)
{
	const sip_via_t *v = m->sip->sip_via;
	int n;

	n = snprintf(buf, size, "%s %s:%s", sip_via_transport(v), v->v_host,
		     v->v_port ? v->v_port : "");
	if (n < 0 || (size_t)n >= size)
		return -E2BIG;
	for (char *p = buf; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p |= 0x20;
	return 0;
}
