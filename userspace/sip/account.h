/* SPDX-License-Identifier: Apache-2.0 */
/* Inside sip/: the gateway's own account at the PBX. */
#ifndef SIP_ACCOUNT_H
#define SIP_ACCOUNT_H

#include "sip/stack.h"

int account_start(struct sip_stack *s);
void account_stop(struct sip_stack *s);
/* The PBX is there (again): it may know nothing of us. */
void account_pbx_is_up(struct sip_stack *s);
/*
 * The request once more, numbered anew and with credentials, if this response
 * challenges the account. *tries: answers so far, counted on. -ENOTSUP: it is
 * somebody else's to answer.
 */
int account_answer(struct sip_stack *s, const struct sip_msg *request,
		   const struct sip_msg *response, unsigned int *tries,
		   struct sip_msg **ret);

#endif
