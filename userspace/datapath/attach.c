// SPDX-License-Identifier: Apache-2.0
#include "datapath/attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "datapath/dispatcher.h"
#include "datapath/pins.h"

const char *attach_way_name(enum attach_way way)
{
	static const char *const names[] = {
		[ATTACH_NONE] = "none", [ATTACH_LINK] = "link",
		[ATTACH_NETLINK] = "netlink",
		[ATTACH_DISPATCHER] = "dispatcher",
	};

	return names[way];
}

/* ---- what the kernel says --------------------------------------------------- */

/* Id of what is attached; 0 if nothing. */
static uint32_t attached_id(int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query(ifindex, 0, &query))
		return 0;
	if (query.prog_id)
		return query.prog_id;
	return query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id;
}

static int program_info(int fd, struct bpf_prog_info *ret)
{
	uint32_t size = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return bpf_obj_get_info_by_fd(fd, ret, &size);
}

static uint32_t program_id(int fd)
{
	struct bpf_prog_info info;

	return program_info(fd, &info) ? 0 : info.id;
}

static void describe(int fd, struct attach_program *ret)
{
	struct bpf_prog_info info;

	if (program_info(fd, &info))
		return;
	memset(ret, 0, sizeof(*ret));
	ret->id = info.id;
	memcpy(ret->name, info.name, BPF_OBJ_NAME_LEN);
	for (int i = 0; i < BPF_TAG_SIZE; i++)
		sprintf(ret->tag + 2 * i, "%02x", info.tag[i]);
}

/* Programs by their id are for CAP_SYS_ADMIN; the id alone without. */
static void describe_id(uint32_t id, struct attach_program *ret)
{
	int fd = bpf_prog_get_fd_by_id(id);

	memset(ret, 0, sizeof(*ret));
	ret->id = id;
	if (fd < 0)
		return;
	describe(fd, ret);
	close(fd);
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

static uint32_t mode_flag(bool is_generic)
{
	return is_generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

/* ---- by a link ---------------------------------------------------------------- */

/* The pinned link, if it is on the interface; -ENOENT. */
static int open_link(const char *pin_dir, const char *name, int ifindex,
		     int *ret_fd)
{
	struct bpf_link_info info = { 0 };
	uint32_t size = sizeof(info);
	char path[PATH_MAX];
	int fd, err;

	err = pins_path(pin_dir, PINS_LINK_PREFIX, name, path, sizeof(path));
	if (err)
		return err;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd;
	err = bpf_obj_get_info_by_fd(fd, &info, &size);
	/* the device went and came again: its link is an empty shell */
	if (!err && (info.type != BPF_LINK_TYPE_XDP ||
		     (int)info.xdp.ifindex != ifindex))
		err = -ENOENT;
	if (err) {
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

/*
 * The pinned link of an earlier run, if it is still on this interface: from
 * one packet to the next the new program takes over. -ENOENT: there is none.
 */
static int adopt_link(struct attach *a, const struct attach_config *c)
{
	int fd, err = open_link(c->pin_dir, a->name, a->ifindex, &fd);

	if (err)
		return err;
	err = bpf_link_update(fd, program_fd(c), NULL);
	if (err) {
		close(fd);
		return err;
	}
	a->way = ATTACH_LINK;
	a->fd = fd;
	describe(program_fd(c), &a->program);
	a->is_adopted = true;
	a->is_generic = attach_is_generic(a->ifindex);
	return 0;
}

static int attach_link(struct attach *a, const struct attach_config *c)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = mode_flag(c->is_generic));
	char path[PATH_MAX];
	int fd, err;

	err = pins_path(c->pin_dir, PINS_LINK_PREFIX, a->name, path,
			sizeof(path));
	if (err)
		return err;
	fd = bpf_link_create(program_fd(c), a->ifindex, BPF_XDP, &opts);
	if (fd < 0)
		return fd;
	unlink(path);	/* the empty shell, if there is one */
	err = bpf_obj_pin(fd, path);
	if (err) {
		close(fd);
		return err;
	}
	a->way = ATTACH_LINK;
	a->fd = fd;
	describe(program_fd(c), &a->program);
	return 0;
}

/* ---- by netlink --------------------------------------------------------------- */

/*
 * The device holds the program; its pin is how the next run knows that it is
 * ours. While one takes the place of another the new one has a pin of its own,
 * so that whoever dies in between is understood.
 */
static int pin_path(const char *pin_dir, const char *name, bool is_next,
		    char path[PATH_MAX])
{
	return pins_path(pin_dir, is_next ? PINS_NEXT_PREFIX :
					    PINS_PROGRAM_PREFIX,
			 name, path, PATH_MAX);
}

static int pin_program(int fd, const char *pin_dir, const char *name,
		       bool is_next)
{
	char path[PATH_MAX];
	int err = pin_path(pin_dir, name, is_next, path);

	if (err)
		return err;
	unlink(path);
	return bpf_obj_pin(fd, path);
}

/* The next one is the one. */
static int settle_pin(const char *pin_dir, const char *name)
{
	char from[PATH_MAX], to[PATH_MAX];
	int err = pin_path(pin_dir, name, true, from);

	if (!err)
		err = pin_path(pin_dir, name, false, to);
	if (!err && rename(from, to))
		err = -errno;
	return err;
}

static void unpin_program(const char *pin_dir, const char *name)
{
	char path[PATH_MAX];

	for (int is_next = 0; is_next < 2; is_next++)
		if (!pin_path(pin_dir, name, is_next, path))
			unlink(path);
}

/* A pinned program that is attached right now; -ENOENT. */
static int open_program(const char *pin_dir, const char *name, int ifindex,
			int *ret_fd)
{
	uint32_t id = attached_id(ifindex);
	char path[PATH_MAX];
	int fd;

	for (int is_next = 0; id && is_next < 2; is_next++) {
		if (pin_path(pin_dir, name, is_next, path))
			continue;
		fd = bpf_obj_get(path);
		if (fd < 0)
			continue;
		if (program_id(fd) == id) {
			*ret_fd = fd;
			return 0;
		}
		close(fd);
	}
	return -ENOENT;
}

static int adopt_program(struct attach *a, const struct attach_config *c)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts);
	int fd = program_fd(c), old_fd, err;

	err = open_program(c->pin_dir, a->name, a->ifindex, &old_fd);
	if (err)
		return err;
	a->is_generic = attach_is_generic(a->ifindex);
	err = pin_program(fd, c->pin_dir, a->name, true);
	opts.old_prog_fd = old_fd;
	if (!err)
		err = bpf_xdp_attach(a->ifindex, fd, mode_flag(a->is_generic),
				     &opts);
	if (!err)
		err = settle_pin(c->pin_dir, a->name);
	close(old_fd);
	if (err)
		return err;
	a->way = ATTACH_NETLINK;
	a->fd = dup(fd);
	describe(fd, &a->program);
	a->is_adopted = true;
	return a->fd < 0 ? -errno : 0;
}

static int attach_program(struct attach *a, const struct attach_config *c)
{
	int fd = program_fd(c), err;

	err = pin_program(fd, c->pin_dir, a->name, false);
	if (!err)
		err = bpf_xdp_attach(a->ifindex, fd,
				     mode_flag(c->is_generic) |
				     XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
	if (err) {
		unpin_program(c->pin_dir, a->name);
		return err;
	}
	a->way = ATTACH_NETLINK;
	a->fd = dup(fd);
	describe(fd, &a->program);
	return a->fd < 0 ? -errno : 0;
}

/* Only if it is what is there. */
static void detach_program(int fd, int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = fd);

	bpf_xdp_detach(ifindex, mode_flag(attach_is_generic(ifindex)), &opts);
}

/* ---- beside others ------------------------------------------------------------- */

static int join_dispatcher(struct attach *a, const struct attach_config *c,
			   char *reason, size_t reason_size)
{
	int err = dispatcher_join(a->ifindex, c->object, c->object_path,
				  &a->member, &a->is_adopted);

	if (err == -EINVAL) {
		snprintf(reason, reason_size,
			 "%s: its libxdp dispatcher takes no program that "
			 "resizes packets, on this kernel", a->name);
		return -EOPNOTSUPP;
	}
	if (err)
		return err;
	a->way = ATTACH_DISPATCHER;
	describe(dispatcher_program_fd(a->member), &a->program);
	a->is_generic = attach_is_generic(a->ifindex);
	return 0;
}

/* -ENOENT: nothing of ours nor of others is there. */
static int attach_beside(struct attach *a, const struct attach_config *config,
			 char *reason, size_t reason_size)
{
	uint32_t id = attached_id(a->ifindex);
	struct attach_program other;

	if (!id)
		return -ENOENT;
	describe_id(id, &other);
	if (!strcmp(other.name, DISPATCHER_NAME))
		return join_dispatcher(a, config, reason, reason_size);
	snprintf(reason, reason_size,
		 "%s has XDP program %u (%s) of somebody else", a->name, id,
		 other.name[0] ? other.name :
		 "its name takes CAP_SYS_ADMIN to read");
	return -EBUSY;
}

/* ---- the three ----------------------------------------------------------------- */

static int attach_alone(struct attach *a, const struct attach_config *config)
{
	int err = config->wants_netlink ? -EINVAL : attach_link(a, config);

	/* no such link in this kernel, or not wanted */
	return err == -EINVAL ? attach_program(a, config) : err;
}

int attach_open(struct attach *a, const struct attach_config *config,
		char *reason, size_t reason_size)
{
	int err;

	a->way = ATTACH_NONE;
	a->fd = -1;
	a->member = NULL;
	a->is_generic = config->is_generic;
	*reason = '\0';
	err = adopt_link(a, config);
	if (err == -ENOENT)
		err = adopt_program(a, config);
	if (err == -ENOENT)
		err = attach_beside(a, config, reason, reason_size);
	if (err == -ENOENT)
		err = attach_alone(a, config);
	if (err && !*reason)
		snprintf(reason, reason_size, "%s: %s XDP: %s", a->name,
			 a->is_generic ? "generic" : "native",
			 strerror(-err));
	return err;
}

/* A link that lost its device, or was detached by force, is on none. */
static bool link_is_there(const struct attach *a)
{
	struct bpf_link_info info = { 0 };
	uint32_t size = sizeof(info);

	return !bpf_obj_get_info_by_fd(a->fd, &info, &size) &&
	       info.xdp.ifindex && (int)info.xdp.ifindex == a->ifindex;
}

bool attach_is_there(const struct attach *a)
{
	switch (a->way) {
	case ATTACH_LINK:
		return link_is_there(a);
	case ATTACH_NETLINK:
		return attached_id(a->ifindex) == a->program.id;
	case ATTACH_DISPATCHER:
		return dispatcher_find(a->ifindex) == a->program.id;
	case ATTACH_NONE:
		break;
	}
	return false;
}

void attach_leave(struct attach *a)
{
	if (a->member)
		dispatcher_forget(a->member);
	if (a->fd >= 0)
		close(a->fd);
	a->member = NULL;
	a->fd = -1;
	a->way = ATTACH_NONE;
}

static void unpin_link(const char *pin_dir, const char *name)
{
	char path[PATH_MAX];

	if (!pins_path(pin_dir, PINS_LINK_PREFIX, name, path, sizeof(path)))
		unlink(path);
}

void attach_close(struct attach *a, const char *pin_dir)
{
	switch (a->way) {
	case ATTACH_LINK:
		unpin_link(pin_dir, a->name);
		/* now, not when the kernel comes round to the last reference */
		bpf_link_detach(a->fd);
		break;
	case ATTACH_NETLINK:
		detach_program(a->fd, a->ifindex);
		unpin_program(pin_dir, a->name);
		break;
	case ATTACH_DISPATCHER:
		dispatcher_part(a->member, a->ifindex);
		a->member = NULL;
		break;
	case ATTACH_NONE:
		break;
	}
	attach_leave(a);
}

/* ---- without the run that attached ---------------------------------------------- */

/* A link tells where it is even to those who do not see the interface. */
static bool find_link(const char *path, struct attach *a)
{
	struct bpf_link_info info = { 0 };
	uint32_t size = sizeof(info);

	a->fd = bpf_obj_get(path);
	if (a->fd < 0)
		return false;
	if (bpf_obj_get_info_by_fd(a->fd, &info, &size)) {
		close(a->fd);
		return false;
	}
	a->way = ATTACH_LINK;
	a->ifindex = (int)info.xdp.ifindex;
	describe_id(info.prog_id, &a->program);
	return true;
}

static bool find_program(const char *path, struct attach *a)
{
	a->fd = bpf_obj_get(path);
	if (a->fd < 0)
		return false;
	a->way = ATTACH_NETLINK;
	a->ifindex = (int)if_nametoindex(a->name);
	describe(a->fd, &a->program);
	return true;
}

bool attach_find(const char *pin_dir, const char *interface,
		 struct attach *ret)
{
	struct attach a = { .fd = -1 };
	char path[PATH_MAX];

	snprintf(a.name, sizeof(a.name), "%s", interface);
	if ((pins_path(pin_dir, PINS_LINK_PREFIX, interface, path,
		       sizeof(path)) || !find_link(path, &a)) &&
	    (pin_path(pin_dir, interface, false, path) ||
	     !find_program(path, &a)))
		return false;
	a.is_generic = attach_is_generic(a.ifindex);
	*ret = a;
	return true;
}

bool attach_find_member(int ifindex, struct attach *ret)
{
	struct attach a = { .ifindex = ifindex, .way = ATTACH_DISPATCHER,
			    .fd = -1 };
	struct attach_program program;
	char name[IF_NAMESIZE];
	uint32_t id = attached_id(ifindex);

	if (!id || !if_indextoname(ifindex, name))
		return false;
	describe_id(id, &program);
	if (strcmp(program.name, DISPATCHER_NAME))
		return false;
	describe_id(dispatcher_find(ifindex), &a.program);
	a.is_generic = attach_is_generic(ifindex);
	memcpy(a.name, name, sizeof(a.name));
	*ret = a;
	return a.program.id != 0;
}

/* Wherever it is by now: devices can be renamed. */
static void detach_everywhere(int fd)
{
	struct if_nameindex *all = if_nameindex(), *i;
	uint32_t id = program_id(fd);

	for (i = all; i && i->if_index; i++)
		if (attached_id((int)i->if_index) == id)
			detach_program(fd, (int)i->if_index);
	if (all)
		if_freenameindex(all);
}

void attach_clear(const char *pin_dir, const char *interface)
{
	char path[PATH_MAX];
	int fd;

	if (!open_link(pin_dir, interface, (int)if_nametoindex(interface),
		       &fd)) {
		bpf_link_detach(fd);
		close(fd);
	}
	unpin_link(pin_dir, interface);
	for (int is_next = 0; is_next < 2; is_next++) {
		if (pin_path(pin_dir, interface, is_next, path))
			continue;
		fd = bpf_obj_get(path);
		if (fd < 0)
			continue;
		detach_everywhere(fd);
		close(fd);
	}
	unpin_program(pin_dir, interface);
}

void attach_clear_dispatchers(void)
{
	struct if_nameindex *all = if_nameindex(), *i;
	struct attach_program program;
	uint32_t id;

	for (i = all; i && i->if_index; i++) {
		id = attached_id((int)i->if_index);
		if (!id)
			continue;
		describe_id(id, &program);
		if (!strcmp(program.name, DISPATCHER_NAME))
			dispatcher_clear((int)i->if_index);
	}
	if (all)
		if_freenameindex(all);
}
