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

static int attach_link(struct attach *a, const struct attach_config *c)
{
	struct bpf_program *program =
		bpf_object__find_program_by_name(c->object, ATTACH_PROGRAM);
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = c->is_generic ? XDP_FLAGS_SKB_MODE :
					     XDP_FLAGS_DRV_MODE);
	char path[PATH_MAX];
	int fd, err;

	err = pins_path(c->pin_dir, PINS_LINK_PREFIX, a->name, path,
			sizeof(path));
	if (err)
		return err;
	fd = bpf_link_create(bpf_program__fd(program), a->ifindex, BPF_XDP,
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

/* A member that a dead daemon of ours left behind. */
static void leave_dispatcher(int ifindex)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);
	struct xdp_program *p = NULL;

	if (libxdp_get_error(mp))
		return;
	while ((p = xdp_multiprog__next_prog(p, mp))) {
		if (strcmp(xdp_program__name(p), ATTACH_PROGRAM))
			continue;
		xdp_program__detach(p, ifindex,
				    xdp_multiprog__attach_mode(mp), 0);
		break;
	}
	xdp_multiprog__close(mp);
}

static int join_dispatcher(struct attach *a, const struct attach_config *c)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts,
			    .open_filename = c->object_path,
			    .prog_name = ATTACH_PROGRAM);
	struct xdp_program *p;
	int err;

	leave_dispatcher(a->ifindex);
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
	return 0;
}

int attach_open(struct attach *a, const struct attach_config *config,
		char *reason, size_t reason_size)
{
	char name[BPF_OBJ_NAME_LEN];
	uint32_t id = attached_program(a->ifindex, name);
	int err;

	a->link_fd = -1;
	a->member = NULL;
	a->is_generic = config->is_generic;
	if (id && strcmp(name, DISPATCHER_NAME)) {
		snprintf(reason, reason_size,
			 "%s has XDP program %u (%s) of somebody else",
			 a->name, id, name[0] ? name : "unnamed");
		return -EBUSY;
	}
	err = id ? join_dispatcher(a, config) : attach_link(a, config);
	if (err) {
		snprintf(reason, reason_size, "%s: %s XDP: %s", a->name,
			 config->is_generic ? "generic" : "native",
			 strerror(-err));
		return err;
	}
	a->program_id = attached_program(a->ifindex, name);
	return 0;
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
