/* SPDX-License-Identifier: Apache-2.0 */
/* A dialog as fields of a record, each name with the prefix of its leg. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sip/dialog.h"
#include "store/record.h"

/* Requests that may have left since it was written (RFC 3261 12.2.1.1). */
#define CSEQ_JUMP	100000
#define CSEQ_MAX	0x7fffffffu

struct name {
	char text[RECORD_NAME_LEN];
};

static const char *named(struct name *n, const char *prefix, const char *field)
{
	snprintf(n->text, sizeof(n->text), "%s%s", prefix, field);
	return n->text;
}

static const char *route_name(struct name *n, const char *prefix, size_t i)
{
	snprintf(n->text, sizeof(n->text), "%sroute.%zu", prefix, i);
	return n->text;
}

static const char *refer_name(struct name *n, const char *prefix, size_t i)
{
	snprintf(n->text, sizeof(n->text), "%srefer.%zu", prefix, i);
	return n->text;
}

void sip_dialog_store(const struct sip_dialog *d, const char *prefix,
		      struct record *r)
{
	struct name n;

	record_put_number(r, named(&n, prefix, "is-uac"), d->is_uac);
	record_put_number(r, named(&n, prefix, "confirmed"), d->confirmed);
	record_put_text(r, named(&n, prefix, "call-id"), d->call_id);
	record_put_text(r, named(&n, prefix, "local-tag"), d->local_tag);
	record_put_text(r, named(&n, prefix, "remote-tag"), d->remote_tag);
	record_put_text(r, named(&n, prefix, "local"), d->local_value);
	record_put_text(r, named(&n, prefix, "remote"), d->remote_value);
	record_put_text(r, named(&n, prefix, "target"), d->remote_target);
	record_put_text(r, named(&n, prefix, "contact"), d->contact);
	for (size_t i = 0; i < LIMIT_SIP_ROUTES && d->routes[i]; i++)
		record_put_text(r, route_name(&n, prefix, i), d->routes[i]);
	for (size_t i = 0; i < LIMIT_DIALOG_REFERS; i++)
		if (d->refers[i].ours)
			record_put_number(r, refer_name(&n, prefix, i),
				(uint64_t)d->refers[i].ours << 32 |
				d->refers[i].theirs);
	record_put_number(r, named(&n, prefix, "local-cseq"), d->local_cseq);
	record_put_number(r, named(&n, prefix, "remote-cseq"), d->remote_cseq);
	record_put_number(r, named(&n, prefix, "invite-cseq"), d->invite_cseq);
	record_put_number(r, named(&n, prefix, "is-ws"), d->peer.is_ws);
	record_put_text(r, named(&n, prefix, "next-hop"), d->peer.uri);
}

static int take(const struct record *r, const char *name, char **ret)
{
	const char *text = record_text(r, name);

	if (!text)
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static void take_refers(const struct record *r, const char *prefix,
			struct sip_dialog *d)
{
	struct name n;
	uint64_t both;

	for (size_t i = 0; i < LIMIT_DIALOG_REFERS; i++) {
		both = record_number(r, refer_name(&n, prefix, i), 0);
		d->refers[i].ours = (uint32_t)(both >> 32);
		d->refers[i].theirs = (uint32_t)both;
	}
}

static uint32_t resumed_cseq(uint64_t stored)
{
	return stored + CSEQ_JUMP < CSEQ_MAX ? (uint32_t)stored + CSEQ_JUMP :
					       CSEQ_MAX - 1;
}

int sip_dialog_restore(const struct record *r, const char *prefix,
		       struct sip_dialog **ret)
{
	struct sip_dialog *d = calloc(1, sizeof(*d));
	struct name n;
	int err;

	if (!d)
		return -ENOMEM;
	err = take(r, named(&n, prefix, "call-id"), &d->call_id) |
	      take(r, named(&n, prefix, "local-tag"), &d->local_tag) |
	      take(r, named(&n, prefix, "remote-tag"), &d->remote_tag) |
	      take(r, named(&n, prefix, "local"), &d->local_value) |
	      take(r, named(&n, prefix, "remote"), &d->remote_value) |
	      take(r, named(&n, prefix, "target"), &d->remote_target) |
	      take(r, named(&n, prefix, "contact"), &d->contact);
	for (size_t i = 0; i < LIMIT_SIP_ROUTES; i++)
		err |= take(r, route_name(&n, prefix, i), &d->routes[i]);
	if (!err && (!d->call_id || !d->local_tag || !d->local_value ||
		     !d->remote_value))
		err = -ENODATA;
	if (err) {
		sip_dialog_free(d);
		return err == -ENODATA ? err : -ENOMEM;
	}
	take_refers(r, prefix, d);
	d->is_uac = record_number(r, named(&n, prefix, "is-uac"), 0);
	d->confirmed = record_number(r, named(&n, prefix, "confirmed"), 0);
	d->local_cseq = resumed_cseq(record_number(r,
				named(&n, prefix, "local-cseq"), 0));
	d->remote_cseq = (uint32_t)record_number(r,
				named(&n, prefix, "remote-cseq"), 0);
	d->invite_cseq = (uint32_t)record_number(r,
				named(&n, prefix, "invite-cseq"), 0);
	d->peer.is_ws = record_number(r, named(&n, prefix, "is-ws"), 0);
	record_copy_text(r, named(&n, prefix, "next-hop"), d->peer.uri,
			 sizeof(d->peer.uri));
	*ret = d;
	return 0;
}
