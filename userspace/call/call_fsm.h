/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The call's state machine, pure. Leg A called, leg B is called. A step names
 * the next state and what is to be done, in the order of the bits.
 */
#ifndef CALL_CALL_FSM_H
#define CALL_CALL_FSM_H

enum call_state {
	CALL_SETUP,		/* INVITE to B is out, or waits for its flow */
	CALL_RINGING,		/* B sent a provisional response */
	CALL_CHALLENGED,	/* 401/407 went to A, its retry is awaited */
	CALL_ANSWERED,		/* 2xx went to A, no ACK yet */
	CALL_UP,
	CALL_LEAVING,		/* B hung up before A's ACK */
	CALL_CANCELLING,	/* A has its final response, B's is awaited */
	CALL_ENDED,		/* both legs are done; media closes */
};

enum call_event {
	CALL_B_PROVISIONAL,
	CALL_B_CHALLENGED,	/* 401 or 407 */
	CALL_B_ANSWERED,	/* 2xx */
	CALL_B_REFUSED,		/* any other final response */
	CALL_A_RETRIED,		/* INVITE again, with credentials */
	CALL_A_CANCELLED,	/* CANCEL, or A's flow is gone in set-up */
	CALL_A_ACKED,
	CALL_A_BYE,
	CALL_B_BYE,
	CALL_ABORTED,		/* operator, media failure, timeouts */
};

enum call_action {
	CALL_DO_PASS_PROVISIONAL = 1 << 0,
	CALL_DO_ACK_B = 1 << 1,
	CALL_DO_ANSWER_A = 1 << 2,	/* pass the 2xx */
	CALL_DO_REFUSE_A = 1 << 3,	/* pass or make the final response */
	CALL_DO_INVITE_B = 1 << 4,
	CALL_DO_487_A = 1 << 5,
	CALL_DO_CANCEL_B = 1 << 6,
	CALL_DO_BYE_A = 1 << 7,
	CALL_DO_BYE_B = 1 << 8,
	CALL_DO_CLOSE = 1 << 9,		/* media off, report, free */
};

struct call_step {
	enum call_state next;
	unsigned int actions;	/* bits of enum call_action; 0: ignore */
};

struct call_step call_next(enum call_state state, enum call_event event);
const char *call_state_name(enum call_state state);
const char *call_event_name(enum call_event event);

#endif
