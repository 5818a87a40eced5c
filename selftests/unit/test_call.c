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

int main(void)
{
	if (fixture_start())
		return 1;
	test_challenged();
	fixture_stop();
	return tap_done();
}
