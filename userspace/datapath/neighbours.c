// SPDX-License-Identifier: Apache-2.0
#include "datapath/neighbours.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "datapath/netlink.h"

/*
 * Frames that XDP sends do not keep an entry fresh: the kernel is asked to
 * confirm it this often, which also finds a changed MAC address.
 */
#define NEIGHBOURS_CONFIRM_MS	20000
#define NEIGHBOURS_RETRY_MS	1000
/* A neighbour on the same network answers sooner than this. */
#define NEIGHBOURS_WAIT_MS	3

struct hop {
	uint32_t users;			/* transports; 0: free */
	int route_ifindex;		/* of the route: may be a VLAN device */
	uint32_t route_mtu;
	struct addr gateway;
	struct sluice_next_hop value;
	uint64_t probe_ms;		/* when to ask next */
	bool is_reserved;		/* of an earlier run, not claimed yet */
};

struct destination {
	bool is_used;
	struct addr local;
	struct addr remote;
	uint32_t hop;
};

struct neighbours {
	struct neighbours_ops ops;
	struct netlink *nl;
	bool is_changed;		/* routes or links */
	struct hop hops[SLUICE_MAX_NEXT_HOPS];
	uint32_t size;
	struct destination destinations[];	/* by transport */
};

static void hop_publish(struct neighbours *n, uint32_t id,
			const struct sluice_next_hop *value)
{
	struct hop *hop = &n->hops[id];
	struct sluice_next_hop next = *value;

	next.generation = hop->value.generation;
	if (!memcmp(&next, &hop->value, sizeof(next)))
		return;
	next.generation++;
	hop->value = next;
	n->ops.hop_changed(n->ops.arg, id, &hop->value);
}

static void hop_set_mac(struct neighbours *n, uint32_t id,
			const uint8_t mac[6])
{
	struct sluice_next_hop value = n->hops[id].value;

	memcpy(value.dst_mac, mac, sizeof(value.dst_mac));
	value.flags |= SLUICE_HOP_VALID;
	hop_publish(n, id, &value);
}

static void heard_neighbour(void *arg, const struct netlink_neighbour *heard)
{
	struct neighbours *n = arg;
	struct hop *hop;
	uint32_t id;

	if (!heard->is_valid)
		return;
	for (id = 1; id < SLUICE_MAX_NEXT_HOPS; id++) {
		hop = &n->hops[id];
		if (hop->users && hop->route_ifindex == heard->ifindex &&
		    addr_same_ip(&hop->gateway, &heard->addr))
			hop_set_mac(n, id, heard->mac);
	}
}

static void heard_change(void *arg)
{
	struct neighbours *n = arg;

	n->is_changed = true;
}

static void neighbours_hear(struct neighbours *n, int timeout_ms)
{
	const struct netlink_events events = { heard_neighbour, heard_change,
					       n };

	netlink_poll(n->nl, timeout_ms, &events);
}

/* Device, our MAC, VLAN and MTU. -EOPNOTSUPP if XDP cannot send there. */
static int hop_read_link(struct neighbours *n, const struct hop *hop,
			 struct sluice_next_hop *value)
{
	struct netlink_link link;
	uint32_t mtu;
	int err, ifindex;

	err = netlink_link(n->nl, hop->route_ifindex, &link);
	if (err)
		return err;
	ifindex = link.parent ? link.parent : link.ifindex;
	if (!link.is_ethernet || link.is_loopback ||
	    !n->ops.is_egress(n->ops.arg, ifindex))
		return -EOPNOTSUPP;
	value->ifindex = (uint32_t)ifindex;
	value->flags &= ~(SLUICE_HOP_VLAN | SLUICE_HOP_REDIRECT);
	if (link.parent)
		value->flags |= SLUICE_HOP_VLAN;
	value->vlan_id = link.vlan_id;
	memcpy(value->src_mac, link.mac, sizeof(value->src_mac));
	mtu = hop->route_mtu && hop->route_mtu < link.mtu ? hop->route_mtu :
							     link.mtu;
	value->mtu = (uint16_t)(mtu > UINT16_MAX ? UINT16_MAX : mtu);
	if (link.parent && netlink_link(n->nl, link.parent, &link))
		return 0;
	if (link.is_veth)
		value->flags |= SLUICE_HOP_REDIRECT;
	return 0;
}

/* Asks the kernel, and makes it ask the network. */
static void hop_resolve(struct neighbours *n, uint32_t id)
{
	struct hop *hop = &n->hops[id];
	struct netlink_neighbour found;
	bool is_known;

	is_known = !netlink_neighbour(n->nl, hop->route_ifindex, &hop->gateway,
				      &found) && found.is_valid;
	if (is_known)
		hop_set_mac(n, id, found.mac);
	netlink_probe(n->nl, hop->route_ifindex, &hop->gateway);
	hop->probe_ms = clock_ms() + (is_known ? NEIGHBOURS_CONFIRM_MS :
						 NEIGHBOURS_RETRY_MS);
}

static uint32_t hop_find(struct neighbours *n, const struct netlink_route *r,
			 bool *ret_is_new)
{
	uint32_t id, free_id = 0;

	*ret_is_new = false;
	for (id = 1; id < SLUICE_MAX_NEXT_HOPS; id++) {
		if (!n->hops[id].users) {
			if (!free_id && !n->hops[id].is_reserved)
				free_id = id;
			continue;
		}
		if (n->hops[id].route_ifindex == r->ifindex &&
		    n->hops[id].route_mtu == r->mtu &&
		    addr_same_ip(&n->hops[id].gateway, &r->gateway))
			return id;
	}
	*ret_is_new = true;
	return free_id;
}

static void hop_put(struct neighbours *n, uint32_t id)
{
	struct hop *hop = &n->hops[id];
	uint32_t generation;

	if (!id || --hop->users)
		return;
	generation = hop->value.generation + 1;
	memset(hop, 0, sizeof(*hop));
	hop->value.generation = generation;
	n->ops.hop_changed(n->ops.arg, id, &hop->value);
}

/* Browsers and phones on our own networks are a hop each. */
static void hops_used_up(void)
{
	static struct log_limit limit;	/* media thread only */

	if (log_limit_pass(&limit, 1, NULL))
		log_warn("datapath: all %d next hops are in use: calls to "
			 "neighbours beyond take the user path",
			 SLUICE_MAX_NEXT_HOPS - 1);
}

static int hop_get(struct neighbours *n, const struct netlink_route *r,
		   uint32_t *ret)
{
	struct sluice_next_hop value;
	struct hop *hop;
	bool is_new;
	uint32_t id = hop_find(n, r, &is_new);
	int err;

	if (!id) {
		hops_used_up();
		return -EOPNOTSUPP;
	}
	hop = &n->hops[id];
	if (is_new) {
		hop->route_ifindex = r->ifindex;
		hop->route_mtu = r->mtu;
		hop->gateway = r->gateway;
		value = (struct sluice_next_hop){ 0 };
		err = hop_read_link(n, hop, &value);
		if (err)
			return err;
		hop->users = 1;
		hop_publish(n, id, &value);
		hop_resolve(n, id);
		if (!(hop->value.flags & SLUICE_HOP_VALID))
			neighbours_hear(n, NEIGHBOURS_WAIT_MS);
	} else {
		hop->users++;
	}
	*ret = id;
	return 0;
}

/* *ret 0: no route. -EOPNOTSUPP: not for XDP, or no hop is free. */
static int destination_resolve(struct neighbours *n,
			       const struct destination *d, uint32_t *ret)
{
	struct netlink_route route;

	*ret = 0;
	if (netlink_route(n->nl, &d->local, &d->remote, &route))
		return 0;
	if (route.is_local)
		return -EOPNOTSUPP;
	return hop_get(n, &route, ret);
}

int neighbours_follow(struct neighbours *n, uint32_t transport,
		      const struct addr *local, const struct addr *remote,
		      uint32_t *ret_hop)
{
	struct destination next = { true, *local, *remote, 0 };
	struct destination *d = &n->destinations[transport];
	int err;

	if (d->is_used && addr_same_ip(&d->local, local) &&
	    addr_same_ip(&d->remote, remote)) {
		*ret_hop = d->hop;
		return 0;
	}
	err = destination_resolve(n, &next, &next.hop);
	if (err)
		return err;
	neighbours_forget(n, transport);
	*d = next;
	*ret_hop = next.hop;
	return 0;
}

void neighbours_reserve(struct neighbours *n, uint32_t hop,
			const struct sluice_next_hop *value)
{
	n->hops[hop].is_reserved = true;
	n->hops[hop].value = *value;
}

/* The device may have changed, or its neighbour, while nobody looked. */
static void hop_claim(struct neighbours *n, uint32_t id,
		      const struct netlink_route *route)
{
	struct hop *hop = &n->hops[id];
	struct sluice_next_hop value = hop->value;

	hop->is_reserved = false;
	hop->users = 1;
	hop->route_ifindex = route->ifindex;
	hop->route_mtu = route->mtu;
	hop->gateway = route->gateway;
	if (!hop_read_link(n, hop, &value))
		hop_publish(n, id, &value);
	hop_resolve(n, id);
}

int neighbours_adopt(struct neighbours *n, uint32_t transport,
		     const struct addr *local, const struct addr *remote,
		     uint32_t *hop)
{
	struct destination *d = &n->destinations[transport];
	struct netlink_route route = { 0 };
	struct hop *old;

	if (!*hop || *hop >= SLUICE_MAX_NEXT_HOPS)
		return neighbours_follow(n, transport, local, remote, hop);
	old = &n->hops[*hop];
	/* no route for now: the last good value serves, as ever */
	if (!netlink_route(n->nl, local, remote, &route) && route.is_local)
		return -EOPNOTSUPP;
	if (old->is_reserved)
		hop_claim(n, *hop, &route);
	else if (old->users && old->route_ifindex == route.ifindex &&
		 old->route_mtu == route.mtu &&
		 addr_same_ip(&old->gateway, &route.gateway))
		old->users++;
	else
		return neighbours_follow(n, transport, local, remote, hop);
	*d = (struct destination){ true, *local, *remote, *hop };
	return 0;
}

void neighbours_settle(struct neighbours *n)
{
	const struct sluice_next_hop none = { 0 };
	uint32_t id;

	for (id = 1; id < SLUICE_MAX_NEXT_HOPS; id++) {
		if (!n->hops[id].is_reserved)
			continue;
		n->hops[id].is_reserved = false;
		hop_publish(n, id, &none);
	}
}

void neighbours_forget(struct neighbours *n, uint32_t transport)
{
	struct destination *d = &n->destinations[transport];

	if (d->is_used)
		hop_put(n, d->hop);
	memset(d, 0, sizeof(*d));
}

static void links_refresh(struct neighbours *n)
{
	struct sluice_next_hop value;
	uint32_t id;

	for (id = 1; id < SLUICE_MAX_NEXT_HOPS; id++) {
		if (!n->hops[id].users)
			continue;
		value = n->hops[id].value;
		if (!hop_read_link(n, &n->hops[id], &value))
			hop_publish(n, id, &value);
	}
}

static void routes_refresh(struct neighbours *n, bool all)
{
	struct destination *d;
	uint32_t i, hop;

	for (i = 1; i < n->size; i++) {
		d = &n->destinations[i];
		if (!d->is_used || (d->hop && !all))
			continue;
		hop = 0;
		/* a route that vanished: the last good one still serves */
		if (destination_resolve(n, d, &hop) || !hop)
			continue;
		if (hop == d->hop) {
			hop_put(n, hop);
			continue;
		}
		n->ops.route_changed(n->ops.arg, i, hop);
		hop_put(n, d->hop);
		d->hop = hop;
	}
}

void neighbours_look_again(struct neighbours *n)
{
	n->is_changed = true;
}

void neighbours_tick(struct neighbours *n)
{
	uint64_t now = clock_ms();
	uint32_t id;

	neighbours_hear(n, 0);
	if (n->is_changed) {
		n->is_changed = false;
		links_refresh(n);
		routes_refresh(n, true);
	} else {
		routes_refresh(n, false);
	}
	for (id = 1; id < SLUICE_MAX_NEXT_HOPS; id++)
		if (n->hops[id].users && now >= n->hops[id].probe_ms)
			hop_resolve(n, id);
}

int neighbours_open(const struct neighbours_ops *ops, uint32_t transports,
		    struct neighbours **ret)
{
	struct neighbours *n = calloc(1, sizeof(*n) + transports *
				      sizeof(n->destinations[0]));
	int err;

	if (!n)
		return -ENOMEM;
	n->ops = *ops;
	n->size = transports;
	err = netlink_open(&n->nl);
	if (err) {
		free(n);
		return err;
	}
	*ret = n;
	return 0;
}

void neighbours_close(struct neighbours *n)
{
	if (!n)
		return;
	netlink_close(n->nl);
	free(n);
}
