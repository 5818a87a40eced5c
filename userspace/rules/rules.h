/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to happen with a request: a pure decision, acted on by call/ and
 * main.c. The policy is the built-in one: towards browsers DTLS-SRTP, ICE,
 * rtcp-mux, SAVPF and feedback; towards the SIP side plain RTP/AVP.
 */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include <stdbool.h>

#include "sdp/nego.h"
#include "sip/message.h"

enum rules_realm {
	RULES_REALM_WEB,	/* browsers over WebSocket */
	RULES_REALM_SIP,	/* the PBX and what sip.allow names */
};

enum rules_route {
	RULES_ROUTE_PBX,	/* to the PBX, request URI unchanged */
	RULES_ROUTE_ALIAS,	/* to the browser behind the alias */
	RULES_ROUTE_LOCAL,	/* the gateway answers itself */
};

struct rules_input {
	enum rules_realm source;
	enum sip_method method;
	int max_forwards;
	bool has_to_tag;
	bool from_registered;	/* From's AOR is registered on the connection */
	bool check_from;	/* configuration */
	bool has_user;		/* request URI has a user part */
	bool alias_known;	/* request URI names an alias */
	bool is_account;	/* ... or the gateway's own account */
	bool alias_online;	/* and its browser is connected */
	bool trunk_down;	/* the PBX does not answer */
	bool draining;		/* no new calls */
};

struct rules_decision {
	int reply_status;	/* not 0: answer this, do nothing else */
	const char *reply_phrase;
	const char *reply_reason; /* text of a Reason header, or NULL */
	enum rules_route route;
	enum sdp_profile target_profile;
	enum sdp_profile source_profile;
};

struct rules_decision rules_decide(const struct rules_input *in);

#endif
