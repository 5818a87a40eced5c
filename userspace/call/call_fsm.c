/* SPDX-License-Identifier: Apache-2.0 */
#include "call/call_fsm.h"

#define STEP(state, todo) ((struct call_step){ state, todo })

static struct call_step in_setup(enum call_state state, enum call_event event)
{
	switch (event) {
	case CALL_B_PROVISIONAL:
		return STEP(CALL_RINGING, CALL_DO_PASS_PROVISIONAL);
	case CALL_B_CHALLENGED:
		return STEP(CALL_CHALLENGED, CALL_DO_REFUSE_A);
	case CALL_B_ANSWERED:
		return STEP(CALL_ANSWERED, CALL_DO_ACK_B | CALL_DO_ANSWER_A);
	case CALL_B_REFUSED:
		return STEP(CALL_ENDED, CALL_DO_REFUSE_A | CALL_DO_CLOSE);
	case CALL_A_CANCELLED:
		return STEP(CALL_CANCELLING, CALL_DO_487_A | CALL_DO_CANCEL_B);
	case CALL_ABORTED:
		return STEP(CALL_CANCELLING,
			    CALL_DO_REFUSE_A | CALL_DO_CANCEL_B);
	case CALL_B_BYE:
	case CALL_A_BYE:
		/* RFC 3261 15: A may end an early dialog by BYE, B must not. */
		return STEP(CALL_CANCELLING, CALL_DO_487_A | CALL_DO_CANCEL_B);
	case CALL_A_RETRIED:
	case CALL_A_ACKED:
		break;
	}
	return STEP(state, 0);
}

static struct call_step in_challenged(enum call_event event)
{
	switch (event) {
	case CALL_A_RETRIED:
		return STEP(CALL_SETUP, CALL_DO_INVITE_B);
	case CALL_A_CANCELLED:
	case CALL_ABORTED:
		return STEP(CALL_ENDED, CALL_DO_CLOSE);
	default:
		return STEP(CALL_CHALLENGED, 0);
	}
}

/*
 * The 2xx for A may still wait for its PRACK (prack.c). Then A's INVITE is not
 * answered, and each end of the call does so; else that action does nothing.
 */
static struct call_step in_call(enum call_state state, enum call_event event)
{
	switch (event) {
	case CALL_A_ACKED:
		return STEP(CALL_UP, 0);
	case CALL_B_ANSWERED:
		/* A repeated 2xx: its ACK was lost. */
		return STEP(state, CALL_DO_ACK_B);
	case CALL_A_CANCELLED:
	case CALL_A_BYE:
		return STEP(CALL_ENDED, CALL_DO_487_A | CALL_DO_BYE_B |
			    CALL_DO_CLOSE);
	case CALL_B_BYE:
		/* RFC 3261 15: no BYE to the caller before its ACK. */
		if (state == CALL_ANSWERED)
			return STEP(CALL_LEAVING, 0);
		return STEP(CALL_ENDED, CALL_DO_BYE_A | CALL_DO_CLOSE);
	case CALL_ABORTED:
		return STEP(CALL_ENDED, CALL_DO_REFUSE_A | CALL_DO_BYE_A |
			    CALL_DO_BYE_B | CALL_DO_CLOSE);
	default:
		return STEP(state, 0);
	}
}

static struct call_step in_leaving(enum call_event event)
{
	switch (event) {
	case CALL_A_ACKED:
		return STEP(CALL_ENDED, CALL_DO_BYE_A | CALL_DO_CLOSE);
	case CALL_ABORTED:
		return STEP(CALL_ENDED, CALL_DO_REFUSE_A | CALL_DO_BYE_A |
			    CALL_DO_CLOSE);
	case CALL_A_CANCELLED:
	case CALL_A_BYE:
		return STEP(CALL_ENDED, CALL_DO_487_A | CALL_DO_CLOSE);
	case CALL_B_ANSWERED:
		return STEP(CALL_LEAVING, CALL_DO_ACK_B);
	default:
		return STEP(CALL_LEAVING, 0);
	}
}

static struct call_step in_cancelling(enum call_event event)
{
	switch (event) {
	case CALL_B_ANSWERED:
		/* The 2xx won the race against our CANCEL (RFC 3261 9.1). */
		return STEP(CALL_ENDED,
			    CALL_DO_ACK_B | CALL_DO_BYE_B | CALL_DO_CLOSE);
	case CALL_B_REFUSED:
	case CALL_B_CHALLENGED:
	case CALL_ABORTED:
		return STEP(CALL_ENDED, CALL_DO_CLOSE);
	default:
		return STEP(CALL_CANCELLING, 0);
	}
}

struct call_step call_next(enum call_state state, enum call_event event)
{
	switch (state) {
	case CALL_SETUP:
	case CALL_RINGING:
		return in_setup(state, event);
	case CALL_CHALLENGED:
		return in_challenged(event);
	case CALL_ANSWERED:
	case CALL_UP:
		return in_call(state, event);
	case CALL_LEAVING:
		return in_leaving(event);
	case CALL_CANCELLING:
		return in_cancelling(event);
	case CALL_ENDED:
		/* A repeated 2xx, or the first, that nobody waited for. */
		if (event == CALL_B_ANSWERED)
			return STEP(CALL_ENDED, CALL_DO_ACK_B | CALL_DO_BYE_B);
		break;
	}
	return STEP(state, 0);
}

const char *call_state_name(enum call_state state)
{
	switch (state) {
	case CALL_SETUP:
		return "setup";
	case CALL_RINGING:
		return "ringing";
	case CALL_CHALLENGED:
		return "challenged";
	case CALL_ANSWERED:
		return "answered";
	case CALL_UP:
		return "up";
	case CALL_LEAVING:
		return "leaving";
	case CALL_CANCELLING:
		return "cancelling";
	case CALL_ENDED:
		return "ended";
	}
	return "?";
}

const char *call_event_name(enum call_event event)
{
	static const char *const names[] = {
		[CALL_B_PROVISIONAL] = "b-provisional",
		[CALL_B_CHALLENGED] = "b-challenged",
		[CALL_B_ANSWERED] = "b-answered",
		[CALL_B_REFUSED] = "b-refused",
		[CALL_A_RETRIED] = "a-retried",
		[CALL_A_CANCELLED] = "a-cancelled",
		[CALL_A_ACKED] = "a-acked",
		[CALL_A_BYE] = "a-bye",
		[CALL_B_BYE] = "b-bye",
		[CALL_ABORTED] = "aborted",
	};

	return names[event];
}
