/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl's command line. */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>

#define DEFAULT_SOCKET	"/run/sluice/control.sock"
#define DEFAULT_PINS	"/sys/fs/bpf/sluice"

enum exit_code {
	EXIT_OK = 0,
	EXIT_REFUSED = 1,
	EXIT_USAGE = 2,
	EXIT_UNREACHABLE = 3,
	EXIT_NOT_FOUND = 4,
	EXIT_DEGRADED = 5,
};

struct options {
	const char *socket;
	const char *pins;	/* for what works without the daemon */
	const char *columns;	/* "a,b" or NULL: the usual ones */
	const char *sort;	/* column, "-" before it: descending; or NULL */
	unsigned int limit;	/* rows; 0: all */
	unsigned int interval_s; /* 0: once */
	bool is_json;
	bool has_header;
	bool is_utc;
	bool is_terminal;	/* stdout */
	bool is_coloured;
	unsigned int width;	/* of the terminal, in characters */
	const char *words[4];	/* VERB OBJECT ID key=value */
	int word_count;
	bool is_help, is_version;
};

/* For getopt_long() and for the completion. */
extern const struct option option_list[];

/* 0, or EXIT_USAGE once stderr says why. */
int options_parse(int argc, char **argv, struct options *ret);
/* Their part of the help. */
void options_print_help(void);

#endif
