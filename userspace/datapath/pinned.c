// SPDX-License-Identifier: Apache-2.0
#include "datapath/pinned.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "datapath/attach.h"
#include "datapath/backends.h"
#include "datapath/pins.h"
#include "datapath/xdp.h"

/* As much of a backend as reading takes: the maps, and what is in use. */
struct pinned {
	struct xdp x;
};

static int open_map(struct pinned *p, const char *dir, enum xdp_map i)
{
	char path[512];
	int err = pins_path(dir, "", xdp_map_names[i], path, sizeof(path));

	if (err)
		return err;
	p->x.maps[i] = bpf_obj_get(path);
	return p->x.maps[i] < 0 ? p->x.maps[i] : 0;
}

/* All but the one that told which there are. */
static int open_maps(struct pinned *p, const char *dir)
{
	int i, err = 0;

	for (i = 0; i < XDP_MAPS && !err; i++)
		if (i != XDP_CONTROL)
			err = open_map(p, dir, i);
	return err;
}

/* Reading may meet a map of another size: is it the one we know? */
static int judge(struct pinned *p, const char *dir,
		 struct pinned_status *status)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info), zero = 0;
	struct sluice_control c;
	uint64_t now = clock_ns();
	int err;

	err = bpf_obj_get_info_by_fd(p->x.maps[XDP_CONTROL], &info, &size);
	if (!err && info.value_size != sizeof(c))
		err = -EPROTONOSUPPORT;
	if (!err)
		err = bpf_map_lookup_elem(p->x.maps[XDP_CONTROL], &zero, &c);
	if (err)
		return err;
	status->contract = c.contract;
	status->heartbeat_age_ms = now > c.heartbeat_ns ?
				   (now - c.heartbeat_ns) / 1000000 : 0;
	if (c.contract != SLUICE_CONTRACT_VERSION)
		return -EPROTONOSUPPORT;
	/* a start was cut short: some maps are still those of before */
	if (xdp_migrate_is_unfinished(dir)) {
		status->is_unfinished = true;
		return -EPROTONOSUPPORT;
	}
	return 0;
}

static void find_stream(void *arg, struct xdp *x, uint32_t id,
			const void *value)
{
	if (!id || id >= x->size || !((const struct sluice_stream *)value)->out_ssrc)
		return;
	x->stream_is_used[id] = 1;
	++*(uint32_t *)arg;
}

static int find_streams(struct pinned *p, uint32_t *ret)
{
	*ret = 0;
	return xdp_walk(&p->x, XDP_STREAMS, sizeof(struct sluice_stream),
			find_stream, ret);
}

int pinned_open(const char *dir, struct pinned **ret,
		struct pinned_status *ret_status)
{
	struct pinned_status status = { 0 };
	struct pinned *p = calloc(1, sizeof(*p));
	int i, err;

	if (!p)
		return -ENOMEM;
	for (i = 0; i < XDP_MAPS; i++)
		p->x.maps[i] = -1;
	p->x.cpus = libbpf_num_possible_cpus();
	err = open_map(p, dir, XDP_CONTROL);
	if (!err)
		err = judge(p, dir, &status);
	if (!err)
		err = open_maps(p, dir);
	if (!err || err == -EPROTONOSUPPORT) {
		status.flows = xdp_pinned_flows(dir);
		*ret_status = status;
	}
	if (err) {
		pinned_close(p);
		return err;
	}
	err = xdp_size_read(&p->x);
	if (!err)
		err = find_streams(p, &ret_status->streams);
	if (err) {
		pinned_close(p);
		return err;
	}
	*ret = p;
	return 0;
}

bool pinned_is_taken_over(uint32_t contract)
{
	return contract == SLUICE_CONTRACT_VERSION ||
	       xdp_migrate_is_known(contract);
}

void pinned_close(struct pinned *p)
{
	if (!p)
		return;
	for (int i = 0; i < XDP_MAPS; i++)
		if (p->x.maps[i] >= 0)
			close(p->x.maps[i]);
	xdp_size_free(&p->x);
	free(p);
}

int pinned_totals(struct pinned *p, struct datapath_totals *ret)
{
	return datapath_xdp_ops.totals(&p->x, ret);
}

/* The far end of a transport, as packets to it are addressed. */
static struct addr far_end(struct pinned *p, uint32_t id,
			   struct sluice_transport *t)
{
	struct addr a = { 0 };

	memset(t, 0, sizeof(*t));
	if (bpf_map_lookup_elem(p->x.maps[XDP_TRANSPORTS], &id, t))
		return a;
	memcpy(a.ip, t->remote.b, sizeof(a.ip));
	a.port = (uint16_t)(t->remote_port >> 8 | t->remote_port << 8);
	return a;
}

void pinned_streams(struct pinned *p,
		    void (*each)(void *arg, const struct pinned_stream *s),
		    void *arg)
{
	struct sluice_transport t;
	struct pinned_stream ps;
	struct sluice_stream s;

	for (uint32_t id = 1; id < p->x.size; id++) {
		if (!p->x.stream_is_used[id] ||
		    bpf_map_lookup_elem(p->x.maps[XDP_STREAMS], &id, &s))
			continue;
		memset(&ps, 0, sizeof(ps));
		ps.id = id;
		ps.from = far_end(p, s.from, &t);
		ps.to = far_end(p, s.to, &t);
		ps.is_to_web = t.flags & SLUICE_TRANSPORT_WEB;
		ps.sip_transport = ps.is_to_web ? s.from : s.to;
		if (!xdp_stream_stats(&p->x, id, &ps.stats))
			each(arg, &ps);
	}
}

/* ---- interfaces ------------------------------------------------------------ */

static bool add(const struct attach *a, struct datapath_interface *ret,
		size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(ret[i].name, a->name))
			return false;
	xdp_interface(a, &ret[n]);
	return true;
}

static size_t add_members(struct datapath_interface *ret, size_t n, size_t max)
{
	struct if_nameindex *all = if_nameindex(), *i;
	struct attach a;

	for (i = all; i && i->if_index && n < max; i++)
		if (attach_find_member((int)i->if_index, &a) &&
		    add(&a, ret, n))
			n++;
	if (all)
		if_freenameindex(all);
	return n;
}

size_t pinned_interfaces(const char *dir, struct datapath_interface *ret,
			 size_t max)
{
	const char *interface;
	DIR *d = opendir(dir);
	struct dirent *e;
	struct attach a;
	size_t n = 0;

	if (!d)
		return 0;
	while (n < max && (e = readdir(d))) {
		interface = pins_interface(e->d_name);
		if (!interface || !attach_find(dir, interface, &a))
			continue;
		n += add(&a, ret, n);
		attach_leave(&a);
	}
	closedir(d);
	return add_members(ret, n, max);
}

int pinned_detach(const char *dir)
{
	int fd, err = pins_lock(dir, &fd);

	if (err)
		return err == -EWOULDBLOCK ? -EBUSY : err;
	attach_clear_dispatchers();
	pins_remove(dir);
	close(fd);
	return 0;
}
