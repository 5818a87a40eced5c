/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Next hops of transports, followed over rtnetlink. A hop is shared by all
 * transports behind the same gateway and device; its last good value stays
 * while the neighbour is unknown.
 */
#ifndef DATAPATH_NEIGHBOURS_H
#define DATAPATH_NEIGHBOURS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "uapi/sluice.h"

struct neighbours;

struct neighbours_ops {
	/* May frames leave by this device? */
	bool (*is_egress)(void *arg, int ifindex);
	void (*hop_changed)(void *arg, uint32_t hop_id,
			    const struct sluice_next_hop *hop);
	/* The route of a followed transport leads elsewhere; 0: nowhere. */
	void (*route_changed)(void *arg, uint32_t transport, uint32_t hop_id);
	void *arg;
};

/* Transports have ids below this. */
int neighbours_open(const struct neighbours_ops *ops, uint32_t transports,
		    struct neighbours **ret);
void neighbours_close(struct neighbours *n);	/* accepts NULL */

/*
 * Resolves (local, remote) for a transport and follows it until told
 * otherwise. *ret_hop is 0 while there is no route. -EOPNOTSUPP if the remote
 * is this host or lies behind a device XDP cannot send on, or if all next hops
 * are in use.
 */
int neighbours_follow(struct neighbours *n, uint32_t transport,
		      const struct addr *local, const struct addr *remote,
		      uint32_t *ret_hop);

/*
 * Adoption. Until neighbours_settle() the reserved hops of an earlier run are
 * handed to nobody but transports that had them.
 */
void neighbours_reserve(struct neighbours *n, uint32_t hop,
			const struct sluice_next_hop *value);
/*
 * As neighbours_follow(), for a transport that used *hop: it keeps it, with
 * its last good value, while its route leads the same way as the others'.
 */
int neighbours_adopt(struct neighbours *n, uint32_t transport,
		     const struct addr *local, const struct addr *remote,
		     uint32_t *hop);
/* Clears the reserved hops that nobody came for. */
void neighbours_settle(struct neighbours *n);

void neighbours_forget(struct neighbours *n, uint32_t transport);
/* Devices became egress: routes that led there count from the next tick on. */
void neighbours_look_again(struct neighbours *n);
/* About once a second: notifications, retries, confirmation. */
void neighbours_tick(struct neighbours *n);

#endif
