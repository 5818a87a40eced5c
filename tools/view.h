/* SPDX-License-Identifier: Apache-2.0 */
/* What is no list: status, one call, the streams of lines. */
#ifndef TOOLS_VIEW_H
#define TOOLS_VIEW_H

#include <jansson.h>

struct options;

void view_status(const json_t *answer, const struct options *o);
/* Every value of an object as NAME VALUE, for `show call` and for pipes. */
void view_flat(const json_t *object, const struct options *o);
void view_datapath(const json_t *answer, const struct options *o);
void view_reload(const json_t *answer);
void view_trace(const json_t *line, const struct options *o);
void view_event(const json_t *line, const struct options *o);

#endif
