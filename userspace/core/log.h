/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging to stderr, one line a record: "<level> [call] text". If that is the
 * journal's, records go there with fields (core/journal.h). Thread-safe.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdint.h>

enum log_level { LOG_LEVEL_ERR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6,
		 LOG_LEVEL_DEBUG = 7 };

/* "error", "warning", "info", "debug"; any other is info. */
enum log_level log_level_of(const char *name);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* call: id shown in brackets, or NULL. Keys and passwords never go here. */
void log_write(enum log_level level, const char *call, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* What has a name to be found by, in the journal: SLUICE_EVENT, MESSAGE_ID. */
enum log_event { LOG_EVENT_NONE, LOG_EVENT_CALL_STARTED, LOG_EVENT_CALL_ENDED,
		 LOG_EVENT_CALL_ONE_WAY };

void log_write_event(enum log_level level, const char *call,
		     enum log_event event, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#define log_err(...) log_write(LOG_LEVEL_ERR, NULL, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, NULL, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, NULL, __VA_ARGS__)

#define log_call_err(call, ...) log_write(LOG_LEVEL_ERR, call, __VA_ARGS__)
#define log_call_warn(call, ...) log_write(LOG_LEVEL_WARN, call, __VA_ARGS__)
#define log_call_info(call, ...) log_write(LOG_LEVEL_INFO, call, __VA_ARGS__)
#define log_call_debug(call, ...) log_write(LOG_LEVEL_DEBUG, call, __VA_ARGS__)

/*
 * For what a stranger can trigger: true at most `burst` times in 10 s; the
 * first true after a suppression is told how many were not logged.
 * Use one static struct a place.
 */
struct log_limit {
	uint64_t window_start_ms;
	uint32_t count;
	uint32_t suppressed;
};

int log_limit_pass(struct log_limit *limit, uint32_t burst,
		   uint32_t *ret_suppressed);

#endif
