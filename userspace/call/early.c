/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leg B before its answer: the early dialogs of a fork (RFC 3261 12.1, 13.2),
 * each with what it described, and reliable responses (RFC 3262), whose RSeq
 * is of this hop.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "call/internal.h"
#include "core/limits.h"
#include "core/log.h"

static void early_free(struct call_early *e)
{
	sdp_free(e->answer);
	sdp_free(e->told);
	free(e->tag);
	free(e);
}

void call_early_free(struct call *c)
{
	struct call_early *e;

	while ((e = c->early)) {
		c->early = e->next;
		early_free(e);
	}
}

/* NULL: no tag, or one branch too many to remember. */
static struct call_early *early_of(struct call *c, const char *tag)
{
	struct call_early *e;
	unsigned int count = 0;

	if (!tag)
		return NULL;
	for (e = c->early; e; e = e->next, count++)
		if (!strcmp(e->tag, tag))
			return e;
	if (count >= LIMIT_EARLY_DIALOGS)
		return NULL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->tag = strdup(tag);
	if (!e->tag) {
		free(e);
		return NULL;
	}
	e->next = c->early;
	c->early = e;
	return e;
}

bool call_early_speaks(struct call_leg *leg, const struct sip_msg *m)
{
	const struct call *c = leg->call;
	const char *tag = sip_msg_from_tag(m);

	if (leg->is_a || !tag || c->state != CALL_RINGING)
		return false;
	for (const struct call_early *e = c->early; e; e = e->next)
		if (!strcmp(e->tag, tag))
			return !sip_dialog_branch(leg->dialog, m);
	return false;
}

/* RSeq of a reliable response; 0: it is not one. */
static uint32_t rseq_of(const struct sip_msg *m)
{
	const char *value = sip_msg_header(m, "RSeq");

	if (!value || !sip_msg_has_option(m, "Require", "100rel"))
		return 0;
	return (uint32_t)strtoul(value, NULL, 10);
}

/* PRACK goes along the route of its own early dialog. */
static void prack(struct call *c, struct sip_client *invite,
		  const struct sip_msg *m, uint32_t rseq)
{
	const struct sip_msg *sent = sip_client_request(invite);
	char rack[48];
	struct sip_request q = { .method = "PRACK", .max_forwards = 70,
				 .extra_headers = rack };
	struct sip_dialog *d;
	struct sip_client *ct;
	struct sip_msg *out;

	snprintf(rack, sizeof(rack), "RAck: %u %u INVITE\r\n", rseq,
		 sip_msg_cseq(m));
	if (sip_dialog_uac(sent, &c->b_target, c->b_contact, &d))
		return;
	d->local_cseq = c->b.dialog->local_cseq;
	if (!sip_dialog_response(d, m) &&
	    !sip_dialog_request(d, &q, NULL, &out)) {
		/* One count for all branches: each of them sees it grow. */
		c->b.dialog->local_cseq = d->local_cseq;
		sip_client_send(c->calls->stack, &d->peer, out,
				call_forget_response, NULL, &ct);
		sip_msg_unref(out);
	}
	sip_dialog_free(d);
}

bool call_early_received(struct call *c, struct sip_client *invite,
			 const struct sip_msg *m)
{
	struct call_early *e = early_of(c, sip_msg_to_tag(m));
	uint32_t rseq = rseq_of(m);

	if (!e || !rseq)
		return true;
	/* RFC 3262 4: in order, and a repeat is none of the caller's. */
	if (e->rseq && rseq != e->rseq + 1)
		return false;
	e->rseq = rseq;
	prack(c, invite, m, rseq);
	return true;
}

int call_early_answer(struct call *c, const struct sip_msg *m,
		      struct sdp **ret)
{
	struct call_early *e = early_of(c, sip_msg_to_tag(m));
	struct sdp *copy;
	int err = -ENODATA;

	/* Once agreed reliably, a description here is a repetition. */
	if (!e || !e->is_agreed)
		err = call_parse_sdp(c, m, ret);
	if (err == -ENODATA && e && e->answer) {
		*ret = sdp_copy(e->answer);
		if (!*ret)
			return -ENOMEM;
		copy = e->told ? sdp_copy(e->told) : NULL;
		if (copy) {
			sdp_free(c->b_offer);
			c->b_offer = copy;
		}
		return 0;
	}
	if (err || !e)
		return err;
	sdp_free(e->answer);
	e->answer = sdp_copy(*ret);
	e->is_agreed = rseq_of(m) && e->answer;
	return 0;
}

/* ---- offers before the answer (RFC 3311 5.2) -------------------------- */

/* The answer that the other leg's description allows. */
static int answer_locally(struct call_leg *leg, const struct sdp *offer,
			  struct sdp **ret)
{
	struct call_leg *other = call_other(leg);
	const struct sdp *said = call_remote_sdp(other);
	struct sdp_local local;
	struct sdp *through;
	char why[128] = "";
	int err;

	if (!said)
		return -ENODATA;
	call_sdp_local(leg->call, other, &local);
	err = sdp_make_offer(offer, call_leg_profile(other), &local, &through);
	if (err)
		return err;
	call_sdp_local(leg->call, leg, &local);
	err = sdp_make_answer(offer, through, said, call_leg_profile(leg),
			      &local, ret, why);
	sdp_free(through);
	if (err)
		log_call_info(leg->call->id, "early offer refused: %s", why);
	return err;
}

/* 0, or the status to refuse with: is an exchange still open on the leg? */
static int refusal(struct call_leg *leg, struct call_early **ret)
{
	struct call *c = leg->call;

	*ret = NULL;
	if (leg->is_a)
		return call_reliable_agreed(c) ? 0 : 500;
	*ret = early_of(c, leg->dialog->remote_tag);
	return *ret && (*ret)->is_agreed ? 0 : 491;
}

int call_early_offer(struct call_leg *leg, const struct sip_msg *m,
		     char **ret_body)
{
	struct call *c = leg->call;
	struct sdp *offer, *answer;
	struct call_early *e;
	int status = refusal(leg, &e);

	if (status)
		return status;
	if (call_parse_sdp(c, m, &offer))
		return 488;
	if (answer_locally(leg, offer, &answer)) {
		sdp_free(offer);
		return 488;
	}
	if (e) {
		sdp_free(e->answer);
		sdp_free(e->told);
		e->answer = sdp_copy(offer);
		e->told = sdp_copy(answer);
	}
	*ret_body = sdp_print(answer);
	call_set_leg_sdp(leg, offer, answer);
	call_configure_media(c);
	return *ret_body ? 0 : 500;
}

void call_early_update(struct call_leg *leg, struct sip_server *st)
{
	char wait[] = "Retry-After: 2\r\n", *body = NULL;
	struct sip_reply r = {
		.contact = leg->dialog->contact,
		.content_type = "application/sdp",
	};

	r.status = call_early_offer(leg, sip_server_request(st), &body);
	if (r.status == 500)
		r.extra_headers = wait;
	if (!r.status) {
		sip_dialog_refresh(leg->dialog, sip_server_request(st));
		r.status = 200;
		r.body = body;
		r.body_len = strlen(body);
	}
	sip_server_reply(st, &r, NULL);
	free(body);
}
