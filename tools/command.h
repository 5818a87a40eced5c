/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands: the one source of help, usage and completion. */
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

#include <stdbool.h>

struct options;
struct list;

struct command {
	const char *verb;
	const char *object;	/* NULL: the verb stands alone */
	const char *argument;	/* "ID", "FILE" or NULL */
	const char *key;	/* of a key=value behind it, or NULL */
	const char *values;	/* "a|b" */
	bool is_key_optional;
	const char *help;
	/* Runs it; the exit code. argument: NULL if the table has none. */
	int (*run)(const struct command *command, const struct options *o,
		   const char *argument);
	const struct list *list;	/* printed as a table */
	bool is_optional;		/* the object may be left out */
	bool is_offline;		/* the kernel can answer it, too */
};

extern const struct command command_list[];	/* ends with a NULL verb */

/* Finds and runs what the words say. */
int command_dispatch(const struct options *o);
void command_print_help(void);

/* In run.c. */
int run_show(const struct command *c, const struct options *o, const char *id);
int run_terminate(const struct command *c, const struct options *o,
		  const char *id);
int run_move(const struct command *c, const struct options *o, const char *id);
int run_reload(const struct command *c, const struct options *o,
	       const char *id);
int run_stream(const struct command *c, const struct options *o,
	       const char *id);
int run_check(const struct command *c, const struct options *o,
	      const char *file);
int run_adopt(const struct command *c, const struct options *o,
	      const char *id);
int run_detach(const struct command *c, const struct options *o,
	       const char *id);
/* In completion.c. */
int run_completion(const struct command *c, const struct options *o,
		   const char *argument);

#endif
