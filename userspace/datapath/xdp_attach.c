// SPDX-License-Identifier: Apache-2.0
/* Which interfaces, and by which mode: native, else generic, else not. */
#include "datapath/xdp.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "datapath/backends.h"
#include "datapath/canary.h"
#include "datapath/netlink.h"

/* The interface that carries an address, a VLAN's real one. */
static int find_interface(struct netlink *nl, const struct addr *address,
			  struct netlink_link *ret, char *reason, size_t size)
{
	struct ifaddrs *list, *i;
	struct addr candidate;
	char text[ADDR_STRLEN];
	int ifindex = 0, err;

	if (getifaddrs(&list))
		return -errno;
	for (i = list; i && !ifindex; i = i->ifa_next)
		if (i->ifa_addr && !addr_from_sockaddr(i->ifa_addr,
						       &candidate) &&
		    addr_same_ip(&candidate, address))
			ifindex = (int)if_nametoindex(i->ifa_name);
	freeifaddrs(list);
	if (!ifindex) {
		snprintf(reason, size, "no interface has %s",
			 addr_format_ip(address, text));
		return -EADDRNOTAVAIL;
	}
	err = netlink_link(nl, ifindex, ret);
	if (!err && ret->parent)
		err = netlink_link(nl, ret->parent, ret);
	if (err)
		return err;
	if (ret->is_loopback || !ret->is_ethernet) {
		snprintf(reason, size, "%s is on %s, %s",
			 addr_format_ip(address, text), ret->name,
			 ret->is_loopback ? "this host's loopback" :
					    "no Ethernet device");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int find_interfaces(const struct datapath_config *config,
			   struct netlink_link *ret, size_t *ret_count,
			   char *reason, size_t size)
{
	const struct addr *wanted[] = { &config->web, &config->sip };
	struct netlink *nl;
	size_t i, n = 0;
	int err;

	err = netlink_open(&nl);
	if (err)
		return err;
	for (i = 0; i < 2 && !err; i++) {
		err = find_interface(nl, wanted[i], &ret[n], reason, size);
		if (!err && !(n && ret[0].ifindex == ret[n].ifindex))
			n++;
	}
	netlink_close(nl);
	*ret_count = n;
	return err;
}

void xdp_detach_all(struct xdp *x)
{
	struct attach *a;

	while (x->attached_count) {
		a = &x->attached[--x->attached_count];
		if (x->is_kept)
			attach_leave(a);
		else
			attach_close(a, x->pin_dir);
	}
}

static struct attach_config attach_config(struct xdp *x, bool is_generic)
{
	return (struct attach_config){ .object = x->object,
				       .object_path = x->object_path,
				       .pin_dir = x->pin_dir,
				       .is_generic = is_generic,
				       .wants_netlink = x->by_netlink };
}

static int attach_mode(struct xdp *x, const struct netlink_link *links,
		       size_t count, bool is_generic, char *reason,
		       size_t size)
{
	struct attach_config config = attach_config(x, is_generic);
	struct attach *a;
	size_t i;
	int err;

	for (i = 0; i < count; i++) {
		a = &x->attached[i];
		memset(a, 0, sizeof(*a));
		a->ifindex = links[i].ifindex;
		memcpy(a->name, links[i].name, sizeof(a->name));
		err = attach_open(a, &config, reason, size);
		if (err) {
			xdp_detach_all(x);
			return err;
		}
		x->attached_count++;
	}
	return 0;
}

/* A device of the same name may be another one by now. */
static int attach_again(struct xdp *x, struct attach *a, char *reason,
			size_t size)
{
	struct attach_config config = attach_config(x, a->is_generic);
	uint32_t ifindex = if_nametoindex(a->name);

	if (!ifindex) {
		snprintf(reason, size, "%s is not there any more", a->name);
		return -ENODEV;
	}
	if (bpf_map_update_elem(x->maps[XDP_DEVICES], &ifindex, &ifindex,
				BPF_ANY))
		return -errno;
	attach_leave(a);
	a->ifindex = (int)ifindex;
	return attach_open(a, &config, reason, size);
}

int datapath_xdp_attach_missing(void *backend, char *reason,
				size_t reason_size)
{
	struct xdp *x = backend;
	int n = 0, err;

	for (size_t i = 0; i < x->attached_count; i++) {
		if (attach_is_there(&x->attached[i]))
			continue;
		err = attach_again(x, &x->attached[i], reason, reason_size);
		if (err)
			return err;
		log_info("datapath: %s: attached again", x->attached[i].name);
		/* calls of before still send to a device that is gone */
		neighbours_look_again(x->neighbours);
		n++;
	}
	return n;
}

void xdp_interface(const struct attach *a, struct datapath_interface *ret)
{
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->name, a->name, sizeof(ret->name));
	strcpy(ret->mode, a->is_generic ? "generic" : "native");
	strcpy(ret->attach, attach_way_name(a->way));
	ret->is_there = attach_is_there(a);
	ret->program_id = a->program.id;
	memcpy(ret->program_tag, a->program.tag, sizeof(ret->program_tag));
}

/* Every egress takes a frame; a generic one is an ordinary transmit. */
static int send_canaries(struct xdp *x, const struct netlink_link *links,
			 size_t count, char *reason, size_t size)
{
	size_t i;
	int err;

	for (i = 0; i < count; i++) {
		if (x->attached[i].is_generic)
			continue;
		err = canary_send(x->object, links[i].ifindex, links[i].mac);
		if (err) {
			snprintf(reason, size,
				 "%s does not send redirected frames: %s",
				 links[i].name, strerror(-err));
			return err;
		}
	}
	return 0;
}

int xdp_attach_all(struct xdp *x, const struct datapath_config *config,
		   char *reason, size_t reason_size)
{
	struct netlink_link links[XDP_INTERFACES_MAX];
	uint32_t ifindex;
	size_t count, i;
	int err;

	err = find_interfaces(config, links, &count, reason, reason_size);
	if (err)
		return err;
	for (i = 0; i < count; i++) {
		ifindex = (uint32_t)links[i].ifindex;
		if (bpf_map_update_elem(x->maps[XDP_DEVICES], &ifindex,
					&ifindex, BPF_ANY))
			return -errno;
	}
	err = x->from_contract ?
	      xdp_migrate(x, links, count, reason, reason_size) : 0;
	if (err)
		return err;
	err = attach_mode(x, links, count, false, reason, reason_size);
	/* media is on its way already: no canary, no other mode */
	if (x->is_adopted)
		return err;
	if (!err)
		err = send_canaries(x, links, count, reason, reason_size);
	if (!err || err == -EBUSY)
		return err;
	log_warn("datapath: %s, trying generic XDP", reason);
	xdp_detach_all(x);
	err = attach_mode(x, links, count, true, reason, reason_size);
	/* a dispatcher's members stay in its mode */
	if (!err) {
		err = send_canaries(x, links, count, reason, reason_size);
		if (err)
			xdp_detach_all(x);
	}
	return err && err != -EBUSY ? -EOPNOTSUPP : err;
}
