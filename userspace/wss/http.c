/* SPDX-License-Identifier: Apache-2.0 */
#include "wss/http.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "core/limits.h"

struct text {
	const char *p;
	size_t len;
};

struct head {
	struct http_request *request;
	unsigned int host, origin, key, version, length, transfer;
	bool has_upgrade;		/* Upgrade: websocket */
	bool has_connection_upgrade;	/* Connection: upgrade */
	bool has_sip;
	bool is_version_13;
	bool is_key_good;
	bool is_empty_body;
};

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

static bool is_token_char(char c)	/* RFC 9110 5.6.2 */
{
	return is_alnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct text t)
{
	size_t i;

	for (i = 0; i < t.len; i++)
		if (!is_token_char(t.p[i]))
			return false;
	return t.len > 0;
}

static bool text_is(struct text t, const char *what)
{
	return t.len == strlen(what) && !strncasecmp(t.p, what, t.len);
}

static struct text text_trim(struct text t)
{
	while (t.len && (*t.p == ' ' || *t.p == '\t')) {
		t.p++;
		t.len--;
	}
	while (t.len && (t.p[t.len - 1] == ' ' || t.p[t.len - 1] == '\t'))
		t.len--;
	return t;
}

/* Cuts the text before `c` off *t; all of it if there is none. */
static struct text text_cut(struct text *t, char c)
{
	const char *p = memchr(t->p, c, t->len);
	struct text part = { t->p, p ? (size_t)(p - t->p) : t->len };
	size_t taken = part.len + (p ? 1 : 0);

	t->p += taken;
	t->len -= taken;
	return part;
}

/* Is `what` an element of a comma-separated list (RFC 9110 5.6.1)? */
static bool list_has(struct text list, const char *what, bool is_exact)
{
	struct text one;

	while (list.len) {
		one = text_trim(text_cut(&list, ','));
		if (text_is(one, what) &&
		    (!is_exact || !memcmp(one.p, what, one.len)))
			return true;
	}
	return false;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * origin-form only (RFC 9112 3.2.1). Nothing that could climb, end a string
 * or hide a slash survives the decoding.
 */
static enum http_result read_path(struct text target, char *ret_path)
{
	struct text raw = text_cut(&target, '?'), rest, segment;
	char out[HTTP_PATH_SIZE];
	size_t i, n = 0;

	if (!raw.len || raw.p[0] != '/')
		return HTTP_BAD_REQUEST;
	for (i = 0; i < raw.len; i++) {
		int c = (unsigned char)raw.p[i];

		if (c == '%') {
			int high = i + 2 < raw.len ? hex_value(raw.p[i + 1]) :
						     -1;
			int low = high >= 0 ? hex_value(raw.p[i + 2]) : -1;

			if (low < 0)
				return HTTP_BAD_REQUEST;
			c = high << 4 | low;
			i += 2;
			if (c == '/')
				return HTTP_BAD_PATH;
		}
		if (c < 0x20 || c == 0x7f || c == '\\')
			return HTTP_BAD_PATH;
		if (n == sizeof(out) - 1)
			return HTTP_BAD_PATH;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	rest = (struct text){ out + 1, n - 1 };
	while (rest.len) {
		segment = text_cut(&rest, '/');
		if (text_is(segment, ".") || text_is(segment, ".."))
			return HTTP_BAD_PATH;
	}
	memcpy(ret_path, out, n + 1);
	return HTTP_OK;
}

static enum http_result read_request_line(struct text line,
					  struct http_request *r)
{
	struct text method = text_cut(&line, ' ');
	struct text target = text_cut(&line, ' ');
	size_t i;

	/* What is left must be the version: three parts, single spaces. */
	if (!is_token(method) || !target.len || line.len < 5 ||
	    memcmp(line.p, "HTTP/", 5) || memchr(line.p, ' ', line.len))
		return HTTP_BAD_REQUEST;
	for (i = 0; i < target.len; i++)
		if (target.p[i] <= ' ')	/* no obs-text either */
			return HTTP_BAD_REQUEST;
	if (line.len != 8 || memcmp(line.p, "HTTP/1.1", 8))
		return HTTP_BAD_VERSION;
	r->is_head = method.len == 4 && !memcmp(method.p, "HEAD", 4);
	if (!r->is_head && (method.len != 3 || memcmp(method.p, "GET", 3)))
		return HTTP_BAD_METHOD;
	return read_path(target, r->path);
}

/* 16 bytes in base64 (RFC 6455 4.1), the unused bits zero. */
static bool is_key(struct text v)
{
	size_t i;

	if (v.len != 24 || memcmp(v.p + 22, "==", 2))
		return false;
	for (i = 0; i < 22; i++)
		if (!is_alnum(v.p[i]) && v.p[i] != '+' && v.p[i] != '/')
			return false;
	return memchr("AQgw", v.p[21], 4);
}

static bool is_host(struct text v)
{
	size_t i;

	for (i = 0; i < v.len; i++)
		if (!is_alnum(v.p[i]) && (!v.p[i] ||
					  !strchr("-._~:[]%", v.p[i])))
			return false;
	return v.len > 0;
}

/* False: the header is refused. Unknown ones are none of our business. */
static bool read_header(struct head *h, struct text name, struct text value)
{
	if (text_is(name, "host"))
		return !h->host++ && is_host(value);
	if (text_is(name, "transfer-encoding"))
		return !h->transfer++;
	if (text_is(name, "content-length")) {
		h->is_empty_body = text_is(value, "0");
		return !h->length++;
	}
	if (text_is(name, "connection")) {
		h->has_connection_upgrade |= list_has(value, "upgrade", false);
		h->request->wants_close |= list_has(value, "close", false);
	} else if (text_is(name, "upgrade")) {
		h->has_upgrade |= list_has(value, "websocket", false);
	} else if (text_is(name, "sec-websocket-protocol")) {
		h->has_sip |= list_has(value, "sip", true);
	} else if (text_is(name, "sec-websocket-version")) {
		h->is_version_13 = !h->version++ && text_is(value, "13");
	} else if (text_is(name, "sec-websocket-key")) {
		h->is_key_good = !h->key++ && is_key(value);
		if (h->is_key_good)
			memcpy(h->request->key, value.p, value.len);
	} else if (text_is(name, "origin")) {
		if (h->origin++ || value.len >= HTTP_ORIGIN_SIZE)
			return false;
		memcpy(h->request->origin, value.p, value.len);
	}
	return true;
}

static enum http_result read_headers(struct head *h, struct text all)
{
	unsigned int count = 0;
	struct text line, name;

	while (all.len) {
		line = text_cut(&all, '\n');
		line.len--;	/* its CR, known to be there */
		if (!memchr(line.p, ':', line.len))
			return HTTP_BAD_REQUEST;
		/* A folded line or a blank before the colon is no token. */
		name = text_cut(&line, ':');
		if (!is_token(name))
			return HTTP_BAD_REQUEST;
		if (++count > LIMIT_HTTP_HEADERS)
			return HTTP_TOO_LARGE;
		if (!read_header(h, name, text_trim(line)))
			return HTTP_BAD_REQUEST;
	}
	return HTTP_OK;
}

/* Lines end in CRLF; besides that only TAB is allowed below space. */
static bool is_clean(const char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];

		if (c == '\r') {
			if (i + 1 < len && data[i + 1] != '\n')
				return false;
			i++;
		} else if ((c < 0x20 && c != '\t') || c == 0x7f) {
			return false;
		}
	}
	return true;
}

static enum http_result check_upgrade(const struct head *h)
{
	if (h->request->is_head || !h->has_connection_upgrade)
		return HTTP_BAD_REQUEST;
	if (!h->is_version_13)
		return HTTP_UPGRADE_VERSION;
	if (!h->is_key_good)
		return HTTP_UPGRADE_KEY;
	return h->has_sip ? HTTP_OK : HTTP_UPGRADE_SUBPROTOCOL;
}

enum http_result http_parse(const char *data, size_t len,
			    struct http_request *ret)
{
	const char *end = memmem(data, len, "\r\n\r\n", 4);
	struct http_request request = { 0 };
	struct head h = { .request = &request };
	enum http_result r;
	struct text all, line;

	request.head_bytes = end ? (size_t)(end + 4 - data) : 0;
	if ((end ? request.head_bytes : len) > LIMIT_HTTP_HEADER_BYTES)
		return HTTP_TOO_LARGE;
	if (!is_clean(data, end ? request.head_bytes : len))
		return HTTP_BAD_REQUEST;
	if (!end)
		return HTTP_INCOMPLETE;

	all = (struct text){ data, request.head_bytes - 2 };
	line = text_cut(&all, '\n');
	line.len--;
	r = read_request_line(line, &request);
	if (r != HTTP_OK)
		return r;
	r = read_headers(&h, all);
	if (r != HTTP_OK)
		return r;
	if (h.host != 1 || h.transfer)
		return HTTP_BAD_REQUEST;
	if (h.length && !h.is_empty_body)
		return HTTP_HAS_BODY;
	if (h.has_upgrade) {
		r = check_upgrade(&h);
		if (r != HTTP_OK)
			return r;
		request.is_upgrade = true;
	}
	*ret = request;
	return HTTP_OK;
}
