/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/stream.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/limits.h"
#include "wss/filter.h"

void stream_free(struct stream *st)
{
	free(st->data);
	memset(st, 0, sizeof(*st));
}

static int append(struct stream *st, const char *data, size_t len)
{
	size_t size = st->size ? st->size : 2048;
	char *p;

	while (size < st->len + len)
		size *= 2;
	if (size != st->size) {
		p = realloc(st->data, size);
		if (!p)
			return -ENOMEM;
		st->data = p;
		st->size = size;
	}
	memcpy(st->data + st->len, data, len);
	st->len += len;
	return 0;
}

static void consume(struct stream *st, size_t len)
{
	st->len -= len;
	memmove(st->data, st->data + len, st->len);
	st->looked = 0;
	if (!st->len)
		stream_free(st);
}

/* Keep-alives in front of a message. False: there is more to wait for. */
static bool skip_crlf(struct stream *st, const struct stream_user *user,
		      void *arg)
{
	while (st->len && st->data[0] == '\r') {
		if (st->len >= 4 && !memcmp(st->data, "\r\n\r\n", 4)) {
			consume(st, 4);
			user->ping(arg);
		} else if (st->len > 2 && st->data[2] != '\r') {
			consume(st, 2);
		} else {
			/* "\r\n\rX" is no start line: the filter's. */
			return st->len >= 4;
		}
	}
	return st->len;
}

/* Length of the headers with their empty line; 0: not yet there. */
static size_t headers_length(struct stream *st)
{
	const char *end;
	size_t from = st->looked > 3 ? st->looked - 3 : 0;

	end = memmem(st->data + from, st->len - from, "\r\n\r\n", 4);
	if (end)
		return (size_t)(end - st->data) + 4;
	st->looked = st->len;
	return 0;
}

/* RFC 3261 20.14: needed on a stream, once; -EPROTO without it. */
static int content_length(const char *headers, size_t len, size_t *ret)
{
	const char *p = headers, *end = headers + len, *name;
	size_t value = 0, name_len;
	bool has_any = false;

	while ((p = memchr(p, '\n', (size_t)(end - p))) && ++p < end) {
		name = p;
		while (p < end && (isalpha((unsigned char)*p) || *p == '-'))
			p++;
		name_len = (size_t)(p - name);
		if (!(name_len == 1 && (*name == 'l' || *name == 'L')) &&
		    !(name_len == 14 &&
		      !strncasecmp(name, "Content-Length", 14)))
			continue;
		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		if (p == end || *p++ != ':')
			return -EPROTO;
		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		if (has_any || p == end || !isdigit((unsigned char)*p))
			return -EPROTO;
		has_any = true;
		for (value = 0; p < end && isdigit((unsigned char)*p); p++) {
			value = value * 10 + (size_t)(*p - '0');
			if (value > LIMIT_SIP_MESSAGE_BYTES)
				return -E2BIG;
		}
	}
	if (!has_any)
		return -EPROTO;
	*ret = value;
	return 0;
}

/*
 * Is it clear where a message ends that is refused for this? The connection is
 * that of all calls of a PBX, and what is wrong was somebody else's to say.
 */
static bool is_between(enum sip_filter_result r)
{
	return r == SIP_FILTER_TOO_BIG || r == SIP_FILTER_CONTROL ||
	       r == SIP_FILTER_HEADER || r == SIP_FILTER_MISSING ||
	       r == SIP_FILTER_BRANCH;
}

/* 1: one was delivered or refused. 0: not whole yet. */
static int next_message(struct stream *st, const struct stream_user *user,
			void *arg)
{
	enum sip_filter_result result;
	size_t headers, body;
	char *message;
	int err;

	headers = headers_length(st);
	if (!headers)
		return st->len > LIMIT_SIP_MESSAGE_BYTES ? -E2BIG : 0;
	err = content_length(st->data, headers, &body);
	if (err < 0)
		return err;
	body += headers;
	if (body > LIMIT_SIP_MESSAGE_BYTES)
		return -E2BIG;
	if (st->len < body)
		return 0;
	result = sip_filter(st->data, body);
	if (result != SIP_FILTER_OK) {
		if (!is_between(result))
			return -EPROTO;
		consume(st, body);
		user->refused(arg, sip_filter_name(result));
		return 1;
	}
	/* Out of the stream first: it may be gone after the callback. */
	message = malloc(body + 1);
	if (!message)
		return -ENOMEM;
	memcpy(message, st->data, body);
	message[body] = '\0';
	consume(st, body);
	user->message(arg, message, body);
	free(message);
	return 1;
}

int stream_received(struct stream *st, const char *data, size_t len,
		    const struct stream_user *user, void *arg)
{
	int err = append(st, data, len);

	while (err >= 0 && skip_crlf(st, user, arg)) {
		err = next_message(st, user, arg);
		if (!err)
			break;
	}
	return err < 0 ? err : 0;
}
