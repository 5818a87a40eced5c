/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that can be counted and must come back when calls and clients have
 * gone. Inside ctl/.
 */
#ifndef CTL_RESOURCES_H
#define CTL_RESOURCES_H

#include "ctl/show.h"

#define RESOURCES_MAX	32

struct resource {
	const char *name;
	uint64_t used;
	uint64_t limit;		/* 0: none of its own */
};

/* Bytes. */
struct resource_memory {
	uint64_t resident;
	uint64_t heap_used, heap_free;	/* allocated, kept by the allocator */
};

/* Their number, at most RESOURCES_MAX. */
size_t resources_read(const struct ctl_context *x, struct resource *ret);
void resources_memory(struct resource_memory *ret);

#endif
