/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "list.h"
#include "options.h"
#include "text.h"

const struct command command_list[] = {
	{ "status", NULL, NULL, "the whole gateway at a glance", .run = run_status },
	{ "show", "calls", NULL, "calls", .run = run_list, .list = &list_calls },
	{ "show", "call", "ID", "one call with its legs and streams",
	  .run = run_call },
	{ "show", "streams", NULL, "media streams of all calls",
	  .run = run_list, .list = &list_streams },
	{ "show", "registrations", NULL, "browsers that registered",
	  .run = run_list, .list = &list_registrations },
	{ "show", "trunks", NULL, "the PBX and whether it answers",
	  .run = run_list, .list = &list_trunks },
	{ "show", "drops", NULL, "what was dropped, by reason",
	  .run = run_list, .list = &list_drops },
	{ "show", "datapath", NULL, "packets by datapath",
	  .run = run_list, .list = &list_backends },
	{ "show", "interfaces", NULL, "interfaces with the XDP program",
	  .run = run_list, .list = &list_interfaces },
	{ "terminate", "call", "ID", "end a call", .run = run_terminate,
	  .is_optional = true },
	{ "check", NULL, "FILE", "check a configuration file", .run = run_check },
	{ "reload", NULL, NULL, "read the configuration again", .run = run_reload },
	{ "trace", NULL, NULL, "SIP messages of both sides as they pass",
	  .run = run_stream },
	{ "events", NULL, NULL, "what happens, as it happens", .run = run_stream },
	{ "completion", NULL, NULL, "print the completion for bash",
	  .run = run_completion },
	{ .verb = NULL },
};

void command_print_help(void)
{
	char *left;

	fputs("Usage: sluicectl [OPTION]... VERB [OBJECT] [ID]\n\n", stdout);
	for (const struct command *c = command_list; c->verb; c++) {
		left = text_format("%s%s%s%s%s", c->verb, c->object ? " " : "",
				   c->object ? c->object : "",
				   c->argument ? " " : "",
				   c->argument ? c->argument : "");
		printf("  %-21s %s\n", left, c->help);
		free(left);
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

	fprintf(stderr, "sluicectl: usage: ");
	for (const struct command *c = command_list; c->verb; c++) {
		if (strcmp(c->verb, verb))
			continue;
		fprintf(stderr, "%s%s%s%s%s%s", separator, c->verb,
			c->object ? " " : "", c->object ? c->object : "",
			c->argument ? " " : "", c->argument ? c->argument : "");
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
	int used = named ? 2 : 1;

	if (strcmp(c->verb, o->words[0]) ||
	    (c->object && !named && !c->is_optional) ||
	    o->word_count != used + (c->argument ? 1 : 0))
		return false;
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
