/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of our own: written as text from checked values, then parsed, so
 * that nothing leaves that our own parser would refuse.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/limits.h"
#include "sip/digest.h"
#include "sip/msg.h"
#include "sip/policy.h"

struct builder {
	FILE *out;
	char *text;
	size_t len;
	bool is_bad;		/* a value would break the line structure */
};

static int builder_open(struct builder *b)
{
	memset(b, 0, sizeof(*b));
	b->out = open_memstream(&b->text, &b->len);
	return b->out ? 0 : -ENOMEM;
}

/* Parses what was written and frees the text. */
static int builder_close(struct builder *b, struct sip_msg **ret)
{
	int err = b->is_bad ? -EINVAL : 0;

	if (ferror(b->out))
		err = -ENOMEM;
	if (fclose(b->out) != 0)
		err = -ENOMEM;
	if (!err)
		err = sip_msg_parse(b->text, b->len, ret, NULL);
	free(b->text);
	return err;
}

static const char *clean(struct builder *b, const char *value)
{
	if (value[strcspn(value, "\r\n")])
		b->is_bad = true;
	return value;
}

static void put_header(struct builder *b, const char *name, const char *value)
{
	fprintf(b->out, "%s: %s\r\n", name, clean(b, value));
}

static void put_address(struct builder *b, const char *name, const char *value,
			const char *tag)
{
	fprintf(b->out, "%s: %s%s%s\r\n", name, clean(b, value),
		tag ? ";tag=" : "", tag ? clean(b, tag) : "");
}

/* Only the option tags that pass; no header if none is left. */
static void put_options(struct builder *b, const char *name, const char *list)
{
	bool has_any = false;
	size_t len;

	for (; *list; list += len) {
		list += strspn(list, " \t,");
		len = strcspn(list, " \t,");
		if (!len || !policy_option_passes(list, (unsigned int)len))
			continue;
		fprintf(b->out, "%s%s%.*s", has_any ? "" : name,
			has_any ? ", " : ": ", (int)len, list);
		has_any = true;
	}
	if (has_any)
		fputs("\r\n", b->out);
}

/* Is there a line of that name in "Name: value CRLF..."? */
static bool is_named_in(const char *lines, const char *name)
{
	char have[64];
	size_t len;

	while (lines && *lines) {
		len = strcspn(lines, " \t:\r\n");
		if (len < sizeof(have)) {
			memcpy(have, lines, len);
			have[len] = '\0';
			if (sip_header_is(have, name))
				return true;
		}
		lines = strchr(lines, '\n');
		if (lines)
			lines++;
	}
	return false;
}

/* "399 192.0.2.1:5060 \"text\", ...": the agents become a pseudonym. */
static void put_warning(struct builder *b, const char *list)
{
	const char *code, *text, *end;

	for (; *list; list = end + strspn(end, " \t,")) {
		code = list;
		list += strspn(list, "0123456789");
		text = strchr(list, '"');
		if (list - code != 3 || *list != ' ' || !text)
			return;
		for (end = text + 1; *end && *end != '"'; end++)
			if (*end == '\\' && end[1])
				end++;
		if (!*end++)
			return;
		fprintf(b->out, "Warning: %.3s pbx %.*s\r\n", code,
			(int)(end - text), text);
	}
}

static void put_passing(struct builder *b, const struct sip_msg *src,
			const struct policy *policy, const char *extra)
{
	const char *name, *value;
	msg_header_t *pos = NULL;
	enum policy_verdict verdict;
	char *challenge;

	while (src && sip_msg_next_header(src, &pos, &name, &value)) {
		verdict = policy_header(policy, name);
		/* Lists of option tags add up (RFC 3261 7.3.1). */
		if (verdict != POLICY_OPTIONS && is_named_in(extra, name))
			continue;
		switch (verdict) {
		case POLICY_PASS:
			put_header(b, name, value);
			break;
		case POLICY_OPTIONS:
			put_options(b, name, value);
			break;
		case POLICY_CHALLENGE:
			challenge = digest_without_auth_int(value);
			if (challenge)
				put_header(b, name, challenge);
			free(challenge);
			break;
		case POLICY_WARNING:
			put_warning(b, clean(b, value));
			break;
		case POLICY_DROP:
			break;
		}
	}
}

/* Whole lines only, none of them empty. */
static void put_extra(struct builder *b, const char *extra)
{
	size_t len = extra ? strlen(extra) : 0;

	if (!len)
		return;
	if (len < 2 || strcmp(extra + len - 2, "\r\n") ||
	    strstr(extra, "\r\n\r\n") || extra[0] == '\r')
		b->is_bad = true;
	fputs(extra, b->out);
}

static void put_body(struct builder *b, const char *type, const void *body,
		     size_t len)
{
	if (!type)
		len = 0;
	if (len > LIMIT_SIP_BODY_BYTES)
		b->is_bad = true;
	if (len)
		put_header(b, "Content-Type", type);
	fprintf(b->out, "Content-Length: %zu\r\n\r\n", len);
	if (len)
		fwrite(body, 1, len, b->out);
}

int sip_msg_make_request(const struct sip_request *r, const struct sip_msg *src,
			 struct sip_msg **ret)
{
	struct policy policy = {
		.from_web = src && src->from_web,
		.privacy = policy_privacy(src ? sip_msg_header(src, "Privacy") :
						NULL),
		.has_body = r->content_type && r->body_len,
		.end_to_end_digest = r->end_to_end_digest,
	};
	struct builder b;
	int err;

	if (!r->method || !r->ruri || !r->from || !r->to || !r->call_id ||
	    !r->ruri[0] || strpbrk(r->ruri, " \t"))
		return -EINVAL;
	err = builder_open(&b);
	if (err < 0)
		return err;
	fprintf(b.out, "%s %s SIP/2.0\r\n", clean(&b, r->method),
		clean(&b, r->ruri));
	/* The parser wants one; the engine puts its own in its place. */
	fputs("Via: SIP/2.0/UDP 0.0.0.0;branch=z9hG4bK-unsent\r\n", b.out);
	fprintf(b.out, "Max-Forwards: %d\r\n", r->max_forwards);
	for (size_t i = 0; r->routes && r->routes[i]; i++)
		put_header(&b, "Route", r->routes[i]);
	put_address(&b, "From", r->from, r->from_tag);
	put_address(&b, "To", r->to, r->to_tag);
	put_header(&b, "Call-ID", r->call_id);
	fprintf(b.out, "CSeq: %u %s\r\n", r->cseq, r->method);
	if (r->contact)
		put_header(&b, "Contact", r->contact);
	put_passing(&b, src, &policy, r->extra_headers);
	put_extra(&b, r->extra_headers);
	put_body(&b, r->content_type, r->body, r->body_len);
	err = builder_close(&b, ret);
	if (err < 0)
		return err;
	sip_via_remove((*ret)->msg, (*ret)->sip);
	return 0;
}

/* What a response repeats from its request. RFC 3261 8.2.6.2, 12.1.1 */
static void put_from_request(struct builder *b, const struct sip_msg *req,
			     const struct sip_reply *r)
{
	bool makes_dialog = r->status > 100 && r->status < 300;
	const char *name, *value, *tag = sip_msg_to_tag(req);
	msg_header_t *pos = NULL;

	while (sip_msg_next_header(req, &pos, &name, &value)) {
		if (!strcasecmp(name, "Via") || !strcasecmp(name, "From") ||
		    !strcasecmp(name, "Call-ID") || !strcasecmp(name, "CSeq"))
			put_header(b, name, value);
		else if (!strcasecmp(name, "Record-Route") && makes_dialog)
			put_header(b, name, value);
	}
	put_address(b, "To", sip_msg_to_value(req), tag ? tag : r->to_tag);
}

int sip_msg_make_reply(const struct sip_msg *req, const struct sip_reply *r,
		       const struct sip_msg *src, struct sip_msg **ret)
{
	struct policy policy = {
		.from_web = src && src->from_web,
		.privacy = policy_privacy(src ? sip_msg_header(src, "Privacy") :
						NULL),
		.has_body = r->content_type && r->body_len,
	};
	const char *phrase = r->phrase;
	struct builder b;
	int err;

	if (r->status < 100 || r->status > 699)
		return -EINVAL;
	if (!phrase)
		phrase = sip_status_phrase(r->status);
	err = builder_open(&b);
	if (err < 0)
		return err;
	fprintf(b.out, "SIP/2.0 %03d %s\r\n", r->status,
		phrase ? clean(&b, phrase) : "");
	put_from_request(&b, req, r);
	if (r->contact)
		put_header(&b, "Contact", r->contact);
	put_passing(&b, src, &policy, r->extra_headers);
	put_extra(&b, r->extra_headers);
	put_body(&b, r->content_type, r->body, r->body_len);
	return builder_close(&b, ret);
}
