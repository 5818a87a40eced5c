/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections by address, over all workers. An IPv6 client is its /64: it
 * owns all of it. Some own a /48, with 65536 of them. Thread-safe.
 */
#ifndef WSS_PEERS_H
#define WSS_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"

struct peers;
struct wss_limits;

int peers_create(const struct wss_limits *limits, struct peers **ret);
void peers_free(struct peers *p);
/*
 * -EMFILE: all places are taken. -EUSERS: this address has its share, -EDQUOT:
 * its /48 has.
 */
int peers_enter(struct peers *p, const struct addr *a);
void peers_leave(struct peers *p, const struct addr *a);
/* One message more of an address that has entered: is it within its rate? */
bool peers_spend(struct peers *p, const struct addr *a, uint64_t now_ms);

#endif
