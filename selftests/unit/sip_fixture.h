/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests of the SIP layer: messages from short recipes. */
#ifndef SELFTESTS_SIP_FIXTURE_H
#define SELFTESTS_SIP_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sip/message.h"

/* A browser's request; to_tag may be NULL. Text is static. */
static inline const char *fixture_request(const char *method,
					  const char *branch,
					  const char *call_id,
					  const char *to_tag, unsigned int cseq,
					  const char *more)
{
	static char text[2048];

	snprintf(text, sizeof(text),
		 "%s sip:bob@example.com SIP/2.0\r\n"
		 "Via: SIP/2.0/WSS abc.invalid;branch=%s;rport\r\n"
		 "From: <sip:alice@example.com>;tag=ft\r\n"
		 "To: <sip:bob@example.com>%s%s\r\n"
		 "Call-ID: %s\r\nCSeq: %u %s\r\nMax-Forwards: 70\r\n"
		 "Contact: <sip:alice@abc.invalid;transport=ws>\r\n"
		 "%sContent-Length: 0\r\n\r\n",
		 method, branch, to_tag ? ";tag=" : "", to_tag ? to_tag : "",
		 call_id, cseq, method, more ? more : "");
	return text;
}

static inline struct sip_msg *fixture_parse(const char *text)
{
	struct sip_msg *m = NULL;
	char reason[128] = "";

	if (sip_msg_parse(text, strlen(text), &m, reason) < 0)
		printf("# not parsed: %s\n", reason);
	return m;
}

/* A response to the request of that text; contact etc. in extra. */
static inline struct sip_msg *fixture_reply(const struct sip_msg *request,
					    int status, const char *to_tag,
					    const char *extra)
{
	const struct sip_reply r = {
		.status = status, .to_tag = to_tag, .extra_headers = extra,
	};
	struct sip_msg *m = NULL;

	sip_msg_make_reply(request, &r, NULL, &m);
	return m;
}

/* An initial request of our own. */
static inline struct sip_msg *fixture_make(const char *method, const char *ruri,
					   const char *call_id, uint32_t cseq,
					   const char *contact,
					   const char *body)
{
	const struct sip_request r = {
		.method = method, .ruri = ruri, .from = "<sip:a@example.com>",
		.from_tag = "ours", .to = "<sip:b@example.com>",
		.call_id = call_id, .cseq = cseq, .contact = contact,
		.max_forwards = 70, .content_type = body ? "text/plain" : NULL,
		.body = body, .body_len = body ? strlen(body) : 0,
	};
	struct sip_msg *m = NULL;

	sip_msg_make_request(&r, NULL, &m);
	return m;
}

#endif
