/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in policy. */
#include "rules/rules.h"
#include "tap.h"

static const struct rules_input web_invite = {
	.source = RULES_REALM_WEB, .method = SIP_INVITE, .max_forwards = 70,
	.has_user = true, .from_registered = true, .check_from = true,
};

static const struct rules_input sip_invite = {
	.source = RULES_REALM_SIP, .method = SIP_INVITE, .max_forwards = 70,
	.has_user = true, .alias_known = true, .alias_online = true,
	.check_from = true,
};

static int status(struct rules_input in)
{
	return rules_decide(&in).reply_status;
}

static void test_routes(void)
{
	struct rules_decision d = rules_decide(&web_invite);

	CHECK_INT(d.reply_status, 0, "invite_of_browser_passes");
	CHECK_INT(d.route, RULES_ROUTE_PBX, "invite_of_browser_goes_to_pbx");
	CHECK_INT(d.target_profile, SDP_PROFILE_PLAIN,
		  "invite_of_browser_becomes_plain");
	d = rules_decide(&sip_invite);
	CHECK_INT(d.route, RULES_ROUTE_ALIAS, "invite_of_pbx_goes_to_alias");
	CHECK_INT(d.target_profile, SDP_PROFILE_WEB,
		  "invite_of_pbx_becomes_webrtc");
}

static void test_refusals(void)
{
	struct rules_input in = web_invite;

	in.from_registered = false;
	CHECK_INT(status(in), 403, "from_not_registered_is_403");
	in.check_from = false;
	CHECK_INT(status(in), 0, "from_unchecked_passes");
	in = web_invite;
	in.trunk_down = true;
	CHECK_INT(status(in), 503, "pbx_down_is_503");
	in = web_invite;
	in.draining = true;
	CHECK_INT(status(in), 503, "draining_is_503");
	in = web_invite;
	in.max_forwards = 0;
	CHECK_INT(status(in), 483, "max_forwards_0_is_483");
	in = sip_invite;
	in.alias_known = false;
	CHECK_INT(status(in), 404, "unknown_alias_is_404");
	in.method = SIP_REGISTER;
	CHECK_INT(status(in), 403, "register_from_sip_side_is_403");
	in = web_invite;
	in.method = SIP_BYE;
	in.has_to_tag = true;
	CHECK_INT(status(in), 481, "bye_without_dialog_is_481");
	in.has_to_tag = false;
	in.method = SIP_REGISTER;
	in.from_registered = false;
	CHECK_INT(status(in), 0, "register_of_browser_passes");
}

static void test_requests(void)
{
	struct rules_input in = web_invite;

	in.method = SIP_MESSAGE;
	CHECK_INT(rules_decide(&in).route, RULES_ROUTE_PBX,
		  "message_of_browser_goes_to_pbx");
	in.from_registered = false;
	CHECK_INT(status(in), 403, "message_from_not_registered_is_403");
	in = sip_invite;
	in.method = SIP_NOTIFY;
	CHECK_INT(rules_decide(&in).route, RULES_ROUTE_ALIAS,
		  "notify_of_pbx_goes_to_alias");
	in.method = SIP_UPDATE;
	CHECK_INT(status(in), 481, "update_without_dialog_is_481");
}

static void test_options(void)
{
	struct rules_input in = web_invite;

	in.method = SIP_OPTIONS;
	CHECK_INT(rules_decide(&in).route, RULES_ROUTE_PBX,
		  "options_of_browser_to_user_goes_to_pbx");
	in.has_user = false;
	in.from_registered = false;
	CHECK_INT(rules_decide(&in).route, RULES_ROUTE_LOCAL,
		  "options_of_browser_to_gateway_is_answered_here");
	in = sip_invite;
	in.method = SIP_OPTIONS;
	CHECK_INT(rules_decide(&in).route, RULES_ROUTE_LOCAL,
		  "options_to_online_alias_is_answered_here");
	in.max_forwards = 0;
	CHECK_INT(rules_decide(&in).route, RULES_ROUTE_LOCAL,
		  "options_without_forwards_is_answered_here");
	in.max_forwards = 70;
	in.alias_online = false;
	CHECK_INT(status(in), 480, "options_to_offline_alias_is_480");
	in.alias_known = false;
	CHECK_INT(status(in), 404, "options_to_unknown_alias_is_404");
	in.has_user = false;
	CHECK_INT(status(in), 0, "options_to_gateway_is_answered");
}

int main(void)
{
	test_routes();
	test_requests();
	test_options();
	test_refusals();
	return tap_done();
}
