/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict reader of HTTP/1.1 request heads (RFC 9112). It takes what
 * browsers send and refuses every other spelling, so that no proxy in front
 * can read a request in another way than the gateway does. Pure.
 */
#ifndef WSS_HTTP_H
#define WSS_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_PATH_SIZE		256
#define HTTP_ORIGIN_SIZE	272	/* a scheme, a name of 253, a port */
#define HTTP_KEY_SIZE		25	/* 16 bytes in base64 and a NUL */

enum http_result {
	HTTP_OK,
	HTTP_INCOMPLETE,
	HTTP_BAD_REQUEST,
	HTTP_BAD_METHOD,
	HTTP_BAD_VERSION,	/* not HTTP/1.1 */
	HTTP_BAD_PATH,
	HTTP_TOO_LARGE,
	HTTP_HAS_BODY,
	HTTP_UPGRADE_VERSION,	/* Sec-WebSocket-Version is not 13 */
	HTTP_UPGRADE_KEY,
	HTTP_UPGRADE_SUBPROTOCOL, /* "sip" is not offered (RFC 7118 4.1) */
};

struct http_request {
	size_t head_bytes;	/* with the empty line */
	bool is_head;
	bool is_upgrade;
	bool wants_close;
	char path[HTTP_PATH_SIZE];	/* decoded, without the query */
	char origin[HTTP_ORIGIN_SIZE];	/* "" if there is none */
	char key[HTTP_KEY_SIZE];
};

/* ret is good after HTTP_OK only. */
enum http_result http_parse(const char *data, size_t len,
			    struct http_request *ret);

#endif
