/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"

static atomic_int log_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	atomic_store(&log_level, level);
}

enum log_level log_get_level(void)
{
	return atomic_load(&log_level);
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERR:
		return "error";
	case LOG_LEVEL_WARN:
		return "warning";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	return "?";
}

void log_write(enum log_level level, const char *call, const char *fmt, ...)
{
	static const int line_max = 4096;
	char line[4096];
	struct timespec ts;
	struct tm tm;
	va_list ap;
	int n;

	if ((int)level > atomic_load(&log_level))
		return;
	if (getenv("JOURNAL_STREAM")) {
		n = snprintf(line, line_max, "<%d>", (int)level);
	} else {
		clock_gettime(CLOCK_REALTIME, &ts);
		localtime_r(&ts.tv_sec, &tm);
		n = snprintf(line, line_max,
			     "%04d-%02d-%02dT%02d:%02d:%02d.%03ld %s ",
			     tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
			     tm.tm_hour, tm.tm_min, tm.tm_sec,
			     ts.tv_nsec / 1000000, level_name(level));
	}
	if (call && *call)
		n += snprintf(line + n, line_max - n, "[%.64s] ", call);
	va_start(ap, fmt);
	vsnprintf(line + n, line_max - n - 1, fmt, ap);
	va_end(ap);

	/* One record is one line: what a peer sent cannot forge a second. */
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	n = (int)strlen(line);
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
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
