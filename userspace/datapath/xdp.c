// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel backend: loads, pins and attaches the program, keeps the maps.
 * Media needs nothing of this process once the maps are written; what the
 * program hands up needs the heartbeat of tick().
 */
#include "datapath/xdp.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "datapath/backends.h"
#include "datapath/pinned.h"
#include "datapath/pins.h"
#include "lib/egress.h"
#include "lib/srtp.h"

const char *const xdp_map_names[XDP_MAPS] = {
	[XDP_CONTROL] = SLUICE_MAP_CONTROL,
	[XDP_FLOWS] = SLUICE_MAP_FLOWS,
	[XDP_NEAR] = SLUICE_MAP_NEAR,
	[XDP_PORTS] = SLUICE_MAP_PORTS,
	[XDP_UFRAGS] = SLUICE_MAP_UFRAGS,
	[XDP_ICE_KEYS] = SLUICE_MAP_ICE_KEYS,
	[XDP_KEYS] = SLUICE_MAP_KEYS,
	[XDP_TRANSPORTS] = SLUICE_MAP_TRANSPORTS,
	[XDP_STREAMS] = SLUICE_MAP_STREAMS,
	[XDP_RELAYS] = SLUICE_MAP_RELAYS,
	[XDP_STATES] = SLUICE_MAP_STATES,
	[XDP_RTCP] = SLUICE_MAP_RTCP,
	[XDP_PEERS] = SLUICE_MAP_PEERS,
	[XDP_NEXT_HOPS] = SLUICE_MAP_NEXT_HOPS,
	[XDP_DEVICES] = SLUICE_MAP_DEVICES,
	[XDP_DROPS] = SLUICE_MAP_DROPS,
	[XDP_COUNTERS] = SLUICE_MAP_COUNTERS,
	[XDP_EVENTS] = SLUICE_MAP_EVENTS,
};

static const char *const watch_names[XDP_WATCHES] = {
	"sl_devmap_xmit", "sl_redirect_err", "sl_exception" };

static int libbpf_log(enum libbpf_print_level level, const char *fmt,
		      va_list args)
{
	char line[512];

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), fmt, args);
	line[strcspn(line, "\n")] = 0;
	log_debug("libbpf: %s", line);
	return 0;
}

/* Writes or, without a value, removes an entry of a hash. */
static int hash_set(struct xdp *x, enum xdp_map map, const void *key,
		    const void *value)
{
	int err;

	if (value)
		return bpf_map_update_elem(x->maps[map], key, value, BPF_ANY);
	err = bpf_map_delete_elem(x->maps[map], key);
	return err == -ENOENT ? 0 : err;
}

static int xdp_port_set(void *backend, const struct sluice_port_key *key,
			const struct sluice_port *port)
{
	struct xdp *x = backend;

	if (port && port->kind == SLUICE_PORT_WEB)
		x->web_port = *key;
	return hash_set(backend, XDP_PORTS, key, port);
}

/* The name is there only while its password is. */
static int xdp_ufrag_set(void *backend, const struct sluice_ufrag_key *key,
			 const struct sluice_ufrag *ufrag,
			 const struct sluice_ice_key *password)
{
	static const struct sluice_ice_key zero;
	int err;

	if (!ufrag) {
		err = hash_set(backend, XDP_UFRAGS, key, NULL);
		/* a deleted entry's memory keeps its content */
		hash_set(backend, XDP_ICE_KEYS, key, &zero);
		hash_set(backend, XDP_ICE_KEYS, key, NULL);
		return err;
	}
	err = hash_set(backend, XDP_ICE_KEYS, key, password);
	return err ? err : hash_set(backend, XDP_UFRAGS, key, ufrag);
}

static int xdp_key_set(void *backend, uint32_t slot,
		       const struct sluice_key *key)
{
	static const struct sluice_key zero;
	struct xdp *x = backend;

	if (!slot || slot >= x->key_size)
		return -EINVAL;
	if (key && !sluice_srtp_tag_len(key->profile))
		return -EOPNOTSUPP;
	x->key_is_used[slot] = !!key;
	return bpf_map_update_elem(x->maps[XDP_KEYS], &slot,
				   key ? key : &zero, BPF_ANY);
}

static struct addr contract_addr(const struct sluice_addr *a)
{
	struct addr ret = { 0 };

	memcpy(ret.ip, a->b, sizeof(ret.ip));
	return ret;
}

static int xdp_transport_set(void *backend, uint32_t id,
			     const struct sluice_transport *transport)
{
	struct sluice_transport value = { 0 };
	struct xdp *x = backend;
	struct addr local, remote;
	int err;

	if (!id || id >= x->size)
		return -EINVAL;
	if (!transport) {
		err = bpf_map_update_elem(x->maps[XDP_TRANSPORTS], &id, &value,
					  BPF_ANY);
		neighbours_forget(x->neighbours, id);
		x->transport_is_used[id] = 0;
		return err ? err : xdp_relay_transport(x, id);
	}
	value = *transport;
	value.next_hop = 0;
	local = contract_addr(&transport->local);
	remote = contract_addr(&transport->remote);
	/* the remote of a browser is known once a pair is selected */
	if (addr_is_set(&remote) && transport->remote_port) {
		err = neighbours_follow(x->neighbours, id, &local, &remote,
					&value.next_hop);
		if (err)
			return err;
	}
	x->transport_is_used[id] = 1;
	sluice_egress_make(&value, &value.egress);
	err = bpf_map_update_elem(x->maps[XDP_TRANSPORTS], &id, &value,
				  BPF_ANY);
	return err ? err : xdp_relay_transport(x, id);
}

static bool is_egress(void *arg, int ifindex)
{
	struct xdp *x = arg;
	size_t i;

	for (i = 0; i < x->attached_count; i++)
		if (x->attached[i].ifindex == ifindex)
			return true;
	return false;
}

static void hop_changed(void *arg, uint32_t hop_id,
			const struct sluice_next_hop *hop)
{
	struct xdp *x = arg;

	bpf_map_update_elem(x->maps[XDP_NEXT_HOPS], &hop_id, hop, BPF_ANY);
}

static void route_changed(void *arg, uint32_t id, uint32_t hop_id)
{
	struct sluice_transport t;
	struct xdp *x = arg;

	if (bpf_map_lookup_elem(x->maps[XDP_TRANSPORTS], &id, &t))
		return;
	t.next_hop = hop_id;
	bpf_map_update_elem(x->maps[XDP_TRANSPORTS], &id, &t, BPF_ANY);
	xdp_relay_transport(x, id);
}

static int per_cpu_sum(struct xdp *x, enum xdp_map map, uint32_t index,
		       uint64_t *values, uint64_t *ret)
{
	uint64_t sum = 0;
	int i, err;

	err = bpf_map_lookup_elem(x->maps[map], &index, values);
	if (err)
		return err;
	for (i = 0; i < x->cpus; i++)
		sum += values[i];
	*ret = sum;
	return 0;
}

static int xdp_totals(void *backend, struct datapath_totals *ret)
{
	struct datapath_totals totals = { 0 };
	struct xdp *x = backend;
	uint64_t *values = calloc((size_t)x->cpus, sizeof(*values));
	uint32_t i;
	int err = values ? 0 : -ENOMEM;

	for (i = 0; i < SLUICE_DROP_MAX && !err; i++)
		err = per_cpu_sum(x, XDP_DROPS, i, values, &totals.drops[i]);
	for (i = 0; i < SLUICE_COUNT_MAX && !err; i++)
		err = per_cpu_sum(x, XDP_COUNTERS, i, values,
				  &totals.counters[i]);
	free(values);
	if (!err)
		*ret = totals;
	return err;
}

static int heartbeat(struct xdp *x)
{
	struct sluice_control c = { .contract = SLUICE_CONTRACT_VERSION,
				    .near_mask = x->near_mask,
				    .heartbeat_ns = clock_ns() };
	uint32_t zero = 0;

	memcpy(c.boot_id, x->boot_id, sizeof(c.boot_id));
	return bpf_map_update_elem(x->maps[XDP_CONTROL], &zero, &c, BPF_ANY);
}

static int event_seen(void *arg, void *data, size_t size)
{
	struct xdp *x = arg;

	if (size >= sizeof(struct sluice_event) && x->each)
		x->each(x->each_arg, data);
	/* an error ends the reading behind this one */
	return ++x->each_count < XDP_EVENTS_MAX ? 0 : -EAGAIN;
}

static int xdp_event_fd(void *backend)
{
	return ring_buffer__epoll_fd(((struct xdp *)backend)->events);
}

static void xdp_events(void *backend, datapath_event_cb *each, void *arg)
{
	struct xdp *x = backend;

	x->each = each;
	x->each_arg = arg;
	x->each_count = 0;
	ring_buffer__consume(x->events);
	x->each = NULL;
}

static void xdp_tick(void *backend)
{
	struct xdp *x = backend;

	heartbeat(x);
	neighbours_tick(x->neighbours);
}

static void xdp_close(void *backend)
{
	struct xdp *x = backend;
	uint32_t slot;
	size_t i;

	if (!x)
		return;
	xdp_detach_all(x);
	for (slot = 1; slot < x->key_size && !x->is_kept; slot++)
		if (x->key_is_used && x->key_is_used[slot])
			xdp_key_set(x, slot, NULL);
	for (i = 0; i < XDP_WATCHES; i++)
		bpf_link__destroy(x->watch[i]);
	neighbours_close(x->neighbours);
	ring_buffer__free(x->events);
	xdp_migrate_free(x);
	bpf_object__close(x->object);
	if (x->pin_dir[0] && !x->is_kept)
		pins_remove(x->pin_dir);
	if (x->lock_fd >= 0)
		close(x->lock_fd);
	xdp_size_free(x);
	free(x);
}

uint32_t datapath_xdp_size(void *backend)
{
	return ((const struct xdp *)backend)->size;
}

bool datapath_xdp_adopted(void *backend, uint64_t *ret_absent_ms)
{
	const struct xdp *x = backend;
	uint64_t now = clock_ns();

	if (x->is_adopted && now > x->left_ns)
		*ret_absent_ms = (now - x->left_ns) / 1000000;
	return x->is_adopted;
}

void datapath_xdp_keep(void *backend, bool is_kept)
{
	((struct xdp *)backend)->is_kept = is_kept;
}

bool datapath_xdp_has_media(const char *pin_dir)
{
	return xdp_pinned_flows(pin_dir) > 0;
}

int datapath_xdp_discard(const char *pin_dir)
{
	int err = pinned_detach(pin_dir);

	/* a dispatcher's pins are elsewhere */
	if (err == -ENOENT)
		attach_clear_dispatchers();
	return err == -EBUSY ? err : 0;
}

int datapath_xdp_interfaces(void *backend, struct datapath_interface *ret,
			    size_t max)
{
	struct xdp *x = backend;
	size_t i;

	for (i = 0; i < x->attached_count && i < max; i++)
		xdp_interface(&x->attached[i], &ret[i]);
	return (int)i;
}

static void read_boot_id(uint64_t ret[2])
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "r");
	char text[64], hex[33] = "";
	size_t i, n = 0;

	if (!f)
		return;
	if (fgets(text, sizeof(text), f))
		for (i = 0; text[i] && n < 32; i++)
			if (text[i] != '-' && text[i] != '\n')
				hex[n++] = text[i];
	fclose(f);
	ret[1] = strtoull(hex + 16, NULL, 16);
	hex[16] = 0;
	ret[0] = strtoull(hex, NULL, 16);
}

/* The contract's maps; scratch has no life beyond the program. */
static int pin_maps(struct xdp *x)
{
	char path[512];
	int i, err;

	for (i = 0; i < XDP_MAPS; i++) {
		if (x->is_reused[i])
			continue;
		err = pins_path(x->pin_dir, "", xdp_map_names[i], path,
				sizeof(path));
		if (err)
			return err;
		unlink(path);	/* of another size than the adopted one */
		err = bpf_obj_pin(x->maps[i], path);
		if (err)
			return err;
	}
	return 0;
}

static int open_object(struct xdp *x, uint32_t streams, char *reason,
		       size_t size)
{
	x->object = bpf_object__open_file(x->object_path, NULL);
	if (!x->object) {
		snprintf(reason, size, "%s: %s", x->object_path,
			 strerror(errno));
		return -errno;
	}
	return xdp_size_set(x, streams);
}

/* Maps that do not fit and carry nothing: as if there were none. */
static int begin_anew(struct xdp *x, uint32_t streams, char *reason,
		      size_t size)
{
	log_info("datapath: %s: maps that do not fit, without media, removed",
		 x->pin_dir);
	pins_clear(x->pin_dir);
	bpf_object__close(x->object);
	x->object = NULL;
	x->is_adopted = x->is_kept = false;
	x->from_contract = 0;
	memset(x->is_reused, 0, sizeof(x->is_reused));
	reason[0] = 0;
	return open_object(x, streams, reason, size);
}

/* On the maps of an earlier run, where there are any. */
static int load_object(struct xdp *x, uint32_t streams, char *reason,
		       size_t size)
{
	int err;

	err = open_object(x, streams, reason, size);
	if (!err && x->is_adopted) {
		err = xdp_adopt_maps(x, reason, size);
		if (err == -EEXIST && !xdp_pinned_flows(x->pin_dir))
			err = begin_anew(x, streams, reason, size);
	}
	if (err)
		return err;
	err = xdp_object_load(x->object);
	if (err)
		snprintf(reason, size, "loading %s: %s", x->object_path,
			 strerror(-err));
	return err;
}

/* What is faster first; without it nothing is missing. */
static int load_with_arena(struct xdp *x, uint32_t streams)
{
	char plain[sizeof(x->object_path)], reason[256] = "";
	int err;

	if (!xdp_has_arenas())
		return -EOPNOTSUPP;
	strcpy(plain, x->object_path);
	err = xdp_arena_path(plain, x->object_path, sizeof(x->object_path));
	if (err)
		return err;
	err = load_object(x, streams, reason, sizeof(reason));
	x->has_arena = !err;
	if (!err)
		return 0;
	log_debug("datapath: %s; trying %s", reason, plain);
	bpf_object__close(x->object);
	x->object = NULL;
	memset(x->is_reused, 0, sizeof(x->is_reused));
	strcpy(x->object_path, plain);
	return err;
}

static int load(struct xdp *x, uint32_t streams, char *reason, size_t size)
{
	int i, err;

	err = load_with_arena(x, streams);
	if (err)
		err = load_object(x, streams, reason, size);
	if (err)
		return err;
	for (i = 0; i < XDP_MAPS; i++) {
		x->maps[i] = bpf_object__find_map_fd_by_name(x->object,
							     xdp_map_names[i]);
		if (x->maps[i] < 0) {
			snprintf(reason, size, "%s: no map %s", x->object_path,
				 xdp_map_names[i]);
			return -EINVAL;
		}
	}
	/* until they are filled nobody is to find them */
	err = x->from_contract ? 0 : pin_maps(x);
	if (err)
		snprintf(reason, size, "pinning in %s: %s", x->pin_dir,
			 strerror(-err));
	return err ? err : xdp_size_read(x);
}

/* Without them drivers' drops go uncounted and the canary is blind. */
static int watch(struct xdp *x, char *reason, size_t size)
{
	struct bpf_program *program;
	int i;

	for (i = 0; i < XDP_WATCHES; i++) {
		program = bpf_object__find_program_by_name(x->object,
							   watch_names[i]);
		x->watch[i] = program ? bpf_program__attach(program) : NULL;
		if (!x->watch[i]) {
			snprintf(reason, size, "raw tracepoint %s: %s",
				 watch_names[i], strerror(errno));
			return -EOPNOTSUPP;
		}
	}
	return 0;
}

static int open_neighbours(struct xdp *x)
{
	struct neighbours_ops ops = { is_egress, hop_changed, route_changed,
				      x };
	int err = neighbours_open(&ops, x->size, &x->neighbours);

	if (!err && x->is_adopted)
		xdp_adopt_hops(x);
	return err;
}

static void describe(const struct xdp *x, char *reason, size_t size)
{
	const struct attach *a;
	size_t i, at = 0;

	for (i = 0; i < x->attached_count && at < size; i++) {
		a = &x->attached[i];
		at += (size_t)snprintf(reason + at, size - at,
				       "%s%s %s by %s", i ? ", " : "", a->name,
				       a->is_generic ? "generic" : "native",
				       attach_way_name(a->way));
	}
	if (at < size)
		snprintf(reason + at, size - at, ", AES tables in %s",
			 x->has_arena ? "an arena" : "the program");
}

/*
 * What is there already is kept, whatever happens, until datapath_keep() says
 * otherwise.
 */
static int open_pins(struct xdp *x, const struct datapath_config *config,
		     char *reason, size_t size)
{
	int err;

	err = pins_prepare(config->pin_dir);
	if (err) {
		snprintf(reason, size, "%s: %s", config->pin_dir,
			 err == -EINVAL ? "no BPF file system" :
					  strerror(-err));
		return err;
	}
	strcpy(x->pin_dir, config->pin_dir);
	x->is_kept = true;
	err = pins_lock(x->pin_dir, &x->lock_fd);
	if (err) {
		snprintf(reason, size, "%s: %s", x->pin_dir,
			 err == -EWOULDBLOCK ? "in use by another sluiced" :
					       strerror(-err));
		return err;
	}
	if (config->discard_media)
		pins_clear(x->pin_dir);
	err = xdp_adopt_check(x, reason, size);
	x->is_adopted = err > 0;
	x->is_kept = err;
	return err < 0 ? err : 0;
}

int datapath_xdp_open(const struct datapath_config *config, void **ret,
		      char *reason, size_t reason_size)
{
	uint32_t streams = config->streams ? config->streams :
					     SLUICE_MAX_STREAMS;
	struct xdp *x;
	int err;

	reason[0] = 0;
	if (strlen(config->object) >= sizeof(x->object_path) ||
	    strlen(config->pin_dir) >= sizeof(x->pin_dir))
		return -ENAMETOOLONG;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	strcpy(x->object_path, config->object);
	x->lock_fd = x->old_keys_fd = -1;
	x->by_netlink = config->by_netlink;
	x->cpus = libbpf_num_possible_cpus();
	read_boot_id(x->boot_id);
	libbpf_set_print(libbpf_log);

	err = open_pins(x, config, reason, reason_size);
	if (!err)
		err = load(x, streams, reason, reason_size);
	if (!err)
		err = watch(x, reason, reason_size);
	if (!err)
		err = xdp_attach_all(x, config, reason, reason_size);
	if (!err && x->from_contract)
		err = xdp_migrate_end(x);
	if (!err)
		err = heartbeat(x);
	if (!err && x->from_contract)
		xdp_migrate_clean(x);
	if (!err)
		err = open_neighbours(x);
	if (!err) {
		x->events = ring_buffer__new(x->maps[XDP_EVENTS], event_seen,
					     x, NULL);
		err = x->events ? 0 : -errno;
	}
	if (err) {
		if (!reason[0])
			snprintf(reason, reason_size, "%s", strerror(-err));
		/* the old program and its maps go on as they are */
		if (x->is_kept && (x->lock_fd < 0 ||
				   xdp_pinned_flows(x->pin_dir)))
			err = -EEXIST;
		else
			x->is_kept = false;
		xdp_close(x);
		return err;
	}
	describe(x, reason, reason_size);
	*ret = x;
	return 0;
}

const struct datapath_ops datapath_xdp_ops = {
	.name = "xdp",
	.close = xdp_close,
	.port_set = xdp_port_set,
	.ufrag_set = xdp_ufrag_set,
	.flow_set = xdp_flow_set,
	.key_set = xdp_key_set,
	.transport_set = xdp_transport_set,
	.stream_set = xdp_stream_set,
	.stream_stop = xdp_stream_stop,
	.stream_freeze = xdp_stream_freeze,
	.stream_stats = xdp_stream_stats,
	.peer_get = xdp_peer_get,
	.peer_set = xdp_peer_set,
	.totals = xdp_totals,
	.tick = xdp_tick,
	.event_fd = xdp_event_fd,
	.events = xdp_events,
	.key_claim = xdp_key_claim,
	.transport_claim = xdp_transport_claim,
	.stream_claim = xdp_stream_claim,
	.flows = xdp_flows,
	.settle = xdp_settle,
};
