/* SPDX-License-Identifier: Apache-2.0 */
/* struct sip_msg for sip/ itself: sofia's objects behind message.h. */
#ifndef SIP_MSG_H
#define SIP_MSG_H

#include <sofia-sip/msg.h>
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_util.h>

#include "core/addr.h"
#include "sip/message.h"

struct sip_msg {
	unsigned int refs;
	bool from_web;		/* a browser's: policy.h is stricter */
	msg_t *msg;		/* one reference */
	sip_t *sip;		/* of msg */
	/* Made on first use, in msg's home. */
	const char *ruri, *from_uri, *to_uri, *from_value, *to_value;
};

/* Takes the caller's reference of msg, on failure too. No checks. */
int sip_msg_wrap(msg_t *msg, struct sip_msg **ret);
/* -EINVAL and the reason (128 bytes or NULL) if a needed header is bad. */
int sip_msg_check(const struct sip_msg *m, char *reason);
void sip_msg_set_from_web(struct sip_msg *m);
/* RFC 3261 18.2.1, RFC 3581 4: received and rport into the topmost Via. */
int sip_msg_set_received(struct sip_msg *m, const struct addr *peer);
/* What a response over a connection to sent-by must not go by. */
bool sip_msg_drop_rport(struct sip_msg *m);
/* Puts a Via above all others. */
int sip_msg_push_via(struct sip_msg *m, const char *value);
/*
 * The same request with the next CSeq and "Authorization: ..." or
 * "Proxy-Authorization: ..." in the place of what it had of that name.
 */
int sip_msg_authorize(const struct sip_msg *m, const char *header,
		      struct sip_msg **ret);
/* Transport and sent-by of the topmost Via, e.g. "wss abc.invalid:5060". */
int sip_msg_sent_by(const struct sip_msg *m, char *buf, size_t size);

/* Its port, 0: none is said. */
uint16_t sip_msg_sent_by_port(const struct sip_msg *m);

/*
 * Walks the header lines in message order: name as in the grammar and value
 * without folding. `pos` starts as NULL. False at the end. The value lives as
 * long as the message.
 */
bool sip_msg_next_header(const struct sip_msg *m, msg_header_t **pos,
			 const char **ret_name, const char **ret_value);
/* Is it that header, by its long or its compact name? */
bool sip_header_is(const char *have, const char *want);

#endif
