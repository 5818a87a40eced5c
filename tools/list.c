/* SPDX-License-Identifier: Apache-2.0 */
#include "list.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "table.h"
#include "text.h"

#define COLUMNS_MAX	24

struct selection {
	const struct list_column *columns[COLUMNS_MAX];
	struct table_column headers[COLUMNS_MAX];
	size_t count;
	const struct list_column *sort;
	bool is_descending;
};

/* "web_to_sip.packets" */
static const json_t *member(const json_t *row, const char *path)
{
	char name[64];
	const char *dot;

	while ((dot = strchr(path, '.'))) {
		snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
		row = json_object_get(row, name);
		path = dot + 1;
	}
	return json_object_get(row, path);
}

static const char *text_at(const json_t *row, const char *path)
{
	const char *text = json_string_value(member(row, path));

	return text ? text : "";
}

char *list_age(long long s)
{
	if (s >= 86400)
		return text_format("%lldd%02lldh", s / 86400, s / 3600 % 24);
	return text_format("%02lld:%02lld:%02lld", s / 3600, s / 60 % 60,
			   s % 60);
}

char *list_time(const char *iso, const struct options *o)
{
	struct tm tm = { 0 };
	const char *rest = strptime(iso, "%Y-%m-%dT%H:%M:%S", &tm);
	char text[40], zone[8];
	time_t t;

	if (o->is_utc || !rest || strncmp(rest, ".", 1))
		return text_format("%s", iso);
	t = timegm(&tm);
	localtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	return text_format("%s%.4s%s", text, rest, zone);
}

/* "alice" of "sip:alice@example.org"; what has no user stays whole. */
static char *user(const char *uri)
{
	const char *start = strchr(uri, ':'), *at = strchr(uri, '@');

	start = start ? start + 1 : uri;
	if (!at || at <= start)
		return text_format("%s", uri);
	return text_format("%.*s", (int)(at - start), start);
}

static char *state(const json_t *row, const char *text)
{
	return text_format("%s%s", text,
			   json_is_true(member(row, "one_way")) ? " one-way" :
								  "");
}

static char *counter(const struct list_column *c, const json_t *value,
		     const json_t *before, double elapsed_s)
{
	const json_t *old = before ? member(before, c->member) : NULL;
	json_int_t now = json_integer_value(value), past;

	if (!old || elapsed_s <= 0)
		return text_format("%lld", (long long)now);
	/* It began anew, by detach and adopt. */
	past = json_integer_value(old) > now ? 0 : json_integer_value(old);
	return text_format("%.0f/s", (double)(now - past) / elapsed_s);
}

static char *format(const struct list_column *c, const json_t *row,
		    const json_t *before, double elapsed_s,
		    const struct options *o)
{
	const json_t *v = member(row, c->member);
	const char *text = json_string_value(v);

	if (!v || json_is_null(v))
		return text_format("-");
	switch (c->kind) {
	case LIST_TEXT:
		return text_format("%s", text && *text ? text : "-");
	case LIST_STATE:
		return state(row, text ? text : "-");
	case LIST_NUMBER:
		return text_format("%lld", (long long)json_integer_value(v));
	case LIST_COUNTER:
		return counter(c, v, before, elapsed_s);
	case LIST_AGE:
		return list_age(json_integer_value(v) / 1000);
	case LIST_SECONDS:
		return list_age(json_integer_value(v));
	case LIST_MS:
		return text_format(json_is_integer(v) ? "%.0f ms" : "%.1f ms",
				   json_number_value(v));
	case LIST_PERCENT:
		return text_format("%.1f%%", json_number_value(v));
	case LIST_MOS:
		return text_format("%.1f", json_number_value(v));
	case LIST_TIME:
		return list_time(text ? text : "-", o);
	case LIST_USER:
		return user(text && *text ? text : "-");
	case LIST_BOOL:
		return text_format("%s", json_is_true(v) ? "yes" : "no");
	case LIST_SSRC:
		return json_integer_value(v) ?
			       text_format("%08llx", (unsigned long long)
						     json_integer_value(v)) :
			       text_format("-");
	case LIST_PATH:
		return text_format("%s%s%s", text ? text : "-",
				   *text_at(row, "path_reason") ? ": " : "",
				   text_at(row, "path_reason"));
	}
	return text_format("-");
}

static const struct list_column *find_column(const struct list *list,
					     const char *name, size_t len)
{
	const struct list_column *c;

	for (c = list->columns; c->name; c++)
		if (strlen(c->name) == len && !strncmp(c->name, name, len))
			return c;
	fprintf(stderr, "sluicectl: no column \"%.*s\"; there are:", (int)len,
		name);
	for (c = list->columns; c->name; c++)
		fprintf(stderr, " %s", c->name);
	fputc('\n', stderr);
	return NULL;
}

static void take(struct selection *s, const struct list_column *c)
{
	if (s->count == COLUMNS_MAX)
		return;
	s->columns[s->count] = c;
	s->headers[s->count++] = (struct table_column){
		.name = c->name,
		.is_right = c->kind == LIST_NUMBER || c->kind == LIST_COUNTER ||
			    c->kind == LIST_MS || c->kind == LIST_PERCENT ||
			    c->kind == LIST_MOS,
		.can_shrink = (c->kind == LIST_TEXT && !c->is_key) ||
			      c->kind == LIST_PATH || c->kind == LIST_USER,
		.is_state = c->kind == LIST_STATE || c->kind == LIST_BOOL,
	};
}

static int select_columns(const struct list *list, const struct options *o,
			  struct selection *s)
{
	const char *rest = o->columns, *sort = o->sort;
	const struct list_column *c;
	size_t len;

	for (c = list->columns; !rest && c->name; c++)
		if (!c->is_extra)
			take(s, c);
	while (rest) {
		len = strcspn(rest, ",");
		c = find_column(list, rest, len);
		if (!c)
			return EXIT_USAGE;
		take(s, c);
		rest = rest[len] ? rest + len + 1 : NULL;
	}
	if (!sort)
		return 0;
	s->is_descending = *sort == '-';
	sort += s->is_descending;
	s->sort = find_column(list, sort, strlen(sort));
	return s->sort ? 0 : EXIT_USAGE;
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct selection *s = arg;
	const json_t *x = member(*(json_t *const *)a, s->sort->member);
	const json_t *y = member(*(json_t *const *)b, s->sort->member);
	double difference = json_number_value(x) - json_number_value(y);
	int order;

	if (json_is_string(x) && json_is_string(y))
		order = strcmp(json_string_value(x), json_string_value(y));
	else
		order = (difference > 0) - (difference < 0);
	return s->is_descending ? -order : order;
}

/* Same keys: the same row. */
static bool is_same_row(const struct list *list, const json_t *a,
			const json_t *b)
{
	for (const struct list_column *c = list->columns; c->name; c++)
		if (c->is_key &&
		    !json_equal(member(a, c->member), member(b, c->member)))
			return false;
	return true;
}

static const json_t *find_row(const struct list *list, const json_t *rows,
			      const json_t *row)
{
	for (size_t i = 0; i < json_array_size(rows); i++)
		if (is_same_row(list, json_array_get(rows, i), row))
			return json_array_get(rows, i);
	return NULL;
}

static void fill(const struct list *list, const json_t *array,
		 const json_t *old_rows, double elapsed_s,
		 const struct options *o, struct selection *s, struct table *t)
{
	size_t count = json_array_size(array);
	json_t **rows = calloc(count + 1, sizeof(*rows));
	char *cells[COLUMNS_MAX];
	const json_t *before;

	if (!rows)
		exit(EXIT_REFUSED);
	for (size_t i = 0; i < count; i++)
		rows[i] = json_array_get(array, i);
	if (s->sort)
		qsort_r(rows, count, sizeof(*rows), compare, s);
	if (o->limit && o->limit < count)
		count = o->limit;
	for (size_t i = 0; i < count; i++) {
		before = find_row(list, old_rows, rows[i]);
		for (size_t j = 0; j < s->count; j++)
			cells[j] = format(s->columns[j], rows[i], before,
					  elapsed_s, o);
		table_add(t, cells);
		for (size_t j = 0; j < s->count; j++)
			free(cells[j]);
	}
	free(rows);
}

int list_print(const struct list *list, const json_t *answer,
	       const json_t *before, double elapsed_s, const struct options *o)
{
	struct selection s = { 0 };
	struct table *t;
	int err = select_columns(list, o, &s);

	if (err)
		return err;
	t = table_new(s.headers, s.count);
	fill(list, json_object_get(answer, list->member),
	     json_object_get(before, list->member), elapsed_s, o, &s, t);
	table_print(t, o, stdout);
	table_free(t);
	return 0;
}
