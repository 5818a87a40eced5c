/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "list.h"
#include "options.h"
#include "text.h"

const struct command command_list[] = {
	{ "status", .help = "the whole gateway at a glance",
	  .run = run_show },
	{ "show", "calls", .help = "calls", .run = run_show,
	  .list = &list_calls },
	{ "show", "call", "ID", .help = "one call with its legs and streams",
	  .run = run_show },
	{ "show", "streams", .help = "media streams of all calls",
	  .run = run_show, .list = &list_streams, .is_offline = true },
	{ "show", "registrations", .help = "browsers that registered",
	  .run = run_show, .list = &list_registrations },
	{ "show", "trunks", .help = "the PBX and whether it answers",
	  .run = run_show, .list = &list_trunks },
	{ "show", "drops", .help = "what was dropped, by reason",
	  .run = run_show, .list = &list_drops, .is_offline = true },
	{ "show", "datapath", .help = "packets by datapath",
	  .run = run_show, .list = &list_backends, .is_offline = true },
	{ "show", "interfaces", .help = "interfaces with the XDP program",
	  .run = run_show, .list = &list_interfaces, .is_offline = true },
	{ "show", "resources", .help = "what is in use, and its limits",
	  .run = run_show, .list = &list_resources },
	{ "terminate", "call", "ID", .help = "end a call",
	  .run = run_terminate, .is_optional = true },
	{ "move", "call", "ID", .key = "path", .values = "kernel|user",
	  .help = "its media to the other datapath", .run = run_move,
	  .is_optional = true },
	{ "detach", "datapath", .key = "calls", .values = "move",
	  .is_key_optional = true,
	  .help = "take the program off the interfaces", .run = run_detach },
	{ "adopt", "datapath", .key = "calls", .values = "move",
	  .is_key_optional = true,
	  .help = "put the program onto the interfaces again",
	  .run = run_adopt },
	{ "check", NULL, "FILE", .help = "check a configuration file",
	  .run = run_check },
	{ "reload", .help = "read the configuration again",
	  .run = run_reload },
	{ "trace", .help = "SIP messages of both sides as they pass",
	  .run = run_stream },
	{ "events", .help = "what happens, as it happens", .run = run_stream },
	{ "completion", .help = "print the completion for bash",
	  .run = run_completion },
	{ .verb = NULL },
};

/* What stands behind the verb, to be freed. */
static char *signature(const struct command *c)
{
	const char *open = c->is_key_optional ? " [" : " ";
	const char *close = c->is_key_optional ? "]" : "";

	return text_format("%s%s%s%s%s%s%s%s%s", c->object ? " " : "",
			   c->object ? c->object : "", c->argument ? " " : "",
			   c->argument ? c->argument : "", c->key ? open : "",
			   c->key ? c->key : "", c->key ? "=" : "",
			   c->key ? c->values : "", c->key ? close : "");
}

void command_print_help(void)
{
	char *left, *right;

	fputs("Usage: sluicectl [OPTION]... VERB [OBJECT] [ID] [KEY=VALUE]\n\n",
	      stdout);
	for (const struct command *c = command_list; c->verb; c++) {
		right = signature(c);
		left = text_format("%s%s", c->verb, right);
		printf("  %-21s %s\n", left, c->help);
		free(left);
		free(right);
	}
	fputc('\n', stdout);
	options_print_help();
	fputs("\nAn ID is the beginning of a call's id, a Call-ID, a user or "
	      "an SSRC.\n"
	      "Exit: 0 ok, 1 refused, 2 usage, 3 daemon unreachable, 4 not "
	      "found, 5 degraded.\n", stdout);
}

static int usage_of_verb(const char *verb)
{
	const char *separator = "";
	char *rest;

	fprintf(stderr, "sluicectl: usage: ");
	for (const struct command *c = command_list; c->verb; c++) {
		if (strcmp(c->verb, verb))
			continue;
		rest = signature(c);
		fprintf(stderr, "%s%s%s", separator, c->verb, rest);
		free(rest);
		separator = " | ";
	}
	fputc('\n', stderr);
	return EXIT_USAGE;
}

/* Matches the words; ret_argument is what stands behind them. */
static bool matches(const struct command *c, const struct options *o,
		    const char **ret_argument)
{
	bool named = o->word_count > 1 && c->object &&
		     !strcmp(o->words[1], c->object);
	int used = named ? 2 : 1, more;

	if (strcmp(c->verb, o->words[0]) ||
	    (c->object && !named && !c->is_optional))
		return false;
	more = o->word_count - used - (c->argument ? 1 : 0);
	if (more != (c->key ? 1 : 0) && !(c->is_key_optional && !more))
		return false;
	if (more) {
		const char *last = o->words[o->word_count - 1];
		size_t n = strlen(c->key);

		if (strncmp(last, c->key, n) || last[n] != '=')
			return false;
	}
	*ret_argument = c->argument ? o->words[used] : NULL;
	return true;
}

int command_dispatch(const struct options *o)
{
	const char *argument;
	bool is_verb = false;

	if (!o->word_count) {
		fputs("sluicectl: what? see sluicectl --help\n", stderr);
		return EXIT_USAGE;
	}
	for (const struct command *c = command_list; c->verb; c++) {
		if (matches(c, o, &argument))
			return c->run(c, o, argument);
		is_verb |= !strcmp(c->verb, o->words[0]);
	}
	if (is_verb)
		return usage_of_verb(o->words[0]);
	fprintf(stderr, "sluicectl: unknown verb \"%s\"; see sluicectl "
		"--help\n", o->words[0]);
	return EXIT_USAGE;
}
