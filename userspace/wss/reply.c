/* SPDX-License-Identifier: Apache-2.0 */
#include "wss/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "wss/http.h"

#define WEBSOCKET_GUID	"258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 1.3 */

/* The phone's own files, and secure WebSockets to anywhere. */
#define SECURITY_HEADERS \
	"Content-Security-Policy: default-src 'self'; " \
	"connect-src 'self' wss:; base-uri 'none'; form-action 'none'; " \
	"frame-ancestors 'none'; object-src 'none'\r\n" \
	"X-Content-Type-Options: nosniff\r\n" \
	"Referrer-Policy: no-referrer\r\n"

static const struct phone_file health = {
	.type = "text/plain; charset=utf-8",
	.cache = "no-store",
	.data = (uint8_t *)"ok\n",
	.len_bytes = 3,
};

static const char *status_text(unsigned int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 413:
		return "Content Too Large";
	case 426:
		return "Upgrade Required";
	case 431:
		return "Request Header Fields Too Large";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Internal Server Error";
	}
}

static void date(char *buf, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(buf, size, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

static int head(struct client *c, unsigned int status, const char *more,
		size_t len, bool is_last)
{
	char text[1024], when[32];
	int n;

	date(when, sizeof(when));
	n = snprintf(text, sizeof(text),
		     "HTTP/1.1 %u %s\r\nDate: %s\r\n%s" SECURITY_HEADERS
		     "%sContent-Length: %zu\r\n\r\n", status,
		     status_text(status), when, more,
		     is_last ? "Connection: close\r\n" : "", len);
	if (n < 0 || (size_t)n >= sizeof(text))
		return -EMSGSIZE;
	return output_add(c, text, (size_t)n, NULL, 0);
}

int reply_error(struct client *c, unsigned int status)
{
	const char *more = "";

	if (status == 405)
		more = "Allow: GET, HEAD\r\n";
	else if (status == 426)		/* RFC 6455 4.4 */
		more = "Upgrade: websocket\r\n"
		       "Sec-WebSocket-Version: 13\r\n";
	return head(c, status, more, 0, true);
}

int reply_file(struct client *c, const struct http_request *r, bool is_last)
{
	const struct phone_file *f = phone_find(c->worker->wss->phone,
						r->path);
	char more[160];
	int err;

	if (!f && !strcmp(r->path, "/healthz"))
		f = &health;
	if (!f)
		return head(c, 404, "", 0, is_last);
	snprintf(more, sizeof(more),
		 "Content-Type: %s\r\nCache-Control: %s\r\n", f->type,
		 f->cache);
	err = head(c, 200, more, f->len_bytes, is_last);
	if (err || r->is_head)
		return err;
	return output_add_static(c, f->data, f->len_bytes);
}

int reply_upgrade(struct client *c, const struct http_request *r)
{
	char joined[HTTP_KEY_SIZE + sizeof(WEBSOCKET_GUID)];
	char accept[32], text[256];
	unsigned char sha1[20];
	int n;

	n = snprintf(joined, sizeof(joined), "%s" WEBSOCKET_GUID, r->key);
	lws_SHA1((const unsigned char *)joined, (size_t)n, sha1);
	if (lws_b64_encode_string((const char *)sha1, sizeof(sha1), accept,
				  sizeof(accept)) < 0)
		return -EMSGSIZE;
	n = snprintf(text, sizeof(text),
		     "HTTP/1.1 101 Switching Protocols\r\n"
		     "Upgrade: websocket\r\nConnection: Upgrade\r\n"
		     "Sec-WebSocket-Accept: %s\r\n"
		     "Sec-WebSocket-Protocol: sip\r\n\r\n", accept);
	return output_add(c, text, (size_t)n, NULL, 0);
}
