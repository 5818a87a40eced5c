/* SPDX-License-Identifier: Apache-2.0 */
/* The call's state machine: every path from INVITE to the end. */
#include "call/call_fsm.h"
#include "tap.h"

static enum call_state state;

static unsigned int feed(enum call_event event)
{
	struct call_step step = call_next(state, event);

	state = step.next;
	return step.actions;
}

static void test_plain_call(void)
{
	state = CALL_SETUP;
	CHECK_INT(feed(CALL_B_PROVISIONAL), CALL_DO_PASS_PROVISIONAL,
		  "provisional_in_setup_passes");
	CHECK_INT(state, CALL_RINGING, "provisional_in_setup_rings");
	CHECK_INT(feed(CALL_B_ANSWERED), CALL_DO_ACK_B | CALL_DO_ANSWER_A,
		  "answer_while_ringing_acks_and_passes");
	CHECK_INT(feed(CALL_A_ACKED), 0, "ack_needs_nothing");
	CHECK_INT(state, CALL_UP, "ack_makes_call_up");
	CHECK_INT(feed(CALL_B_ANSWERED), CALL_DO_ACK_B,
		  "repeated_200_is_acked_again");
	CHECK_INT(feed(CALL_A_BYE),
		  CALL_DO_487_A | CALL_DO_BYE_B | CALL_DO_CLOSE,
		  "bye_of_a_goes_to_b");
	CHECK_INT(state, CALL_ENDED, "bye_ends");
	CHECK_INT(feed(CALL_B_BYE), 0, "crossing_bye_is_harmless");
}

/* RFC 3261 15 */
static void test_bye_before_ack(void)
{
	state = CALL_ANSWERED;
	CHECK_INT(feed(CALL_B_BYE), 0, "bye_of_b_before_the_ack_waits");
	CHECK_INT(feed(CALL_B_ANSWERED), CALL_DO_ACK_B,
		  "repeated_200_of_who_left_is_acked");
	CHECK_INT(feed(CALL_A_ACKED), CALL_DO_BYE_A | CALL_DO_CLOSE,
		  "ack_lets_the_bye_go");
	state = CALL_LEAVING;
	CHECK_INT(feed(CALL_ABORTED),
		  CALL_DO_REFUSE_A | CALL_DO_BYE_A | CALL_DO_CLOSE,
		  "no_ack_lets_the_bye_go");
	state = CALL_LEAVING;
	CHECK_INT(feed(CALL_A_BYE), CALL_DO_487_A | CALL_DO_CLOSE,
		  "bye_of_both_before_the_ack_closes");
}

/* Its 2xx waits for a PRACK: A may still cancel. */
static void test_cancel_of_answered(void)
{
	state = CALL_ANSWERED;
	CHECK_INT(feed(CALL_A_CANCELLED),
		  CALL_DO_487_A | CALL_DO_BYE_B | CALL_DO_CLOSE,
		  "cancel_before_the_prack_hangs_up_b");
	CHECK_INT(state, CALL_ENDED, "cancel_before_the_prack_ends");
	state = CALL_LEAVING;
	CHECK_INT(feed(CALL_A_CANCELLED), CALL_DO_487_A | CALL_DO_CLOSE,
		  "cancel_after_bye_of_b_closes");
}

static void test_cancel(void)
{
	state = CALL_RINGING;
	CHECK_INT(feed(CALL_A_CANCELLED), CALL_DO_487_A | CALL_DO_CANCEL_B,
		  "cancel_answers_487_and_goes_on");
	CHECK_INT(feed(CALL_B_PROVISIONAL), 0,
		  "provisional_after_cancel_is_ignored");
	CHECK_INT(feed(CALL_B_REFUSED), CALL_DO_CLOSE,
		  "487_of_b_after_cancel_closes");
	state = CALL_RINGING;
	feed(CALL_A_CANCELLED);
	CHECK_INT(feed(CALL_B_ANSWERED),
		  CALL_DO_ACK_B | CALL_DO_BYE_B | CALL_DO_CLOSE,
		  "200_after_cancel_is_acked_and_hung_up");
	CHECK_INT(feed(CALL_B_ANSWERED), CALL_DO_ACK_B | CALL_DO_BYE_B,
		  "200_after_the_end_is_acked_and_hung_up");
}

static void test_refusal_and_challenge(void)
{
	state = CALL_SETUP;
	CHECK_INT(feed(CALL_B_REFUSED), CALL_DO_REFUSE_A | CALL_DO_CLOSE,
		  "busy_is_passed_and_closes");
	state = CALL_SETUP;
	CHECK_INT(feed(CALL_B_CHALLENGED), CALL_DO_REFUSE_A,
		  "challenge_is_passed");
	CHECK_INT(state, CALL_CHALLENGED, "challenge_keeps_the_call");
	CHECK_INT(feed(CALL_A_RETRIED), CALL_DO_INVITE_B,
		  "retry_sends_invite_again");
	CHECK_INT(state, CALL_SETUP, "retry_is_setup_again");
	feed(CALL_B_CHALLENGED);
	CHECK_INT(feed(CALL_ABORTED), CALL_DO_CLOSE,
		  "missing_retry_closes");
}

static void test_aborts(void)
{
	state = CALL_SETUP;
	CHECK_INT(feed(CALL_ABORTED), CALL_DO_REFUSE_A | CALL_DO_CANCEL_B,
		  "abort_in_setup_refuses_and_cancels");
	state = CALL_ANSWERED;
	CHECK_INT(feed(CALL_ABORTED),
		  CALL_DO_REFUSE_A | CALL_DO_BYE_A | CALL_DO_BYE_B |
		  CALL_DO_CLOSE, "abort_of_answered_hangs_up_both");
	state = CALL_UP;
	CHECK_INT(feed(CALL_B_BYE), CALL_DO_BYE_A | CALL_DO_CLOSE,
		  "bye_of_b_goes_to_a");
}

/* Nothing leaves the end, and no state is without a name. */
static void test_ended_is_final(void)
{
	int stays = 1, named = 1;

	for (int e = CALL_B_PROVISIONAL; e <= CALL_ABORTED; e++) {
		state = CALL_ENDED;
		feed((enum call_event)e);
		stays &= state == CALL_ENDED;
		named &= call_event_name((enum call_event)e) != NULL;
	}
	for (int s = CALL_SETUP; s <= CALL_ENDED; s++)
		named &= strcmp(call_state_name((enum call_state)s), "?") != 0;
	CHECK(stays, "ended_with_any_event_stays");
	CHECK(named, "every_state_and_event_has_a_name");
}

int main(void)
{
	test_plain_call();
	test_bye_before_ack();
	test_cancel_of_answered();
	test_cancel();
	test_refusal_and_challenge();
	test_aborts();
	test_ended_is_final();
	return tap_done();
}
