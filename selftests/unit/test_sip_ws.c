/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions on WebSocket flows, with a flow that only records. */
#include <errno.h>
#include <string.h>

#include "core/loop.h"
#include "sip/stack.h"
#include "sip_fixture.h"
#include "tap.h"

#define CONN	42

static struct loop *loop;
static struct sip_stack *stack;
static struct addr browser;

/* What the gateway sent, newest last. */
static struct sip_msg *sent[32];
static size_t sent_count;
static bool flow_is_dead;

/* What the user of the stack was told. */
static struct sip_server *server;
static struct sip_client *client;
static int requests, cancels, acks, acks_missing, strays;
static int responses, last_status;
static bool last_is_local, free_in_callback;

static int ws_send(void *arg, uint64_t conn, const void *data, size_t len)
{
	(void)arg;
	if (flow_is_dead || conn != CONN)
		return -ENOTCONN;
	if (sent_count < 32 &&
	    sip_msg_parse(data, len, &sent[sent_count], NULL) == 0)
		sent_count++;
	return 0;
}

static void got_request(void *arg, struct sip_server *st)
{
	(void)arg;
	requests++;
	server = st;
}

static void got_cancel(void *arg, struct sip_server *st)
{
	const struct sip_reply r = { .status = 487 };

	(void)arg;
	cancels++;
	sip_server_reply(st, &r, NULL);
}

static void got_ack(void *arg, const struct sip_msg *ack,
		    const struct sip_target *from)
{
	(void)arg;
	(void)ack;
	(void)from;
	acks++;
}

static void got_no_ack(void *arg, struct sip_server *st)
{
	(void)arg;
	if (sip_server_data(st) == &acks_missing)
		acks_missing++;
	loop_stop(loop);
}

static void got_stray(void *arg, const struct sip_msg *response,
		      const struct sip_target *from)
{
	(void)arg;
	(void)response;
	(void)from;
	strays++;
}

static void got_response(void *arg, struct sip_client *ct,
			 const struct sip_msg *response)
{
	(void)arg;
	responses++;
	last_status = sip_msg_status(response);
	last_is_local = sip_client_is_local(ct);
	if (last_status >= 200)
		loop_stop(loop);
	if (free_in_callback)
		sip_client_free(ct);
}

static void stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

/* One turn of the loop: what is due now has run. */
static void turn(void)
{
	struct loop_timer *t;

	loop_timer_add(loop, 1, stop, NULL, &t);
	loop_run(loop);
}

static void start(uint32_t t1_ms)
{
	const struct sip_user user = {
		.request = got_request, .cancelled = got_cancel,
		.ack = got_ack, .ack_missing = got_no_ack,
		.stray_2xx = got_stray,
	};
	struct sip_settings settings = { .ws_send = ws_send };

	addr_parse_ip("127.0.0.1", &settings.listen);
	if (sip_stack_create(loop, &settings, &user, &stack) < 0)
		exit(tap_check(0, __FILE__, __LINE__, "stack_created"));
	sip_stack_set_t1(stack, t1_ms);
	server = NULL;
	client = NULL;
	requests = cancels = acks = acks_missing = strays = 0;
	responses = last_status = 0;
	last_is_local = free_in_callback = flow_is_dead = false;
}

static void forget_sent(void)
{
	while (sent_count)
		sip_msg_unref(sent[--sent_count]);
}

static void finish(void)
{
	sip_stack_free(stack);
	forget_sent();
}

static struct sip_stack_stats stats(void)
{
	struct sip_stack_stats st;

	sip_stack_stats(stack, &st);
	return st;
}

static void receive(const char *text)
{
	sip_stack_ws_received(stack, CONN, &browser, text, strlen(text));
}

static void receive_msg(struct sip_msg *m)
{
	size_t len;
	char *text = sip_msg_print(m, &len);

	sip_stack_ws_received(stack, CONN, &browser, text, len);
	free(text);
	sip_msg_unref(m);
}

static int reply(int status)
{
	const struct sip_reply r = { .status = status };

	return sip_server_reply(server, &r, NULL);
}

static const struct sip_msg *last_sent(void)
{
	return sent_count ? sent[sent_count - 1] : NULL;
}

static int last_sent_status(void)
{
	return sent_count ? sip_msg_status(last_sent()) : 0;
}

static void send_invite(void)
{
	const struct sip_target to = { .is_ws = true, .conn = CONN };
	struct sip_msg *m = fixture_make("INVITE", "sip:alice@abc.invalid",
					 "out", 1, "<sip:gw@192.0.2.1>", NULL);

	sip_client_send(stack, &to, m, got_response, NULL, &client);
	sip_msg_unref(m);
}

/* ---- server ----------------------------------------------------------- */

static void test_server_request(void)
{
	start(SIP_T1_MS);
	receive(fixture_request("REGISTER", "z9hG4bKr1", "r1", NULL, 1, NULL));
	CHECK_INT(requests, 1, "server_request_delivered");
	CHECK(sip_server_source(server)->is_ws &&
	      sip_server_source(server)->conn == CONN,
	      "server_source_is_flow");
	CHECK(sip_server_pending(server), "server_unanswered_pending");
	receive(fixture_request("REGISTER", "z9hG4bKr1", "r1", NULL, 1, NULL));
	CHECK_INT(requests, 1, "server_retransmission_absorbed");
	receive(fixture_request("REGISTER", "z9hG4bKr2", "r1", NULL, 1, NULL));
	CHECK_INT(last_sent_status(), 482, "server_merged_request_482");
	CHECK_INT(requests, 1, "server_merged_request_not_delivered");
	CHECK_INT(reply(200), 0, "server_final_sent");
	CHECK_INT(last_sent_status(), 200, "server_final_on_flow");
	CHECK_STR(sip_msg_branch(last_sent()), "z9hG4bKr1",
		  "server_final_has_branch");
	CHECK(sip_msg_to_tag(last_sent()), "server_final_has_to_tag");
	CHECK(strstr(sip_msg_header(last_sent(), "Via"),
		     "received=203.0.113.9"), "server_via_has_received");
	CHECK(strstr(sip_msg_header(last_sent(), "Via"), "rport=4711"),
	      "server_via_has_rport");
	CHECK_INT(reply(500), -EALREADY, "server_second_final_refused");
	CHECK_INT(stats().server_live, 1, "server_final_lives_this_turn");
	turn();
	CHECK_INT(stats().server_live, 0, "server_final_freed_next_turn");
	finish();
}

static void test_server_invite(void)
{
	const char *tag;

	start(SIP_T1_MS);
	receive(fixture_request("INVITE", "z9hG4bKi1", "i1", NULL, 1, NULL));
	CHECK_INT(last_sent_status(), 100, "invite_server_100_at_once");
	CHECK_INT(reply(180), 0, "invite_server_180_sent");
	tag = sip_msg_to_tag(last_sent());
	reply(200);
	CHECK_STR(sip_msg_to_tag(last_sent()), tag,
		  "invite_server_one_to_tag");
	receive(fixture_request("ACK", "z9hG4bKi2", "i1", tag, 1, NULL));
	CHECK_INT(acks, 1, "invite_server_ack_of_2xx_delivered");
	turn();
	CHECK_INT(stats().server_live, 0, "invite_server_acked_freed");
	receive(fixture_request("ACK", "z9hG4bKi3", "i1", "adopted", 1, NULL));
	CHECK_INT(acks, 2, "invite_server_ack_without_transaction_delivered");

	receive(fixture_request("INVITE", "z9hG4bKi4", "i2", NULL, 1, NULL));
	reply(486);
	tag = sip_msg_to_tag(last_sent());
	receive(fixture_request("ACK", "z9hG4bKi4", "i2", tag, 1, NULL));
	CHECK_INT(acks, 2, "invite_server_ack_of_failure_absorbed");
	CHECK_INT(stats().server_live, 0, "invite_server_failure_acked_freed");
	finish();
}

/* The INVITE's branch in the ACK of a 2xx: wrong, and yet it is the ACK. */
static void test_server_ack_same_branch(void)
{
	start(SIP_T1_MS);
	receive(fixture_request("INVITE", "z9hG4bKs1", "s1", NULL, 1, NULL));
	reply(200);
	receive(fixture_request("ACK", "z9hG4bKs1", "s1",
				sip_msg_to_tag(last_sent()), 1, NULL));
	CHECK_INT(acks, 1, "ack_of_2xx_with_invites_branch_delivered");
	turn();
	CHECK_INT(stats().server_live, 0, "ack_with_invites_branch_ends");
	finish();
}

static void test_server_reply_too_large(void)
{
	static char body[LIMIT_SIP_BODY_BYTES + 1];
	const struct sip_reply r = {
		.status = 200, .content_type = "text/plain", .body = body,
		.body_len = sizeof(body),
	};

	start(SIP_T1_MS);
	memset(body, 'x', sizeof(body));
	receive(fixture_request("MESSAGE", "z9hG4bKl1", "l1", NULL, 1, NULL));
	CHECK_INT(sip_server_reply(server, &r, NULL), -EBADMSG,
		  "reply_too_large_is_told");
	CHECK_INT(last_sent_status(), 500, "reply_too_large_becomes_500");
	CHECK(last_sent() && sip_msg_to_tag(last_sent()),
	      "reply_too_large_has_to_tag");
	CHECK_INT(reply(200), -EALREADY, "reply_too_large_is_final");
	turn();
	CHECK_INT(stats().server_live, 0, "reply_too_large_leaves_nothing");
	finish();
}

/* One browser that sends no ACKs, and another one. */
static void test_server_limit(void)
{
	char branch[32], id[16];
	const char *text;

	start(SIP_T1_MS);
	for (int i = 0; i < LIMIT_SIP_REQUESTS_PER_CLIENT + 9; i++) {
		snprintf(branch, sizeof(branch), "z9hG4bKn%d", i);
		snprintf(id, sizeof(id), "n%d", i);
		receive(fixture_request("INVITE", branch, id, NULL, 1, NULL));
		if (sip_server_pending(server))
			reply(403);
		if (i < LIMIT_SIP_REQUESTS_PER_CLIENT)
			forget_sent();
	}
	CHECK_INT(requests, LIMIT_SIP_REQUESTS_PER_CLIENT,
		  "requests_of_a_client_limited");
	CHECK_INT(last_sent_status(), 503, "request_beyond_limit_503");
	CHECK_INT(stats().server_live, LIMIT_SIP_REQUESTS_PER_CLIENT,
		  "request_beyond_limit_leaves_nothing");
	text = fixture_request("OPTIONS", "z9hG4bKo", "o", NULL, 1, NULL);
	sip_stack_ws_received(stack, CONN + 1, &browser, text, strlen(text));
	CHECK_INT(requests, LIMIT_SIP_REQUESTS_PER_CLIENT + 1,
		  "other_client_is_served");
	reply(200);
	receive(fixture_request("ACK", "z9hG4bKn0", "n0", "x", 1, NULL));
	receive(fixture_request("OPTIONS", "z9hG4bKp", "p", NULL, 1, NULL));
	CHECK_INT(requests, LIMIT_SIP_REQUESTS_PER_CLIENT + 2,
		  "client_with_an_ack_is_served_again");
	reply(200);
	turn();
	sip_stack_ws_closed(stack, CONN);
	CHECK_INT(stats().server_live, 0, "client_gone_leaves_nothing");
	finish();
}

static void test_server_ack_missing(void)
{
	start(1);
	receive(fixture_request("INVITE", "z9hG4bKm1", "m1", NULL, 1, NULL));
	sip_server_set_data(server, &acks_missing);
	reply(200);
	loop_run(loop);
	CHECK_INT(acks_missing, 1, "invite_server_ack_missing_told");
	CHECK_INT(stats().server_live, 0, "invite_server_ack_missing_freed");
	finish();
}

static void test_server_cancel(void)
{
	start(SIP_T1_MS);
	receive(fixture_request("INVITE", "z9hG4bKc1", "c1", NULL, 1, NULL));
	reply(180);
	forget_sent();
	receive(fixture_request("CANCEL", "z9hG4bKc1", "c1", NULL, 1, NULL));
	CHECK_INT(cancels, 1, "cancel_matched_told");
	CHECK_INT(sent_count, 2, "cancel_matched_two_responses");
	CHECK(sip_msg_status(sent[0]) == 200 &&
	      sip_msg_method(sent[0]) == SIP_CANCEL, "cancel_answered_200");
	CHECK(sip_msg_status(sent[1]) == 487 &&
	      sip_msg_method(sent[1]) == SIP_INVITE, "cancelled_invite_487");
	CHECK_STR(sip_msg_to_tag(sent[0]), sip_msg_to_tag(sent[1]),
		  "cancel_and_invite_one_to_tag");
	receive(fixture_request("CANCEL", "z9hG4bKc9", "c1", NULL, 1, NULL));
	CHECK_INT(last_sent_status(), 481, "cancel_unmatched_481");

	receive(fixture_request("INVITE", "z9hG4bKc2", "c2", NULL, 1, NULL));
	reply(200);
	receive(fixture_request("CANCEL", "z9hG4bKc2", "c2", NULL, 1, NULL));
	CHECK_INT(last_sent_status(), 200, "cancel_after_2xx_answered_200");
	CHECK_INT(cancels, 1, "cancel_after_2xx_not_told");
	sip_stack_ws_received(stack, CONN + 1, &browser, fixture_request(
		"CANCEL", "z9hG4bKc2", "c2", NULL, 1, NULL),
		strlen(fixture_request("CANCEL", "z9hG4bKc2", "c2", NULL, 1,
				       NULL)));
	CHECK_INT(cancels, 1, "cancel_from_other_flow_not_told");
	finish();
}

static void test_server_malformed(void)
{
	char text[1024];

	start(SIP_T1_MS);
	snprintf(text, sizeof(text), "%s", fixture_request(
		"OPTIONS", "z9hG4bKb1", "b1", NULL, 1, "Route: <\r\n"));
	receive(text);
	CHECK_INT(last_sent_status(), 400, "malformed_request_400");
	CHECK_STR(sip_msg_phrase(last_sent()), "Bad Route Header",
		  "malformed_request_phrase_says_why");
	CHECK_INT(stats().dropped_parse[STATS_WEB], 1,
		  "malformed_request_counted");
	CHECK_INT(requests, 0, "malformed_request_not_delivered");
	forget_sent();
	receive("SIP/2.0 200 OK\r\nVia: x\r\n\r\n");
	CHECK_INT(sent_count, 0, "malformed_response_not_answered");
	finish();
}

/* ---- client ----------------------------------------------------------- */

static void test_client_invite(void)
{
	const char *via;

	start(SIP_T1_MS);
	send_invite();
	CHECK_INT(sent_count, 1, "invite_client_sent");
	via = sip_msg_header(sent[0], "Via");
	CHECK(via && !strncmp(via, "SIP/2.0/WSS 127.0.0.1:", 22),
	      "invite_client_via_wss_and_host");
	receive_msg(fixture_reply(sent[0], 180, "t1", NULL));
	CHECK_INT(last_status, 180, "invite_client_provisional_told");
	receive_msg(fixture_reply(sent[0], 200, "t1", NULL));
	CHECK_INT(last_status, 200, "invite_client_2xx_told");
	receive_msg(fixture_reply(sent[0], 200, "t2", NULL));
	CHECK_INT(responses, 3, "invite_client_second_2xx_told");
	CHECK_INT(sent_count, 1, "invite_client_2xx_acked_by_caller");
	sip_client_free(client);
	receive_msg(fixture_reply(sent[0], 200, "t3", NULL));
	CHECK_INT(responses, 3, "invite_client_freed_no_callback");
	CHECK_INT(strays, 1, "invite_client_freed_2xx_stray");
	CHECK_INT(stats().client_live, 0, "invite_client_freed_gone");
	finish();
}

static void test_client_invite_failure(void)
{
	start(SIP_T1_MS);
	free_in_callback = false;
	send_invite();
	receive_msg(fixture_reply(sent[0], 486, "t1", NULL));
	CHECK_INT(last_status, 486, "invite_client_failure_told");
	CHECK(sent_count == 2 && sip_msg_method(sent[1]) == SIP_ACK,
	      "invite_client_failure_acked");
	CHECK_STR(sip_msg_branch(sent[1]), sip_msg_branch(sent[0]),
		  "invite_client_ack_same_branch");
	CHECK_STR(sip_msg_to_tag(sent[1]), "t1", "invite_client_ack_to_tag");
	sip_client_free(client);
	free_in_callback = true;
	send_invite();
	receive_msg(fixture_reply(sent[2], 404, "t1", NULL));
	CHECK_INT(stats().client_live, 0, "invite_client_freed_in_callback");
	finish();
}

static void test_client_cancel(void)
{
	start(SIP_T1_MS);
	send_invite();
	sip_client_cancel(client, "SIP;cause=200");
	CHECK_INT(sent_count, 1, "cancel_before_provisional_waits");
	receive_msg(fixture_reply(sent[0], 180, "t1", NULL));
	CHECK(sent_count == 2 && sip_msg_method(sent[1]) == SIP_CANCEL,
	      "cancel_after_provisional_sent");
	CHECK_STR(sip_msg_branch(sent[1]), sip_msg_branch(sent[0]),
		  "cancel_same_branch");
	CHECK_STR(sip_msg_header(sent[1], "Reason"), "SIP;cause=200",
		  "cancel_has_reason");
	receive_msg(fixture_reply(sent[1], 200, "t1", NULL));
	CHECK_INT(last_status, 180, "cancel_response_not_told");
	receive_msg(fixture_reply(sent[0], 487, "t1", NULL));
	CHECK_INT(last_status, 487, "cancelled_invite_487_told");
	CHECK(sip_msg_method(last_sent()) == SIP_ACK,
	      "cancelled_invite_487_acked");
	sip_client_free(client);
	forget_sent();

	/* The race: the 200 was already on its way. */
	send_invite();
	receive_msg(fixture_reply(sent[0], 180, "t1", NULL));
	sip_client_cancel(client, NULL);
	sip_client_free(client);
	CHECK_INT(stats().client_live, 1, "cancelled_client_absorbs_487");
	receive_msg(fixture_reply(sent[0], 200, "t1", NULL));
	CHECK_INT(strays, 1, "cancel_crossed_by_2xx_stray");
	CHECK_INT(stats().client_live, 0, "cancel_crossed_by_2xx_gone");
	finish();
}

static void test_client_timeouts(void)
{
	const struct sip_target to = { .is_ws = true, .conn = CONN };
	struct sip_msg *m;

	start(1);
	send_invite();
	loop_run(loop);
	CHECK(last_status == 408 && last_is_local,
	      "invite_client_timer_b_local_408");
	sip_client_free(client);
	m = fixture_make("OPTIONS", "sip:alice@abc.invalid", "o1", 1, NULL,
			 NULL);
	last_status = 0;
	sip_client_send(stack, &to, m, got_response, NULL, &client);
	sip_msg_unref(m);
	loop_run(loop);
	CHECK(last_status == 408 && last_is_local,
	      "client_timer_f_local_408");
	CHECK_INT(stats().timeouts, 2, "client_timeouts_counted");
	sip_client_free(client);

	last_status = 0;
	send_invite();
	receive_msg(fixture_reply(last_sent(), 180, "t1", NULL));
	sip_client_cancel(client, NULL);
	loop_run(loop);
	CHECK(last_status == 408 && last_is_local,
	      "cancelled_client_without_487_local_408");
	sip_client_free(client);
	finish();
}

static void test_client_flow_lost(void)
{
	start(SIP_T1_MS);
	send_invite();
	sip_stack_ws_closed(stack, CONN);
	CHECK_INT(responses, 0, "client_flow_closed_told_from_loop");
	loop_run(loop);
	CHECK(last_status == 503 && last_is_local,
	      "client_flow_closed_local_503");
	sip_client_free(client);
	flow_is_dead = true;
	last_status = 0;
	send_invite();
	CHECK_INT(last_status, 0, "client_unsendable_told_from_loop");
	loop_run(loop);
	CHECK(last_status == 503 && last_is_local,
	      "client_unsendable_local_503");
	sip_client_free(client);
	finish();
}

int main(void)
{
	addr_parse("203.0.113.9:4711", &browser);
	if (loop_create(&loop) < 0)
		return 1;
	test_server_request();
	test_server_invite();
	test_server_ack_same_branch();
	test_server_reply_too_large();
	test_server_limit();
	test_server_ack_missing();
	test_server_cancel();
	test_server_malformed();
	test_client_invite();
	test_client_invite_failure();
	test_client_cancel();
	test_client_timeouts();
	test_client_flow_lost();
	loop_free(loop);
	return tap_done();
}
