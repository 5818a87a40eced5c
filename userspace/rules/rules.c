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

static const struct rules_decision local = { .route = RULES_ROUTE_LOCAL };

static struct rules_decision decide_web(const struct rules_input *in)
{
	struct rules_decision d = {
		.route = RULES_ROUTE_PBX,
		.source_profile = SDP_PROFILE_WEB,
		.target_profile = SDP_PROFILE_PLAIN,
	};

	/* A keep-alive of the client; one to a user asks the PBX. */
	if (in->method == SIP_OPTIONS && !in->has_user)
		return local;
	if (in->method != SIP_REGISTER && in->check_from &&
	    !in->from_registered)
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

	if (in->method == SIP_OPTIONS && !in->has_user)
		return local;
	if (!in->alias_known && in->is_account)
		return refuse(480, NULL, "no browser is registered as calls_to");
	if (!in->alias_known)
		return refuse(404, "No Such Alias", NULL);
	/* Asked for each contact by PBXs: it is the gateway that knows. */
	if (in->method == SIP_OPTIONS)
		return in->alias_online ? local :
			refuse(480, NULL, "browser is offline");
	return d;
}

/* What makes no sense outside of a dialog. */
static bool needs_dialog(enum sip_method method)
{
	return method == SIP_BYE || method == SIP_PRACK ||
		method == SIP_UPDATE;
}

struct rules_decision rules_decide(const struct rules_input *in)
{
	/* RFC 3261 16.3: 483 for all but OPTIONS, which 11 answers. */
	if (in->max_forwards <= 0)
		return in->method == SIP_OPTIONS && !in->has_to_tag ? local :
			refuse(483, NULL, NULL);
	if (in->has_to_tag || needs_dialog(in->method))
		return refuse(481, NULL, NULL);
	if (in->method == SIP_REGISTER && in->source == RULES_REALM_SIP)
		return refuse(403, "Registrations Come From Browsers Only",
			      NULL);
	if (in->method == SIP_INVITE && in->draining)
		return refuse(503, "Draining", "the gateway takes no new calls");
	return in->source == RULES_REALM_WEB ? decide_web(in) : decide_sip(in);
}
