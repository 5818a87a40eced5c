/* SPDX-License-Identifier: Apache-2.0 */
/* The few rtnetlink questions the XDP backend asks; blocking, kernel only. */
#ifndef DATAPATH_NETLINK_H
#define DATAPATH_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"

struct netlink;

struct netlink_route {
	int ifindex;
	struct addr gateway;	/* of the neighbour to ask: gateway or remote */
	uint32_t mtu;		/* 0: the device's */
	bool is_local;		/* the remote is this host */
};

struct netlink_link {
	int ifindex;
	char name[16];
	uint8_t mac[6];
	uint32_t mtu;
	bool is_ethernet;
	bool is_loopback;
	bool is_veth;
	int parent;		/* VLAN device: the real one; else 0 */
	uint16_t vlan_id;
};

/* What a notification said. */
struct netlink_neighbour {
	int ifindex;
	struct addr addr;
	bool is_valid;		/* mac may be used */
	uint8_t mac[6];
};

struct netlink_events {
	void (*neighbour)(void *arg, const struct netlink_neighbour *n);
	/* routes, links or addresses changed, or notifications were lost */
	void (*changed)(void *arg);
	void *arg;
};

int netlink_open(struct netlink **ret);
void netlink_close(struct netlink *nl);	/* accepts NULL */

/* -ENETUNREACH and the like: no route. */
int netlink_route(struct netlink *nl, const struct addr *local,
		  const struct addr *remote, struct netlink_route *ret);
int netlink_link(struct netlink *nl, int ifindex, struct netlink_link *ret);
/* -ENOENT: unknown to the kernel. */
int netlink_neighbour(struct netlink *nl, int ifindex, const struct addr *a,
		      struct netlink_neighbour *ret);
/* Makes the kernel resolve or confirm a neighbour. */
int netlink_probe(struct netlink *nl, int ifindex, const struct addr *a);
/* Reads what has arrived, waiting at most timeout_ms for the first. */
void netlink_poll(struct netlink *nl, int timeout_ms,
		  const struct netlink_events *events);

#endif
