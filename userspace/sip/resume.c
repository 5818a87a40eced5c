/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INVITE transactions of an earlier run. nta cannot be given one, so they live
 * in our own tables: a response that nta does not know is looked up there, and
 * what belongs to the transaction (CANCEL, ACK) leaves with its branch.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sip/msg.h"
#include "sip/stack.h"
#include "sip/trunk.h"

int sip_trunk_choose(struct sip_stack *s, const char *call_id,
		     struct sip_target *to)
{
	uint32_t tried = 0;

	return trunk_is_target(s, to) ? trunk_pick(s, call_id, to, &tried) : 0;
}

int sip_client_resume(struct sip_stack *s, const struct sip_target *to,
		      struct sip_msg *request, const char *branch,
		      sip_response_cb *cb, void *arg, struct sip_client **ret)
{
	struct sip_client *ct;
	int err;

	if (strlen(branch) >= sizeof(ct->branch))
		return -EINVAL;
	err = client_create(s, to, request, cb, arg, &ct);
	if (err < 0)
		return err;
	snprintf(ct->branch, sizeof(ct->branch), "%s", branch);
	ct->is_resumed = true;
	/* Whether it was answered provisionally is not known: CANCEL goes. */
	ct->status = 100;
	err = ws_client_expect(ct);
	if (err < 0) {
		client_destroy(ct);
		return err;
	}
	*ret = ct;
	return 0;
}

static void cancel_answered(void *arg, struct sip_client *ct,
			    const struct sip_msg *m)
{
	(void)arg;
	if (sip_msg_status(m) >= 200)
		sip_client_free(ct);
}

void client_send_cancel(struct sip_client *ct, struct sip_msg *cancel)
{
	struct sip_client *own;

	/* Who has the INVITE, down or not (RFC 3261 9.1): no other knows it. */
	client_send_to(ct->s, &ct->to, cancel, ct->branch, cancel_answered,
		       NULL, &own);
}

int sip_server_resume(struct sip_stack *s, struct sip_msg *request,
		      const struct sip_target *source, struct sip_server **ret)
{
	struct sip_server *st;
	int err;

	if (source->is_ws)
		return -ENOTCONN;
	/* RFC 3261 18.2.2: a new connection goes to the port of sent-by. */
	if (!strstr(source->uri, "transport=udp"))
		sip_msg_drop_rport(request);
	err = server_create(s, request, source, &st);
	if (err < 0)
		return err;
	st->is_resumed = true;
	*ret = st;
	return 0;
}
