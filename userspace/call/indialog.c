/* SPDX-License-Identifier: Apache-2.0 */
/* Requests inside a call's dialogs: whose they are, and who takes them. */
#include "call/internal.h"

/*
 * A browser's request counts only on the dialog's own flow or on the newest
 * flow that the registrar accepted for its alias.
 */
static bool is_from_leg(struct call_leg *leg, const struct sip_target *source)
{
	if (leg->is_web != source->is_ws)
		return false;
	if (!leg->is_web || leg->dialog->peer.conn == source->conn)
		return true;
	return call_leg_refresh_flow(leg) &&
	       leg->dialog->peer.conn == source->conn;
}

void call_indialog(struct call_leg *leg, struct sip_server *st)
{
	const struct sip_msg *m = sip_server_request(st);
	size_t len;

	if (!is_from_leg(leg, sip_server_source(st))) {
		call_reply(st, 481, NULL, NULL, NULL);
		return;
	}
	if (sip_dialog_check_cseq(leg->dialog, m)) {
		call_reply(st, 500, "CSeq Out Of Order", NULL, NULL);
		return;
	}
	switch (sip_msg_method(m)) {
	case SIP_BYE:
		call_bye_received(leg, st);
		break;
	case SIP_INVITE:
		call_reoffer_received(leg, st);
		break;
	case SIP_UPDATE:
		if (!sip_msg_body(m, &len) || !len)
			call_session_update(leg, st);
		else if (leg->call->state == CALL_SETUP ||
			 leg->call->state == CALL_RINGING)
			call_early_update(leg, st);
		else
			call_reoffer_received(leg, st);
		break;
	case SIP_OPTIONS:
		call_answer_options(st);
		break;
	case SIP_PRACK:
		call_prack_received(leg, st);
		break;
	case SIP_REFER:
		if (!leg->call->calls->settings.executes_refer ||
		    !call_transfer_received(leg, st))
			call_relay_received(leg, st);
		break;
	default:
		call_relay_received(leg, st);
	}
}
