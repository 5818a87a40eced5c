/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/rules.h"

static struct rules_decision refuse(int status, const char *phrase,
				    const char *reason)
{
	struct rules_decision d = {
		.reply_status = status,
		.reply_phrase = phrase,
		.reply_reason = reason,
	};

	return d;
}

static struct rules_decision decide_web(const struct rules_input *in)
{
	struct rules_decision d = {
		.route = RULES_ROUTE_PBX,
		.source_profile = SDP_PROFILE_WEB,
		.target_profile = SDP_PROFILE_PLAIN,
	};

	if (in->method == SIP_INVITE && in->check_from && !in->from_registered)
		return refuse(403, "From Is Not Registered Here",
			      "register this address on this connection first");
	if (in->trunk_down)
		return refuse(503, "PBX Unreachable",
			      "the PBX does not answer OPTIONS");
	return d;
}

static struct rules_decision decide_sip(const struct rules_input *in)
{
	struct rules_decision d = {
		.route = RULES_ROUTE_ALIAS,
		.source_profile = SDP_PROFILE_PLAIN,
		.target_profile = SDP_PROFILE_WEB,
	};

	if (!in->alias_known)
		return refuse(404, "No Such Alias", NULL);
	return d;
}

struct rules_decision rules_decide(const struct rules_input *in)
{
	struct rules_decision local = { .route = RULES_ROUTE_LOCAL };

	/* RFC 3261 16.3: 483 for all but OPTIONS, which may be answered. */
	if (in->method == SIP_OPTIONS && !in->has_to_tag)
		return local;
	if (in->max_forwards <= 0)
		return refuse(483, NULL, NULL);
	if (in->has_to_tag)
		return refuse(481, NULL, NULL);
	if (in->method == SIP_REGISTER && in->source == RULES_REALM_SIP)
		return refuse(403, "Registrations Come From Browsers Only",
			      NULL);
	if (in->method != SIP_INVITE && in->method != SIP_REGISTER)
		return refuse(405, NULL, NULL);
	if (in->method == SIP_INVITE && in->draining)
		return refuse(503, "Draining", "the gateway takes no new calls");
	return in->source == RULES_REALM_WEB ? decide_web(in) : decide_sip(in);
}
