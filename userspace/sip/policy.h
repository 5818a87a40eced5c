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
 * - what only a member of the trust domain may say, from a browser, as nobody
 *   vouched for it (RFC 3325 5): P-Asserted-Identity, P-Asserted-Service,
 *   Remote-Party-ID;
 * - what stays in that domain, both ways: P-Charging-Vector and other network
 *   headers (RFC 7315 4, RFC 5502 6, RFC 7316 6), P-Access-Network-Info towards
 *   browsers only;
 * - what a Privacy header on the SIP side asks to be kept from browsers, which
 *   are outside of the domain (RFC 3325 7, RFC 3323 5.1 and 5.3, RFC 7044
 *   10.1.2);
 * - Warning towards browsers: its agent is an address of the SIP side and
 *   becomes a pseudonym (RFC 3261 20.43).
 *
 * The SIP side is one trust domain with the gateway.
 */
#ifndef SIP_POLICY_H
#define SIP_POLICY_H

#include <stdbool.h>

enum policy_verdict {
	POLICY_PASS,
	POLICY_DROP,
	POLICY_OPTIONS,		/* filter the option tags */
	POLICY_CHALLENGE,	/* remove auth-int */
	POLICY_WARNING,		/* hide the agent */
};

/* What a Privacy header asks for. */
enum {
	PRIVACY_ID = 1 << 0,		/* RFC 3325 9.3 */
	PRIVACY_HEADER = 1 << 1,	/* RFC 3323 5.1 */
	PRIVACY_SESSION = 1 << 2,	/* 5.2 */
	PRIVACY_USER = 1 << 3,		/* 5.3 */
	PRIVACY_HISTORY = 1 << 4,	/* RFC 7044 10.1 */
};

struct policy {
	bool from_web;		/* the source leg is a browser, else SIP's */
	unsigned int privacy;	/* of the source's message */
	bool has_body;		/* the new message has one */
	bool end_to_end_digest;
};

/* name: long form, any case. */
enum policy_verdict policy_header(const struct policy *p, const char *name);
/* Value of a Privacy header, or NULL, to PRIVACY_* bits. */
unsigned int policy_privacy(const char *value);
/* "timer", 5 */
bool policy_option_passes(const char *tag, unsigned int len);
/* Does the gateway do it by itself? */
bool policy_option_is_done(const char *tag, unsigned int len, bool is_register);

#endif
