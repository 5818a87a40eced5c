/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/journal.h"

static atomic_int log_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	atomic_store(&log_level, level);
}

enum log_level log_get_level(void)
{
	return atomic_load(&log_level);
}

static const char *const level_names[] = {
	[LOG_LEVEL_ERR] = "error",
	[LOG_LEVEL_WARN] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

enum log_level log_level_of(const char *name)
{
	for (int i = LOG_LEVEL_ERR; i <= LOG_LEVEL_DEBUG; i++)
		if (level_names[i] && !strcmp(level_names[i], name))
			return (enum log_level)i;
	return LOG_LEVEL_INFO;
}

/* ---- the journal ------------------------------------------------------- */

static pthread_once_t journal_once = PTHREAD_ONCE_INIT;
static bool is_journal;
static int journal_fd = -1;
static atomic_uint lost;	/* records that it did not take */

static void find_journal(void)
{
	is_journal = journal_is_behind(STDERR_FILENO, getenv("JOURNAL_STREAM"));
	if (is_journal)
		journal_fd = journal_open(JOURNAL_SOCKET);
}

/* False: stderr has to do. What the journal has no time for is lost. */
static bool tell_journal(const struct journal_record *r)
{
	struct journal_record missing = { .priority = LOG_LEVEL_WARN };
	int err = journal_send(journal_fd, r);
	char text[96];
	unsigned int n;

	if (err == -EAGAIN) {
		atomic_fetch_add(&lost, 1);
		return true;
	}
	n = err ? 0 : atomic_exchange(&lost, 0);
	if (n) {
		snprintf(text, sizeof(text), "%u lines before this one are "
			 "lost: the journal did not read", n);
		missing.message = text;
		if (journal_send(journal_fd, &missing))
			atomic_fetch_add(&lost, n);
	}
	return !err;
}

/* Fixed for good: operators filter by them. */
static const struct {
	const char *name, *id;
} events[] = {
	[LOG_EVENT_NONE] = { NULL, NULL },
	[LOG_EVENT_CALL_STARTED] = { "call-started",
				     "6a1f0c0d9a5b4a6e8f5c3f0e2b7d1c41" },
	[LOG_EVENT_CALL_ENDED] = { "call-ended",
				   "b3d2e7c8154f4d0fa6c90b1e8d5f7a42" },
	[LOG_EVENT_CALL_ONE_WAY] = { "call-one-way",
				     "0f94c6a2d7e8431bb5a1c8e06d3f2b43" },
};

/* ---- one record -------------------------------------------------------- */

#define LINE_MAX_BYTES	4096

/* One record is one line: what a peer sent cannot forge a second. */
static void clean(char *line)
{
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
}

static int print_head(char *line, enum log_level level, const char *call)
{
	struct timespec ts;
	struct tm tm;
	int n;

	if (is_journal) {
		n = snprintf(line, LINE_MAX_BYTES, "<%d>", (int)level);
	} else {
		clock_gettime(CLOCK_REALTIME, &ts);
		localtime_r(&ts.tv_sec, &tm);
		n = snprintf(line, LINE_MAX_BYTES,
			     "%04d-%02d-%02dT%02d:%02d:%02d.%03ld %s ",
			     tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
			     tm.tm_hour, tm.tm_min, tm.tm_sec,
			     ts.tv_nsec / 1000000, level_names[level]);
	}
	if (call && *call)
		n += snprintf(line + n, (size_t)(LINE_MAX_BYTES - n),
			      "[%.64s] ", call);
	return n;
}

static void write_record(enum log_level level, const char *call,
			 enum log_event event, const char *fmt, va_list ap)
{
	char line[LINE_MAX_BYTES];
	struct journal_record r = {
		.priority = (int)level, .message = line, .call = call,
		.event = events[event].name, .message_id = events[event].id,
	};
	int n;

	if ((int)level > atomic_load(&log_level))
		return;
	pthread_once(&journal_once, find_journal);
	/* the journal has the level in a field of its own */
	n = journal_fd >= 0 ? snprintf(line, sizeof(line), "%s%.64s%s",
				       call && *call ? "[" : "",
				       call ? call : "",
				       call && *call ? "] " : "") :
			      print_head(line, level, call);
	vsnprintf(line + n, (size_t)(LINE_MAX_BYTES - n - 1), fmt, ap);
	clean(line);
	if (journal_fd >= 0 && tell_journal(&r))
		return;
	n = (int)strlen(line);
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

void log_write(enum log_level level, const char *call, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_record(level, call, LOG_EVENT_NONE, fmt, ap);
	va_end(ap);
}

void log_write_event(enum log_level level, const char *call,
		     enum log_event event, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_record(level, call, event, fmt, ap);
	va_end(ap);
}

int log_limit_pass(struct log_limit *limit, uint32_t burst,
		   uint32_t *ret_suppressed)
{
	uint64_t now = clock_ms();

	if (now - limit->window_start_ms > 10000) {
		limit->window_start_ms = now;
		limit->count = 0;
	}
	if (limit->count >= burst) {
		limit->suppressed++;
		return false;
	}
	limit->count++;
	if (ret_suppressed)
		*ret_suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}
