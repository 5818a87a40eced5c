/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which headers of one leg's message pass to the other leg. Everything passes,
 * known or unknown (X-*, P-Asserted-Identity from the SIP side, Diversion,
 * Reason, User-to-User, Alert-Info, Call-Info, ...), except:
 *
 * - the hop's and dialog's own, made anew on each leg: Via, Route,
 *   Record-Route, Path, Service-Route, Flow-Timer, Max-Forwards, From, To,
 *   Call-ID, CSeq, Contact, Timestamp, RSeq, RAck, Session-Expires, Min-SE,
 *   Content-Length, Security-Client, Security-Server, Security-Verify;
 * - Content-*: the body belongs to the caller of the builder. Content-Type is
 *   set by it; the others and MIME-Version pass only with a body;
 * - Require, Proxy-Require, Supported: only option tags that work through the
 *   gateway (policy_option_passes());
 * - Authorization, Proxy-Authorization: only with end_to_end_digest;
 * - WWW-Authenticate, Proxy-Authenticate: auth-int is taken out, because the
 *   gateway changes bodies;
 * - P-Asserted-Identity from a browser: nobody vouched for it (RFC 3325 5).
 */
#ifndef SIP_POLICY_H
#define SIP_POLICY_H

#include <stdbool.h>

enum policy_verdict {
	POLICY_PASS,
	POLICY_DROP,
	POLICY_OPTIONS,		/* filter the option tags */
	POLICY_CHALLENGE,	/* remove auth-int */
};

struct policy {
	bool from_web;		/* the source leg is a browser */
	bool has_body;		/* the new message has one */
	bool end_to_end_digest;
};

/* name: long form, any case. */
enum policy_verdict policy_header(const struct policy *p, const char *name);
/* "timer", 5 */
bool policy_option_passes(const char *tag, unsigned int len);

#endif
