// SPDX-License-Identifier: Apache-2.0
#include "datapath/attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "datapath/pins.h"

#define DISPATCHER_NAME	"xdp_dispatcher"

/* Id and name of what is attached; 0 if nothing. */
static uint32_t attached_program(int ifindex, char name[BPF_OBJ_NAME_LEN])
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info), id;
	int fd;

	name[0] = 0;
	if (bpf_xdp_query(ifindex, 0, &query))
		return 0;
	id = query.prog_id ? query.prog_id : query.drv_prog_id;
	id = id ? id : query.skb_prog_id;
	if (!id)
		return 0;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		return id;
	if (!bpf_obj_get_info_by_fd(fd, &info, &size))
		memcpy(name, info.name, BPF_OBJ_NAME_LEN);
	close(fd);
	return id;
}

static int program_fd(const struct attach_config *c)
{
	return bpf_program__fd(bpf_object__find_program_by_name(
		c->object, ATTACH_PROGRAM));
}

/* What the kernel says, not what this run would have chosen. */
bool attach_is_generic(int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	return !bpf_xdp_query(ifindex, 0, &query) &&
	       query.attach_mode == XDP_ATTACHED_SKB;
}

/*
 * The pinned link of an earlier run, if it is still on this interface: from
 * one packet to the next the new program takes over. -ENOENT: there is none.
 */
static int adopt_link(struct attach *a, const struct attach_config *c)
{
	struct bpf_link_info info = { 0 };
	uint32_t size = sizeof(info);
	char path[PATH_MAX];
	int fd, err;

	err = pins_path(c->pin_dir, PINS_LINK_PREFIX, a->name, path,
			sizeof(path));
	if (err)
		return err;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd;
	err = bpf_obj_get_info_by_fd(fd, &info, &size);
	/* the device went and came again: its link is an empty shell */
	if (!err && (info.type != BPF_LINK_TYPE_XDP ||
		     (int)info.xdp.ifindex != a->ifindex)) {
		unlink(path);
		err = -ENOENT;
	}
	if (!err)
		err = bpf_link_update(fd, program_fd(c), NULL);
	if (err) {
		close(fd);
		return err;
	}
	a->link_fd = fd;
	a->is_adopted = true;
	a->is_generic = attach_is_generic(a->ifindex);
	return 0;
}

static int attach_link(struct attach *a, const struct attach_config *c)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = c->is_generic ? XDP_FLAGS_SKB_MODE :
					     XDP_FLAGS_DRV_MODE);
	char path[PATH_MAX];
	int fd, err;

	err = pins_path(c->pin_dir, PINS_LINK_PREFIX, a->name, path,
			sizeof(path));
	if (err)
		return err;
	fd = bpf_link_create(program_fd(c), a->ifindex, BPF_XDP,
			     &opts);
	if (fd < 0)
		return fd;
	err = bpf_obj_pin(fd, path);
	if (err) {
		close(fd);
		return err;
	}
	a->link_fd = fd;
	return 0;
}

/* The dispatcher wants a program of its own loading; the maps are shared. */
static int share_maps(struct bpf_object *mine, struct bpf_object *theirs)
{
	struct bpf_program *program;
	struct bpf_map *map;
	int fd, err;

	bpf_object__for_each_program(program, theirs)
		if (strcmp(bpf_program__name(program), ATTACH_PROGRAM))
			bpf_program__set_autoload(program, false);
	bpf_object__for_each_map(map, theirs) {
		fd = bpf_object__find_map_fd_by_name(mine, bpf_map__name(map));
		if (fd < 0)
			continue;
		err = bpf_map__reuse_fd(map, fd);
		if (err)
			return err;
	}
	return 0;
}

/* Members that a dead daemon of ours left behind. True if there were any. */
static bool leave_dispatcher(int ifindex, uint32_t kept_id)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);
	struct xdp_program *p = NULL;
	bool is_found = false;

	if (libxdp_get_error(mp))
		return false;
	while ((p = xdp_multiprog__next_prog(p, mp))) {
		if (strcmp(xdp_program__name(p), ATTACH_PROGRAM) ||
		    xdp_program__id(p) == kept_id)
			continue;
		xdp_program__detach(p, ifindex,
				    xdp_multiprog__attach_mode(mp), 0);
		is_found = true;
		break;
	}
	xdp_multiprog__close(mp);
	return is_found;
}

static int join_dispatcher(struct attach *a, const struct attach_config *c)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts,
			    .open_filename = c->object_path,
			    .prog_name = ATTACH_PROGRAM);
	struct xdp_program *p;
	int err;

	p = xdp_program__create(&opts);
	err = libxdp_get_error(p);
	if (err)
		return err;
	err = share_maps(c->object, xdp_program__bpf_obj(p));
	if (!err)
		err = xdp_program__attach(p, a->ifindex,
					  c->is_generic ? XDP_MODE_SKB :
							  XDP_MODE_NATIVE, 0);
	if (err) {
		xdp_program__close(p);
		return err;
	}
	a->member = p;
	/* The new one stands behind the old one already: no gap. */
	a->is_adopted = leave_dispatcher(a->ifindex, xdp_program__id(p));
	return 0;
}

void attach_leave_dispatcher(int ifindex)
{
	char name[BPF_OBJ_NAME_LEN];

	if (attached_program(ifindex, name) && !strcmp(name, DISPATCHER_NAME))
		leave_dispatcher(ifindex, 0);
}

/* -ENOENT: nothing of ours nor of others is there. */
static int attach_beside(struct attach *a, const struct attach_config *config,
			 char *reason, size_t reason_size)
{
	char name[BPF_OBJ_NAME_LEN];
	uint32_t id = attached_program(a->ifindex, name);
	int err;

	if (!id)
		return -ENOENT;
	if (!strcmp(name, DISPATCHER_NAME)) {
		err = join_dispatcher(a, config);
		if (err != -EINVAL)
			return err;
		/* From 6.12.2x on: the dispatcher must say that it may be. */
		snprintf(reason, reason_size,
			 "%s: its libxdp dispatcher takes no program that "
			 "resizes packets, on this kernel", a->name);
		return -EOPNOTSUPP;
	}
	snprintf(reason, reason_size,
		 "%s has XDP program %u (%s) of somebody else", a->name, id,
		 name[0] ? name : "unnamed");
	return -EBUSY;
}

int attach_open(struct attach *a, const struct attach_config *config,
		char *reason, size_t reason_size)
{
	char name[BPF_OBJ_NAME_LEN];
	int err;

	a->link_fd = -1;
	a->member = NULL;
	a->is_generic = config->is_generic;
	*reason = '\0';
	err = adopt_link(a, config);
	if (err == -ENOENT)
		err = attach_beside(a, config, reason, reason_size);
	if (err == -ENOENT)
		err = attach_link(a, config);
	if (err && !*reason)
		snprintf(reason, reason_size, "%s: %s XDP: %s", a->name,
			 config->is_generic ? "generic" : "native",
			 strerror(-err));
	if (err)
		return err;
	a->program_id = attached_program(a->ifindex, name);
	return 0;
}

void attach_leave(struct attach *a)
{
	if (a->member)
		xdp_program__close(a->member);
	else if (a->link_fd >= 0)
		close(a->link_fd);
	a->member = NULL;
	a->link_fd = -1;
}

void attach_close(struct attach *a, const char *pin_dir)
{
	char path[PATH_MAX];

	if (a->member) {
		xdp_program__detach(a->member, a->ifindex,
				    a->is_generic ? XDP_MODE_SKB :
						    XDP_MODE_NATIVE, 0);
		xdp_program__close(a->member);
	} else if (a->link_fd >= 0) {
		if (!pins_path(pin_dir, PINS_LINK_PREFIX, a->name, path,
			       sizeof(path)))
			unlink(path);
		bpf_link_detach(a->link_fd);
		close(a->link_fd);
	}
	a->member = NULL;
	a->link_fd = -1;
}
