// SPDX-License-Identifier: Apache-2.0
/*
 * What an earlier run left in the pin folder: judged before anything is
 * touched, put under the new program, claimed entry by entry by those who
 * remember it; the rest is removed.
 */
#include "datapath/xdp.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "datapath/backends.h"
#include "datapath/pins.h"

static int open_pin(const char *dir, const char *name)
{
	char path[512];
	int err = pins_path(dir, "", name, path, sizeof(path));

	return err ? err : bpf_obj_get(path);
}

static int map_info(int fd, struct bpf_map_info *ret)
{
	uint32_t size = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return bpf_obj_get_info_by_fd(fd, ret, &size);
}

/* Works on any contract: only keys are read, of the size the map says. */
static uint32_t count_keys(int fd)
{
	struct bpf_map_info info;
	uint8_t key[256], next[256];
	void *at = NULL;
	uint32_t n = 0;

	if (map_info(fd, &info) || info.key_size > sizeof(key))
		return 0;
	while (!bpf_map_get_next_key(fd, at, next) && n < info.max_entries) {
		memcpy(key, next, info.key_size);
		at = key;
		n++;
	}
	return n;
}

uint32_t xdp_pinned_flows(const char *dir)
{
	int fd = open_pin(dir, SLUICE_MAP_FLOWS);
	uint32_t n = fd < 0 ? 0 : count_keys(fd);

	if (fd >= 0)
		close(fd);
	return n;
}

/* The control entry, whatever its length by then; -errno. */
static int read_control(const char *dir, struct sluice_control *ret)
{
	struct bpf_map_info info;
	uint8_t value[256] = { 0 };
	uint32_t zero = 0;
	int fd = open_pin(dir, SLUICE_MAP_CONTROL), err;

	if (fd < 0)
		return fd;
	err = map_info(fd, &info);
	if (!err)
		err = info.value_size > sizeof(value) ? -EINVAL :
		      bpf_map_lookup_elem(fd, &zero, value);
	close(fd);
	if (!err)
		memcpy(ret, value, sizeof(*ret));
	return err;
}

/* Nothing in there is missed by anybody. */
static int discard(struct xdp *x, const char *why)
{
	log_info("datapath: %s: %s, removed", x->pin_dir, why);
	pins_clear(x->pin_dir);
	return 0;
}

int xdp_adopt_check(struct xdp *x, char *reason, size_t size)
{
	struct sluice_control c;
	uint32_t flows = xdp_pinned_flows(x->pin_dir);
	int err = read_control(x->pin_dir, &c);

	if (err == -ENOENT) {
		pins_clear(x->pin_dir);
		return pins_prepare(x->pin_dir);
	}
	if (err) {
		snprintf(reason, size, "%s/" SLUICE_MAP_CONTROL ": %s",
			 x->pin_dir, strerror(-err));
		return -EEXIST;
	}
	if (memcmp(c.boot_id, x->boot_id, sizeof(c.boot_id)))
		return discard(x, "of another boot");
	if (c.contract != SLUICE_CONTRACT_VERSION && !flows)
		return discard(x, "another contract, without media");
	if (c.contract == SLUICE_CONTRACT_VERSION ||
	    xdp_migrate_is_known(c.contract)) {
		x->left_ns = c.heartbeat_ns;
		err = xdp_migrate_check(x, c.contract);
		if (!err)
			return 1;
		snprintf(reason, size, "%s: %s", x->pin_dir, strerror(-err));
		return -EEXIST;
	}
	snprintf(reason, size, "%s holds %u flows of contract %u, this program "
		 "has contract %d: " XDP_WAYS_OUT, x->pin_dir, flows, c.contract,
		 SLUICE_CONTRACT_VERSION);
	return -EEXIST;
}

/* Figures and reports; a new program may have more of them. */
static bool is_dispensable(enum xdp_map i)
{
	return i == XDP_DROPS || i == XDP_COUNTERS || i == XDP_EVENTS;
}

/* How many entries it has is the earlier run's setting. */
static bool is_same(enum xdp_map i, const struct bpf_map *map,
		    const struct bpf_map_info *info)
{
	return bpf_map__type(map) == info->type &&
	       bpf_map__key_size(map) == info->key_size &&
	       bpf_map__value_size(map) == info->value_size &&
	       (!is_dispensable(i) ||
		bpf_map__max_entries(map) == info->max_entries);
}

static int adopt_map(struct xdp *x, enum xdp_map i, char *reason, size_t size)
{
	struct bpf_map *map = bpf_object__find_map_by_name(x->object,
							   xdp_map_names[i]);
	int fd = open_pin(x->pin_dir, xdp_map_names[i]), err;
	struct bpf_map_info info;

	err = fd < 0 ? fd : map_info(fd, &info);
	if (!err && map && is_same(i, map, &info)) {
		err = bpf_map__reuse_fd(map, fd);
		x->is_reused[i] = !err;
	} else if (is_dispensable(i)) {
		err = 0;
	} else {
		snprintf(reason, size, "%s/%s does not fit this program, "
			 "though both have contract %d: " XDP_WAYS_OUT, x->pin_dir,
			 xdp_map_names[i], SLUICE_CONTRACT_VERSION);
		err = -EEXIST;
	}
	if (fd >= 0)
		close(fd);
	return err;
}

int xdp_adopt_maps(struct xdp *x, char *reason, size_t size)
{
	bool is_older = x->from_contract && !x->is_committed;
	int i, err = is_older ? xdp_migrate_maps(x, reason, size) : 0;

	for (i = 0; i < XDP_MAPS && !err; i++)
		if (!is_older || !xdp_migrate_is_new(i))
			err = adopt_map(x, i, reason, size);
	return err;
}

void xdp_adopt_hops(struct xdp *x)
{
	struct sluice_next_hop hop;
	uint32_t id;

	for (id = 1; id < SLUICE_MAX_NEXT_HOPS; id++)
		if (!bpf_map_lookup_elem(x->maps[XDP_NEXT_HOPS], &id, &hop) &&
		    hop.flags & SLUICE_HOP_VALID)
			neighbours_reserve(x->neighbours, id, &hop);
}

/* ---- claims ------------------------------------------------------------ */

int xdp_key_claim(void *backend, uint32_t slot, struct sluice_key *ret)
{
	struct xdp *x = backend;
	int err;

	if (!slot || slot >= x->key_size)
		return -EINVAL;
	err = bpf_map_lookup_elem(x->maps[XDP_KEYS], &slot, ret);
	if (err)
		return err;
	if (ret->profile == SLUICE_SRTP_NONE)
		return -ENOENT;
	x->key_is_used[slot] = 1;
	return 0;
}

int xdp_transport_claim(void *backend, uint32_t id,
			struct sluice_transport *ret)
{
	struct xdp *x = backend;
	struct addr local = { 0 }, remote = { 0 };
	struct sluice_transport t;
	int err;

	if (!id || id >= x->size)
		return -EINVAL;
	err = bpf_map_lookup_elem(x->maps[XDP_TRANSPORTS], &id, &t);
	if (err)
		return err;
	if (!t.local_port)
		return -ENOENT;
	memcpy(local.ip, t.local.b, sizeof(local.ip));
	memcpy(remote.ip, t.remote.b, sizeof(remote.ip));
	if (addr_is_set(&remote) && t.remote_port) {
		uint32_t hop = t.next_hop;

		err = neighbours_adopt(x->neighbours, id, &local, &remote,
				       &hop);
		if (err)
			return err;
		if (hop != t.next_hop) {
			t.next_hop = hop;
			bpf_map_update_elem(x->maps[XDP_TRANSPORTS], &id, &t,
					    BPF_ANY);
		}
	}
	x->transport_is_used[id] = 1;
	*ret = t;
	return 0;
}

int xdp_stream_claim(void *backend, uint32_t id, struct sluice_stream *ret)
{
	struct xdp *x = backend;
	struct sluice_stream s;
	int err;

	if (!id || id >= x->size)
		return -EINVAL;
	err = bpf_map_lookup_elem(x->maps[XDP_STREAMS], &id, &s);
	if (err)
		return err;
	if (!s.out_ssrc)
		return -ENOENT;
	x->stream_is_used[id] = 1;
	xdp_relay_link(x, id, &s);
	*ret = s;
	/* a claimed transport may have got another next hop */
	return xdp_relay_write(x, id);
}

void xdp_flows(void *backend, datapath_flow_cb *each, void *arg)
{
	struct sluice_flow_key key, *at = NULL;
	struct xdp *x = backend;
	struct sluice_flow flow;

	while (!bpf_map_get_next_key(x->maps[XDP_FLOWS], at, &key)) {
		at = &key;
		if (!bpf_map_lookup_elem(x->maps[XDP_FLOWS], &key, &flow))
			each(arg, &key, &flow);
	}
}

/* ---- the rest ---------------------------------------------------------- */

typedef bool is_orphan(const struct xdp *x, const void *key,
		       const void *value);

static bool is_claimed(const struct xdp *x, uint32_t transport)
{
	return transport < x->size &&
	       x->transport_is_used[transport];
}

static bool flow_is_orphan(const struct xdp *x, const void *key,
			   const void *value)
{
	return !is_claimed(x, ((const struct sluice_flow *)value)->transport);
}

static bool ufrag_is_orphan(const struct xdp *x, const void *key,
			    const void *value)
{
	return !is_claimed(x, ((const struct sluice_ufrag *)value)->transport);
}

/* After the names: a password without one. */
static bool password_is_orphan(const struct xdp *x, const void *key,
			       const void *value)
{
	struct sluice_ufrag ufrag;

	return bpf_map_lookup_elem(x->maps[XDP_UFRAGS], key, &ufrag);
}

static bool port_is_orphan(const struct xdp *x, const void *key,
			   const void *value)
{
	const struct sluice_port *port = value;

	if (port->kind == SLUICE_PORT_WEB)
		return memcmp(key, &x->web_port, sizeof(x->web_port));
	return !is_claimed(x, port->transport);
}

/*
 * A key stays valid for get_next_key() until it is deleted: look one ahead.
 * Nobody else writes these maps.
 */
static uint32_t remove_orphans(struct xdp *x, enum xdp_map map,
			       is_orphan *judge)
{
	uint8_t key[64], next[64], value[256];
	struct bpf_map_info info;
	uint32_t n = 0;
	bool more;

	if (map_info(x->maps[map], &info) || info.key_size > sizeof(key) ||
	    info.value_size > sizeof(value))
		return 0;
	more = !bpf_map_get_next_key(x->maps[map], NULL, next);
	while (more) {
		memcpy(key, next, info.key_size);
		more = !bpf_map_get_next_key(x->maps[map], key, next);
		if (bpf_map_lookup_elem(x->maps[map], key, value) ||
		    !judge(x, key, value))
			continue;
		if (map == XDP_FLOWS)
			xdp_flow_set(x, (const struct sluice_flow_key *)key,
				     NULL);
		else
			bpf_map_delete_elem(x->maps[map], key);
		n++;
	}
	return n;
}

static void remove_transport(void *arg, struct xdp *x, uint32_t id,
			     const void *value)
{
	static const struct sluice_transport none;
	const struct sluice_transport *t = value;

	if (!id || id >= x->size || x->transport_is_used[id] || !t->local_port)
		return;
	bpf_map_update_elem(x->maps[XDP_TRANSPORTS], &id, &none, BPF_ANY);
	++*(uint32_t *)arg;
}

static void remove_stream(void *arg, struct xdp *x, uint32_t id,
			  const void *value)
{
	const struct sluice_stream *s = value;

	if (!id || id >= x->size || x->stream_is_used[id] || !s->out_ssrc)
		return;
	/* in its hands for as long as it takes to remove it */
	x->stream_is_used[id] = 1;
	xdp_stream_set(x, id, NULL, NULL);
	++*(uint32_t *)arg;
}

static void remove_key(void *arg, struct xdp *x, uint32_t slot,
		       const void *value)
{
	const struct sluice_key *key = value;

	if (!slot || slot >= x->key_size || x->key_is_used[slot] ||
	    key->profile == SLUICE_SRTP_NONE)
		return;
	datapath_xdp_ops.key_set(x, slot, NULL);
	++*(uint32_t *)arg;
}

static void remove_unclaimed(struct xdp *x, enum xdp_map map,
			     size_t value_size, xdp_walk_cb *each, uint32_t *n)
{
	int err = xdp_walk(x, map, value_size, each, n);

	if (err)
		log_warn("datapath: %s/%s: what nobody claims stays: %s",
			 x->pin_dir, xdp_map_names[map], strerror(-err));
}

uint32_t xdp_settle(void *backend)
{
	struct xdp *x = backend;
	const char *names[XDP_INTERFACES_MAX];
	uint32_t n;
	size_t i;

	/* what leads to others first, then what is led to */
	n = remove_orphans(x, XDP_FLOWS, flow_is_orphan);
	n += remove_orphans(x, XDP_UFRAGS, ufrag_is_orphan);
	remove_orphans(x, XDP_ICE_KEYS, password_is_orphan);
	n += remove_orphans(x, XDP_PORTS, port_is_orphan);
	remove_unclaimed(x, XDP_TRANSPORTS, sizeof(struct sluice_transport),
			 remove_transport, &n);
	remove_unclaimed(x, XDP_STREAMS, sizeof(struct sluice_stream),
			 remove_stream, &n);
	remove_unclaimed(x, XDP_KEYS, sizeof(struct sluice_key), remove_key,
			 &n);
	neighbours_settle(x->neighbours);
	for (i = 0; i < x->attached_count; i++)
		names[i] = x->attached[i].name;
	pins_drop_interfaces(x->pin_dir, names, x->attached_count);
	return n;
}
