/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REFER carried out by the gateway (call.refer = "execute"; RFC 3515, 5589):
 * it calls the target itself, and the target takes the place of who asked.
 * With a browser left in the call its media stays and gets another far end.
 * If it was the browser that asked, two dialogs of the SIP side are left: what
 * they describe passes as it is, their media is their own (RFC 3725 4.1).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "call/internal.h"
#include "core/log.h"
#include "core/random.h"

#define REPORT_S	180U	/* until the next NOTIFY, RFC 3515 2.4.4 */

struct call_transfer {
	struct call_leg *from, *stay;
	char target[512], event[32];
	bool is_silent;			/* Refer-Sub: false, RFC 4488 */
	int told;			/* status of the last NOTIFY */
	struct sip_dialog *dialog;	/* with the target */
	struct sip_client *client;	/* INVITE to it */
	struct sip_client *turn;	/* its offer, on the way to `stay` */
	struct sip_msg *offered;	/* the 2xx with that offer */
	struct sdp *offer;		/* the browser's, to the target */
	char branch[SIP_BRANCH_SIZE];	/* of the INVITE */
	struct loop_timer *timer;	/* for the target's answer */
	bool is_lost;			/* begun by an earlier run */
};

void call_transfer_free(struct call *c)
{
	struct call_transfer *t = c->transfer;

	if (!t)
		return;
	c->transfer = NULL;
	registrar_wait_cancel(c->calls->settings.registrar, t);
	loop_timer_cancel(t->timer);
	if (t->client && !t->offered)
		sip_client_cancel(t->client, NULL);
	sip_client_free(t->client);
	sip_client_free(t->turn);
	sip_dialog_free(t->dialog);
	sip_msg_unref(t->offered);
	sdp_free(t->offer);
	free(t);
}

/* ---- what the transferor is told ---------------------------------------- */

static void request(struct call *c, struct sip_dialog *d,
		    const struct sip_request *q)
{
	struct sip_client *ct;
	struct sip_msg *m;

	if (sip_dialog_request(d, q, NULL, &m))
		return;
	sip_client_send(c->calls->stack, &d->peer, m, call_forget_response,
			NULL, &ct);
	sip_msg_unref(m);
}

static void report(struct call *c, int status, const char *phrase)
{
	struct call_transfer *t = c->transfer;
	char headers[160], body[128];
	struct sip_request q = {
		.method = "NOTIFY",
		.max_forwards = 70,
		.content_type = "message/sipfrag;version=2.0",
		.body = body,
		.extra_headers = headers,
	};

	if (t->is_silent || status == t->told ||
	    !call_leg_refresh_flow(t->from))
		return;
	t->told = status;
	q.body_len = (size_t)snprintf(body, sizeof(body),
				      "SIP/2.0 %d %.90s\r\n", status, phrase);
	if (status < 200)
		snprintf(headers, sizeof(headers), "Event: %s\r\n"
			 "Subscription-State: active;expires=%u\r\n",
			 t->event, REPORT_S);
	else
		snprintf(headers, sizeof(headers), "Event: %s\r\n"
			 "Subscription-State: terminated;reason=noresource\r\n",
			 t->event);
	request(c, t->from->dialog, &q);
}

/* Of a challenge: nobody but the gateway can answer it. */
static const char *why_challenged(const struct call *c, int status)
{
	struct sip_account_status own;

	if (status != 401 && status != 407)
		return "";
	sip_account_status(c->calls->stack, &own);
	return own.is_wanted ?
		": the PBX does not take what pbx_register has for it" :
		": the PBX asks for credentials, set pbx_register or let it "
		"trust this address";
}

/* The call goes on as it was, unless who asked has hung up meanwhile. */
static void failed(struct call *c, int status, const char *phrase)
{
	const char *why = why_challenged(c, status);
	bool is_alone = c->transfer->from->bye_done;

	if (*why)
		log_call_warn(c->id, "transfer to %s failed: %d %s%s",
			      c->transfer->target, status, phrase, why);
	else
		log_call_info(c->id, "transfer to %s failed: %d %s",
			      c->transfer->target, status, phrase);
	report(c, status, phrase);
	call_transfer_free(c);
	call_store(c);
	if (!is_alone)
		return;
	call_set_cause(c, "gateway", "transfer failed: %d %.60s", status,
		       phrase);
	call_event(c, CALL_ABORTED, NULL);
}

/* ---- the target answers --------------------------------------------------- */

/* Its answer to the browser's offer; 0 or -errno. */
static int join_browser(struct call *c, const struct sip_msg *m)
{
	struct call_transfer *t = c->transfer;
	struct sdp *answer, *back, *said, *told;
	struct sdp_local local;
	char why[128] = "";
	bool is_held = false;
	int err;

	err = call_parse_sdp(c, m, &answer);
	if (err)
		return err;
	said = sdp_copy(call_remote_sdp(t->stay));
	told = sdp_copy(call_local_sdp(t->stay));
	if (!said || !told)
		err = -ENOMEM;
	call_sdp_local(c, t->stay, &local);
	if (!err)
		err = sdp_make_answer(said, t->offer, answer, SDP_PROFILE_WEB,
				      &local, &back, why);
	if (err) {
		log_call_warn(c->id, "answer of the target refused: %s", why);
		sdp_free(answer);
		sdp_free(said);
		sdp_free(told);
		return err;
	}
	/* It goes on with what it has; then it is told, if it has to be. */
	for (unsigned int i = 0; i < told->media_count; i++)
		is_held |= told->media[i].direction != SDP_SENDRECV;
	sdp_free(back);
	call_set_exchange(c, t->stay->is_a, said, t->offer, answer, told);
	t->offer = NULL;
	err = call_configure_media(c);
	c->needs_resync |= is_held;
	return err;
}

/* No browser is left: neither are its media. */
static void leave_media(struct call *c)
{
	c->is_direct = true;
	c->needs_resync = false;
	c->source_conn = 0;
	call_timer(c, 0, NULL);
	call_set_exchange(c, true, NULL, NULL, NULL, NULL);
	media_close(c->calls->settings.media, c->media_id);
}

/* The target's dialog becomes the leg's; who asked has its BYE. */
static int take_place(struct call *c)
{
	struct call_transfer *t = c->transfer;
	struct call_leg *leg = t->from;
	struct sip_dialog *d = t->dialog;

	log_call_info(c->id, "transferred to %s", t->target);
	report(c, 200, "OK");
	call_bye(leg, NULL);
	if (leg->is_web)
		leave_media(c);
	leg->is_web = false;
	leg->alias[0] = '\0';
	snprintf(leg->uri, sizeof(leg->uri), "%.255s", t->target);
	t->dialog = NULL;
	if (call_leg_attach(leg, d))
		return -ENOMEM;
	leg->bye_done = false;
	memset(&leg->session, 0, sizeof(leg->session));
	call_store(c);
	return 0;
}

/* A 2xx that cannot be taken is acknowledged and hung up. */
static void refuse_target(struct call *c)
{
	struct sip_dialog *d = c->transfer->dialog;
	struct sip_request q = { .method = "ACK", .max_forwards = 70 };
	struct sip_msg *m;

	if (sip_dialog_request(d, &q, NULL, &m))
		return;
	sip_ack(c->calls->stack, &d->peer, m);
	sip_msg_unref(m);
	q.method = "BYE";
	request(c, d, &q);
}

static void joined(struct call *c, const struct sip_msg *m)
{
	struct call_leg *leg = c->transfer->from;

	if (join_browser(c, m)) {
		refuse_target(c);
		failed(c, 488, "Not Acceptable Here");
		return;
	}
	if (!take_place(c)) {
		call_send_ack(leg, m, NULL);
		call_session_answered(leg, m);
	}
	call_transfer_free(c);
	call_resync(c);
}

/* Who stays has answered the target's offer. */
static void turned(void *arg, struct sip_client *ct, const struct sip_msg *m)
{
	struct call *c = arg;
	struct call_transfer *t = c->transfer;
	struct call_leg *leg = t->from;
	int status = sip_msg_status(m);
	const void *body;
	size_t len;

	if (status < 200)
		return;
	if (status >= 300) {
		refuse_target(c);
		failed(c, status, sip_msg_phrase(m));
		return;
	}
	sip_dialog_refresh(t->stay->dialog, m);
	call_send_ack(t->stay, m, NULL);
	/* What it says of a timer is between it and the target now. */
	call_session_stop(t->stay);
	body = sip_msg_body(m, &len);
	if (!take_place(c))
		call_send_ack(leg, t->offered,
			      &(struct call_body){ body, body ? len : 0 });
	call_transfer_free(c);
}

/* The target's offer to who stays. */
static int turn_round(struct call *c, const struct sip_msg *m)
{
	struct call_transfer *t = c->transfer;
	struct sip_request q = {
		.method = "INVITE",
		.max_forwards = 70,
		.content_type = sip_msg_content_type(m),
	};
	struct sip_msg *out;
	int err;

	q.body = sip_msg_body(m, &q.body_len);
	if (!q.body || !q.body_len)
		return -ENODATA;
	err = sip_dialog_request(t->stay->dialog, &q, NULL, &out);
	if (err)
		return err;
	t->offered = sip_msg_ref((struct sip_msg *)m);
	err = sip_client_send(c->calls->stack, &t->stay->dialog->peer, out,
			      turned, c, &t->turn);
	sip_msg_unref(out);
	return err;
}

static void responded(void *arg, struct sip_client *ct,
		      const struct sip_msg *m)
{
	struct call *c = arg;
	struct call_transfer *t = c->transfer;
	int status = sip_msg_status(m);

	/* Its 2xx again, while who stays thinks of an answer. */
	if (t->offered || status == 100)
		return;
	if (status >= 200) {
		loop_timer_cancel(t->timer);
		t->timer = NULL;
	}
	if (status < 200) {
		report(c, status, sip_msg_phrase(m));
	} else if (status >= 300) {
		failed(c, status, sip_msg_phrase(m));
	} else if (sip_dialog_response(t->dialog, m)) {
		failed(c, 500, "Server Internal Error");
	} else if (t->stay->is_web) {
		joined(c, m);
	} else if (turn_round(c, m)) {
		refuse_target(c);
		failed(c, 488, "Not Acceptable Here");
	}
}

static void unanswered(void *arg)
{
	struct call *c = arg;

	c->transfer->timer = NULL;
	failed(c, 408, "Request Timeout");
}

/* ---- the INVITE ------------------------------------------------------------ */

/* What the browser sends and takes, also if it was put on hold before. */
static int make_offer(struct call *c, char **ret_body)
{
	struct call_transfer *t = c->transfer;
	struct sdp *said = sdp_copy(call_remote_sdp(t->stay));
	struct sdp_local local;
	int err = -ENOMEM;

	if (!said)
		return err;
	for (unsigned int i = 0; i < said->media_count; i++)
		said->media[i].direction = SDP_SENDRECV;
	call_sdp_local(c, t->from, &local);
	local.said = NULL;	/* the target has not spoken yet */
	err = sdp_make_offer(said, SDP_PROFILE_PLAIN, &local, &t->offer);
	sdp_free(said);
	if (err)
		return err;
	*ret_body = sdp_print(t->offer);
	return *ret_body ? 0 : -ENOMEM;
}

/* What the next run needs to cancel it. */
static void store_invite(struct call *c)
{
	struct call_transfer *t = c->transfer;
	struct sip_target *peer = &t->dialog->peer, to = *peer;

	sip_make_branch(t->branch);
	sip_trunk_choose(c->calls->stack, t->dialog->call_id, peer);
	call_store(c);
	*peer = to;
}

static int invite(struct call *c, const struct sip_msg *refer,
		  const char *replaces)
{
	struct call_transfer *t = c->transfer;
	/* Of both legs, the one towards the PBX speaks for who stays. */
	struct sip_dialog *d = t->stay->is_web ? t->from->dialog :
						 t->stay->dialog;
	const char *by = sip_msg_header(refer, "Referred-By");
	struct sip_target to = { 0 };
	char call_id[25], tag[17], value[520], extra[2048], *body = NULL;
	struct sip_request q = {
		.method = "INVITE", .ruri = t->target, .to = value,
		.from = t->stay->is_web ? d->local_value : d->remote_value,
		.from_tag = tag, .call_id = call_id, .cseq = 1,
		.contact = d->contact,
		.max_forwards = sip_msg_max_forwards(refer) - 1,
		.extra_headers = extra,
	};
	struct sip_msg *m;
	int err;

	random_token(call_id, 24);
	random_token(tag, 16);
	snprintf(value, sizeof(value), "<%s>", t->target);
	snprintf(to.uri, sizeof(to.uri), "%s", c->calls->settings.pbx);
	/* Timers need a description to refresh with. */
	snprintf(extra, sizeof(extra), "Supported: replaces%s\r\n%s%s%s%s%s%s",
		 t->stay->is_web ? ", timer" : "",
		 by ? "Referred-By: " : "", by ? by : "", by ? "\r\n" : "",
		 *replaces ? "Replaces: " : "", replaces,
		 *replaces ? "\r\n" : "");
	if (t->stay->is_web) {
		err = make_offer(c, &body);
		if (err)
			return err;
		q.content_type = "application/sdp";
		q.body = body;
		q.body_len = strlen(body);
	}
	err = sip_msg_make_request(&q, NULL, &m);
	free(body);
	if (err)
		return err;
	err = sip_dialog_uac(m, &to, d->contact, &t->dialog);
	if (!err)
		err = loop_timer_add(c->calls->settings.loop,
				     c->calls->settings.no_answer_ms,
				     unanswered, c, &t->timer);
	if (!err) {
		store_invite(c);
		err = sip_client_send_as(c->calls->stack, &to, m, t->branch,
					 responded, c, &t->client);
	}
	sip_msg_unref(m);
	return err;
}

static void accepted(struct call_leg *leg, struct sip_server *st)
{
	struct sip_reply r = {
		.status = 202,
		.contact = leg->dialog->contact,
		.extra_headers = leg->call->transfer->is_silent ?
			"Refer-Sub: false\r\n" : NULL,
	};

	sip_server_reply(st, &r, NULL);
}

bool call_transfer_received(struct call_leg *leg, struct sip_server *st)
{
	const struct sip_msg *m = sip_server_request(st);
	const char *sub = sip_msg_header(m, "Refer-Sub");
	struct call *c = leg->call;
	struct call_transfer *t;
	char replaces[1024];

	t = calloc(1, sizeof(*t));
	if (!t || call_refer_target(leg, m, t->target, sizeof(t->target),
				    replaces, sizeof(replaces))) {
		free(t);
		return false;
	}
	if (c->transfer && c->transfer->is_lost)
		call_transfer_free(c);
	if (call_is_busy(c)) {
		free(t);
		call_reply(st, 491, NULL, NULL, NULL);
		return true;
	}
	c->transfer = t;
	t->from = leg;
	t->stay = call_other(leg);
	t->is_silent = sub && !strncasecmp(sub, "false", 5);
	snprintf(t->event, sizeof(t->event), "refer;id=%u", sip_msg_cseq(m));
	log_call_info(c->id, "%s refers %s to %s", leg->uri, t->stay->uri,
		      t->target);
	/* The INVITE still reads m. */
	if (invite(c, m, replaces)) {
		call_transfer_free(c);
		call_store(c);
		call_reply(st, 500, NULL, NULL, NULL);
		return true;
	}
	accepted(leg, st);
	report(c, 100, "Trying");
	return true;
}

void call_transfer_renumbered(struct calls *cs, const struct sip_msg *request,
			      const char *branch)
{
	const char *tag = sip_msg_from_tag(request);

	for (struct call *c = cs->list; c && tag; c = c->next) {
		struct call_transfer *t = c->transfer;

		if (!t || !t->dialog || strcmp(t->dialog->local_tag, tag) ||
		    strcmp(t->dialog->call_id, sip_msg_call_id(request)))
			continue;
		sip_dialog_repeated(t->dialog, request);
		snprintf(t->branch, sizeof(t->branch), "%s", branch);
		call_store(c);
		return;
	}
}

bool call_transfer_bye(struct call_leg *leg, struct sip_server *st)
{
	struct call *c = leg->call;

	if (!call_transfer_is_open(c) || c->transfer->from != leg)
		return false;
	/* RFC 5589 6.1: it need not wait for the outcome. */
	leg->bye_done = true;
	call_session_stop(leg);
	call_store(c);
	call_reply(st, 200, NULL, NULL, NULL);
	return true;
}

/* ---- across a restart ------------------------------------------------------- */

void call_transfer_store(const struct call *c, struct record *r)
{
	const struct call_transfer *t = c->transfer;

	/* Without a dialog the target has taken its place. */
	if (!t || (!t->dialog && !t->is_lost))
		return;
	record_put_text(r, "transfer.target", t->target);
	record_put_text(r, "transfer.event", t->event);
	record_put_text(r, "transfer.branch", t->branch);
	record_put_number(r, "transfer.from-a", t->from->is_a);
	record_put_number(r, "transfer.silent", t->is_silent);
	if (t->dialog)
		sip_dialog_store(t->dialog, "t.", r);
}

void call_transfer_restore(struct call *c, const struct record *r)
{
	struct call_transfer *t;

	if (!record_text(r, "transfer.target"))
		return;
	t = calloc(1, sizeof(*t));
	if (!t)
		return;
	c->transfer = t;
	t->is_lost = true;
	t->from = record_number(r, "transfer.from-a", 0) ? &c->a : &c->b;
	t->stay = call_other(t->from);
	t->is_silent = record_number(r, "transfer.silent", 0);
	record_copy_text(r, "transfer.target", t->target, sizeof(t->target));
	record_copy_text(r, "transfer.event", t->event, sizeof(t->event));
	record_copy_text(r, "transfer.branch", t->branch, sizeof(t->branch));
	/* None is left once it was cancelled. */
	if (sip_dialog_restore(r, "t.", &t->dialog))
		t->dialog = NULL;
}

static void lost(struct call *c)
{
	failed(c, 503, "Service Unavailable");
}

static void transferor_is_back(void *arg, bool found)
{
	struct call_transfer *t = arg;

	(void)found;
	lost(t->from->call);
}

/* Its INVITE is cancelled; a 2xx that is late gets ACK and BYE. */
static void cancel_target(struct call *c)
{
	struct call_transfer *t = c->transfer;
	const struct sip_dialog *d = t->dialog;
	struct sip_msg *m;

	if (!d)
		return;
	if (!sip_msg_make_request(&(struct sip_request){
			.method = "INVITE", .ruri = t->target,
			.from = d->local_value, .from_tag = d->local_tag,
			.to = d->remote_value, .call_id = d->call_id,
			.cseq = d->invite_cseq, .max_forwards = 70 },
		NULL, &m)) {
		call_cancel_resumed(c->calls, &d->peer, m, t->branch);
		sip_msg_unref(m);
	}
	sip_dialog_free(t->dialog);
	t->dialog = NULL;
}

void call_transfer_resume(struct call *c)
{
	struct call_transfer *t = c->transfer;
	struct calls_settings *s = &c->calls->settings;

	if (!t)
		return;
	cancel_target(c);
	call_store(c);
	if (t->is_silent || t->from->bye_done ||
	    call_leg_refresh_flow(t->from) ||
	    registrar_wait(s->registrar, t->from->alias, s->reconnect_ms,
			   transferor_is_back, t))
		lost(c);
}

bool call_transfer_is_open(const struct call *c)
{
	return c->transfer && !c->transfer->is_lost;
}

bool call_transfer_has_left(const struct call *c, bool is_web)
{
	return call_transfer_is_open(c) && c->transfer->from->bye_done &&
	       c->transfer->from->is_web == is_web;
}
