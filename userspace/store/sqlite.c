/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite in WAL mode. A commit is one write() into the page cache: that
 * outlives the process. A checkpoint waits for the disk, and it has a thread
 * and a connection of its own; so does the first write into a log begun anew,
 * once in some megabytes.
 */
#include "store/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"

#define BUSY_MS			500	/* somebody else writes: a shell */
#define STILL_BUSY_MS		5	/* the writes behind one that gave up */
#define CHECKPOINT_PAGES	1000	/* of 4 KiB in the WAL */
#define WAL_PAGES_MAX		4000	/* then writers wait for it to wrap */
#define QUICK_MS		100	/* a disk that they can wait for */
#define REST_MS			2000	/* after a wait for nothing */

static const char *const schema =
	"CREATE TABLE IF NOT EXISTS meta("
	" name TEXT PRIMARY KEY, value TEXT NOT NULL);"
	"CREATE TABLE IF NOT EXISTS records("
	" kind TEXT NOT NULL, id TEXT NOT NULL, data BLOB NOT NULL,"
	" written INTEGER NOT NULL DEFAULT (unixepoch()),"
	" PRIMARY KEY(kind, id));";

enum statement { PUT, DEL, EACH, COUNT, GET_META, SET_META, STATEMENTS };

static const char *const texts[STATEMENTS] = {
	[PUT] = "INSERT INTO records(kind, id, data) VALUES(?1, ?2, ?3) "
		"ON CONFLICT(kind, id) DO UPDATE SET data = ?3,"
		" written = unixepoch()",
	[DEL] = "DELETE FROM records WHERE kind = ?1 AND id = ?2",
	[EACH] = "SELECT id, data FROM records WHERE kind = ?1 "
		 "ORDER BY rowid",
	[COUNT] = "SELECT count(*) FROM records WHERE kind = ?1",
	[GET_META] = "SELECT value FROM meta WHERE name = ?1",
	[SET_META] = "INSERT OR REPLACE INTO meta(name, value) VALUES(?1, ?2)",
};

struct backend {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	int patience_ms;
	/* checkpoints */
	sqlite3 *checkpointer;
	uint64_t rest_until_ms;	/* the log goes on growing until then */
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool is_due, is_stopping;
};

static int to_errno(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		return -EACCES;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR:	/* tables that are not these */
		return -EUCLEAN;
	default:
		return -EIO;
	}
}

/* ---- checkpoints ----------------------------------------------------- */

/*
 * The WAL begins anew when a writer finds all of it in the file. Writers that
 * never pause leave no such moment: past the limit they wait for the little
 * that the first pass has left, unless the disk is so slow that they would give
 * up. What cannot be done now, the next one does, at the next commit.
 *
 * Somebody who reads, as a shell behind a pager does, keeps the log as it was
 * when he began. The second pass would hold the writers up and wait for him in
 * vain: it is not tried while he is far behind, and seldom while he is near.
 */
static void checkpoint(struct backend *b)
{
	sqlite3 *db = b->checkpointer;
	uint64_t since_ms = clock_ms();
	int pages = 0, done = 0;

	sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages,
				  &done);
	if (pages <= WAL_PAGES_MAX || pages - done > CHECKPOINT_PAGES ||
	    clock_ms() - since_ms >= QUICK_MS || since_ms < b->rest_until_ms)
		return;
	if (sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_RESTART, NULL,
				      NULL) == SQLITE_BUSY)
		b->rest_until_ms = clock_ms() + REST_MS;
}

static void *checkpoints(void *arg)
{
	struct backend *b = arg;

	pthread_mutex_lock(&b->lock);
	while (!b->is_stopping) {
		if (!b->is_due) {
			pthread_cond_wait(&b->wake, &b->lock);
			continue;
		}
		b->is_due = false;
		pthread_mutex_unlock(&b->lock);
		checkpoint(b);
		pthread_mutex_lock(&b->lock);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

static int committed(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct backend *b = arg;

	if (pages < CHECKPOINT_PAGES)
		return SQLITE_OK;
	pthread_mutex_lock(&b->lock);
	b->is_due = true;
	pthread_cond_signal(&b->wake);
	pthread_mutex_unlock(&b->lock);
	return SQLITE_OK;
}

static int start_checkpoints(struct backend *b, const char *path)
{
	int rc = sqlite3_open_v2(path, &b->checkpointer,
				 SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
				 NULL);
	int err;

	if (rc != SQLITE_OK)
		return to_errno(rc);
	sqlite3_busy_timeout(b->checkpointer, BUSY_MS);
	/* Before its first read a connection knows of no WAL. */
	rc = sqlite3_exec(b->checkpointer, "SELECT count(*) FROM meta", NULL,
			  NULL, NULL);
	if (rc != SQLITE_OK)
		return to_errno(rc);
	sqlite3_wal_hook(b->db, committed, b);
	err = -pthread_create(&b->thread, NULL, checkpoints, b);
	b->has_thread = !err;
	return err;
}

/* ---- opening --------------------------------------------------------- */

static void backend_close(void *arg)
{
	struct backend *b = arg;

	if (b->has_thread) {
		pthread_mutex_lock(&b->lock);
		b->is_stopping = true;
		pthread_cond_signal(&b->wake);
		pthread_mutex_unlock(&b->lock);
		pthread_join(b->thread, NULL);
	}
	sqlite3_close(b->checkpointer);
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(b->statements[i]);
	sqlite3_close(b->db);
	pthread_cond_destroy(&b->wake);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

static int prepare(struct backend *b)
{
	static const char *const pragmas =
		"PRAGMA journal_mode = WAL;"
		/* OFF is no quicker here and a power cut may break the file */
		"PRAGMA synchronous = NORMAL;"
		"PRAGMA wal_autocheckpoint = 0;"
		"PRAGMA journal_size_limit = 16777216;";
	int rc = sqlite3_exec(b->db, pragmas, NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(b->db, schema, NULL, NULL, NULL);
	for (int i = 0; i < STATEMENTS && rc == SQLITE_OK; i++)
		rc = sqlite3_prepare_v3(b->db, texts[i], -1,
					SQLITE_PREPARE_PERSISTENT,
					&b->statements[i], NULL);
	return to_errno(rc);
}

static void be_patient(struct backend *b, int ms)
{
	if (ms == b->patience_ms)
		return;
	b->patience_ms = ms;
	sqlite3_busy_timeout(b->db, ms);
}

/* SQLite gives its -wal and -shm the mode of the file. */
static int make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0600))
		err = -errno;
	close(fd);
	return err;
}

int store_sqlite_open(const char *path, void **ret)
{
	struct backend *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return -ENOMEM;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->wake, NULL);
	err = path ? make_file(path) : 0;
	if (!err)
		err = to_errno(sqlite3_open_v2(path ? path : ":memory:",
			&b->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
			NULL));
	if (!err) {
		be_patient(b, BUSY_MS);
		err = prepare(b);
	}
	if (!err && path)
		err = start_checkpoints(b, path);
	if (err) {
		backend_close(b);
		return err;
	}
	*ret = b;
	return 0;
}

/* ---- records --------------------------------------------------------- */

/* A write. Whoever holds the lock stops one of them, not each. */
static int run(struct backend *b, sqlite3_stmt *st)
{
	int err = to_errno(sqlite3_step(st));

	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	be_patient(b, err == -EBUSY ? STILL_BUSY_MS : BUSY_MS);
	return err;
}

static int backend_put(void *arg, const char *kind, const char *id,
		       const void *data, size_t len)
{
	sqlite3_stmt *st = ((struct backend *)arg)->statements[PUT];

	sqlite3_bind_text(st, 1, kind, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, id, -1, SQLITE_STATIC);
	sqlite3_bind_blob64(st, 3, data, len, SQLITE_STATIC);
	return run(arg, st);
}

static int backend_del(void *arg, const char *kind, const char *id)
{
	sqlite3_stmt *st = ((struct backend *)arg)->statements[DEL];

	sqlite3_bind_text(st, 1, kind, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, id, -1, SQLITE_STATIC);
	return run(arg, st);
}

static int backend_each(void *arg, const char *kind,
			int (*cb)(void *arg, const char *id, const void *data,
				  size_t len), void *cb_arg)
{
	sqlite3_stmt *st = ((struct backend *)arg)->statements[EACH];
	int rc, err = 0;

	sqlite3_bind_text(st, 1, kind, -1, SQLITE_STATIC);
	while (!err && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		const void *data = sqlite3_column_blob(st, 1);

		err = cb(cb_arg, (const char *)sqlite3_column_text(st, 0),
			 data ? data : "",
			 (size_t)sqlite3_column_bytes(st, 1));
	}
	if (!err)
		err = to_errno(rc);
	sqlite3_reset(st);
	return err;
}

static int backend_count(void *arg, const char *kind, uint32_t *ret)
{
	sqlite3_stmt *st = ((struct backend *)arg)->statements[COUNT];
	int rc;

	sqlite3_bind_text(st, 1, kind, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*ret = (uint32_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return to_errno(rc);
}

static int backend_get_meta(void *arg, const char *name, char *buf,
			    size_t size)
{
	sqlite3_stmt *st = ((struct backend *)arg)->statements[GET_META];
	int rc;

	buf[0] = '\0';
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		snprintf(buf, size, "%s",
			 (const char *)sqlite3_column_text(st, 0));
	sqlite3_reset(st);
	return to_errno(rc);
}

static int backend_set_meta(void *arg, const char *name, const char *value)
{
	sqlite3_stmt *st = ((struct backend *)arg)->statements[SET_META];

	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, value, -1, SQLITE_STATIC);
	return run(arg, st);
}

static int is_ok(void *arg, int n, char **values, char **names)
{
	*(bool *)arg = n == 1 && values[0] && !strcmp(values[0], "ok");
	return 0;
}

static int backend_check(void *arg)
{
	bool ok = false;
	int rc = sqlite3_exec(((struct backend *)arg)->db,
			      "PRAGMA quick_check(1)", is_ok, &ok, NULL);

	if (rc != SQLITE_OK)
		return to_errno(rc);
	return ok ? 0 : -EUCLEAN;
}

static const char *backend_error(void *arg)
{
	return sqlite3_errmsg(((struct backend *)arg)->db);
}

const struct store_backend store_sqlite = {
	.name = "sqlite",
	.put = backend_put,
	.del = backend_del,
	.each = backend_each,
	.count = backend_count,
	.get_meta = backend_get_meta,
	.set_meta = backend_set_meta,
	.check = backend_check,
	.error = backend_error,
	.close = backend_close,
};
