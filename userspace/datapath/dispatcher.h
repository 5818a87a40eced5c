/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beside others: the program as a member of the dispatcher that libxdp has on
 * an interface. Members stay when the process that joined them dies.
 */
#ifndef DATAPATH_DISPATCHER_H
#define DATAPATH_DISPATCHER_H

#include <stdbool.h>
#include <stdint.h>

#define DISPATCHER_NAME	"xdp_dispatcher"	/* of its program */

struct bpf_object;
struct xdp_program;

/*
 * Loads the program of object_path anew, upon the maps of object, and joins;
 * members of an earlier run leave afterwards. A kernel that refuses the
 * program in the dispatcher of the host's libxdp gets the one beside
 * object_path. -EINVAL: it takes none.
 */
int dispatcher_join(int ifindex, struct bpf_object *object,
		    const char *object_path, struct xdp_program **ret,
		    bool *ret_is_adopted);
/* Takes it out again, and frees. */
void dispatcher_part(struct xdp_program *member, int ifindex);
/* Frees; it stays a member. */
void dispatcher_forget(struct xdp_program *member);
/* Takes our program, of any run, out of the interface's dispatcher. */
void dispatcher_clear(int ifindex);
int dispatcher_program_fd(const struct xdp_program *member);
/* The id of a member of ours; 0: there is none. */
uint32_t dispatcher_find(int ifindex);

#endif
