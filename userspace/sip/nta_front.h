/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands before nta on the SIP side, so that a stranger gets no answer
 * and nothing of his is parsed:
 * - a message class whose first-line parser asks for the source and gives up
 *   on a request from elsewhere, which nta then drops as garbage;
 * - socket filters in the kernel: a TCP SYN from elsewhere is not answered;
 *   datagrams that cannot be SIP (sofia would answer STUN) go nowhere.
 */
#ifndef SIP_NTA_FRONT_H
#define SIP_NTA_FRONT_H

#include <sofia-sip/msg_mclass.h>

#include "sip/stack.h"

struct nta_front;

int nta_front_create(struct sip_stack *s, struct nta_front **ret);
void nta_front_free(struct nta_front *f);	/* accepts NULL */
const msg_mclass_t *nta_front_class(const struct nta_front *f);
/* The sockets are bound to s->host: attach the filters. */
void nta_front_bound(struct nta_front *f);
/* Again, as the trunk's addresses have changed. */
void nta_front_sources_changed(struct nta_front *f);
/* Only SYNs of those who may send us requests reach this listener. */
int nta_front_filter_tcp(struct sip_stack *s, int fd);
/* Adds what was dropped. */
void nta_front_stats(const struct nta_front *f, struct sip_stack_stats *ret);

#endif
