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

/* The Contact of a 302 cannot be said again. */
static void test_unwritable(void)
{
	struct sip_dialog *d = pbx_dial("alias1", NULL, plain_sdp);
	struct sip_msg *m = WEB_GETS(1, SIP_INVITE, 0);

	if (m)
		web_reply(1, m, 302, "Contact: <sip:x@example.com>;"
			  "q=\"a\\\"b\"\r\n", NULL);
	WAIT_FOR(pbx_heard(SIP_INVITE) >= 200);
	CHECK_INT(pbx_heard(SIP_INVITE), 302,
		  "refusal_that_cannot_be_written_leaves_bare");
	sip_dialog_free(d);
	fixture_clear("refused_call_is_gone");
}

/* What is logged from here on. */
static FILE *log_begin(int *ret_stderr)
{
	FILE *f = tmpfile();

	*ret_stderr = dup(2);
	dup2(fileno(f), 2);
	return f;
}

/* How many of its lines have that in them. */
static unsigned int log_end(FILE *f, int old_stderr, const char *what)
{
	char line[512];
	unsigned int lines = 0;

	dup2(old_stderr, 2);
	close(old_stderr);
	rewind(f);
	while (fgets(line, sizeof(line), f))
		lines += strstr(line, what) != NULL;
	fclose(f);
	return lines;
}

/* What a stranger can do a thousand times, is not logged a thousand times. */
static void test_refusals_logged(void)
{
	unsigned int lines;
	struct web w;
	FILE *f;
	int fd;

	calls->settings.check_from = true;
	f = log_begin(&fd);
	for (int i = 0; i < 100; i++)
		web_dial(&w, 3, NULL);
	lines = log_end(f, fd, "403");
	CHECK(lines && lines <= 50, "refusals_of_a_stranger_are_not_all_logged");
	CHECK(WEB_GETS(3, SIP_INVITE, 403), "stranger_is_refused");
	calls->settings.check_from = false;
	fixture_clear("refusals_leave_no_call");
}

/* One that is reached is told by its name. */
static void test_limit_of_browser(void)
{
	const char *reason;
	struct sip_msg *m;
	struct web w;

	for (int i = 0; i <= LIMIT_CALLS_PER_CLIENT; i++)
		web_dial(&w, 1, NULL);
	m = WEB_GETS(1, SIP_INVITE, 503);
	reason = m ? sip_msg_header(m, "Reason") : NULL;
	CHECK(reason && strstr(reason, "limit of calls of one browser"),
	      "limit_of_a_browser_is_named");
	fixture_clear("calls_up_to_the_limit_are_gone");
}

/* What one browser asks of the dead, costs the others nothing. */
static void test_requests_of_browser(void)
{
	const unsigned int others = LIMIT_FORWARDS / 2;
	struct web w;

	web_dial(&w, 1, NULL);
	calls->forward_count += others;
	pbx.is_silent = true;
	for (int i = 0; i < LIMIT_FORWARDS_PER_CLIENT; i++)
		web_request(&w, "MESSAGE", NULL, NULL);
	CHECK_INT(calls->forward_count, others + LIMIT_FORWARDS_PER_CLIENT,
		  "requests_of_a_browser_pass_up_to_its_limit");
	web_request(&w, "MESSAGE", NULL, NULL);
	CHECK(WEB_GETS(1, SIP_MESSAGE, 503),
	      "request_of_a_browser_above_its_limit_is_refused");
	w.conn = 2;
	web_request(&w, "MESSAGE", NULL, NULL);
	CHECK_INT(calls->forward_count, others + LIMIT_FORWARDS_PER_CLIENT + 1,
		  "request_of_another_browser_passes");
	call_forwards_free(calls);
	calls->forward_count -= others;
	pbx.is_silent = false;
	fixture_clear("requests_leave_no_call");
}

/* ---- a 2xx that waits for a PRACK --------------------------------------- */

/* Called without an offer, with 100rel; the browser has answered. */
static struct sip_dialog *held(void)
{
	struct sip_dialog *d = pbx_dial("alias1", "Require: 100rel\r\n", NULL);
	struct sip_msg *m = WEB_GETS(1, SIP_INVITE, 0);

	if (!CHECK(m, "browser_is_called_without_an_offer"))
		exit(tap_done());
	web_reply(1, m, 180, NULL, NULL);
	WAIT_FOR(pbx_heard(SIP_INVITE) == 180);
	sip_dialog_response(d, pbx.response[SIP_INVITE]);
	web_reply(1, m, 200, NULL, WEB_ANSWER);
	CHECK(WEB_GETS(1, SIP_ACK, 0) && pbx_heard(SIP_INVITE) == 180 &&
	      calls->list->state == CALL_ANSWERED, "answer_waits_for_the_prack");
	return d;
}

static void held_ends(struct sip_dialog *d, int status, const char *name)
{
	WAIT_FOR(pbx_heard(SIP_INVITE) >= 200);
	CHECK_INT(pbx_heard(SIP_INVITE), status, name);
	CHECK(WEB_GETS(1, SIP_BYE, 0), "browser_that_answered_is_hung_up");
	CHECK(!pbx.requests[SIP_BYE], "caller_gets_no_bye");
	sip_dialog_free(d);
	fixture_clear("call_without_prack_is_gone");
}

static void test_held(void)
{
	struct sip_dialog *d = held();

	sip_client_cancel(pbx.client, NULL);
	held_ends(d, 487, "cancel_before_the_prack_is_heeded");
	d = held();
	pbx_send(d, "BYE", NULL, NULL);
	held_ends(d, 487, "bye_before_the_prack_answers_the_invite");
	d = held();
	media_says(MEDIA_FAILED, calls->list->media_id, MEDIA_SIDE_WEB);
	held_ends(d, 500, "failure_before_the_prack_answers_the_invite");
}

/* Nothing in it to wait for: the answer may overtake the PRACK. */
static void test_prack_after_answer(void)
{
	struct sip_dialog *d = pbx_dial("alias1", "Require: 100rel\r\n",
					plain_sdp);
	struct sip_msg *m = WEB_GETS(1, SIP_INVITE, 0);
	char rack[64];

	if (!CHECK(m, "browser_is_called_with_100rel"))
		exit(tap_done());
	web_reply(1, m, 180, NULL, NULL);
	WAIT_FOR(pbx_heard(SIP_INVITE) == 180);
	snprintf(rack, sizeof(rack), "RAck: %s 1 INVITE\r\n",
		 sip_msg_header(pbx.response[SIP_INVITE], "RSeq"));
	web_reply(1, m, 200, NULL, WEB_ANSWER);
	WAIT_FOR(pbx_heard(SIP_INVITE) == 200);
	sip_dialog_response(d, pbx.response[SIP_INVITE]);
	pbx_send(d, "PRACK", rack, NULL);
	WAIT_FOR(pbx_heard(SIP_PRACK));
	CHECK_INT(pbx_heard(SIP_PRACK), 200, "prack_after_the_answer_is_taken");
	pbx_send(d, "ACK", NULL, NULL);
	sip_dialog_free(d);
	fixture_clear("call_with_late_prack_is_gone");
}

/* ---- ends --------------------------------------------------------------- */

/* Others that are away must not cost a browser that is there its BYE. */
static void test_farewells_full(void)
{
	struct sip_dialog *d;
	struct sip_msg *m;
	struct web w;

	call_out(&w, &d);
	calls->farewell_count += LIMIT_FAREWELLS;
	pbx_send(d, "BYE", NULL, NULL);
	m = WEB_GETS(1, SIP_BYE, 0);
	CHECK(m, "bye_for_who_is_there_has_no_limit");
	if (m)
		web_reply(1, m, 200, NULL, NULL);
	calls->farewell_count -= LIMIT_FAREWELLS;
	sip_dialog_free(d);
	fixture_clear("call_with_farewell_is_gone");
}

/* The PBX that refuses a BYE may keep its side up: the operator has to know. */
static void test_bye_refused(void)
{
	struct sip_dialog *d;
	struct sip_msg *m;
	struct web w;
	FILE *f;
	int fd;

	call_out(&w, &d);
	pbx.bye_status = 407;
	f = log_begin(&fd);
	web_request(&w, "BYE", NULL, NULL);
	m = WEB_GETS(1, SIP_BYE, 200);
	WAIT_FOR(pbx.requests[SIP_BYE] && !gw_waits_for_pbx());
	CHECK_INT(log_end(f, fd, d->call_id), 1, "refused_bye_is_told");
	CHECK(m, "bye_of_the_browser_is_answered");
	pbx.bye_status = 0;
	sip_dialog_free(d);
	fixture_clear("call_with_a_refused_bye_is_gone");
}

/* The caller's media end with its CANCEL, the phone's 200 is on its way. */
static void test_answer_after_end(void)
{
	struct sip_server *st;
	struct web w;

	web_dial(&w, 1, NULL);
	WAIT_FOR(pbx.server[SIP_INVITE]);
	st = pbx.server[SIP_INVITE];
	pbx.keeps_cancel = media_is_slow = true;
	pbx_reply(180, "late", NULL, NULL);
	WEB_GETS(1, SIP_INVITE, 180);
	web_request_as(&w, "CANCEL", w.branch, w.cseq, NULL, NULL);
	CHECK(WEB_GETS(1, SIP_INVITE, 487) && WAIT_FOR(pbx.cancels),
	      "cancelled_call_is_refused");
	media_says(MEDIA_LOST, calls->list->media_id, MEDIA_SIDE_WEB);
	CHECK_INT(calls->list->state, CALL_ENDED, "lost_media_end_the_call");
	pbx.server[SIP_INVITE] = st;
	pbx_reply(200, "late", NULL, plain_sdp);
	CHECK(WAIT_FOR(pbx.acks), "answer_after_the_end_is_acknowledged");
	CHECK(WAIT_FOR(pbx.requests[SIP_BYE]),
	      "answer_after_the_end_is_hung_up");
	media_is_slow = false;
	fixture_clear("cancelled_call_is_gone");
}

/* What a REFER in a call began goes on after it, not at a restart. */
static void test_refers_kept(void)
{
	struct call *c = call_create(calls);

	c->refers = 1;
	c->state = CALL_UP;
	call_leg_attach(&c->a, calloc(1, sizeof(struct sip_dialog)));
	call_leg_attach(&c->b, calloc(1, sizeof(struct sip_dialog)));
	call_free(c);
	CHECK(!calls->subs, "call_that_goes_on_keeps_its_subscriptions");
}

/* ---- exchanges ---------------------------------------------------------- */

/* A browser whose description changes and whose version does not. */
static void test_same_version(void)
{
	struct sip_dialog *d;
	struct sip_msg *m;
	struct web w;
	const void *body;
	size_t len;

	call_out(&w, &d);
	web_request(&w, "INVITE", NULL, WEB_OFFER);
	m = WEB_GETS(1, SIP_INVITE, 200);
	CHECK(m && pbx.requests[SIP_INVITE] == 1,
	      "same_offer_is_answered_as_before");
	web_ack(&w, m, NULL);
	web_request(&w, "INVITE", NULL, web_sdp(1, "sendonly", "actpass"));
	if (CHECK(WAIT_FOR(pbx.server[SIP_INVITE]),
		  "hold_with_the_old_version_passes")) {
		body = sip_msg_body(pbx.request[SIP_INVITE], &len);
		CHECK(memmem(body, len, "a=sendonly", 10),
		      "hold_is_said_to_the_pbx");
		pbx_reply(200, NULL, NULL, plain_sdp);
		web_ack(&w, WEB_GETS(1, SIP_INVITE, 200), NULL);
	}
	sip_dialog_free(d);
	fixture_clear("held_call_is_gone");
}

/* Both sides offer at once: a browser's client gives up at a 491. */
static void test_glare(void)
{
	struct sip_dialog *d;
	struct sip_msg *m;
	struct web w;

	call_out(&w, &d);
	pbx_send(d, "INVITE", NULL, plain_sdp);
	m = WEB_GETS(1, SIP_INVITE, 0);
	CHECK(m, "offer_of_the_pbx_reaches_the_browser");
	web_request(&w, "INVITE", NULL, web_sdp(2, "sendonly", "actpass"));
	CHECK(!web_take(1, SIP_INVITE, 491), "offer_of_the_browser_waits");
	web_reply(1, m, 491, NULL, NULL);
	CHECK(WAIT_FOR(pbx_heard(SIP_INVITE) == 491),
	      "offer_of_the_pbx_gets_491");
	if (CHECK(WAIT_FOR(pbx.server[SIP_INVITE]),
		  "offer_of_the_browser_has_its_turn"))
		pbx_reply(200, NULL, NULL, plain_sdp);
	m = WEB_GETS(1, SIP_INVITE, 200);
	CHECK(m, "offer_of_the_browser_is_answered");
	if (m)
		web_ack(&w, m, NULL);
	sip_dialog_free(d);
	fixture_clear("call_after_glare_is_gone");
}

/* One that waits is cancelled, or the call ends under it. */
static void test_waiting_ends(void)
{
	struct sip_dialog *d;
	struct web w;

	for (int is_cancelled = 0; is_cancelled < 2; is_cancelled++) {
		call_out(&w, &d);
		pbx_send(d, "INVITE", NULL, plain_sdp);
		WEB_GETS(1, SIP_INVITE, 0);
		web_request(&w, "INVITE", NULL,
			    web_sdp(2, "sendonly", "actpass"));
		if (is_cancelled)
			web_request_as(&w, "CANCEL", w.branch, w.cseq, NULL,
				       NULL);
		else
			web_request(&w, "BYE", NULL, NULL);
		CHECK(WEB_GETS(1, SIP_INVITE, 487), is_cancelled ?
		      "waiting_offer_is_cancelled" :
		      "waiting_offer_ends_with_its_call");
		sip_dialog_free(d);
		fixture_clear("call_with_a_waiting_offer_is_gone");
	}
}

/* A refresh that went to the WebSocket before is not waited for. */
static void test_reconnected(void)
{
	struct binding *b = location_by_alias(&registrar->location, "alias1");
	struct sip_dialog *d;
	struct call *c;
	struct web w;

	c = call_out(&w, &d);
	c->a.session.interval_s = 2;
	c->a.session.we_refresh = c->a.session.peer_has_update = true;
	c->a.session.expires_ms = clock_ms();
	call_session_resume(&c->a);
	CHECK(WEB_GETS(1, SIP_UPDATE, 0), "browser_is_asked_for_a_sign");
	w.conn = 3;
	location_set_conn(&registrar->location, b, 3);
	web_request(&w, "INVITE", NULL, web_sdp(2, "sendonly", "actpass"));
	CHECK(c->reoffer, "offer_over_a_new_websocket_does_not_wait");
	if (WAIT_FOR(pbx.server[SIP_INVITE]))
		pbx_reply(200, NULL, NULL, plain_sdp);
	CHECK(WEB_GETS(3, SIP_INVITE, 200),
	      "offer_over_a_new_websocket_is_answered");
	location_set_conn(&registrar->location, b, 1);
	sip_dialog_free(d);
	fixture_clear("call_over_a_new_websocket_is_gone");
}

/* No answer of a browser says that the call is over: only that it is away. */
static void test_browser_silent(void)
{
	struct sip_dialog *d;
	struct call *c;
	struct web w;

	c = call_out(&w, &d);
	pbx_send(d, "INVITE", NULL, plain_sdp);
	WEB_GETS(1, SIP_INVITE, 0);
	sip_stack_ws_closed(gw, 1);
	WAIT_FOR(pbx_heard(SIP_INVITE));
	CHECK_INT(pbx_heard(SIP_INVITE), 480, "offer_to_who_is_away_gets_480");
	CHECK_INT(c->state, CALL_UP, "call_of_who_is_away_goes_on");
	sip_dialog_free(d);
	fixture_clear("call_of_who_is_away_is_gone");
}

/* The caller's answer comes in its ACK: no other exchange before it. */
static void test_late_busy(void)
{
	struct sip_dialog *d = pbx_dial("alias1", NULL, NULL);
	struct sip_msg *m = WEB_GETS(1, SIP_INVITE, 0);
	struct web w;

	if (!CHECK(m, "browser_is_called_without_an_offer"))
		exit(tap_done());
	web_called(&w, 1, m);
	web_reply(1, m, 200, NULL, WEB_ANSWER);
	WAIT_FOR(pbx_heard(SIP_INVITE) == 200);
	web_request(&w, "INVITE", NULL, web_sdp(2, "sendonly", "actpass"));
	CHECK(!calls->list->reoffer, "no_offer_passes_before_the_answer");
	sip_dialog_response(d, pbx.response[SIP_INVITE]);
	pbx_send(d, "ACK", NULL, plain_sdp);
	CHECK(WAIT_FOR(pbx.server[SIP_INVITE]), "offer_passes_after_the_answer");
	CHECK(calls->list->is_late_done, "answer_in_the_ack_is_taken");
	pbx_reply(200, NULL, NULL, plain_sdp);
	CHECK(WEB_GETS(1, SIP_INVITE, 200), "offer_after_the_answer_is_answered");
	sip_dialog_free(d);
	fixture_clear("call_without_an_offer_is_gone");
}

/* ---- transfers ---------------------------------------------------------- */

static const char *refer_to(void)
{
	static char text[96];

	snprintf(text, sizeof(text), "Refer-To: <sip:1004@%s>\r\n", pbx.host);
	return text;
}

/* Who referred has hung up, and its media with it. */
static void test_transferor_left(void)
{
	struct sip_dialog *d, *next;
	struct call *c;
	struct web w;

	calls->settings.executes_refer = true;
	c = call_out(&w, &d);
	pbx_send(d, "REFER", refer_to(), NULL);
	CHECK(WAIT_FOR(pbx.server[SIP_INVITE]), "target_is_called");
	pbx_send(d, "BYE", NULL, NULL);
	WAIT_FOR(pbx_heard(SIP_BYE) == 200);
	media_says(MEDIA_LOST, c->media_id, MEDIA_SIDE_SIP);
	CHECK_INT(c->state, CALL_UP, "silence_of_who_left_ends_nothing");
	next = pbx_accept(NULL);
	CHECK(WAIT_FOR(!c->transfer) && c->state == CALL_UP,
	      "target_takes_the_place_of_who_left");
	media_says(MEDIA_LOST, c->media_id, MEDIA_SIDE_SIP);
	CHECK_INT(c->state, CALL_ENDED, "silence_of_the_target_ends_the_call");
	sip_dialog_free(d);
	sip_dialog_free(next);
	fixture_clear("transferred_call_is_gone");
	calls->settings.executes_refer = false;
}

/* Nobody is to wait for ever. */
static void test_target_rings(void)
{
	struct sip_dialog *d;
	struct call *c;
	struct web w;

	calls->settings.executes_refer = true;
	calls->settings.no_answer_ms = 1000;
	c = call_out(&w, &d);
	pbx_send(d, "REFER", refer_to(), NULL);
	WAIT_FOR(pbx.server[SIP_INVITE]);
	pbx_reply(180, "t", NULL, NULL);
	CHECK(WAIT_FOR(pbx.cancels), "target_that_rings_on_is_cancelled");
	CHECK(WAIT_FOR(pbx.request[SIP_NOTIFY] &&
		       strstr(sip_msg_header(pbx.request[SIP_NOTIFY],
					     "Subscription-State"),
			      "terminated")), "transferor_is_told_of_the_end");
	CHECK(c->state == CALL_UP && !c->transfer,
	      "call_goes_on_after_the_ringing");
	sip_dialog_free(d);
	fixture_clear("call_that_was_referred_is_gone");
	calls->settings.executes_refer = false;
	calls->settings.no_answer_ms = 180000;
}

/* The same of a browser; what is left has no timers of the gateway's. */
static void test_browser_left(void)
{
	struct sip_dialog *d, *next;
	struct call *c;
	struct web w;

	calls->settings.executes_refer = media_is_slow = true;
	c = call_out(&w, &d);
	web_request(&w, "REFER", refer_to(), NULL);
	CHECK(WAIT_FOR(pbx.server[SIP_INVITE]), "target_is_called_for_a_phone");
	web_request(&w, "BYE", NULL, NULL);
	CHECK(WEB_GETS(1, SIP_BYE, 200), "browser_may_leave_at_once");
	media_says(MEDIA_LOST, c->media_id, MEDIA_SIDE_WEB);
	CHECK_INT(c->state, CALL_UP, "media_of_who_left_end_nothing");
	next = pbx_accept(NULL);
	/* The target's offer for the phone. */
	if (CHECK(WAIT_FOR(pbx.requests[SIP_INVITE] == 3), "phone_is_offered"))
		pbx_reply(200, NULL, "Session-Expires: 90;refresher=uas\r\n",
			  plain_sdp);
	CHECK(WAIT_FOR(c->is_direct && !c->transfer), "phone_and_target_talk");
	media_says(MEDIA_LOST, c->media_id, MEDIA_SIDE_WEB);
	CHECK_INT(c->state, CALL_UP, "media_that_are_gone_end_nothing");
	media_is_slow = false;
	CHECK(!c->a.session.timer && !c->b.session.timer,
	      "session_of_two_phones_is_their_own");
	pbx_send(d, "INVITE", NULL, plain_sdp);
	if (CHECK(WAIT_FOR(pbx.requests[SIP_INVITE] == 4), "reinvite_passes"))
		pbx_reply(200, NULL, "Session-Expires: 90;refresher=uas\r\n",
			  plain_sdp);
	CHECK(WAIT_FOR(pbx_heard(SIP_INVITE) == 200) && !c->a.session.timer &&
	      !c->b.session.timer, "reinvite_starts_no_timer");
	sip_dialog_free(d);
	sip_dialog_free(next);
	fixture_clear("call_of_two_phones_is_gone");
	calls->settings.executes_refer = false;
}

int main(void)
{
	if (fixture_start())
		return 1;
	test_challenged();
	test_fork_terminated();
	test_unwritable();
	test_refusals_logged();
	test_limit_of_browser();
	test_requests_of_browser();
	test_held();
	test_prack_after_answer();
	test_farewells_full();
	test_bye_refused();
	test_answer_after_end();
	test_refers_kept();
	test_same_version();
	test_glare();
	test_waiting_ends();
	test_reconnected();
	test_browser_silent();
	test_late_busy();
	test_transferor_left();
	test_target_rings();
	test_browser_left();
	fixture_stop();
	return tap_done();
}
