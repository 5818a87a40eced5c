/* SPDX-License-Identifier: Apache-2.0 */
#include "wss/phone.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/log.h"

#define DEPTH_MAX	4	/* folders in folders */
#define PATH_SIZE	256

struct phone {
	struct phone_file files[LIMIT_PHONE_FILES];
	unsigned int count;
	size_t total_bytes;
};

static const char *content_type(const char *name)
{
	static const struct {
		const char *suffix, *type;
	} types[] = {
		{ ".html", "text/html; charset=utf-8" },
		{ ".js", "text/javascript; charset=utf-8" },
		{ ".mjs", "text/javascript; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" },
		{ ".json", "application/json" },
		{ ".map", "application/json" },
		{ ".webmanifest", "application/manifest+json" },
		{ ".svg", "image/svg+xml" },
		{ ".png", "image/png" },
		{ ".jpg", "image/jpeg" },
		{ ".ico", "image/x-icon" },
		{ ".woff2", "font/woff2" },
		{ ".wasm", "application/wasm" },
		{ ".wav", "audio/wav" },
		{ ".mp3", "audio/mpeg" },
		{ ".ogg", "audio/ogg" },
		{ ".txt", "text/plain; charset=utf-8" },
	};
	const char *dot = strrchr(name, '.');
	size_t i;

	for (i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcasecmp(dot, types[i].suffix))
			return types[i].type;
	return "application/octet-stream";
}

/* Takes data over, also on failure. */
static int add(struct phone *p, const char *path, const char *cache,
	       uint8_t *data, size_t len)
{
	struct phone_file *f = &p->files[p->count];

	if (p->count == LIMIT_PHONE_FILES ||
	    len > LIMIT_PHONE_BYTES - p->total_bytes) {
		log_warn("phone: %s: too many or too large files, ignoring",
			 path);
		free(data);
		return 0;
	}
	f->path = strdup(path);
	if (!f->path) {
		free(data);
		return -ENOMEM;
	}
	f->type = content_type(path);
	f->cache = cache;
	f->data = data;
	f->len_bytes = len;
	p->total_bytes += len;
	p->count++;
	return 0;
}

static int read_file(struct phone *p, int fd, const char *path, size_t size)
{
	uint8_t *data = malloc(size + 1);
	size_t got = 0;
	ssize_t n;

	if (!data)
		return -ENOMEM;
	while (got < size) {
		n = read(fd, data + got, size - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	return add(p, path, "no-cache", data, got);
}

static int read_dir(struct phone *p, int dir_fd, const char *prefix,
		    unsigned int depth);

/* Takes fd over. Links are not followed: nothing from outside is served. */
static int read_entry(struct phone *p, int fd, const char *path,
		      unsigned int depth)
{
	struct stat st;
	int err = 0;

	if (fstat(fd, &st) < 0) {
		err = -errno;
	} else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
		return read_dir(p, fd, path, depth + 1);
	} else if (S_ISREG(st.st_mode)) {
		if ((uint64_t)st.st_size <= LIMIT_PHONE_BYTES)
			err = read_file(p, fd, path, (size_t)st.st_size);
		else
			log_warn("phone: %s: too large, ignoring", path);
	}
	close(fd);
	return err;
}

static int read_dir(struct phone *p, int dir_fd, const char *prefix,
		    unsigned int depth)
{
	char path[PATH_SIZE];
	struct dirent *entry;
	int err = 0, fd;
	DIR *dir;

	dir = fdopendir(dir_fd);
	if (!dir) {
		err = -errno;
		close(dir_fd);
		return err;
	}
	while (!err && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", prefix,
			     entry->d_name) >= (int)sizeof(path))
			continue;
		fd = openat(dirfd(dir), entry->d_name,
			    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0) {
			log_warn("phone: %s: %s, ignoring", path,
				 strerror(errno));
			continue;
		}
		err = read_entry(p, fd, path, depth);
	}
	closedir(dir);
	return err;
}

int phone_load(const char *dir, const char *config, struct phone **ret)
{
	struct phone *p = calloc(1, sizeof(*p));
	uint8_t *copy;
	int fd, err = 0;

	if (!p)
		return -ENOMEM;
	/* First, so that the settings win over a file of that name. */
	if (config) {
		copy = (uint8_t *)strdup(config);
		err = copy ? add(p, "/config.json", "no-store", copy,
				 strlen(config)) : -ENOMEM;
	}
	if (!err && dir) {
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			log_warn("phone: %s: %s, serving none", dir,
				 strerror(errno));
		else
			err = read_dir(p, fd, "", 0);
	}
	if (err) {
		phone_free(p);
		return err;
	}
	*ret = p;
	return 0;
}

void phone_free(struct phone *p)
{
	unsigned int i;

	if (!p)
		return;
	for (i = 0; i < p->count; i++) {
		free(p->files[i].path);
		free(p->files[i].data);
	}
	free(p);
}

const struct phone_file *phone_find(const struct phone *p, const char *path)
{
	unsigned int i;

	if (!strcmp(path, "/"))
		path = "/index.html";
	for (i = 0; i < p->count; i++)
		if (!strcmp(p->files[i].path, path))
			return &p->files[i];
	return NULL;
}
