/* SPDX-License-Identifier: Apache-2.0 */
/* SIP URIs as text (RFC 3261 19.1), own parser: sofia's rewrites escapes. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sip/message.h"

static int copy_part(char *dst, size_t size, const char *from, size_t len)
{
	if (len >= size)
		return -E2BIG;
	memcpy(dst, from, len);
	dst[len] = '\0';
	return 0;
}

static int parse_port(const char *p, size_t len, uint16_t *ret)
{
	unsigned long port = 0;

	if (!len || len > 5)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)p[i]))
			return -EINVAL;
		port = port * 10 + (unsigned long)(p[i] - '0');
	}
	if (!port || port > 65535)
		return -EINVAL;
	*ret = (uint16_t)port;
	return 0;
}

static int parse_hostport(const char *p, size_t len, struct sip_uri *ret)
{
	const char *end = p + len, *host = p, *colon;
	size_t host_len;

	if (len && *p == '[') {
		const char *close = memchr(p, ']', len);

		if (!close)
			return -EINVAL;
		host = p + 1;
		host_len = (size_t)(close - host);
		colon = close + 1 < end ? close + 1 : NULL;
		if (colon && *colon != ':')
			return -EINVAL;
	} else {
		colon = memchr(p, ':', len);
		host_len = colon ? (size_t)(colon - p) : len;
		for (size_t i = 0; i < host_len; i++)
			if (!isalnum((unsigned char)p[i]) && p[i] != '.' &&
			    p[i] != '-' && p[i] != '_')
				return -EINVAL;
	}
	if (!host_len)
		return -EINVAL;
	if (colon && parse_port(colon + 1, (size_t)(end - colon - 1),
				&ret->port) < 0)
		return -EINVAL;
	return copy_part(ret->host, sizeof(ret->host), host, host_len);
}

static int parse_into(const char *text, struct sip_uri *u)
{
	const char *p = strchr(text, ':'), *at, *end;
	bool is_sip;
	int err;

	if (!p || p == text)
		return -EINVAL;
	err = copy_part(u->scheme, sizeof(u->scheme), text,
			(size_t)(p - text));
	if (err < 0)
		return err;
	for (char *s = u->scheme; *s; s++) {
		if (!isalnum((unsigned char)*s))
			return -EINVAL;
		*s = (char)tolower((unsigned char)*s);
	}
	is_sip = !strcmp(u->scheme, "sip") || !strcmp(u->scheme, "sips");
	if (!is_sip && strcmp(u->scheme, "tel"))
		return -EINVAL;
	p++;
	for (const char *c = p; *c; c++)
		if ((unsigned char)*c <= ' ' || strchr("<>\"", *c))
			return -EINVAL;
	if (!is_sip) {
		end = p + strcspn(p, ";?");
		if (end == p)
			return -EINVAL;
		err = copy_part(u->user, sizeof(u->user), p,
				(size_t)(end - p));
	} else {
		/* user-unreserved has ; and ?, so that @ decides first. */
		at = strchr(p, '@');
		if (at) {
			size_t len = strcspn(p, ":@");

			if (!len)
				return -EINVAL;
			err = copy_part(u->user, sizeof(u->user), p, len);
			if (err < 0)
				return err;
			p = at + 1;
		}
		end = p + strcspn(p, ";?");
		err = parse_hostport(p, (size_t)(end - p), u);
	}
	if (err < 0)
		return err;
	if (*end == ';') {
		end++;
		err = copy_part(u->params, sizeof(u->params), end,
				strcspn(end, "?"));
	}
	return err;
}

int sip_uri_parse(const char *text, struct sip_uri *ret)
{
	struct sip_uri u = { 0 };
	int err;

	err = parse_into(text, &u);
	if (err < 0)
		return err;
	*ret = u;
	return 0;
}

int sip_uri_aor(const char *text, char *ret, size_t size)
{
	struct sip_uri u;
	bool is_v6;
	int err;
	size_t need;

	err = sip_uri_parse(text, &u);
	if (err < 0)
		return err;
	if (!strcmp(u.scheme, "tel")) {
		need = 4 + strlen(u.user) + 1;
		if (need > size)
			return -E2BIG;
		stpcpy(stpcpy(ret, "tel:"), u.user);
		return 0;
	}
	for (char *p = u.host; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	is_v6 = strchr(u.host, ':');
	need = strlen("sip:") + strlen(u.user) + 1 + strlen(u.host) + 3;
	if (need > size)
		return -E2BIG;
	ret = stpcpy(ret, "sip:");
	if (u.user[0])
		ret = stpcpy(stpcpy(ret, u.user), "@");
	ret = stpcpy(ret, is_v6 ? "[" : "");
	ret = stpcpy(ret, u.host);
	stpcpy(ret, is_v6 ? "]" : "");
	return 0;
}

bool sip_uri_param(const struct sip_uri *u, const char *name, char *ret,
		   size_t size)
{
	size_t name_len = strlen(name), len;
	const char *p = u->params;

	while (*p) {
		len = strcspn(p, ";");
		if (len >= name_len && !strncasecmp(p, name, name_len) &&
		    (len == name_len || p[name_len] == '=')) {
			p += name_len;
			len -= name_len;
			if (len) {
				p++;
				len--;
			}
			return copy_part(ret, size, p, len) == 0;
		}
		p += len;
		p += *p == ';';
	}
	return false;
}
