// SPDX-License-Identifier: Apache-2.0
#include "datapath/pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define BPFFS_ROOT	"/sys/fs/bpf"

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == BPF_FS_MAGIC;
}

static int make_folders(const char *dir)
{
	char path[PATH_MAX];
	char *slash;

	if (strlen(dir) >= sizeof(path))
		return -ENAMETOOLONG;
	strcpy(path, dir);
	for (slash = strchr(path + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(path, 0700) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	return 0;
}

int pins_prepare(const char *dir)
{
	int err;

	if (!strncmp(dir, BPFFS_ROOT "/", sizeof(BPFFS_ROOT)) &&
	    !is_bpffs(BPFFS_ROOT) &&
	    mount("bpf", BPFFS_ROOT, "bpf", 0, "mode=0700"))
		return -errno;
	err = make_folders(dir);
	if (err)
		return err;
	return is_bpffs(dir) ? 0 : -EINVAL;
}

int pins_lock(const char *dir, int *ret_fd)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

static bool has_prefix(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

/* Now, not when the kernel's worker comes round to the last reference. */
static void detach_link(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int fd;

	if (pins_path(dir, "", name, path, sizeof(path)))
		return;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return;
	bpf_link_detach(fd);
	close(fd);
}

void pins_clear(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d))) {
		if (has_prefix(e->d_name, PINS_LINK_PREFIX))
			detach_link(dir, e->d_name);
		else if (!has_prefix(e->d_name, PINS_MAP_PREFIX))
			continue;
		unlinkat(dirfd(d), e->d_name, 0);
	}
	closedir(d);
}

void pins_remove(const char *dir)
{
	pins_clear(dir);
	rmdir(dir);
}

static bool is_kept(const char *name, const char *const *kept, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(name, kept[i]))
			return true;
	return false;
}

void pins_drop_links(const char *dir, const char *const *kept, size_t count)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d))) {
		if (!has_prefix(e->d_name, PINS_LINK_PREFIX) ||
		    is_kept(e->d_name + strlen(PINS_LINK_PREFIX), kept, count))
			continue;
		detach_link(dir, e->d_name);
		unlinkat(dirfd(d), e->d_name, 0);
	}
	closedir(d);
}

int pins_path(const char *dir, const char *prefix, const char *name,
	      char *ret_path, size_t size)
{
	int n = snprintf(ret_path, size, "%s/%s%s", dir, prefix, name);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}
