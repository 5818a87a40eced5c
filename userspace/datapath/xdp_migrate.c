// SPDX-License-Identifier: Apache-2.0
/*
 * Media of contract 2 under the program of the present one
 * (Documentation/restart.rst, "Contract versions"). Maps that both have stay;
 * the others are made and filled beside the old ones, and get their pins once
 * sl_control tells that it is done:
 *
 *   contract 2			the old maps are whole, whatever else is pinned
 *   contract 3, sl_carried	the new maps are whole, some as sl_new_x; the
 *				old program or the bridge (contract2.bpf.c) may
 *				still be attached
 *   contract 3			the new maps are whole, nothing else is needed
 */
#include "datapath/xdp.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "datapath/contract2.h"
#include "datapath/netlink.h"
#include "datapath/pins.h"
#include "lib/egress.h"

#define NEW_PREFIX	"sl_new_"	/* and a map's name; also goes with "sl_" */
#define BRIDGE_OBJECT	"contract2.bpf.o"
#define BRIDGE_PROGRAM	"contract2_xdp"
#define CARRY_PROGRAM	"contract2_carry"

/* Maps whose layout is another one, and how the old one had it. */
static const struct layout {
	enum xdp_map map;	/* XDP_MAPS: it has none */
	const char *name;
	uint32_t type, key_size, value_size;
} layouts[] = {
	{ XDP_FLOWS, SLUICE_MAP_FLOWS, BPF_MAP_TYPE_HASH,
	  sizeof(struct sluice_flow_key), sizeof(struct contract2_flow) },
	{ XDP_KEYS, SLUICE_MAP_KEYS, BPF_MAP_TYPE_ARRAY, sizeof(uint32_t),
	  sizeof(struct contract2_key) },
	{ XDP_MAPS, CONTRACT2_MAP_OUT, BPF_MAP_TYPE_ARRAY, sizeof(uint32_t),
	  sizeof(struct contract2_out) },
	{ XDP_MAPS, CONTRACT2_MAP_SSRCS, BPF_MAP_TYPE_HASH,
	  sizeof(struct contract2_ssrc_key), sizeof(struct contract2_ssrc) },
	{ XDP_MAPS, CONTRACT2_MAP_SOURCES, BPF_MAP_TYPE_ARRAY,
	  sizeof(uint32_t), sizeof(struct contract2_sources) },
};

#define LAYOUTS	(sizeof(layouts) / sizeof(layouts[0]))

/* In the order in which they go: the first tells that the others are needed. */
static const char *const passing[] = {
	CONTRACT2_MAP_CARRIED, CONTRACT2_MAP_JUMP, CONTRACT2_MAP_OUT,
	CONTRACT2_MAP_SSRCS, CONTRACT2_MAP_SOURCES };

bool xdp_migrate_is_known(uint32_t contract)
{
	return contract == CONTRACT2_VERSION;
}

bool xdp_migrate_is_new(enum xdp_map i)
{
	return i == XDP_FLOWS || i == XDP_NEAR || i == XDP_KEYS ||
	       i == XDP_RELAYS || i == XDP_STATES;
}

/* ---- pins ------------------------------------------------------------------ */

static int pin(const char *dir, const char *prefix, const char *name, int fd)
{
	char path[PATH_MAX];
	int err = pins_path(dir, prefix, name, path, sizeof(path));

	if (err)
		return err;
	unlink(path);
	return bpf_obj_pin(fd, path);
}

static int open_pin(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int err = pins_path(dir, "", name, path, sizeof(path));

	return err ? err : bpf_obj_get(path);
}

static void unpin(const char *dir, const char *prefix, const char *name)
{
	char path[PATH_MAX];

	if (!pins_path(dir, prefix, name, path, sizeof(path)))
		unlink(path);
}

static void unpin_new(const char *dir)
{
	for (int i = 0; i < XDP_MAPS; i++)
		unpin(dir, NEW_PREFIX, xdp_map_names[i]);
	unpin(dir, "", CONTRACT2_MAP_CARRIED);
	unpin(dir, "", CONTRACT2_MAP_JUMP);
}

/* Each takes the place of the old one, if there is one. */
static int settle_pins(const char *dir)
{
	char from[PATH_MAX], to[PATH_MAX];
	int i, err;

	for (i = 0; i < XDP_MAPS; i++) {
		err = pins_path(dir, NEW_PREFIX, xdp_map_names[i], from,
				sizeof(from));
		if (!err)
			err = pins_path(dir, "", xdp_map_names[i], to,
					sizeof(to));
		if (err)
			return err;
		if (rename(from, to) && errno != ENOENT)
			return -errno;
	}
	return 0;
}

static void unpin_passing(const char *dir)
{
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		unpin(dir, "", passing[i]);
}

bool xdp_migrate_is_unfinished(const char *dir)
{
	char path[PATH_MAX];

	return !pins_path(dir, "", CONTRACT2_MAP_CARRIED, path,
			  sizeof(path)) && !access(path, F_OK);
}

int xdp_migrate_check(struct xdp *x, uint32_t contract)
{
	x->is_committed = contract == SLUICE_CONTRACT_VERSION;
	if (!x->is_committed) {
		x->from_contract = contract;
		unpin_new(x->pin_dir);
		return 0;
	}
	if (!xdp_migrate_is_unfinished(x->pin_dir)) {
		/* perhaps killed when all was done */
		unpin_passing(x->pin_dir);
		return 0;
	}
	x->from_contract = CONTRACT2_VERSION;
	log_info("datapath: %s: going on from contract %u to %d", x->pin_dir,
		 x->from_contract, SLUICE_CONTRACT_VERSION);
	return settle_pins(x->pin_dir);
}

/* ---- before the object is loaded ------------------------------------------- */

static int old_map(struct xdp *x, const struct layout *l,
		   struct bpf_map_info *ret, char *reason, size_t size)
{
	uint32_t info_size = sizeof(*ret);
	int fd = open_pin(x->pin_dir, l->name), err = fd < 0 ? fd : 0;

	memset(ret, 0, sizeof(*ret));
	if (!err)
		err = bpf_obj_get_info_by_fd(fd, ret, &info_size);
	if (!err && (ret->type != l->type || ret->key_size != l->key_size ||
		     ret->value_size != l->value_size))
		err = -EINVAL;
	if (fd >= 0)
		close(fd);
	if (err)
		snprintf(reason, size, "%s/%s is not as contract %u had it: "
			 XDP_WAYS_OUT, x->pin_dir, l->name, CONTRACT2_VERSION);
	return err ? -EEXIST : 0;
}

static int resize(struct xdp *x, enum xdp_map i, uint32_t entries)
{
	struct bpf_map *map = bpf_object__find_map_by_name(x->object,
							   xdp_map_names[i]);

	return map ? bpf_map__set_max_entries(map, entries) : -EINVAL;
}

int xdp_migrate_maps(struct xdp *x, char *reason, size_t size)
{
	struct bpf_map_info info[LAYOUTS];
	size_t i;
	int err = 0;

	for (i = 0; i < LAYOUTS && !err; i++)
		err = old_map(x, &layouts[i], &info[i], reason, size);
	/* by stream id */
	if (!err)
		err = xdp_size_set(x, info[LAYOUTS - 1].max_entries);
	for (i = 0; i < LAYOUTS && !err; i++)
		if (layouts[i].map != XDP_MAPS)
			err = resize(x, layouts[i].map, info[i].max_entries);
	return err;
}

/* ---- filling --------------------------------------------------------------- */

static int fill_flows(struct xdp *x, int old, uint32_t *ret)
{
	struct sluice_flow_key key, *at = NULL;
	struct contract2_flow from;
	struct sluice_flow flow;
	int err = 0;

	while (!err && !bpf_map_get_next_key(old, at, &key)) {
		at = &key;
		if (bpf_map_lookup_elem(old, &key, &from))
			continue;
		contract2_convert_flow(&from, &flow);
		err = xdp_flow_set(x, &key, &flow);
		++*ret;
	}
	return err;
}

static int fill_keys(struct xdp *x, int old, uint32_t *ret)
{
	struct contract2_key from;
	struct sluice_key key;
	uint32_t slot;
	int err = 0;

	for (slot = 1; slot < x->key_size && !err; slot++) {
		if (bpf_map_lookup_elem(old, &slot, &from) ||
		    from.profile == SLUICE_SRTP_NONE)
			continue;
		contract2_convert_key(&from, &key);
		err = bpf_map_update_elem(x->maps[XDP_KEYS], &slot, &key,
					  BPF_ANY);
		++*ret;
	}
	explicit_bzero(&from, sizeof(from));
	explicit_bzero(&key, sizeof(key));
	return err;
}

/* Into what contract 2 kept reserved: its program never looks there. */
static int fill_egress(struct xdp *x)
{
	struct sluice_transport t;
	uint32_t id;
	int err = 0;

	for (id = 1; id < x->size && !err; id++) {
		if (bpf_map_lookup_elem(x->maps[XDP_TRANSPORTS], &id, &t) ||
		    !t.local_port)
			continue;
		sluice_egress_make(&t, &t.egress);
		err = bpf_map_update_elem(x->maps[XDP_TRANSPORTS], &id, &t,
					  BPF_ANY);
	}
	return err;
}

static int fill_relays(struct xdp *x, int out, uint32_t *ret)
{
	struct contract2_out o;
	struct sluice_stream s;
	uint32_t id;
	int err = 0;

	for (id = 1; id < x->size && !err; id++) {
		if (bpf_map_lookup_elem(x->maps[XDP_STREAMS], &id, &s) ||
		    !s.out_ssrc)
			continue;
		err = xdp_relay_write(x, id);
		++*ret;
		if (!bpf_map_lookup_elem(out, &id, &o) &&
		    o.sources > SLUICE_SSRCS_PER_STREAM)
			log_warn("datapath: stream %u has %u sources, the %d "
				 "heard last are kept", id, o.sources,
				 SLUICE_SSRCS_PER_STREAM);
	}
	return err;
}

static int fill(struct xdp *x, char *reason, size_t size)
{
	int flows = open_pin(x->pin_dir, SLUICE_MAP_FLOWS);
	int out = open_pin(x->pin_dir, CONTRACT2_MAP_OUT);
	uint32_t n_flows = 0, n_keys = 0, n_streams = 0;
	int err;

	x->old_keys_fd = open_pin(x->pin_dir, SLUICE_MAP_KEYS);
	err = fill_flows(x, flows, &n_flows);
	if (!err)
		err = fill_keys(x, x->old_keys_fd, &n_keys);
	if (!err)
		err = fill_egress(x);
	if (!err)
		err = fill_relays(x, out, &n_streams);
	if (err)
		snprintf(reason, size, "copying the maps of contract %u: %s",
			 CONTRACT2_VERSION, strerror(-err));
	else
		log_info("datapath: contract %u: %u flows, %u streams, %u keys "
			 "to be taken over", CONTRACT2_VERSION, n_flows,
			 n_streams, n_keys);
	if (flows >= 0)
		close(flows);
	if (out >= 0)
		close(out);
	return err;
}

/* ---- the bridge ------------------------------------------------------------ */

/* Ours, contract 2's, one of an attempt that was cut short, or its own. */
static int share_map(struct xdp *x, struct bpf_map *map)
{
	const char *name = bpf_map__name(map);
	int err, mine = bpf_object__find_map_fd_by_name(x->object, name);
	int fd = mine >= 0 ? mine : open_pin(x->pin_dir, name);

	if (fd < 0)
		return strcmp(name, CONTRACT2_MAP_CARRIED) ?
			       0 : bpf_map__set_max_entries(map, x->size);
	err = bpf_map__reuse_fd(map, fd);
	if (fd != mine)
		close(fd);
	return err;
}

static int bridge_fd(struct xdp *x, const char *program)
{
	return bpf_program__fd(bpf_object__find_program_by_name(x->bridge,
								program));
}

static int load_bridge(struct xdp *x, char *reason, size_t size)
{
	char dir[PATH_MAX], path[PATH_MAX];
	struct bpf_map *map;
	uint32_t zero = 0;
	int fd, err = 0;

	snprintf(dir, sizeof(dir), "%s", x->object_path);
	err = pins_path(dirname(dir), "", BRIDGE_OBJECT, path, sizeof(path));
	if (err)
		return err;
	x->bridge = bpf_object__open_file(path, NULL);
	err = x->bridge ? 0 : -errno;
	if (!err)
		bpf_object__for_each_map(map, x->bridge)
			if (!err)
				err = share_map(x, map);
	if (!err)
		err = bpf_object__load(x->bridge);
	if (!err) {
		fd = bpf_program__fd(bpf_object__find_program_by_name(
			x->object, ATTACH_PROGRAM));
		err = bpf_map_update_elem(
			bpf_object__find_map_fd_by_name(x->bridge,
							CONTRACT2_MAP_JUMP),
			&zero, &fd, BPF_ANY);
	}
	if (err)
		snprintf(reason, size, "%s: %s", path, strerror(-err));
	return err;
}

/* All streams; final: nothing moves the old maps any more. */
static int carry(struct xdp *x, bool is_final)
{
	struct contract2_carry run = { .count = CONTRACT2_CARRY_MAX,
				       .is_final = is_final };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &run,
		    .data_size_in = sizeof(run), .repeat = 1);
	int err = 0;

	for (; run.first < x->size && !err; run.first += run.count) {
		err = bpf_prog_test_run_opts(bridge_fd(x, CARRY_PROGRAM),
					     &opts);
		if (!err && opts.retval != 2 /* XDP_PASS */)
			err = -EIO;
	}
	return err;
}

/* ---- links ----------------------------------------------------------------- */

/* A pinned link that is on an interface. */
static int open_link(const char *dir, const char *name)
{
	struct bpf_link_info info = { 0 };
	uint32_t size = sizeof(info);
	int fd = open_pin(dir, name), err;

	if (fd < 0)
		return fd;
	err = bpf_obj_get_info_by_fd(fd, &info, &size);
	if (!err && (info.type != BPF_LINK_TYPE_XDP || !info.xdp.ifindex))
		err = -ENOENT;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Every pinned link gets the program; how many in *ret_count. */
static int update_links(struct xdp *x, int program, uint32_t *ret_count)
{
	DIR *d = opendir(x->pin_dir);
	struct dirent *e;
	int fd, err = d ? 0 : -errno;

	while (d && !err && (e = readdir(d))) {
		if (strncmp(e->d_name, PINS_LINK_PREFIX,
			    strlen(PINS_LINK_PREFIX)))
			continue;
		fd = open_link(x->pin_dir, e->d_name);
		if (fd < 0)
			continue;
		err = bpf_link_update(fd, program, NULL);
		if (!err)
			++*ret_count;
		close(fd);
	}
	if (d)
		closedir(d);
	return err;
}

/* In a dispatcher the old program could not be told from the new one's work. */
static int check_links(struct xdp *x, const struct netlink_link *links,
		       size_t count, char *reason, size_t size)
{
	char name[64];
	uint32_t id;
	size_t i;
	int fd;

	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), PINS_LINK_PREFIX "%s",
			 links[i].name);
		fd = open_link(x->pin_dir, name);
		if (fd >= 0) {
			close(fd);
			continue;
		}
		id = 0;
		if (bpf_xdp_query_id(links[i].ifindex, 0, &id) || !id)
			continue;
		snprintf(reason, size, "contract %u is taken over only where "
			 "its program has a link of its own, which it has not "
			 "on %s: " XDP_WAYS_OUT, CONTRACT2_VERSION,
			 links[i].name);
		return -EEXIST;
	}
	return 0;
}

/* ---- taking over ----------------------------------------------------------- */

static int write_contract(struct xdp *x, uint32_t contract)
{
	struct sluice_control c;
	uint32_t zero = 0;
	int err = bpf_map_lookup_elem(x->maps[XDP_CONTROL], &zero, &c);

	c.contract = contract;
	/* reserved in contract 2 */
	c.near_mask = contract == SLUICE_CONTRACT_VERSION ? x->near_mask : 0;
	return err ? err : bpf_map_update_elem(x->maps[XDP_CONTROL], &zero, &c,
					       BPF_ANY);
}

static int pin_new(struct xdp *x)
{
	int i, err;

	err = pin(x->pin_dir, "", CONTRACT2_MAP_CARRIED,
		  bpf_object__find_map_fd_by_name(x->bridge,
						  CONTRACT2_MAP_CARRIED));
	/* a table of programs is emptied when nobody holds or pins it */
	if (!err)
		err = pin(x->pin_dir, "", CONTRACT2_MAP_JUMP,
			  bpf_object__find_map_fd_by_name(x->bridge,
							  CONTRACT2_MAP_JUMP));
	for (i = 0; i < XDP_MAPS && !err; i++)
		if (!x->is_reused[i])
			err = pin(x->pin_dir, NEW_PREFIX, xdp_map_names[i],
				  x->maps[i]);
	return err;
}

/* From here on there is only forward, unless no link could be updated. */
static int commit(struct xdp *x)
{
	int err = pin_new(x);

	return err ? err : write_contract(x, SLUICE_CONTRACT_VERSION);
}

static void undo(struct xdp *x)
{
	if (!write_contract(x, CONTRACT2_VERSION))
		unpin_new(x->pin_dir);
}

int xdp_migrate(struct xdp *x, const struct netlink_link *links, size_t count,
		char *reason, size_t size)
{
	uint64_t began = clock_ns();
	uint32_t updated = 0;
	bool was_committed = x->is_committed;
	int err;

	err = check_links(x, links, count, reason, size);
	if (!err && !was_committed)
		err = fill(x, reason, size);
	if (!err)
		err = load_bridge(x, reason, size);
	if (!err)
		err = carry(x, false);
	if (!err && !was_committed)
		err = commit(x);
	if (!err)
		err = update_links(x, bridge_fd(x, BRIDGE_PROGRAM), &updated);
	if (err && !updated && !was_committed)
		undo(x);
	if (!err)
		err = settle_pins(x->pin_dir);
	if (!err) {
		x->is_committed = true;
		xdp_wait_for_programs();
		err = carry(x, true);
	}
	if (err && !reason[0])
		snprintf(reason, size, "from contract %u to %d: %s",
			 CONTRACT2_VERSION, SLUICE_CONTRACT_VERSION,
			 strerror(-err));
	if (!err)
		log_info("datapath: contract %u taken over in %llu ms",
			 CONTRACT2_VERSION,
			 (unsigned long long)(clock_ns() - began) / 1000000);
	return err;
}

int xdp_migrate_end(struct xdp *x)
{
	uint32_t updated = 0;

	/* interfaces that are no longer configured as well */
	return update_links(x, bpf_program__fd(bpf_object__find_program_by_name(
				    x->object, ATTACH_PROGRAM)), &updated);
}

static void zeroise_old_keys(struct xdp *x)
{
	static const struct contract2_key zero;
	uint32_t slot;

	for (slot = 1; slot < x->key_size && x->old_keys_fd >= 0; slot++)
		bpf_map_update_elem(x->old_keys_fd, &slot, &zero, BPF_ANY);
}

void xdp_migrate_clean(struct xdp *x)
{
	xdp_wait_for_programs();
	zeroise_old_keys(x);
	unpin_passing(x->pin_dir);
	xdp_migrate_free(x);
	x->from_contract = 0;
}

void xdp_migrate_free(struct xdp *x)
{
	bpf_object__close(x->bridge);
	x->bridge = NULL;
	if (x->old_keys_fd >= 0)
		close(x->old_keys_fd);
	x->old_keys_fd = -1;
}
