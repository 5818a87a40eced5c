// SPDX-License-Identifier: Apache-2.0
#include "datapath/dispatcher.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xdp/libxdp.h>

#include "core/log.h"
#include "datapath/attach.h"

#define OBJECT_FOLDER	"LIBXDP_OBJECT_PATH"	/* libxdp reads it */
#define MEMBERS_MAX	10			/* of a dispatcher */

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

static enum xdp_attach_mode mode_of(int ifindex)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);
	enum xdp_attach_mode mode = XDP_MODE_NATIVE;

	if (libxdp_get_error(mp))
		return mode;
	mode = xdp_multiprog__attach_mode(mp);
	xdp_multiprog__close(mp);
	return mode;
}

/* One member of ours but kept_id. True if there was one and it left. */
static bool drop_one(int ifindex, uint32_t kept_id)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);
	struct xdp_program *p = NULL;
	int err = -ENOENT;

	if (libxdp_get_error(mp))
		return false;
	while (err && (p = xdp_multiprog__next_prog(p, mp))) {
		if (strcmp(xdp_program__name(p), ATTACH_PROGRAM) ||
		    xdp_program__id(p) == kept_id)
			continue;
		err = xdp_program__detach(p, ifindex,
					  xdp_multiprog__attach_mode(mp), 0);
		if (err)
			log_warn("datapath: program %u does not leave its "
				 "dispatcher: %s", xdp_program__id(p),
				 strerror(-err));
	}
	xdp_multiprog__close(mp);
	return !err;
}

static bool drop_others(int ifindex, uint32_t kept_id)
{
	int n = 0;

	while (n < MEMBERS_MAX && drop_one(ifindex, kept_id))
		n++;
	return n > 0;
}

static int join(int ifindex, struct bpf_object *object,
		const char *object_path, struct xdp_program **ret)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts,
			    .open_filename = object_path,
			    .prog_name = ATTACH_PROGRAM);
	struct xdp_program *p;
	int err;

	p = xdp_program__create(&opts);
	err = libxdp_get_error(p);
	if (err)
		return err;
	err = share_maps(object, xdp_program__bpf_obj(p));
	if (!err)
		err = xdp_program__attach(p, ifindex, mode_of(ifindex), 0);
	if (err) {
		xdp_program__close(p);
		return err;
	}
	*ret = p;
	return 0;
}

/* False: the operator says which dispatcher libxdp takes, or did before. */
static bool take_own_dispatcher(const char *object_path)
{
	char path[PATH_MAX];

	if (strlen(object_path) >= sizeof(path))
		return false;
	strcpy(path, object_path);
	return !getenv(OBJECT_FOLDER) &&
	       !setenv(OBJECT_FOLDER, dirname(path), 0);
}

int dispatcher_join(int ifindex, struct bpf_object *object,
		    const char *object_path, struct xdp_program **ret,
		    bool *ret_is_adopted)
{
	int err = join(ifindex, object, object_path, ret);

	/*
	 * Linux 6.12.2x and later: a member may resize packets only where its
	 * place in the dispatcher does, which libxdp's has from 1.5.6 on.
	 */
	if (err == -EINVAL && take_own_dispatcher(object_path))
		err = join(ifindex, object, object_path, ret);
	if (err)
		return err;
	/* The new one stands behind the old one already: no gap. */
	*ret_is_adopted = drop_others(ifindex, xdp_program__id(*ret));
	return 0;
}

void dispatcher_part(struct xdp_program *member, int ifindex)
{
	int err = xdp_program__detach(member, ifindex, mode_of(ifindex), 0);

	if (err)
		log_warn("datapath: program %u does not leave its dispatcher: "
			 "%s", xdp_program__id(member), strerror(-err));
	xdp_program__close(member);
}

void dispatcher_forget(struct xdp_program *member)
{
	xdp_program__close(member);
}

void dispatcher_clear(int ifindex)
{
	drop_others(ifindex, 0);
}

int dispatcher_program_fd(const struct xdp_program *member)
{
	return xdp_program__fd(member);
}

uint32_t dispatcher_find(int ifindex)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);
	struct xdp_program *p = NULL;
	uint32_t id = 0;

	if (libxdp_get_error(mp))
		return 0;
	while (!id && (p = xdp_multiprog__next_prog(p, mp)))
		if (!strcmp(xdp_program__name(p), ATTACH_PROGRAM))
			id = xdp_program__id(p);
	xdp_multiprog__close(mp);
	return id;
}
