// SPDX-License-Identifier: Apache-2.0
#include "datapath/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define NETLINK_BUFFER	32768
#define NETLINK_GROUPS	(RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | \
			 RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_IFADDR | \
			 RTMGRP_IPV6_IFADDR)
/* States in which the kernel itself would send to the address. */
#define NEIGHBOUR_VALID	(NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | \
			 NUD_PROBE | NUD_STALE | NUD_DELAY)

struct netlink {
	struct mnl_socket *ask;
	struct mnl_socket *hear;
	uint32_t seq;
	uint8_t buffer[NETLINK_BUFFER];
};

static int socket_open(unsigned int groups, int flags, struct mnl_socket **ret)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE,
						SOCK_CLOEXEC | flags);
	int err;

	if (!s)
		return -errno;
	if (mnl_socket_bind(s, groups, MNL_SOCKET_AUTOPID)) {
		err = -errno;
		mnl_socket_close(s);
		return err;
	}
	*ret = s;
	return 0;
}

int netlink_open(struct netlink **ret)
{
	struct netlink *nl = calloc(1, sizeof(*nl));
	int err;

	if (!nl)
		return -ENOMEM;
	err = socket_open(0, 0, &nl->ask);
	if (!err)
		err = socket_open(NETLINK_GROUPS, SOCK_NONBLOCK, &nl->hear);
	if (err) {
		netlink_close(nl);
		return err;
	}
	*ret = nl;
	return 0;
}

void netlink_close(struct netlink *nl)
{
	if (!nl)
		return;
	if (nl->ask)
		mnl_socket_close(nl->ask);
	if (nl->hear)
		mnl_socket_close(nl->hear);
	free(nl);
}

/* Sends and reads up to the acknowledgement. */
static int netlink_ask(struct netlink *nl, struct nlmsghdr *nlh, mnl_cb_t cb,
		       void *arg)
{
	unsigned int port = mnl_socket_get_portid(nl->ask);
	ssize_t n;
	int ret;

	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = ++nl->seq;
	if (mnl_socket_sendto(nl->ask, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(nl->ask, nl->buffer,
					sizeof(nl->buffer));
		if (n < 0)
			return -errno;
		ret = mnl_cb_run(nl->buffer, n, nl->seq, port, cb, arg);
	} while (ret > 0);
	return ret < 0 ? -errno : 0;
}

static uint8_t addr_family(const struct addr *a)
{
	return addr_is_v4(a) ? AF_INET : AF_INET6;
}

static void put_addr(struct nlmsghdr *nlh, uint16_t type, const struct addr *a)
{
	if (addr_is_v4(a))
		mnl_attr_put(nlh, type, 4, a->ip + 12);
	else
		mnl_attr_put(nlh, type, 16, a->ip);
}

static void read_addr(const void *data, size_t len, struct addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (len == 4) {
		ret->ip[10] = ret->ip[11] = 0xff;
		memcpy(ret->ip + 12, data, 4);
	} else if (len == 16) {
		memcpy(ret->ip, data, 16);
	}
}

static void read_attr_addr(const struct nlattr *attr, struct addr *ret)
{
	read_addr(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr),
		  ret);
}

static int route_read(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct netlink_route *r = arg;
	const struct nlattr *attr, *metric;
	const struct rtvia *via;

	if (nlh->nlmsg_type != RTM_NEWROUTE)
		return MNL_CB_OK;
	r->is_local = rtm->rtm_type == RTN_LOCAL;
	mnl_attr_for_each(attr, nlh, sizeof(*rtm)) {
		switch (mnl_attr_get_type(attr)) {
		case RTA_OIF:
			r->ifindex = (int)mnl_attr_get_u32(attr);
			break;
		case RTA_GATEWAY:
			read_attr_addr(attr, &r->gateway);
			break;
		case RTA_VIA:
			via = mnl_attr_get_payload(attr);
			read_addr(via->rtvia_addr,
				  mnl_attr_get_payload_len(attr) -
				  sizeof(*via), &r->gateway);
			break;
		case RTA_METRICS:
			mnl_attr_for_each_nested(metric, attr)
				if (mnl_attr_get_type(metric) == RTAX_MTU)
					r->mtu = mnl_attr_get_u32(metric);
			break;
		}
	}
	return MNL_CB_OK;
}

int netlink_route(struct netlink *nl, const struct addr *local,
		  const struct addr *remote, struct netlink_route *ret)
{
	uint8_t buf[256] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct netlink_route r = { .gateway = *remote };
	bool is_v4 = addr_is_v4(remote);
	struct rtmsg *rtm;
	int err;

	nlh->nlmsg_type = RTM_GETROUTE;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = addr_family(remote);
	rtm->rtm_dst_len = is_v4 ? 32 : 128;
	put_addr(nlh, RTA_DST, remote);
	if (is_v4 == addr_is_v4(local)) {
		rtm->rtm_src_len = rtm->rtm_dst_len;
		put_addr(nlh, RTA_SRC, local);
	}
	err = netlink_ask(nl, nlh, route_read, &r);
	if (err)
		return err;
	if (!r.ifindex)
		return -ENETUNREACH;
	*ret = r;
	return 0;
}

static void link_read_kind(const struct nlattr *info, struct netlink_link *l)
{
	const struct nlattr *attr, *data = NULL, *item;
	bool is_vlan = false;

	mnl_attr_for_each_nested(attr, info) {
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND) {
			is_vlan = !strcmp(mnl_attr_get_str(attr), "vlan");
			l->is_veth = !strcmp(mnl_attr_get_str(attr), "veth");
		} else if (mnl_attr_get_type(attr) == IFLA_INFO_DATA) {
			data = attr;
		}
	}
	if (!is_vlan || !data)
		return;
	mnl_attr_for_each_nested(item, data)
		if (mnl_attr_get_type(item) == IFLA_VLAN_ID)
			l->vlan_id = mnl_attr_get_u16(item);
}

static int link_read(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct netlink_link *l = arg;
	const struct nlattr *attr;
	int parent = 0;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	l->ifindex = ifi->ifi_index;
	l->is_ethernet = ifi->ifi_type == ARPHRD_ETHER;
	l->is_loopback = ifi->ifi_flags & IFF_LOOPBACK;
	mnl_attr_for_each(attr, nlh, sizeof(*ifi)) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			strncpy(l->name, mnl_attr_get_str(attr),
				sizeof(l->name) - 1);
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attr) == sizeof(l->mac))
				memcpy(l->mac, mnl_attr_get_payload(attr),
				       sizeof(l->mac));
			break;
		case IFLA_MTU:
			l->mtu = mnl_attr_get_u32(attr);
			break;
		case IFLA_LINK:
			parent = (int)mnl_attr_get_u32(attr);
			break;
		case IFLA_LINKINFO:
			link_read_kind(attr, l);
			break;
		}
	}
	/* a veth has a link as well: its peer */
	if (l->vlan_id)
		l->parent = parent;
	return MNL_CB_OK;
}

int netlink_link(struct netlink *nl, int ifindex, struct netlink_link *ret)
{
	uint8_t buf[256] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct netlink_link l = { 0 };
	struct ifinfomsg *ifi;
	int err;

	nlh->nlmsg_type = RTM_GETLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = ifindex;
	err = netlink_ask(nl, nlh, link_read, &l);
	if (!err)
		*ret = l;
	return err;
}

static int neighbour_read(const struct nlmsghdr *nlh, void *arg)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	struct netlink_neighbour *n = arg;
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWNEIGH)
		return MNL_CB_OK;
	n->ifindex = ndm->ndm_ifindex;
	mnl_attr_for_each(attr, nlh, sizeof(*ndm)) {
		if (mnl_attr_get_type(attr) == NDA_DST) {
			read_attr_addr(attr, &n->addr);
		} else if (mnl_attr_get_type(attr) == NDA_LLADDR &&
			   mnl_attr_get_payload_len(attr) == sizeof(n->mac) &&
			   (ndm->ndm_state & NEIGHBOUR_VALID)) {
			memcpy(n->mac, mnl_attr_get_payload(attr),
			       sizeof(n->mac));
			n->is_valid = true;
		}
	}
	return MNL_CB_OK;
}

static struct nlmsghdr *neighbour_message(void *buf, uint16_t type,
					  int ifindex, const struct addr *a,
					  uint8_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ndmsg *ndm;

	nlh->nlmsg_type = type;
	ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));
	ndm->ndm_family = addr_family(a);
	ndm->ndm_ifindex = ifindex;
	ndm->ndm_flags = flags;
	put_addr(nlh, NDA_DST, a);
	return nlh;
}

int netlink_neighbour(struct netlink *nl, int ifindex, const struct addr *a,
		      struct netlink_neighbour *ret)
{
	uint8_t buf[256] = { 0 };
	struct netlink_neighbour n = { 0 };
	int err = netlink_ask(nl, neighbour_message(buf, RTM_GETNEIGH, ifindex,
						    a, 0),
			      neighbour_read, &n);

	if (!err)
		*ret = n;
	return err;
}

int netlink_probe(struct netlink *nl, int ifindex, const struct addr *a)
{
	uint8_t buf[256] = { 0 };
	struct nlmsghdr *nlh = neighbour_message(buf, RTM_NEWNEIGH, ifindex, a,
						 NTF_USE);

	nlh->nlmsg_flags |= NLM_F_CREATE;
	return netlink_ask(nl, nlh, NULL, NULL);
}

static int event_read(const struct nlmsghdr *nlh, void *arg)
{
	const struct netlink_events *events = arg;
	struct netlink_neighbour n = { 0 };

	if (nlh->nlmsg_type == RTM_NEWNEIGH) {
		neighbour_read(nlh, &n);
		events->neighbour(events->arg, &n);
	} else if (nlh->nlmsg_type != RTM_DELNEIGH) {
		events->changed(events->arg);
	}
	return MNL_CB_OK;
}

void netlink_poll(struct netlink *nl, int timeout_ms,
		  const struct netlink_events *events)
{
	struct pollfd fd = { .fd = mnl_socket_get_fd(nl->hear),
			     .events = POLLIN };
	/* events may ask questions, which use nl->buffer */
	uint8_t buf[8192];
	ssize_t n;

	if (timeout_ms)
		poll(&fd, 1, timeout_ms);
	for (;;) {
		n = mnl_socket_recvfrom(nl->hear, buf, sizeof(buf));
		if (n > 0)
			mnl_cb_run(buf, n, 0, 0, event_read, (void *)events);
		else if (n < 0 && errno == ENOBUFS)
			events->changed(events->arg);
		else
			return;
	}
}
