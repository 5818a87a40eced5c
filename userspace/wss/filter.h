/* SPDX-License-Identifier: Apache-2.0 */
/* The front filter: what must hold before sofia's parser sees a message. */
#ifndef WSS_FILTER_H
#define WSS_FILTER_H

#include <stddef.h>

enum sip_filter_result {
	SIP_FILTER_OK = 0,
	SIP_FILTER_KEEPALIVE,	/* CRLFCRLF ping or CRLF pong (RFC 5626 3.5.1) */
	SIP_FILTER_EMPTY,
	SIP_FILTER_TOO_BIG,
	SIP_FILTER_NO_END,	/* no CRLFCRLF */
	SIP_FILTER_CONTROL,	/* NUL or another control byte in headers */
	SIP_FILTER_START_LINE,
	SIP_FILTER_HEADER,	/* malformed or too many header lines */
	SIP_FILTER_MISSING,	/* Via, From, To, Call-ID, CSeq needed once */
	SIP_FILTER_BRANCH,	/* topmost Via: z9hG4bK and at least one more */
	SIP_FILTER_LENGTH,	/* Content-Length differs from the body */
};

/* data needs no NUL at its end. Pure. */
enum sip_filter_result sip_filter(const char *data, size_t len);
const char *sip_filter_name(enum sip_filter_result r);

#endif
