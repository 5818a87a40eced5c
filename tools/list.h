/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of the daemon's JSON as tables: columns, selection, order, rates. */
#ifndef TOOLS_LIST_H
#define TOOLS_LIST_H

#include <jansson.h>

#include "options.h"

enum list_kind {
	LIST_TEXT,
	LIST_STATE,	/* text, coloured; "up" becomes "up one-way" */
	LIST_NUMBER,
	LIST_COUNTER,	/* a number; a rate when watched */
	LIST_AGE,	/* milliseconds as hh:mm:ss */
	LIST_SECONDS,	/* seconds as hh:mm:ss */
	LIST_MS,	/* "3.1 ms" */
	LIST_PERCENT,
	LIST_MOS,	/* "4.2" */
	LIST_TIME,	/* ISO time, local unless --utc */
	LIST_USER,	/* user part of a SIP URI */
	LIST_BOOL,	/* yes, no */
	LIST_SSRC,
	LIST_PATH,	/* "user: reason" from path and path_reason */
};

struct list_column {
	const char *name;
	const char *member;	/* "web_to_sip.packets" */
	enum list_kind kind;
	bool is_key;		/* names the row, for rates */
	bool is_extra;		/* only if -o asks for it */
};

struct list {
	const char *member;	/* of the answer */
	const struct list_column *columns; /* ends with an empty name */
};

extern const struct list list_calls, list_streams, list_registrations,
	list_trunks, list_drops, list_backends, list_interfaces,
	list_resources;

/*
 * Prints answer[list->member]; before: the last answer, or NULL, taken
 * elapsed_s seconds ago. EXIT_USAGE: -o or --sort name no column.
 */
int list_print(const struct list *list, const json_t *answer,
	       const json_t *before, double elapsed_s,
	       const struct options *o);
/* "12d04h" above a day, else "hh:mm:ss". Allocated. */
char *list_age(long long seconds);
/* ISO time of the daemon (UTC) as the operator wants it. Allocated. */
char *list_time(const char *iso, const struct options *o);

#endif
