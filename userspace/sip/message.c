/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/limits.h"
#include "sip/msg.h"

static const struct {
	sip_method_t theirs;
	enum sip_method ours;
} methods[] = {
	{ sip_method_invite, SIP_INVITE },
	{ sip_method_ack, SIP_ACK },
	{ sip_method_cancel, SIP_CANCEL },
	{ sip_method_bye, SIP_BYE },
	{ sip_method_options, SIP_OPTIONS },
	{ sip_method_register, SIP_REGISTER },
	{ sip_method_info, SIP_INFO },
	{ sip_method_prack, SIP_PRACK },
	{ sip_method_update, SIP_UPDATE },
	{ sip_method_message, SIP_MESSAGE },
	{ sip_method_subscribe, SIP_SUBSCRIBE },
	{ sip_method_notify, SIP_NOTIFY },
	{ sip_method_refer, SIP_REFER },
	{ sip_method_publish, SIP_PUBLISH },
};

/* What a transaction or dialog is built from; elsewhere errors are passed. */
static const char *const needed[] = {
	"Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Contact",
	"Route", "Record-Route", "Content-Length", "Content-Type",
};

int sip_msg_wrap(msg_t *msg, struct sip_msg **ret)
{
	struct sip_msg *m;

	m = calloc(1, sizeof(*m));
	if (!m) {
		msg_destroy(msg);
		return -ENOMEM;
	}
	m->refs = 1;
	m->msg = msg;
	m->sip = sip_object(msg);
	*ret = m;
	return 0;
}

static int bad(char *reason, const char *what)
{
	if (reason)
		snprintf(reason, 128, "%s", what);
	return -EINVAL;
}

static int check_errors(const struct sip_msg *m, char *reason)
{
	const sip_header_t *h = (const sip_header_t *)m->sip->sip_error;
	const char *name;
	char text[64];

	for (; h; h = h->sh_next) {
		name = h->sh_class == sip_error_class ?
			h->sh_error->er_name : h->sh_class->hc_name;
		for (size_t i = 0; name && i < sizeof(needed) /
		     sizeof(needed[0]); i++) {
			if (strcasecmp(name, needed[i]))
				continue;
			snprintf(text, sizeof(text), "Bad %s Header",
				 needed[i]);
			return bad(reason, text);
		}
	}
	return 0;
}

int sip_msg_check(const struct sip_msg *m, char *reason)
{
	const sip_t *sip = m->sip;

	if (!sip || (!sip->sip_request && !sip->sip_status))
		return bad(reason, "Bad Start Line");
	if (check_errors(m, reason) < 0)
		return -EINVAL;
	if (!sip->sip_via || !sip->sip_via->v_host)
		return bad(reason, "Missing Via Header");
	if (!sip->sip_from)
		return bad(reason, "Missing From Header");
	if (!sip->sip_to)
		return bad(reason, "Missing To Header");
	if (!sip->sip_call_id || !sip->sip_call_id->i_id)
		return bad(reason, "Missing Call-ID Header");
	if (!sip->sip_cseq || !sip->sip_cseq->cs_method_name)
		return bad(reason, "Missing CSeq Header");
	if ((sip->sip_flags & MSG_FLG_ERROR) || sip_sanity_check(sip) < 0)
		return bad(reason, "Bad Request");
	return 0;
}

int sip_msg_parse(const char *data, size_t len, struct sip_msg **ret,
		  char *reason)
{
	struct sip_msg *m = NULL;
	msg_t *msg;
	int err;

	if (!len || len > LIMIT_SIP_MESSAGE_BYTES)
		return bad(reason, "Bad Length");
	msg = msg_make(sip_default_mclass(), MSG_DO_EXTRACT_COPY, data,
		       (ssize_t)len);
	if (!msg)
		return -ENOMEM;
	err = sip_msg_wrap(msg, &m);
	if (err < 0)
		return err;
	err = sip_msg_check(m, reason);
	if (err < 0) {
		sip_msg_unref(m);
		return err;
	}
	*ret = m;
	return 0;
}

struct sip_msg *sip_msg_ref(struct sip_msg *m)
{
	m->refs++;
	return m;
}

void sip_msg_unref(struct sip_msg *m)
{
	if (!m || --m->refs)
		return;
	msg_destroy(m->msg);
	free(m);
}

void sip_msg_set_from_web(struct sip_msg *m)
{
	m->from_web = true;
}

char *sip_msg_print(const struct sip_msg *m, size_t *ret_len)
{
	size_t len = 0;
	char *text, *copy;

	text = msg_as_string(msg_home(m->msg), m->msg, NULL, 0, &len);
	if (!text)
		return NULL;
	copy = malloc(len + 1);
	if (copy) {
		memcpy(copy, text, len);
		copy[len] = '\0';
		if (ret_len)
			*ret_len = len;
	}
	su_free(msg_home(m->msg), text);
	return copy;
}

/* ---- start line and the headers of a transaction ---------------------- */

bool sip_msg_is_request(const struct sip_msg *m)
{
	return m->sip->sip_request;
}

enum sip_method sip_msg_method(const struct sip_msg *m)
{
	sip_method_t theirs = m->sip->sip_cseq->cs_method;

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (methods[i].theirs == theirs)
			return methods[i].ours;
	return SIP_OTHER;
}

const char *sip_msg_method_name(const struct sip_msg *m)
{
	return m->sip->sip_cseq->cs_method_name;
}

int sip_msg_status(const struct sip_msg *m)
{
	return m->sip->sip_status ? m->sip->sip_status->st_status : 0;
}

const char *sip_msg_phrase(const struct sip_msg *m)
{
	const sip_status_t *st = m->sip->sip_status;

	return st && st->st_phrase ? st->st_phrase : "";
}

const char *sip_msg_call_id(const struct sip_msg *m)
{
	return m->sip->sip_call_id->i_id;
}

uint32_t sip_msg_cseq(const struct sip_msg *m)
{
	return m->sip->sip_cseq->cs_seq;
}

const char *sip_msg_branch(const struct sip_msg *m)
{
	const sip_via_t *v = m->sip->sip_via;

	return v && v->v_branch ? v->v_branch : "";
}

const char *sip_msg_from_tag(const struct sip_msg *m)
{
	return m->sip->sip_from->a_tag;
}

const char *sip_msg_to_tag(const struct sip_msg *m)
{
	return m->sip->sip_to->a_tag;
}

int sip_msg_max_forwards(const struct sip_msg *m)
{
	const sip_max_forwards_t *mf = m->sip->sip_max_forwards;

	if (!mf)
		return 70;
	return mf->mf_count > 255 ? 255 : (int)mf->mf_count;
}

/* The Request-URI as it was written: a digest is computed over it. */
static const char *raw_ruri(const struct sip_msg *m)
{
	const sip_request_t *rq = m->sip->sip_request;
	const char *p = rq->rq_common->h_data, *end, *uri;

	if (!p || !rq->rq_common->h_len)
		return NULL;
	end = p + rq->rq_common->h_len;
	while (p < end && strchr(" \t\r\n", *p))
		p++;
	while (p < end && *p != ' ')
		p++;
	while (p < end && *p == ' ')
		p++;
	for (uri = p; p < end && *p != ' ' && *p != '\r' && *p != '\n'; p++)
		;
	return p > uri && p < end ?
		su_strndup(msg_home(m->msg), uri, (isize_t)(p - uri)) : NULL;
}

const char *sip_msg_ruri(const struct sip_msg *m)
{
	struct sip_msg *cache = (struct sip_msg *)m;

	if (!m->sip->sip_request)
		return NULL;
	if (!m->ruri)
		cache->ruri = raw_ruri(m);
	if (!m->ruri)
		cache->ruri = url_as_string(msg_home(m->msg),
					    m->sip->sip_request->rq_url);
	return m->ruri;
}

const char *sip_msg_from_uri(const struct sip_msg *m)
{
	if (!m->from_uri)
		((struct sip_msg *)m)->from_uri =
			url_as_string(msg_home(m->msg),
				      m->sip->sip_from->a_url);
	return m->from_uri;
}

const char *sip_msg_to_uri(const struct sip_msg *m)
{
	if (!m->to_uri)
		((struct sip_msg *)m)->to_uri =
			url_as_string(msg_home(m->msg), m->sip->sip_to->a_url);
	return m->to_uri;
}

static const char *value_without_tag(su_home_t *home, const sip_addr_t *a)
{
	sip_from_t *copy = sip_from_dup(home, (const sip_from_t *)a);

	if (!copy)
		return NULL;
	msg_header_remove_param(copy->a_common, "tag");
	return sip_header_as_string(home, (const sip_header_t *)copy);
}

const char *sip_msg_from_value(const struct sip_msg *m)
{
	if (!m->from_value)
		((struct sip_msg *)m)->from_value =
			value_without_tag(msg_home(m->msg), m->sip->sip_from);
	return m->from_value;
}

const char *sip_msg_to_value(const struct sip_msg *m)
{
	if (!m->to_value)
		((struct sip_msg *)m)->to_value =
			value_without_tag(msg_home(m->msg), m->sip->sip_to);
	return m->to_value;
}

const char *sip_msg_content_type(const struct sip_msg *m)
{
	size_t len;

	if (!m->sip->sip_content_type || !sip_msg_body(m, &len))
		return NULL;
	return sip_msg_header(m, "Content-Type");
}

const void *sip_msg_body(const struct sip_msg *m, size_t *ret_len)
{
	const sip_payload_t *pl = m->sip->sip_payload;

	if (!pl || !pl->pl_len)
		return NULL;
	*ret_len = pl->pl_len;
	return pl->pl_data;
}
