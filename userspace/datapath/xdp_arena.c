// SPDX-License-Identifier: Apache-2.0
/*
 * The object with AES tables in a BPF arena, for kernels that have arenas
 * (Linux 6.9). libbpf knows them from 1.5 on; older ones make the map by its
 * number and leave the rest to us.
 */
#include "datapath/xdp.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/aes.h"

#define OBJECT_SUFFIX	".bpf.o"
#define ARENA_SUFFIX	"_arena" OBJECT_SUFFIX

bool xdp_has_arenas(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE,
		    .map_extra = SLUICE_AES_ARENA_AT);
	int fd = bpf_map_create(SLUICE_AES_ARENA_TYPE, NULL, 0, 0,
				SLUICE_AES_ARENA_PAGES, &opts);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

int xdp_arena_path(const char *plain, char *ret, size_t size)
{
	size_t len = strlen(plain), suffix = strlen(OBJECT_SUFFIX);
	char path[512];
	int n;

	if (len < suffix || strcmp(plain + len - suffix, OBJECT_SUFFIX))
		return -ENOENT;
	n = snprintf(path, sizeof(path), "%.*s" ARENA_SUFFIX,
		     (int)(len - suffix), plain);
	if (n < 0 || (size_t)n >= sizeof(path) || (size_t)n >= size)
		return -ENAMETOOLONG;
	if (access(path, R_OK))
		return -errno;
	strcpy(ret, path);
	return 0;
}

/*
 * The pages stay with the arena, and that with the program, when the mapping
 * and this process are gone.
 */
static int fill(struct bpf_map *arena)
{
	size_t len = bpf_map__max_entries(arena) * (size_t)getpagesize(), n;
	void *at = (void *)(uintptr_t)SLUICE_AES_ARENA_AT, *mapped;

	_Static_assert(sizeof(sluice_aes_table) <=
		       4096 * SLUICE_AES_ARENA_PAGES, "arena is too small");
	/* libbpf from 1.5 on has it mapped there until the object is closed */
	if (bpf_map__initial_value(arena, &n)) {
		memcpy(at, &sluice_aes_table, sizeof(sluice_aes_table));
		return 0;
	}
	mapped = mmap(at, len, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED_NOREPLACE, bpf_map__fd(arena), 0);
	if (mapped == MAP_FAILED)
		return -errno;
	memcpy(at, &sluice_aes_table, sizeof(sluice_aes_table));
	munmap(mapped, len);
	return 0;
}

int xdp_object_load(struct bpf_object *object)
{
	struct bpf_map *arena = bpf_object__find_map_by_name(object,
							     SLUICE_AES_ARENA);
	int err = 0;

	if (arena)
		err = bpf_map__set_map_extra(arena, SLUICE_AES_ARENA_AT);
	if (!err)
		err = bpf_object__load(object);
	return err || !arena ? err : fill(arena);
}
