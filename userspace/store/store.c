/* SPDX-License-Identifier: Apache-2.0 */
/* The part that every backend shares: one lock, counts, what went wrong. */
#include "store/store.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "store/backend.h"

#define BOOT_ID_FILE	"/proc/sys/kernel/random/boot_id"
#define STORE_VERSION	"1"
#define LOG_BURST	5	/* lines about failures in 10 s */

struct store {
	const struct store_backend *ops;
	void *backend;
	pthread_mutex_t lock;
	struct store_status status;
	struct log_limit limit;
	bool is_same_boot;
};

static const char *kind_name(enum store_kind kind)
{
	static const char *const names[STORE_KINDS] = {
		[STORE_CALL] = "call",
		[STORE_MEDIA] = "media",
		[STORE_BINDING] = "binding",
		[STORE_SUB] = "sub",
	};

	return names[kind];
}

static void boot_id(char *buf, size_t size)
{
	FILE *f = fopen(BOOT_ID_FILE, "re");

	if (!f || !fgets(buf, (int)size, f))
		snprintf(buf, size, "unknown");
	buf[strcspn(buf, "\n")] = '\0';
	if (f)
		fclose(f);
}

/* Not written without need: a full disk, or a lock, is no reason to stop. */
static int set_meta(struct store *s, const char *name, const char *was,
		    const char *is)
{
	return strcmp(was, is) ? s->ops->set_meta(s->backend, name, is) : 0;
}

/* Its version and, after a boot, its soundness. */
static int judge(struct store *s)
{
	char version[16], was[64], is[64];
	int err = s->ops->get_meta(s->backend, "version", version,
				   sizeof(version));

	if (err)
		return err;
	if (version[0] && strcmp(version, STORE_VERSION))
		return -EPROTONOSUPPORT;
	err = s->ops->get_meta(s->backend, "boot", was, sizeof(was));
	if (err)
		return err;
	boot_id(is, sizeof(is));
	s->is_same_boot = !was[0] || !strcmp(was, is);
	/* The death of a process breaks nothing; that of a host may. */
	if (!s->is_same_boot) {
		err = s->ops->check(s->backend);
		if (err)
			return err;
	}
	err = set_meta(s, "version", version, STORE_VERSION);
	return err ? err : set_meta(s, "boot", was, is);
}

static int open_file(struct store *s, const char *path)
{
	int err = store_sqlite_open(path, &s->backend);

	if (err)
		snprintf(s->status.error, sizeof(s->status.error), "%s",
			 err == -EUCLEAN ? "is no database that is known here" :
					   strerror(-err));
	if (!err) {
		err = judge(s);
		if (err) {
			snprintf(s->status.error, sizeof(s->status.error),
				 "%s", err == -EPROTONOSUPPORT ?
				 "is of a version that is not known here" :
				 s->ops->error(s->backend));
			s->ops->close(s->backend);
			s->backend = NULL;
		}
	}
	return err;
}

/* No later start will read it; a full disk or somebody's lock may go. */
static bool is_hopeless(int err)
{
	return err == -EUCLEAN || err == -EPROTONOSUPPORT;
}

/* The file and what belongs to it, out of the way but kept. */
static int set_aside(const char *path, char *aside, size_t size)
{
	static const char *const parts[] = { "-wal", "-shm" };
	char from[PATH_MAX], to[PATH_MAX];

	snprintf(aside, size, "%s.bad-%lld", path, (long long)time(NULL));
	if (rename(path, aside))
		return -errno;
	for (size_t i = 0; i < 2; i++) {
		snprintf(from, sizeof(from), "%s%s", path, parts[i]);
		snprintf(to, sizeof(to), "%s%s", aside, parts[i]);
		if (rename(from, to) && errno != ENOENT)
			return -errno;
	}
	return 0;
}

int store_open(const char *dir, struct store **ret)
{
	struct store *s = calloc(1, sizeof(*s));
	char path[256], aside[PATH_MAX - 8] = "";
	int err, err_aside;

	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	s->ops = &store_sqlite;
	s->status.backend = s->ops->name;
	snprintf(path, sizeof(path), "%s/sluice.db", dir);
	err = open_file(s, path);
	if (is_hopeless(err)) {
		err_aside = set_aside(path, aside, sizeof(aside));
		if (!err_aside)
			log_err("store %s: %s; it is kept as %s, a new one "
				"begins without its calls and registrations",
				path, s->status.error, aside);
		s->is_same_boot = true;
		err = err_aside ? err_aside : open_file(s, path);
	}
	if (err) {
		log_err("store %s: %s; calls and registrations that it has are "
			"not restored, those of this run end with it", path,
			s->status.error);
		s->status.is_degraded = true;
		s->is_same_boot = true;
		err = store_sqlite_open(NULL, &s->backend);
	}
	if (err) {
		store_close(s);
		return err;
	}
	if (!s->status.is_degraded) {
		snprintf(s->status.path, sizeof(s->status.path), "%s", path);
		s->status.error[0] = '\0';
	}
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->backend)
		s->ops->close(s->backend);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Under the lock. Nothing that fails here ends a call. */
static int note(struct store *s, int err, const char *verb,
		enum store_kind kind, const char *id)
{
	struct store_status *st = &s->status;
	uint32_t suppressed;

	if (!err) {
		if (st->is_degraded && st->path[0]) {
			log_info("store %s: writes again", st->path);
			st->is_degraded = false;
			st->error[0] = '\0';
		}
		return 0;
	}
	st->failures++;
	if (st->path[0]) {
		st->is_degraded = true;
		snprintf(st->error, sizeof(st->error), "%s",
			 err == -E2BIG ? "record too large" :
			 s->ops->error(s->backend));
	}
	if (log_limit_pass(&s->limit, LOG_BURST, &suppressed))
		log_warn("store: %s %s %s: %s; what is not stored ends with "
			 "the daemon", verb, kind_name(kind), id, st->error);
	return err;
}

int store_put(struct store *s, enum store_kind kind, const char *id,
	      struct record *r)
{
	const void *data;
	size_t len;
	int err;

	if (!s)
		return 0;
	pthread_mutex_lock(&s->lock);
	s->status.puts++;
	err = record_encode(r, &data, &len);
	if (!err)
		err = s->ops->put(s->backend, kind_name(kind), id, data, len);
	err = note(s, err, "put", kind, id);
	pthread_mutex_unlock(&s->lock);
	return err;
}

int store_delete(struct store *s, enum store_kind kind, const char *id)
{
	int err;

	if (!s)
		return 0;
	pthread_mutex_lock(&s->lock);
	s->status.deletes++;
	err = note(s, s->ops->del(s->backend, kind_name(kind), id), "delete",
		   kind, id);
	pthread_mutex_unlock(&s->lock);
	return err;
}

/* ---- reading --------------------------------------------------------- */

struct row {
	char *id;
	struct record *record;
	struct row *next;
};

struct rows {
	struct row *first, **last;
	unsigned int bad;
};

static int take_row(void *arg, const char *id, const void *data, size_t len)
{
	struct rows *rows = arg;
	struct record *record;
	struct row *row;
	int err = record_decode(data, len, &record);

	if (err == -ENOMEM)
		return err;
	if (err) {
		rows->bad++;
		return 0;
	}
	row = calloc(1, sizeof(*row));
	if (!row || !(row->id = strdup(id))) {
		free(row);
		record_free(record);
		return -ENOMEM;
	}
	row->record = record;
	*rows->last = row;
	rows->last = &row->next;
	return 0;
}

int store_each(struct store *s, enum store_kind kind,
	       void (*cb)(void *arg, const char *id, const struct record *r),
	       void *arg)
{
	struct rows rows = { .last = &rows.first };
	struct row *next;
	int err;

	if (!s)
		return 0;
	/* Read whole first, so that cb may write. */
	pthread_mutex_lock(&s->lock);
	err = s->ops->each(s->backend, kind_name(kind), take_row, &rows);
	if (err)
		log_err("store: reading %ss: %s", kind_name(kind),
			s->ops->error(s->backend));
	pthread_mutex_unlock(&s->lock);
	if (rows.bad)
		log_warn("store: %u records of kind %s are broken, ignoring",
			 rows.bad, kind_name(kind));
	for (struct row *row = rows.first; row; row = next) {
		next = row->next;
		cb(arg, row->id, row->record);
		record_free(row->record);
		free(row->id);
		free(row);
	}
	return err;
}

bool store_is_same_boot(const struct store *s)
{
	return !s || s->is_same_boot;
}

uint32_t store_count(struct store *s, enum store_kind kind)
{
	uint32_t count = 0;

	if (!s)
		return 0;
	pthread_mutex_lock(&s->lock);
	s->ops->count(s->backend, kind_name(kind), &count);
	pthread_mutex_unlock(&s->lock);
	return count;
}

void store_status(struct store *s, struct store_status *ret)
{
	pthread_mutex_lock(&s->lock);
	*ret = s->status;
	pthread_mutex_unlock(&s->lock);
}
