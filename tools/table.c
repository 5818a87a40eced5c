/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "text.h"

#define GAP		2	/* blanks between columns; 1 if it is tight */
#define SHRINK_MIN	6	/* a cut column keeps as many characters */

struct table {
	const struct table_column *columns;
	size_t count, rows;
	char **cells;		/* rows * count */
};

struct table *table_new(const struct table_column *columns, size_t count)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		exit(EXIT_REFUSED);
	t->columns = columns;
	t->count = count;
	return t;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->rows * t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

void table_add(struct table *t, char *const *cells)
{
	size_t at = t->rows * t->count;
	char **grown = realloc(t->cells, (at + t->count) * sizeof(*grown));

	if (!grown)
		exit(EXIT_REFUSED);
	t->cells = grown;
	t->rows++;
	for (size_t i = 0; i < t->count; i++)
		t->cells[at + i] = text_clean(cells[i], false);
}

const char *table_colour(const char *word)
{
	static const struct {
		const char *word, *code;
	} all[] = {
		{ "up", "\033[32m" }, { "yes", "\033[32m" },
		{ "ringing", "\033[33m" }, { "setup", "\033[33m" },
		{ "ending", "\033[33m" }, { "unknown", "\033[33m" },
		{ "down", "\033[31m" }, { "no", "\033[31m" },
		{ "DEGRADED", "\033[31m" }, { "up one-way", "\033[31m" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (!strcmp(word, all[i].word))
			return all[i].code;
	return "";
}

static void print_tabbed(const struct table *t, const struct options *o,
			 FILE *f)
{
	for (size_t i = 0; o->has_header && i < t->count; i++)
		fprintf(f, "%s%c", t->columns[i].name,
			i + 1 < t->count ? '\t' : '\n');
	for (size_t i = 0; i < t->rows * t->count; i++)
		fprintf(f, "%s%c", t->cells[i],
			(i + 1) % t->count ? '\t' : '\n');
}

/* Takes from the widest column that may shrink until the line fits. */
static bool fit(const struct table *t, unsigned int *widths, unsigned int gap,
		unsigned int terminal)
{
	unsigned int sum;
	size_t widest;

	for (;;) {
		sum = (unsigned int)(t->count - 1) * gap;
		widest = t->count;
		for (size_t i = 0; i < t->count; i++) {
			sum += widths[i];
			if (t->columns[i].can_shrink &&
			    widths[i] > SHRINK_MIN &&
			    (widest == t->count || widths[i] > widths[widest]))
				widest = i;
		}
		if (sum <= terminal || widest == t->count)
			return sum <= terminal;
		widths[widest]--;
	}
}

/* What every column would like. */
static void measure(const struct table *t, const struct options *o,
		    unsigned int *widths)
{
	unsigned int w;

	for (size_t i = 0; i < t->count; i++)
		widths[i] = o->has_header ? text_width(t->columns[i].name) : 0;
	for (size_t i = 0; i < t->rows * t->count; i++) {
		w = text_width(t->cells[i]);
		if (w > widths[i % t->count])
			widths[i % t->count] = w;
	}
}

static void print_cell(const struct table *t, const struct options *o, FILE *f,
		       size_t column, const char *text, unsigned int width)
{
	const struct table_column *c = &t->columns[column];
	unsigned int used = text_width(text);
	const char *colour = o->is_coloured && c->is_state ?
				     table_colour(text) : "";

	if (used > width)
		used = width;
	if (c->is_right)
		fprintf(f, "%*s", (int)(width - used), "");
	fputs(colour, f);
	text_put(f, text, width);
	if (*colour)
		fputs("\033[0m", f);
	/* No blanks at the end of a line. */
	if (!c->is_right && column + 1 < t->count)
		fprintf(f, "%*s", (int)(width - used), "");
}

static void print_aligned(const struct table *t, const struct options *o,
			  FILE *f)
{
	unsigned int *widths = calloc(t->count, sizeof(*widths)), gap = GAP;
	char *name;

	if (!widths)
		exit(EXIT_REFUSED);
	measure(t, o, widths);
	if (!fit(t, widths, gap, o->width)) {
		gap = 1;
		measure(t, o, widths);
		fit(t, widths, gap, o->width);
	}
	for (size_t i = 0; o->has_header && i < t->count; i++) {
		name = text_format("%s", t->columns[i].name);
		for (char *p = name; *p; p++)
			*p = (char)toupper((unsigned char)*p);
		print_cell(t, o, f, i, name, widths[i]);
		free(name);
		fprintf(f, "%*s", i + 1 < t->count ? (int)gap : 0, "");
	}
	if (o->has_header)
		fputc('\n', f);
	for (size_t i = 0; i < t->rows * t->count; i++) {
		bool is_last = (i + 1) % t->count == 0;

		print_cell(t, o, f, i % t->count, t->cells[i],
			   widths[i % t->count]);
		if (is_last)
			fputc('\n', f);
		else
			fprintf(f, "%*s", (int)gap, "");
	}
	free(widths);
}

void table_print(const struct table *t, const struct options *o, FILE *f)
{
	if (!t->count)
		return;
	if (o->is_terminal)
		print_aligned(t, o, f);
	else
		print_tabbed(t, o, f);
}
