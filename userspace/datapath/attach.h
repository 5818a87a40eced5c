/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the program gets onto an interface, and stays there without a process: a
 * pinned bpf_link of its own; by netlink, with the program pinned so that the
 * next run knows it again; or, where a libxdp dispatcher runs already, as a
 * member of it. Any other program found there is left alone and named. What an
 * earlier run attached is replaced in the way that it was attached: a link is
 * updated, a program exchanged for the one that must be there, a member joins
 * before the old one leaves.
 */
#ifndef DATAPATH_ATTACH_H
#define DATAPATH_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ATTACH_PROGRAM	"sluice_xdp"

struct bpf_object;
struct xdp_program;

enum attach_way { ATTACH_NONE, ATTACH_LINK, ATTACH_NETLINK, ATTACH_DISPATCHER };

/* A program as the kernel tells of it. */
struct attach_program {
	uint32_t id;
	char name[16];			/* "": it is not for us to know */
	char tag[17];			/* as bpftool prints it */
};

struct attach {
	int ifindex;			/* 0: not attached */
	char name[16];
	bool is_generic;
	enum attach_way way;
	int fd;				/* the link, or by netlink the program */
	struct xdp_program *member;
	struct attach_program program;
	bool is_adopted;		/* was attached before */
};

struct attach_config {
	struct bpf_object *object;	/* loaded */
	const char *object_path;
	const char *pin_dir;
	bool is_generic;
	bool wants_netlink;		/* even if there could be a link */
};

/*
 * a->ifindex and a->name are set by the caller. -EBUSY: a foreign program is
 * there. reason: one line on failure.
 */
int attach_open(struct attach *a, const struct attach_config *config,
		char *reason, size_t reason_size);
/* Detaches, unpins. */
void attach_close(struct attach *a, const char *pin_dir);
/* Forgets about it; what is attached stays. */
void attach_leave(struct attach *a);
/* Whether the interface still has it, which others may have taken away. */
bool attach_is_there(const struct attach *a);
const char *attach_way_name(enum attach_way way);
/* How the interface's program runs, as the kernel says. */
bool attach_is_generic(int ifindex);

/* ---- without the run that attached ---------------------------------------- */

/*
 * What is pinned for the interface; false: nothing is. To be closed by
 * attach_leave().
 */
bool attach_find(const char *pin_dir, const char *interface,
		 struct attach *ret);
/* Our program in an interface's dispatcher. */
bool attach_find_member(int ifindex, struct attach *ret);
/* Detaches and unpins what is pinned for the interface. */
void attach_clear(const char *pin_dir, const char *interface);
/* Takes our program, of any run, out of every dispatcher. */
void attach_clear_dispatchers(void);

#endif
