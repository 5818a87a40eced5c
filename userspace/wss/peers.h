/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections by address, over all workers. An IPv6 client is its /64: it
 * owns all of it. Thread-safe.
 */
#ifndef WSS_PEERS_H
#define WSS_PEERS_H

#include <stdint.h>

#include "core/addr.h"

struct peers;

int peers_create(uint32_t limit, uint32_t limit_per_address,
		 struct peers **ret);
void peers_free(struct peers *p);
/* -EMFILE: all places are taken. -EUSERS: this address has its share. */
int peers_enter(struct peers *p, const struct addr *a);
void peers_leave(struct peers *p, const struct addr *a);

#endif
