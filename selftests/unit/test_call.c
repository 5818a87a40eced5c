/* SPDX-License-Identifier: Apache-2.0 */
/* Whole calls: races, refusals and ends that leave nothing behind. */
#include <unistd.h>

#include "call_fixture.h"

/* ---- set-up ------------------------------------------------------------- */

/* The PBX asks for credentials; what waits for them must not end the call. */
static void test_challenged(void)
{
	static const char challenge[] =
		"Proxy-Authenticate: Digest realm=\"lab\", nonce=\"n1\"\r\n";
	static const char credentials[] =
		"Proxy-Authorization: Digest username=\"alice\", realm=\"lab\", "
		"nonce=\"n1\", uri=\"sip:bob@example.com\", response=\"0\"\r\n";
	struct sip_msg *m;
	struct web w;

	calls->settings.no_answer_ms = 3000;
	web_dial(&w, 1, NULL);
	WAIT_FOR(pbx.server[SIP_INVITE]);
	pbx_reply(407, "t", challenge, NULL);
	m = WEB_GETS(1, SIP_INVITE, 407);
	CHECK(m, "challenge_reaches_the_browser");
	web_request_as(&w, "ACK", w.branch, w.cseq, NULL, NULL);
	web_request(&w, "INVITE", credentials, WEB_OFFER);
	CHECK(WAIT_FOR(pbx.server[SIP_INVITE]), "retry_reaches_the_pbx");
	pbx_reply(180, "u", NULL, NULL);
	CHECK(WEB_GETS(1, SIP_INVITE, 180), "retried_call_rings");
	m = WEB_GETS(1, SIP_INVITE, 408);
	CHECK(m && sip_msg_header(m, "Reason") &&
	      strstr(sip_msg_header(m, "Reason"), "no answer"),
	      "retried_call_rings_as_long_as_any");
	calls->settings.no_answer_ms = 180000;
	CHECK(WAIT_FOR(pbx.cancels), "retried_call_is_cancelled");
	fixture_clear("challenged_call_is_gone");
}

/* One of two browsers that ring is taken out. */
static void test_fork_terminated(void)
{
	struct sip_dialog *d = pbx_dial("trunk", NULL, plain_sdp);
	struct sip_msg *first = WEB_GETS(1, SIP_INVITE, 0);
	struct sip_msg *second = WEB_GETS(2, SIP_INVITE, 0);
	struct call *c = calls->list;

	if (!CHECK(first && second, "both_browsers_are_called"))
		exit(tap_done());
	web_reply(1, first, 180, NULL, NULL);
	web_reply(2, second, 180, NULL, NULL);
	while (strcmp(c->b.alias, "alias1"))
		c = c->next;
	CHECK_INT(calls_terminate(calls, c->id, "operator"), 0,
		  "branch_is_terminated");
	CHECK(WEB_GETS(1, SIP_CANCEL, 0), "terminated_branch_is_cancelled");
	web_reply(2, second, 200, NULL, WEB_ANSWER);
	WAIT_FOR(pbx_heard(SIP_INVITE) >= 200);
	CHECK_INT(pbx_heard(SIP_INVITE), 200, "other_branch_may_answer");
	CHECK(!sip_dialog_response(d, pbx.response[SIP_INVITE]),
	      "other_branch_is_the_call");
	pbx_send(d, "ACK", NULL, NULL);
	sip_dialog_free(d);
	fixture_clear("forked_calls_are_gone");
}

int main(void)
{
	if (fixture_start())
		return 1;
	test_challenged();
	test_fork_terminated();
	fixture_stop();
	return tap_done();
}
