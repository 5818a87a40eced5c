// SPDX-License-Identifier: Apache-2.0
#include "datapath/pins.h"

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

#include "datapath/attach.h"

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

const char *pins_interface(const char *name)
{
	static const char *const prefixes[] = {
		PINS_LINK_PREFIX, PINS_PROGRAM_PREFIX, PINS_NEXT_PREFIX };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (has_prefix(name, prefixes[i]))
			return name + strlen(prefixes[i]);
	return NULL;
}

void pins_clear(const char *dir)
{
	DIR *d = opendir(dir);
	const char *interface;
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d))) {
		interface = pins_interface(e->d_name);
		if (interface)
			attach_clear(dir, interface);
		else if (has_prefix(e->d_name, PINS_MAP_PREFIX))
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

void pins_drop_interfaces(const char *dir, const char *const *kept,
			  size_t count)
{
	DIR *d = opendir(dir);
	const char *interface;
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d))) {
		interface = pins_interface(e->d_name);
		if (interface && !is_kept(interface, kept, count))
			attach_clear(dir, interface);
	}
	closedir(d);
}

int pins_path(const char *dir, const char *prefix, const char *name,
	      char *ret_path, size_t size)
{
	int n = snprintf(ret_path, size, "%s/%s%s", dir, prefix, name);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}
