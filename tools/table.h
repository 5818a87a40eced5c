/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table: aligned and cut to the terminal's width, or TAB-separated and whole
 * in a pipe.
 */
#ifndef TOOLS_TABLE_H
#define TOOLS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct options;
struct table;

/* Columns stay the caller's. */
struct table_column {
	const char *name;	/* header in capitals */
	bool is_right;		/* numbers */
	bool can_shrink;	/* may be cut on a narrow terminal */
	bool is_state;		/* coloured by its first word */
};

struct table *table_new(const struct table_column *columns, size_t count);
void table_free(struct table *t);	/* accepts NULL */
/* Cleans and copies; cells in the order of the columns. */
void table_add(struct table *t, char *const *cells);
void table_print(const struct table *t, const struct options *o, FILE *f);

/* "\033[32m" and the like for the word's meaning, or "". */
const char *table_colour(const char *word);

#endif
