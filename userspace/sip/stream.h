/* SPDX-License-Identifier: Apache-2.0 */
/* SIP messages out of a byte stream, by Content-Length (RFC 3261 18.3). */
#ifndef SIP_STREAM_H
#define SIP_STREAM_H

#include <stddef.h>

struct stream {
	char *data;		/* begun, not yet whole */
	size_t len, size;
	size_t looked;		/* bytes that hold no end of the headers */
};

struct stream_user {
	/* One whole message that has passed sip_filter(). */
	void (*message)(void *arg, const char *data, size_t len);
	/* One that has not, why by the filter's name; the stream goes on. */
	void (*refused)(void *arg, const char *why);
	/* CRLFCRLF between two messages (RFC 5626 3.5.1). */
	void (*ping)(void *arg);
};

/*
 * -EPROTO: no SIP, -E2BIG: past LIMIT_SIP_MESSAGE_BYTES, -ENOMEM. Where the
 * next message begins is then unknown. The stream may be freed in a callback.
 */
int stream_received(struct stream *st, const char *data, size_t len,
		    const struct stream_user *user, void *arg);
void stream_free(struct stream *st);

#endif
