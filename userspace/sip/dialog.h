/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dialogs (RFC 3261 12): plain data, storable, the same for both engines.
 */
#ifndef SIP_DIALOG_H
#define SIP_DIALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/limits.h"
#include "sip/message.h"
#include "sip/transaction.h"

struct sip_dialog {
	bool is_uac;			/* we sent the request that made it */
	bool confirmed;
	char *call_id;
	char *local_tag, *remote_tag;	/* remote_tag NULL until known */
	char *local_value, *remote_value; /* From/To values without tags */
	char *remote_target;		/* Contact URI of the peer */
	char *contact;			/* ours: "<sip:...>" */
	char *routes[LIMIT_SIP_ROUTES + 1]; /* NULL-terminated route set */
	uint32_t local_cseq;		/* last used; as UAS: to begin after */
	uint32_t remote_cseq;		/* last seen */
	uint32_t invite_cseq;		/* of the INVITE that made it, for ACK */
	char *invite_credentials;	/* its lines, for ACK too; or NULL */
	struct sip_target peer;		/* flow or trunk requests go to */
	/* REFERs that we sent, newest last, and whose each was: CSeq numbers. */
	struct {
		uint32_t ours, theirs;
	} refers[LIMIT_DIALOG_REFERS];
};

/* As UAS: from the INVITE; local_tag is made. 12.1.1 */
int sip_dialog_uas(const struct sip_msg *request,
		   const struct sip_target *source, const char *contact,
		   struct sip_dialog **ret);
/* As UAC: from the request about to leave; 12.1.2 */
int sip_dialog_uac(const struct sip_msg *request, const struct sip_target *to,
		   const char *contact, struct sip_dialog **ret);
/*
 * As UAC: the request that made d, or one in it, leaves again like this: its
 * CSeq and credentials count.
 */
int sip_dialog_repeated(struct sip_dialog *d, const struct sip_msg *request);
/* A 1xx with a tag or a 2xx: remote tag, target, route set (reversed). */
int sip_dialog_response(struct sip_dialog *d, const struct sip_msg *response);
/* As UAC, before the 2xx: this request is of another branch of the fork. */
int sip_dialog_branch(struct sip_dialog *d, const struct sip_msg *request);
/* As UAC: a NOTIFY that is here before the 2xx (RFC 6665 4.4.1). */
int sip_dialog_adopt(struct sip_dialog *d, const struct sip_msg *notify);
/* Target refresh by a re-INVITE or UPDATE (request or 2xx). */
int sip_dialog_refresh(struct sip_dialog *d, const struct sip_msg *m);
/* A REFER went out in d for one with that CSeq in another dialog ... */
void sip_dialog_referred(struct sip_dialog *d, uint32_t ours, uint32_t theirs);
/* ... which is asked for; 0: not known. */
uint32_t sip_dialog_refer_of(const struct sip_dialog *d, uint32_t ours);
void sip_dialog_free(struct sip_dialog *d);	/* accepts NULL */

/* Does this in-dialog request belong to d? (Call-ID and both tags) */
bool sip_dialog_matches(const struct sip_dialog *d, const struct sip_msg *m);
/* CSeq order of a request: 0, or -EINVAL (500, 12.2.2); remembers it. */
int sip_dialog_check_cseq(struct sip_dialog *d, const struct sip_msg *request);

/*
 * A request inside the dialog: method, body and Content-Type by `r`, the rest
 * by the dialog (r's other members are ignored but extra_headers,
 * max_forwards, end_to_end_digest). ACK takes the INVITE's CSeq number.
 */
int sip_dialog_request(struct sip_dialog *d, const struct sip_request *r,
		       const struct sip_msg *src, struct sip_msg **ret);

struct record;

/* Into fields that begin with the prefix ("a."), a connection left out. */
void sip_dialog_store(const struct sip_dialog *d, const char *prefix,
		      struct record *r);
/*
 * Out of them, in another run: the local CSeq goes on after a gap, so that it
 * need not be stored with each request. -ENODATA: there is none.
 */
int sip_dialog_restore(const struct record *r, const char *prefix,
		       struct sip_dialog **ret);

#endif
