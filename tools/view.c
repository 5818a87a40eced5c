/* SPDX-License-Identifier: Apache-2.0 */
#include "view.h"

#include <stdlib.h>
#include <string.h>

#include "list.h"
#include "table.h"
#include "text.h"

static const json_t *get(const json_t *o, const char *a, const char *b)
{
	o = json_object_get(o, a);
	return b ? json_object_get(o, b) : o;
}

/* Clean, allocated; "-" for what is missing. */
static char *text(const json_t *o, const char *a, const char *b)
{
	const char *s = json_string_value(get(o, a, b));

	return text_clean(s && *s ? s : "-", false);
}

static long long number(const json_t *o, const char *a, const char *b)
{
	return (long long)json_integer_value(get(o, a, b));
}

static void line(const char *name, char *value)
{
	printf("%-14s %s\n", name, value);
	free(value);
}

static char *trunk_text(const json_t *answer)
{
	char *uri = text(answer, "trunk", "uri");
	char *state = text(answer, "trunk", "state");
	char *reason = text(answer, "trunk", "reason"), *all;

	if (!strcmp(state, "up"))
		all = text_format("%s up, OPTIONS %lld ms", uri,
				  number(answer, "trunk", "rtt_ms"));
	else
		all = text_format("%s %s%s%s", uri, state,
				  strcmp(reason, "-") ? ": " : "",
				  strcmp(reason, "-") ? reason : "");
	free(uri);
	free(state);
	free(reason);
	return all;
}

static void print_interfaces(const json_t *answer)
{
	const json_t *list = get(answer, "datapath", "interfaces"), *one;
	char *name, *mode, *attach;

	for (size_t i = 0; i < json_array_size(list); i++) {
		one = json_array_get(list, i);
		name = text(one, "name", NULL);
		mode = text(one, "mode", NULL);
		attach = text(one, "attach", NULL);
		line("interface", text_format("%s  %s  %s%s", name, mode,
					      attach, json_is_false(
					      json_object_get(one, "is_attached")) ?
					      "  GONE" : ""));
		free(name);
		free(mode);
		free(attach);
	}
}

static void print_head(const json_t *answer, const struct options *o)
{
	char *version = text(answer, "version", NULL);
	char *config = text(answer, "config", NULL);
	char *up = list_age(number(answer, "uptime_s", NULL));
	bool is_degraded = get(answer, "code", NULL) != NULL;

	printf("sluiced %s  up %s  config %s", version, up, config);
	if (is_degraded)
		printf("  %sDEGRADED%s",
		       o->is_coloured ? table_colour("DEGRADED") : "",
		       o->is_coloured ? "\033[0m" : "");
	fputc('\n', stdout);
	free(version);
	free(config);
	free(up);
}

static void print_places(const json_t *answer)
{
	char *a, *b;

	line("datapath", text(answer, "datapath", "reason"));
	print_interfaces(answer);
	a = text(answer, "web", "wss");
	b = text(answer, "web", "media");
	line("web", text_format("wss %s  media %s  %lld clients", a, b,
				number(answer, "web", "clients")));
	free(a);
	free(b);
	line("sip", text(answer, "sip", "address"));
	line("pbx", trunk_text(answer));
}

/* Nothing while no call has been judged. */
static void print_quality(const json_t *answer)
{
	const json_t *q = get(answer, "quality", NULL);
	char *worst;

	if (!json_is_number(json_object_get(q, "mos")))
		return;
	worst = text(q, "worst_call", NULL);
	line("quality", text_format(
		"loss %.2f%%  jitter %.1f ms  MOS %.2f  worst %.2f %s",
		json_number_value(json_object_get(q, "loss_percent")),
		json_number_value(json_object_get(q, "jitter_ms")),
		json_number_value(json_object_get(q, "mos")),
		json_number_value(json_object_get(q, "worst_mos")), worst));
	free(worst);
}

void view_status(const json_t *answer, const struct options *o)
{
	const json_t *warnings = get(answer, "warnings", NULL);
	char *warning;

	if (!o->is_terminal) {
		view_flat(answer, o);
		return;
	}
	print_head(answer, o);
	print_places(answer);
	line("calls", text_format("%lld up, %lld live, %lld attempts, %lld "
				  "answered, %lld failed by us",
				  number(answer, "calls", "up"),
				  number(answer, "calls", "live"),
				  number(answer, "calls", "attempts_total"),
				  number(answer, "calls", "answered_total"),
				  number(answer, "calls",
					 "failed_by_us_total")));
	print_quality(answer);
	line("registrations",
	     text_format("%lld", number(answer, "registrations", NULL)));
	for (size_t i = 0; i < json_array_size(warnings); i++) {
		warning = text_clean(json_string_value(
					     json_array_get(warnings, i)),
				     false);
		printf("! %s\n", warning);
		free(warning);
	}
}

static void flatten(struct table *t, const char *name, const json_t *value)
{
	json_t *v = (json_t *)value, *member;
	char *cells[2] = { (char *)name, NULL }, *child;
	const char *key;

	if (json_is_object(v)) {
		json_object_foreach(v, key, member) {
			child = text_format("%s%s%s", name, *name ? "." : "",
					    key);
			flatten(t, child, member);
			free(child);
		}
		return;
	}
	for (size_t i = 0; json_is_array(v) && i < json_array_size(v); i++) {
		child = text_format("%s[%zu]", name, i);
		flatten(t, child, json_array_get(v, i));
		free(child);
	}
	if (json_is_array(v))
		return;
	if (json_is_string(v))
		cells[1] = text_format("%s", json_string_value(v));
	else if (json_is_real(v))
		cells[1] = text_format("%.2f", json_real_value(v));
	else if (json_is_integer(v))
		cells[1] = text_format("%lld",
				       (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		cells[1] = text_format("%s", json_is_true(v) ? "yes" : "no");
	else
		cells[1] = text_format("-");
	table_add(t, cells);
	free(cells[1]);
}

void view_flat(const json_t *object, const struct options *o)
{
	static const struct table_column columns[] = {
		{ .name = "name" }, { .name = "value", .can_shrink = true },
	};
	struct table *t = table_new(columns, 2);

	flatten(t, "", object);
	table_print(t, o, stdout);
	table_free(t);
}

void view_datapath(const json_t *answer, const struct options *o)
{
	char *reason;

	if (!o->is_terminal || !o->has_header)
		return;
	reason = text(answer, "reason", NULL);
	printf("%s  contract v%lld\n", reason,
	       number(answer, "contract", NULL));
	free(reason);
	if (json_is_object(get(answer, "adoption", NULL)))
		printf("adopted %lld sessions, %lld lost, %llds ago\n",
		       number(answer, "adoption", "sessions"),
		       number(answer, "adoption", "lost"),
		       number(answer, "adoption", "age_ms") / 1000);
}

static void print_strings(const json_t *list, FILE *f, const char *separator)
{
	char *clean;

	for (size_t i = 0; i < json_array_size(list); i++) {
		clean = text_clean(json_string_value(json_array_get(list, i)),
				   false);
		fprintf(f, "%s%s", clean, separator);
		free(clean);
	}
}

void view_reload(const json_t *answer)
{
	const json_t *restart = get(answer, "restart_needed", NULL);
	char *file = text(answer, "file", NULL);

	print_strings(get(answer, "messages", NULL), stderr, "\n");
	if (json_is_true(get(answer, "ok", NULL))) {
		printf("%s read again\n", file);
		if (json_array_size(restart)) {
			fputs("restart needed for: ", stdout);
			print_strings(restart, stdout, " ");
			fputc('\n', stdout);
		}
	}
	free(file);
}

void view_trace(const json_t *l, const struct options *o)
{
	const char *message = json_string_value(get(l, "text", NULL));
	const char *iso = json_string_value(get(l, "time", NULL));
	char *when = list_time(iso ? iso : "-", o);
	char *call = text(l, "call", NULL), *peer = text(l, "peer", NULL);
	char *direction = text(l, "direction", NULL);
	char *clean = text_clean(message ? message : "", true), *rest = clean;
	char *one;

	if (get(l, "skipped_lines", NULL))
		printf("--- %lld messages skipped, this terminal is too slow\n",
		       number(l, "skipped_lines", NULL));
	else
		printf("%s [%s] %s %s %s\n", when, call, direction,
		       strcmp(direction, "sent") ? "from" : "to", peer);
	while (message && (one = strsep(&rest, "\n")))
		printf("    %s\n", one);
	fflush(stdout);
	free(when);
	free(call);
	free(peer);
	free(direction);
	free(clean);
}

void view_event(const json_t *l, const struct options *o)
{
	const char *iso = json_string_value(get(l, "time", NULL));
	char *when = list_time(iso ? iso : "-", o);
	char *event = text(l, "event", NULL), *call = text(l, "call", NULL);
	char *side = text(l, "side", NULL), *peer = text(l, "peer", NULL);
	char *detail = text(l, "detail", NULL);

	if (get(l, "skipped_lines", NULL))
		printf("--- %lld events skipped, this terminal is too slow\n",
		       number(l, "skipped_lines", NULL));
	else if (o->is_terminal)
		printf("%s  %-14s %-8s %s %-22s %s\n", when, event, call, side,
		       peer, detail);
	else
		printf("%s\t%s\t%s\t%s\t%s\t%s\n", when, event, call, side,
		       peer, detail);
	fflush(stdout);
	free(when);
	free(event);
	free(call);
	free(side);
	free(peer);
	free(detail);
}
