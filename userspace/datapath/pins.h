/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of pins: the lifeline of maps and links. */
#ifndef DATAPATH_PINS_H
#define DATAPATH_PINS_H

#include <stddef.h>

#define PINS_MAP_PREFIX		"sl_"	/* as the maps are named */
#define PINS_LINK_PREFIX	"link_"	/* then the interface */
#define PINS_PROGRAM_PREFIX	"prog_"	/* attached by netlink */
#define PINS_NEXT_PREFIX	"next_"	/* the one that is to replace it */

/*
 * Makes dir and what leads to it; mounts the BPF file system on /sys/fs/bpf
 * if dir lies there and nothing is mounted. -EINVAL: not on a bpffs.
 */
int pins_prepare(const char *dir);
/*
 * Held for as long as the descriptor is open, by one process at a time: the
 * kernel lets go of it whatever ends the process. -EWOULDBLOCK.
 */
int pins_lock(const char *dir, int *ret_fd);
/* Removes our pins, of this run or an older one. */
void pins_clear(const char *dir);
/* And then dir, unless somebody else has something in it. */
void pins_remove(const char *dir);
/* The interface that a pin is about; NULL: about none. */
const char *pins_interface(const char *name);
/* Detaches what is pinned for interfaces that are not in the list. */
void pins_drop_interfaces(const char *dir, const char *const *kept,
			  size_t count);
/* dir/prefix+name; -ENAMETOOLONG. */
int pins_path(const char *dir, const char *prefix, const char *name,
	      char *ret_path, size_t size);

#endif
