/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: accessors, URIs, the header policy, what is built. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sip/digest.h"
#include "sip/message.h"
#include "sip/msg.h"
#include "tap.h"

static const char invite[] =
	"INVITE sip:b%6fb@biloxi.example.com;user=phone SIP/2.0\r\n"
	"Via: SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bK776asdhds;rport\r\n"
	"v: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKnashds8\r\n"
	"Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>\r\n"
	"Max-Forwards: 68\r\n"
	"To: Bob <sip:bob@biloxi.example.com>\r\n"
	"f: \"Alice, A.\" <sip:alice@atlanta.example.com>;x=y;tag=1928301774\r\n"
	"i: a84b4c76e66710@pc33\r\n"
	"CSeq: 314159 INVITE\r\n"
	"m: <sip:alice@df7jal23ls0d.invalid;transport=ws;ob>"
	";+sip.instance=\"<urn:uuid:1>\";expires=600\r\n"
	"s: a folded\r\n  subject\r\n"
	"X-Thing: one\r\n"
	"x-thing: two\r\n"
	"P-Asserted-Identity: <sip:boss@example.com>\r\n"
	"User-to-User: 56a390f3d2b7310023a2;encoding=hex\r\n"
	"Diversion: <sip:carol@example.com>;reason=unconditional\r\n"
	"Supported: replaces, outbound, 100rel, timer, norefersub\r\n"
	"Require: path\r\n"
	"Session-Expires: 90\r\n"
	"Min-SE: 90\r\n"
	"Authorization: Digest username=\"a\", realm=\"r\", nonce=\"n\", "
	"uri=\"sip:b%6fb@biloxi.example.com\", response=\"0\"\r\n"
	"User-Agent: JsSIP 3.13.8\r\n"
	"Content-Type: application/sdp\r\n"
	"Content-Disposition: session\r\n"
	"Content-Length: 4\r\n"
	"\r\n"
	"v=0\n";

static struct sip_msg *parse(const char *text)
{
	struct sip_msg *m = NULL;

	if (sip_msg_parse(text, strlen(text), &m, NULL) < 0)
		return NULL;
	return m;
}

static void test_accessors(void)
{
	struct sip_msg *m = parse(invite);
	size_t len = 0;

	if (!CHECK(m, "message_valid_parsed"))
		return;
	CHECK(sip_msg_is_request(m), "message_invite_is_request");
	CHECK_INT(sip_msg_method(m), SIP_INVITE, "message_method_known");
	CHECK_INT(sip_msg_status(m), 0, "message_request_has_no_status");
	CHECK_STR(sip_msg_ruri(m),
		  "sip:b%6fb@biloxi.example.com;user=phone",
		  "message_ruri_keeps_escapes");
	CHECK_STR(sip_msg_branch(m), "z9hG4bK776asdhds",
		  "message_branch_topmost");
	CHECK_STR(sip_msg_call_id(m), "a84b4c76e66710@pc33",
		  "message_call_id_compact");
	CHECK_INT(sip_msg_cseq(m), 314159, "message_cseq_number");
	CHECK_STR(sip_msg_from_tag(m), "1928301774", "message_from_tag_read");
	CHECK(!sip_msg_to_tag(m), "message_to_tag_absent");
	CHECK_INT(sip_msg_max_forwards(m), 68, "message_max_forwards_read");
	CHECK_STR(sip_msg_from_uri(m), "sip:alice@atlanta.example.com",
		  "message_from_uri_bare");
	CHECK_STR(sip_msg_from_value(m),
		  "\"Alice, A.\" <sip:alice@atlanta.example.com>;x=y",
		  "message_from_value_without_tag");
	CHECK_STR(sip_msg_contact(m, 0),
		  "sip:alice@df7jal23ls0d.invalid;transport=ws;ob",
		  "message_contact_uri");
	CHECK(!sip_msg_contact(m, 1), "message_contact_past_end_null");
	CHECK_STR(sip_msg_contact_param(m, 0, "+sip.instance"),
		  "<urn:uuid:1>", "message_contact_param_unquoted");
	CHECK_STR(sip_msg_contact_param(m, 0, "expires"), "600",
		  "message_contact_param_expires");
	CHECK_STR(sip_msg_header(m, "Subject"), "a folded subject",
		  "message_header_unfolded");
	CHECK_STR(sip_msg_header(m, "S"), "a folded subject",
		  "message_header_by_compact_name");
	CHECK_STR(sip_msg_header(m, "X-THING"), "one",
		  "message_header_unknown_any_case");
	CHECK(!sip_msg_header(m, "X-Other"), "message_header_absent_null");
	CHECK_STR(sip_msg_record_route(m, 1), "<sip:p2.example.com;lr>",
		  "message_record_route_second");
	CHECK(!sip_msg_record_route(m, 2), "message_record_route_end_null");
	CHECK_STR(sip_msg_content_type(m), "application/sdp",
		  "message_content_type_read");
	CHECK_MEM(sip_msg_body(m, &len), "v=0\n", 4, "message_body_read");
	CHECK_INT(len, 4, "message_body_length");
	sip_msg_unref(m);
}

static void test_refused(void)
{
	char reason[128] = "";
	struct sip_msg *m;
	const char no_from[] =
		"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/WSS x;branch=z9hG4bKa"
		"\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n";
	const char bad_cseq[] =
		"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/WSS x;branch=z9hG4bKa"
		"\r\nTo: <sip:a@b>\r\nFrom: <sip:c@d>;tag=1\r\nCall-ID: 1\r\n"
		"CSeq: one OPTIONS\r\n\r\n";
	const char other_method[] =
		"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/WSS x;branch=z9hG4bKa"
		"\r\nTo: <sip:a@b>\r\nFrom: <sip:c@d>;tag=1\r\nCall-ID: 1\r\n"
		"CSeq: 1 INVITE\r\n\r\n";

	CHECK_INT(sip_msg_parse(no_from, strlen(no_from), &m, reason), -EINVAL,
		  "message_without_from_refused");
	CHECK_STR(reason, "Missing From Header", "message_refused_says_why");
	CHECK_INT(sip_msg_parse(bad_cseq, strlen(bad_cseq), &m, reason),
		  -EINVAL, "message_with_bad_cseq_refused");
	CHECK_INT(sip_msg_parse(other_method, strlen(other_method), &m, reason),
		  -EINVAL, "message_with_two_methods_refused");
	CHECK_INT(sip_msg_parse("", 0, &m, reason), -EINVAL,
		  "message_empty_refused");
}

static void test_other_method(void)
{
	struct sip_msg *m = parse(
		"FETCH sip:a@b SIP/2.0\r\nVia: SIP/2.0/WSS x;branch=z9hG4bKa\r\n"
		"To: <sip:a@b>\r\nFrom: <sip:c@d>;tag=1\r\nCall-ID: 1\r\n"
		"CSeq: 1 FETCH\r\nContact: *\r\n\r\n");

	if (!CHECK(m, "message_unknown_method_parsed"))
		return;
	CHECK_INT(sip_msg_method(m), SIP_OTHER, "message_unknown_method_other");
	CHECK_STR(sip_msg_method_name(m), "FETCH", "message_unknown_method_name");
	CHECK_STR(sip_msg_contact(m, 0), "*", "message_contact_wildcard");
	CHECK(!sip_msg_content_type(m), "message_without_body_no_type");
	sip_msg_unref(m);
}

static char *build(const struct sip_msg *src, bool digest, const char *extra)
{
	static const char *const routes[] = { "<sip:10.0.0.1;lr>", NULL };
	const struct sip_request r = {
		.method = "INVITE", .ruri = "sip:bob@198.51.100.10",
		.from = "\"A\" <sip:alice@example.com>", .from_tag = "f1",
		.to = "<sip:bob@example.com>", .call_id = "new",
		.cseq = 7, .contact = "<sip:gw@198.51.100.1:5060>",
		.routes = routes, .max_forwards = 67,
		.content_type = "application/sdp", .body = "v=0\r\n",
		.body_len = 5, .extra_headers = extra,
		.end_to_end_digest = digest,
	};
	struct sip_msg *m;
	char *text;

	if (sip_msg_make_request(&r, src, &m) < 0)
		return NULL;
	text = sip_msg_print(m, NULL);
	sip_msg_unref(m);
	return text;
}

static void test_request(void)
{
	struct sip_msg *src = parse(invite);
	char *t = build(src, false, "X-Own: 1\r\n");

	if (!CHECK(t, "request_built"))
		return;
	CHECK(!strncmp(t, "INVITE sip:bob@198.51.100.10 SIP/2.0\r\n", 38),
	      "request_start_line_given");
	CHECK(!strstr(t, "Via:"), "request_via_left_to_engine");
	CHECK(strstr(t, "\r\nRoute: <sip:10.0.0.1;lr>\r\n"),
	      "request_route_given");
	CHECK(strstr(t, "\r\nFrom: \"A\" <sip:alice@example.com>;tag=f1\r\n"),
	      "request_from_given");
	CHECK(strstr(t, "\r\nCSeq: 7 INVITE\r\n"), "request_cseq_given");
	CHECK(strstr(t, "\r\nContact: <sip:gw@198.51.100.1:5060>\r\n"),
	      "request_contact_given");
	CHECK(!strstr(t, ".invalid") && !strstr(t, "transport=ws"),
	      "request_without_websocket_traces");
	CHECK(strstr(t, "\r\nX-Thing: one\r\n") &&
	      strstr(t, "\r\nx-thing: two\r\n"), "request_unknown_headers_pass");
	CHECK(strstr(t, "\r\nSubject: a folded subject\r\n"),
	      "request_compact_header_passes");
	CHECK(strstr(t, "\r\nP-Asserted-Identity: "),
	      "request_pai_from_sip_side_passes");
	CHECK(strstr(t, "\r\nUser-to-User: ") && strstr(t, "\r\nDiversion: ") &&
	      strstr(t, "\r\nUser-Agent: JsSIP 3.13.8\r\n"),
	      "request_end_to_end_headers_pass");
	CHECK(strstr(t, "\r\nSupported: replaces, norefersub\r\n"),
	      "request_supported_filtered");
	CHECK(!strstr(t, "Require:"), "request_require_emptied_dropped");
	CHECK(!strstr(t, "Session-Expires") && !strstr(t, "Min-SE"),
	      "request_session_timer_dropped");
	CHECK(!strstr(t, "Authorization"), "request_credentials_dropped");
	CHECK(!strstr(t, "Record-Route"), "request_record_route_dropped");
	CHECK(strstr(t, "\r\nContent-Disposition: session\r\n"),
	      "request_body_headers_pass_with_body");
	CHECK(strstr(t, "\r\nX-Own: 1\r\n"), "request_extra_headers_added");
	CHECK(strstr(t, "\r\nContent-Length: 5\r\n\r\nv=0\r\n"),
	      "request_body_given");
	free(t);

	t = build(src, true, "X-Thing: mine\r\n");
	CHECK(t && strstr(t, "uri=\"sip:b%6fb@biloxi.example.com\""),
	      "request_end_to_end_digest_passes_credentials");
	CHECK(t && strstr(t, "X-Thing: mine\r\n") && !strstr(t, "X-Thing: one"),
	      "request_extra_header_replaces_copied");
	free(t);

	sip_msg_set_from_web(src);
	t = build(src, false, NULL);
	CHECK(t && !strstr(t, "P-Asserted-Identity"),
	      "request_pai_from_browser_dropped");
	free(t);
	CHECK(!build(src, false, "X: 1\r\n\r\nINVITE"),
	      "request_extra_with_empty_line_refused");
	CHECK(!build(src, false, "X: 1"), "request_extra_without_crlf_refused");
	sip_msg_unref(src);
}

/* What is left of headers with this Privacy, from SIP or from a browser. */
static char *privately(const char *privacy, bool from_web)
{
	static const char form[] =
		"INVITE sip:b@example.com SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa\r\n"
		"To: <sip:b@example.com>\r\n"
		"From: <sip:anonymous@anonymous.invalid>;tag=1\r\n"
		"Call-ID: 1\r\nCSeq: 1 INVITE\r\n"
		"P-Asserted-Identity: <sip:boss@example.com>\r\n"
		"Remote-Party-ID: <sip:boss@example.com>;privacy=off\r\n"
		"P-Asserted-Service: urn:urn-7:a.b\r\n"
		"P-Charging-Vector: icid-value=1;icid-generated-at=10.0.0.1\r\n"
		"P-Access-Network-Info: IEEE-802.11\r\n"
		"History-Info: <sip:old@example.com>;index=1\r\n"
		"Diversion: <sip:old@example.com>;reason=busy\r\n"
		"Organization: Works\r\nUser-Agent: phone\r\n"
		"Warning: 399 10.0.0.1:5060 \"a \\\"b\\\", c\", "
		"301 10.0.0.2 \"d\"\r\n%s\r\n";
	char text[1200], *ret;
	struct sip_msg *src;

	snprintf(text, sizeof(text), form, privacy);
	src = parse(text);
	if (!src)
		return strdup("");
	if (from_web)
		sip_msg_set_from_web(src);
	ret = build(src, false, NULL);
	sip_msg_unref(src);
	return ret ? ret : strdup("");
}

static void has_only(const char *privacy, bool from_web, const char *have,
		     const char *lack, const char *name)
{
	char list[256], *t = privately(privacy, from_web), *save = NULL;
	bool is_right = true;

	snprintf(list, sizeof(list), "%s", have);
	for (char *h = strtok_r(list, " ", &save); h;
	     h = strtok_r(NULL, " ", &save))
		is_right &= !!strcasestr(t, h);
	snprintf(list, sizeof(list), "%s", lack);
	for (char *h = strtok_r(list, " ", &save); h;
	     h = strtok_r(NULL, " ", &save))
		is_right &= !strcasestr(t, h);
	CHECK(is_right, name);
	free(t);
}

static void test_privacy(void)
{
	char *t;

	has_only("", false, "Asserted-Identity: Remote-Party-ID: "
		 "Asserted-Service: History-Info: Diversion: Organization: "
		 "User-Agent:", "Charging Access-Network 10.0.0.1:5060",
		 "privacy_none_asked_towards_browser");
	has_only("", true, "History-Info: Diversion: Organization: "
		 "Access-Network", "Asserted Remote-Party Charging",
		 "privacy_none_asked_from_browser");
	has_only("Privacy: none\r\n", false, "Asserted-Identity: Diversion: "
		 "Privacy:", "Charging", "privacy_none_towards_browser");
	has_only("Privacy: id;critical\r\n", false, "Asserted-Service: "
		 "Diversion: Organization: Privacy:",
		 "Asserted-Identity Remote-Party boss",
		 "privacy_id_towards_browser");
	has_only("Privacy: id\r\n", true, "Diversion: Privacy:", "Asserted",
		 "privacy_id_from_browser_passes_on");
	has_only("Privacy: Header\r\n", false, "Asserted-Identity:",
		 "History-Info Diversion", "privacy_header_towards_browser");
	has_only("Privacy: history\r\n", false, "Asserted-Identity:",
		 "History-Info Diversion", "privacy_history_towards_browser");
	has_only("Privacy: user; id\r\n", false, "Diversion:",
		 "Organization User-Agent Asserted-Identity",
		 "privacy_user_and_id_towards_browser");
	has_only("Privacy: identity\r\n", false, "Asserted-Identity:", "",
		 "privacy_unknown_value_hides_nothing");
	t = privately("", false);
	CHECK(strstr(t, "Warning: 399 pbx \"a \\\"b\\\", c\"\r\n"
		     "Warning: 301 pbx \"d\"\r\n"),
	      "warning_towards_browser_has_a_pseudonym");
	free(t);
	t = privately("", true);
	CHECK(strstr(t, "Warning: 399 10.0.0.1:5060 "),
	      "warning_from_browser_passes");
	free(t);
}

static void test_injection(void)
{
	struct sip_request r = {
		.method = "OPTIONS", .ruri = "sip:a@b", .from = "<sip:a@b>",
		.from_tag = "x\r\nEvil: 1", .to = "<sip:b@c>", .call_id = "1",
		.cseq = 1, .max_forwards = 70,
	};
	struct sip_msg *m;

	CHECK_INT(sip_msg_make_request(&r, NULL, &m), -EINVAL,
		  "request_value_with_crlf_refused");
	r.from_tag = "x";
	r.ruri = "sip:a@b SIP/2.0";
	CHECK_INT(sip_msg_make_request(&r, NULL, &m), -EINVAL,
		  "request_uri_with_space_refused");
}

static void test_reply(void)
{
	struct sip_msg *req = parse(invite), *m = NULL, *src;
	struct sip_reply r = {
		.status = 200, .to_tag = "t1",
		.contact = "<sip:gw@198.51.100.1>",
	};
	char *t;

	CHECK_INT(sip_msg_make_reply(req, &r, NULL, &m), 0, "reply_built");
	CHECK_INT(sip_msg_status(m), 200, "reply_status_given");
	CHECK_STR(sip_msg_phrase(m), "OK", "reply_phrase_standard");
	CHECK_STR(sip_msg_to_tag(m), "t1", "reply_to_tag_given");
	t = sip_msg_print(m, NULL);
	CHECK(strstr(t, "branch=z9hG4bK776asdhds") &&
	      strstr(t, "branch=z9hG4bKnashds8"), "reply_all_vias_copied");
	CHECK_STR(sip_msg_record_route(m, 0), "<sip:p1.example.com;lr>",
		  "reply_record_route_copied");
	CHECK(sip_msg_record_route(m, 1) && !sip_msg_record_route(m, 2),
	      "reply_record_route_copied_once");
	free(t);
	sip_msg_unref(m);

	src = parse("SIP/2.0 401 Unauthorized\r\n"
		    "Via: SIP/2.0/UDP x;branch=z9hG4bKb\r\n"
		    "To: <sip:a@b>;tag=2\r\nFrom: <sip:c@d>;tag=1\r\n"
		    "Call-ID: 1\r\nCSeq: 1 INVITE\r\nServer: PBX\r\n"
		    "WWW-Authenticate: Digest realm=\"r\", "
		    "qop=\"auth,auth-int\", nonce=\"n\"\r\n"
		    "Contact: <sip:hidden@10.0.0.1>\r\n\r\n");
	r = (struct sip_reply){ .status = 401, .to_tag = "t1" };
	CHECK_INT(sip_msg_make_reply(req, &r, src, &m), 0,
		  "reply_from_other_leg_built");
	CHECK_STR(sip_msg_header(m, "WWW-Authenticate"),
		  "Digest realm=\"r\", qop=\"auth\", nonce=\"n\"",
		  "reply_challenge_without_auth_int");
	CHECK_STR(sip_msg_header(m, "Server"), "PBX", "reply_server_passes");
	CHECK(!sip_msg_contact(m, 0), "reply_contact_of_other_leg_dropped");
	CHECK(!sip_msg_record_route(m, 0), "reply_failure_no_record_route");
	sip_msg_unref(m);
	sip_msg_unref(src);
	sip_msg_unref(req);
}

static void check_digest(const char *in, const char *want, const char *name)
{
	char *got = digest_without_auth_int(in);

	CHECK_STR(got, want, name);
	free(got);
}

static void test_digest(void)
{
	check_digest("Digest realm=\"a, qop=\\\"auth-int\\\"\", qop=\"auth\"",
		     "Digest realm=\"a, qop=\\\"auth-int\\\"\", qop=\"auth\"",
		     "digest_quoted_text_untouched");
	check_digest("Digest qop=\"auth-int\", realm=\"a\"",
		     "Digest realm=\"a\"", "digest_only_auth_int_first_removed");
	check_digest("Digest realm=\"a\", qop=\"auth-int\"",
		     "Digest realm=\"a\"", "digest_only_auth_int_last_removed");
	check_digest("Digest realm=\"a\", qop=auth-int, nonce=\"n\"",
		     "Digest realm=\"a\", nonce=\"n\"",
		     "digest_only_auth_int_middle_removed");
	check_digest("Digest realm=\"a\", QOP=\"auth-int, auth\"",
		     "Digest realm=\"a\", QOP=\"auth\"",
		     "digest_any_case_and_order_handled");
	check_digest("Digest qop=\"auth-int,auth\",realm=\"a\", Digest "
		     "qop=\"auth-int\",realm=\"b\"",
		     "Digest qop=\"auth\",realm=\"a\", Digest realm=\"b\"",
		     "digest_two_challenges_handled");
}

static void test_uri(void)
{
	char aor[64], value[16];
	struct sip_uri u;

	CHECK_INT(sip_uri_parse("sips:a%20b:pw@[2001:DB8::1]:5061;lr;"
				"transport=tcp?h=1", &u), 0, "uri_full_parsed");
	CHECK_STR(u.scheme, "sips", "uri_scheme_read");
	CHECK_STR(u.user, "a%20b", "uri_user_keeps_escapes");
	CHECK_STR(u.host, "2001:DB8::1", "uri_ipv6_without_brackets");
	CHECK_INT(u.port, 5061, "uri_port_read");
	CHECK_STR(u.params, "lr;transport=tcp", "uri_params_without_headers");
	CHECK(sip_uri_param(&u, "Transport", value, sizeof(value)) &&
	      !strcmp(value, "tcp"), "uri_param_found_any_case");
	CHECK(sip_uri_param(&u, "lr", value, sizeof(value)) && !value[0],
	      "uri_param_without_value_empty");
	CHECK(!sip_uri_param(&u, "tr", value, sizeof(value)),
	      "uri_param_prefix_not_found");
	CHECK_INT(sip_uri_parse("tel:+1-201-555-0123;phone-context=x", &u), 0,
		  "uri_tel_parsed");
	CHECK_STR(u.user, "+1-201-555-0123", "uri_tel_number");
	CHECK_INT(sip_uri_aor("sips:Bob@Example.COM:5060;x=y", aor,
			      sizeof(aor)), 0, "uri_aor_made");
	CHECK_STR(aor, "sip:Bob@example.com", "uri_aor_canonical");
	CHECK_INT(sip_uri_aor("sip:bob@example.com", aor, 10), -E2BIG,
		  "uri_aor_too_long_refused");
	CHECK_INT(sip_uri_parse("http://example.com", &u), -EINVAL,
		  "uri_other_scheme_refused");
	CHECK_INT(sip_uri_parse("sip:a@b:99999", &u), -EINVAL,
		  "uri_port_out_of_range_refused");
	CHECK_INT(sip_uri_parse("sip:a@b\r\nX: y", &u), -EINVAL,
		  "uri_with_crlf_refused");
	CHECK_INT(sip_uri_parse("sip:@b", &u), -EINVAL,
		  "uri_empty_user_refused");
	CHECK_INT(sip_uri_parse("sip:a;x?y@b", &u), 0,
		  "uri_user_with_reserved_parsed");
}

int main(void)
{
	test_accessors();
	test_refused();
	test_other_method();
	test_request();
	test_privacy();
	test_injection();
	test_reply();
	test_digest();
	test_uri();
	return tap_done();
}
