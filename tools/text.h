/* SPDX-License-Identifier: Apache-2.0 */
/* Text for people: strangers wrote parts of it. */
#ifndef TOOLS_TEXT_H
#define TOOLS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Call once: characters are UTF-8 whatever the locale says. */
void text_init(void);

/*
 * A copy in which nothing moves a cursor or rings a bell: what does not print
 * becomes '?'. Newlines stay if keep_lines. Exits when memory is out.
 */
char *text_clean(const char *text, bool keep_lines);
/* Columns it takes on a terminal; of a clean text. */
unsigned int text_width(const char *text);
/* Writes at most `width` columns, the last one '~' if it is cut. */
void text_put(FILE *f, const char *text, unsigned int width);
/* Allocates like asprintf(); exits when memory is out. */
char *text_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
