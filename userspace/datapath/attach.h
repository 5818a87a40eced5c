/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the program gets onto an interface: a pinned bpf_link of its own, or,
 * where a libxdp dispatcher runs already, as a member of it. Any other
 * program found there is left alone and named. What an earlier run attached
 * is replaced without a packet passing by: a link is updated, a member joins
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

struct attach {
	int ifindex;			/* 0: not attached */
	char name[16];
	bool is_generic;
	int link_fd;			/* -1: through a dispatcher */
	struct xdp_program *member;
	uint32_t program_id;
	bool is_adopted;		/* was attached before */
};

struct attach_config {
	struct bpf_object *object;	/* loaded */
	const char *object_path;
	const char *pin_dir;
	bool is_generic;
};

/*
 * a->ifindex and a->name are set by the caller. -EBUSY: a foreign program is
 * there. reason: one line on failure.
 */
int attach_open(struct attach *a, const struct attach_config *config,
		char *reason, size_t reason_size);
/* Detaches, unpins. */
void attach_close(struct attach *a, const char *pin_dir);
/* How the interface's program runs, as the kernel says. */
bool attach_is_generic(int ifindex);
/* Takes our program, of any run, out of the interface's dispatcher. */
void attach_leave_dispatcher(int ifindex);
/* Forgets about it; what is attached stays. */
void attach_leave(struct attach *a);

#endif
