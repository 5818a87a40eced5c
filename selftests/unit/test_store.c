/* SPDX-License-Identifier: Apache-2.0 */
/* Records, and the store that keeps them when the process is gone. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "store/backend.h"
#include "store/record.h"
#include "store/store.h"
#include "tap.h"

static char dir[] = "/tmp/sluice-store-XXXXXX";
static char db_path[64];

/* ---- records --------------------------------------------------------- */

static struct record *sample(void)
{
	struct record *r = record_new();

	record_put_text(r, "id", "c-17");
	record_put_number(r, "cseq", 0x1122334455667788);
	record_put_bytes(r, "sdp", "v=0\r\n\0x", 7);
	record_put_text(r, "empty", "");
	record_put_text(r, "none", NULL);
	return r;
}

static void records_round_trip(void)
{
	struct record *r = sample(), *back = NULL;
	const void *data, *bytes;
	size_t len, n = 0;
	char small[4] = "abc";

	CHECK(!record_encode(r, &data, &len) &&
	      !record_decode(data, len, &back), "record_encoded_decodes");
	CHECK_STR(record_text(back, "id"), "c-17", "record_text_comes_back");
	CHECK(record_number(back, "cseq", 0) == 0x1122334455667788,
	      "record_number_comes_back");
	bytes = record_bytes(back, "sdp", &n);
	CHECK(bytes && n == 7 && !memcmp(bytes, "v=0\r\n\0x", 7),
	      "record_bytes_come_back");
	CHECK_STR(record_text(back, "empty"), "", "record_empty_text_is_text");
	CHECK(!record_text(back, "none"), "record_null_text_is_left_out");
	CHECK(!record_text(back, "cseq") && record_number(back, "id", 9) == 9,
	      "record_other_type_is_absent");
	CHECK(record_copy_text(back, "id", small, sizeof(small)) == -E2BIG &&
	      !strcmp(small, "abc"), "record_text_too_long_leaves_buffer");
	record_free(back);
	record_free(r);
}

/* A field of a type from the future; and what cannot be one. */
static void records_unknown(void)
{
	struct record *r = sample(), *back = NULL;
	const void *data;
	unsigned char copy[512];
	size_t len;
	uint32_t sum = 2166136261u;

	record_encode(r, &data, &len);
	memcpy(copy, data, len);
	copy[12] = 77;		/* the type of "id" */
	for (size_t i = 12; i < len; i++)
		sum = (sum ^ copy[i]) * 16777619u;
	memcpy(copy + 8, &sum, 4);
	CHECK(!record_decode(copy, len, &back) && !record_text(back, "id") &&
	      record_number(back, "cseq", 0), "record_unknown_type_is_ignored");
	record_free(back);
	copy[3] = 9;
	CHECK_INT(record_decode(copy, len, &back), -EPROTONOSUPPORT,
		  "record_other_version_is_refused");
	record_free(r);
	r = record_new();
	record_put_text(r, "a-name-that-is-longer-than-any-should-be", "x");
	CHECK_INT(record_encode(r, &data, &len), -E2BIG,
		  "record_long_name_is_refused");
	record_free(r);
}

static void records_damaged(void)
{
	struct record *r = sample(), *back;
	const void *data;
	size_t len;
	int taken = 0;

	record_encode(r, &data, &len);
	for (size_t cut = 0; cut < len; cut++) {
		unsigned char *copy = malloc(cut ? cut : 1);

		memcpy(copy, data, cut);
		taken += !record_decode(copy, cut, &back);
		free(copy);
	}
	CHECK_INT(taken, 0, "record_cut_anywhere_is_refused");
	for (size_t i = 0; i < len; i++) {
		unsigned char *copy = malloc(len);

		memcpy(copy, data, len);
		copy[i] ^= 0x20;
		taken += !record_decode(copy, len, &back);
		free(copy);
	}
	CHECK_INT(taken, 0, "record_changed_anywhere_is_refused");
	/* The same with a sum that fits: no length leads outside. */
	for (size_t i = 12; i < len; i++) {
		for (unsigned int v = 0; v < 256; v += 15) {
			unsigned char *copy = malloc(len);
			uint32_t sum = 2166136261u;
			size_t n;

			memcpy(copy, data, len);
			copy[i] = (unsigned char)v;
			for (size_t k = 12; k < len; k++)
				sum = (sum ^ copy[k]) * 16777619u;
			memcpy(copy + 8, &sum, 4);
			if (!record_decode(copy, len, &back)) {
				record_text(back, "empty");
				record_bytes(back, "sdp", &n);
				record_number(back, "cseq", 0);
				record_free(back);
				taken++;
			}
			free(copy);
		}
	}
	CHECK(taken > 0, "record_forged_stays_inside");
	record_free(r);
}

/* ---- the store ------------------------------------------------------- */

struct seen {
	unsigned int count;
	char ids[64];
	uint64_t sum;
	struct store *s;
};

static void see(void *arg, const char *id, const struct record *r)
{
	struct seen *seen = arg;

	seen->count++;
	seen->sum += record_number(r, "n", 0);
	if (strlen(seen->ids) + strlen(id) + 2 < sizeof(seen->ids))
		strcat(strcat(seen->ids, id), " ");
	if (seen->s)
		store_delete(seen->s, STORE_CALL, id);
}

static int put_number(struct store *s, enum store_kind kind, const char *id,
		      uint64_t n)
{
	struct record *r = record_new();
	int err;

	record_put_number(r, "n", n);
	err = store_put(s, kind, id, r);
	record_free(r);
	return err;
}

static struct seen look(struct store *s, enum store_kind kind)
{
	struct seen seen = { 0 };

	store_each(s, kind, see, &seen);
	return seen;
}

static void store_keeps(void)
{
	struct store *s = NULL;
	struct seen seen;
	struct stat st;

	CHECK(!store_open(dir, &s), "store_new_opens");
	CHECK(!stat(db_path, &st) && (st.st_mode & 0777) == 0600,
	      "store_file_is_private");
	put_number(s, STORE_CALL, "a", 1);
	put_number(s, STORE_CALL, "b", 2);
	put_number(s, STORE_BINDING, "a", 40);
	put_number(s, STORE_CALL, "a", 5);
	store_delete(s, STORE_CALL, "b");
	store_delete(s, STORE_CALL, "never");
	seen = look(s, STORE_CALL);
	CHECK(seen.count == 1 && seen.sum == 5 && !strcmp(seen.ids, "a "),
	      "store_put_replaces_delete_removes");
	CHECK_INT(look(s, STORE_BINDING).sum, 40, "store_kinds_are_apart");
	CHECK(store_is_same_boot(s), "store_new_has_no_other_boot");
	seen = (struct seen){ .s = s };
	store_each(s, STORE_CALL, see, &seen);
	CHECK(seen.count == 1 && !look(s, STORE_CALL).count,
	      "store_is_changed_while_read");
	store_close(s);
}

#define KILLED_PUTS 3000	/* beyond a checkpoint */

static void store_outlives_the_process(void)
{
	struct store *s;
	int fds[2], status;
	unsigned int acked = 0, got;
	pid_t child;

	if (pipe(fds))
		return;
	child = fork();
	if (!child) {
		close(fds[0]);
		store_open(dir, &s);
		for (unsigned int i = 1; ; i++) {
			char id[16];

			snprintf(id, sizeof(id), "%u", i);
			put_number(s, STORE_CALL, id, 1);
			if (write(fds[1], &i, sizeof(i)) < 0)
				_exit(1);
		}
	}
	close(fds[1]);
	while (acked < KILLED_PUTS &&
	       read(fds[0], &acked, sizeof(acked)) == sizeof(acked))
		;
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	/* What it still said before it died counts as well. */
	while (read(fds[0], &acked, sizeof(acked)) == sizeof(acked))
		;
	close(fds[0]);
	store_open(dir, &s);
	got = look(s, STORE_CALL).count;
	CHECK(WIFSIGNALED(status) && got >= acked && got <= acked + 1,
	      "store_killed_process_loses_nothing");
	store_close(s);
}

static void *put_many(void *arg)
{
	for (unsigned int i = 0; i < 200; i++) {
		char id[16];

		snprintf(id, sizeof(id), "t%u", i % 50);
		put_number(arg, STORE_MEDIA, id, 1);
	}
	return NULL;
}

static void store_takes_threads(void)
{
	struct store_status st;
	pthread_t threads[3];
	struct store *s;

	store_open(dir, &s);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, put_many, s);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	store_status(s, &st);
	CHECK(look(s, STORE_MEDIA).count == 50 && st.puts == 600 &&
	      !st.failures, "store_is_shared_by_threads");
	store_close(s);
}

#define BOUNDED_PUTS	40000	/* at most */
#define BOUNDED_BYTES	8000

static int put_big(struct store *s, int i)
{
	struct record *r = record_new();
	char id[16], big[BOUNDED_BYTES];
	int err;

	/* SQLite does not write what has not changed. */
	memset(big, i, sizeof(big));
	snprintf(id, sizeof(id), "big-%d", i % 20);
	record_put_bytes(r, "big", big, sizeof(big));
	err = store_put(s, STORE_CALL, id, r);
	record_free(r);
	return err;
}

/* Writers that never pause, as calls do that come one after the other. */
static void store_is_bounded(void)
{
	off_t largest = 1 << 24, written = 0;
	struct stat st = { 0 };
	char id[16], wal[80];
	struct store *s;
	int err = 0;

	store_open(dir, &s);
	snprintf(wal, sizeof(wal), "%s-wal", db_path);
	for (int i = 0; written < 4 * largest && i < BOUNDED_PUTS; i++) {
		err |= put_big(s, i);
		written += BOUNDED_BYTES;
		if (!stat(wal, &st) && st.st_size > largest)
			largest = st.st_size;
	}
	CHECK(written >= 4 * largest, "store_log_written_over_is_bounded");
	CHECK_INT(err, 0, "store_log_begun_anew_fails_no_write");
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "big-%d", i);
		store_delete(s, STORE_CALL, id);
	}
	store_close(s);
}

static void store_knows_a_boot(void)
{
	struct store *s;
	void *b;

	if (store_sqlite_open(db_path, &b))
		return;
	store_sqlite.set_meta(b, "boot", "another");
	store_sqlite.close(b);
	store_open(dir, &s);
	CHECK(!store_is_same_boot(s) && look(s, STORE_CALL).count,
	      "store_after_a_boot_says_so_and_keeps");
	store_close(s);
	store_open(dir, &s);
	CHECK(store_is_same_boot(s), "store_second_start_is_the_same_boot");
	store_close(s);
}

/* What a full disk does to a writer. */
static void store_full_disk(void)
{
	struct rlimit was, now;
	struct store_status st;
	struct store *s;
	char big[8192];
	struct record *r = record_new();

	store_open(dir, &s);
	memset(big, 'x', sizeof(big));
	record_put_bytes(r, "big", big, sizeof(big));
	getrlimit(RLIMIT_FSIZE, &was);
	now = was;
	now.rlim_cur = 4096;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &now);
	CHECK(store_put(s, STORE_CALL, "big", r) < 0,
	      "store_full_disk_put_fails");
	store_status(s, &st);
	CHECK(st.is_degraded && st.failures == 1 && st.error[0],
	      "store_full_disk_is_in_status");
	setrlimit(RLIMIT_FSIZE, &was);
	CHECK(!store_put(s, STORE_CALL, "big", r), "store_space_again_writes");
	store_status(s, &st);
	CHECK(!st.is_degraded && !st.error[0], "store_space_again_is_in_status");
	record_free(r);
	store_close(s);
}

static unsigned int kept_aside(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned int n = 0;

	while ((e = readdir(d)))
		n += !strncmp(e->d_name, "sluice.db.bad-", 14) &&
		     !strstr(e->d_name, "-wal") && !strstr(e->d_name, "-shm");
	closedir(d);
	return n;
}

#define LEFT_RECORDS	200

/* As kill -9 leaves it: a log that nobody carried into the file. */
static void leave_a_log(void)
{
	pid_t child = fork();
	struct store *s;
	char id[16];
	int status;

	if (!child) {
		store_open(dir, &s);
		for (int i = 0; i < LEFT_RECORDS; i++) {
			snprintf(id, sizeof(id), "left-%d", i);
			put_number(s, STORE_SUB, id, 1);
		}
		_exit(0);
	}
	waitpid(child, &status, 0);
}

/* What a start finds that may be gone by the next one costs no record. */
static void store_cannot_now(void)
{
	struct rlimit was, now;
	struct store_status st;
	struct store *s = NULL;

	leave_a_log();
	getrlimit(RLIMIT_FSIZE, &was);
	now = was;
	now.rlim_cur = 65536;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &now);
	store_open(dir, &s);
	CHECK_INT(look(s, STORE_SUB).count, LEFT_RECORDS,
		  "store_full_disk_at_start_is_read");
	store_status(s, &st);
	CHECK(st.path[0], "store_full_disk_at_start_is_in_use");
	store_close(s);
	/* Not even room for what is shared by those who open it. */
	now.rlim_cur = 4096;
	setrlimit(RLIMIT_FSIZE, &now);
	store_open(dir, &s);
	store_status(s, &st);
	CHECK(st.is_degraded && !st.path[0] && st.error[0],
	      "store_no_room_at_start_says_so");
	store_close(s);
	setrlimit(RLIMIT_FSIZE, &was);
	CHECK_INT(kept_aside(), 0, "store_no_room_at_start_stays_in_place");
	store_open(dir, &s);
	CHECK_INT(look(s, STORE_SUB).count, LEFT_RECORDS,
		  "store_room_again_is_read");
	store_close(s);
}

#define HELD_PUTS	40

/* A shell that writes: who opens, and who puts. */
static void store_held_by_a_writer(void)
{
	struct store *s = NULL;
	sqlite3 *shell;
	uint64_t since_ms;
	int done = 0;

	if (sqlite3_open(db_path, &shell))
		return;
	sqlite3_exec(shell, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	store_open(dir, &s);
	CHECK(look(s, STORE_SUB).count == LEFT_RECORDS && !kept_aside(),
	      "store_locked_at_start_is_read");
	since_ms = clock_ms();
	for (int i = 0; i < HELD_PUTS; i++)
		done += !put_big(s, i);
	/* Half a second for the first one, next to nothing for the others. */
	CHECK(!done && clock_ms() - since_ms < HELD_PUTS * 500 / 4,
	      "store_locked_stops_one_put_not_each");
	sqlite3_exec(shell, "COMMIT", NULL, NULL, NULL);
	CHECK_INT(put_big(s, 1), 0, "store_unlocked_takes_puts");
	sqlite3_close(shell);
	store_close(s);
}

#define READER_PUTS	4000	/* 32 MB, twice what the log may be */
#define READER_MS	20000

/* A shell behind a pager: it began to read and does not go on. */
static void store_held_by_a_reader(void)
{
	uint64_t since_ms, at_ms, longest_ms = 0;
	struct store *s = NULL;
	sqlite3_stmt *st;
	sqlite3 *shell;
	int i, err = 0;

	store_open(dir, &s);
	if (sqlite3_open(db_path, &shell))
		return;
	sqlite3_prepare_v2(shell, "SELECT id FROM records", -1, &st, NULL);
	sqlite3_step(st);
	since_ms = clock_ms();
	for (i = 0; i < READER_PUTS && clock_ms() - since_ms < READER_MS; i++) {
		at_ms = clock_ms();
		err |= put_big(s, i);
		if (clock_ms() - at_ms > longest_ms)
			longest_ms = clock_ms() - at_ms;
	}
	if (!CHECK(i == READER_PUTS && !err, "store_read_beside_takes_puts"))
		printf("# %d puts, the longest %llu ms\n", i,
		       (unsigned long long)longest_ms);
	sqlite3_finalize(st);
	sqlite3_close(shell);
	store_close(s);
}

static void store_broken_file(void)
{
	struct store_status st;
	struct store *s = NULL;
	FILE *f = fopen(db_path, "r+");

	fputs("this is no database, whatever its name says", f);
	fclose(f);
	CHECK(!store_open(dir, &s) && !look(s, STORE_CALL).count,
	      "store_broken_file_begins_anew");
	CHECK_INT(kept_aside(), 1, "store_broken_file_is_kept");
	CHECK(!put_number(s, STORE_CALL, "a", 1), "store_new_file_takes_calls");
	store_status(s, &st);
	CHECK(!st.is_degraded, "store_new_file_is_sound");
	store_close(s);

	CHECK(!store_open("/nonexistent/folder", &s) &&
	      !put_number(s, STORE_CALL, "a", 1) &&
	      look(s, STORE_CALL).count == 1, "store_without_folder_serves");
	store_status(s, &st);
	CHECK(st.is_degraded && !st.path[0] && st.error[0],
	      "store_without_folder_says_so");
	store_close(s);
}

/* Sound, and yet nothing for this version: by its number, by its tables. */
static bool begins_anew(void)
{
	struct store_status st;
	struct store *s = NULL;
	bool is_anew;

	store_open(dir, &s);
	is_anew = !look(s, STORE_CALL).count &&
		  !put_number(s, STORE_CALL, "a", 1);
	store_status(s, &st);
	store_close(s);
	return is_anew && st.path[0] && !st.is_degraded;
}

static void store_not_known(void)
{
	sqlite3 *db;
	void *b;

	if (store_sqlite_open(db_path, &b))
		return;
	store_sqlite.set_meta(b, "version", "99");
	store_sqlite.close(b);
	CHECK(begins_anew(), "store_of_another_version_is_set_aside");
	unlink(db_path);
	if (sqlite3_open(db_path, &db))
		return;
	sqlite3_exec(db, "CREATE TABLE records(other)", NULL, NULL, NULL);
	sqlite3_close(db);
	CHECK(begins_anew(), "store_with_other_tables_is_set_aside");
}

int main(void)
{
	char command[128];

	if (!mkdtemp(dir))
		return 1;
	snprintf(db_path, sizeof(db_path), "%s/sluice.db", dir);
	records_round_trip();
	records_unknown();
	records_damaged();
	store_keeps();
	store_outlives_the_process();
	store_takes_threads();
	store_is_bounded();
	store_knows_a_boot();
	store_full_disk();
	store_cannot_now();
	store_held_by_a_writer();
	store_held_by_a_reader();
	store_broken_file();
	store_not_known();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) ? 1 : tap_done();
}
