/* SPDX-License-Identifier: Apache-2.0 */
/* completion.bash is this program's output; a test compares them. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "options.h"

static bool is_first_of_verb(const struct command *c)
{
	for (const struct command *i = command_list; i != c; i++)
		if (!strcmp(i->verb, c->verb))
			return false;
	return true;
}

/* What takes a word of its own, which is no verb. */
static void print_skip(void)
{
	fputs("\t\t-s | -p | -o | -n", stdout);
	for (const struct option *i = option_list; i->name; i++)
		if (i->has_arg == required_argument)
			printf(" | --%s", i->name);
	fputs(")\n\t\t\t((i++))\n"
	      "\t\t\t[[ ${COMP_WORDS[i]} != = ]] || ((i++))\n"
	      "\t\t\t;;\n", stdout);
}

static void print_verbs(void)
{
	fputs("\tlocal verbs=\"", stdout);
	for (const struct command *c = command_list; c->verb; c++)
		if (is_first_of_verb(c))
			printf("%s%s", c == command_list ? "" : " ", c->verb);
	fputs("\"\n", stdout);
}

/* "show) words=...;;" for verbs with objects. */
static void print_objects(void)
{
	const char *separator;

	for (const struct command *c = command_list; c->verb; c++) {
		if (!c->object || !is_first_of_verb(c))
			continue;
		printf("\t%s)\n\t\twords=\"", c->verb);
		separator = "";
		for (const struct command *i = c; i->verb; i++) {
			if (strcmp(i->verb, c->verb))
				continue;
			printf("%s%s", separator, i->object);
			separator = " ";
		}
		fputs("\"\n\t\t;;\n", stdout);
	}
}

static void print_arguments(void)
{
	for (const struct command *c = command_list; c->verb; c++) {
		if (c->key && !c->argument)
			printf("\t\"%s %s\")\n\t\twords=\"%s=%s\"\n"
			       "\t\t;;\n", c->verb, c->object, c->key,
			       c->values);
		if (!c->argument)
			continue;
		printf("\t\"%s%s%s\")\n", c->verb, c->object ? " " : "",
		       c->object ? c->object : "");
		if (!strcmp(c->argument, "FILE"))
			fputs("\t\tmapfile -t COMPREPLY < <(compgen -f -- "
			      "\"$current\")\n\t\treturn\n\t\t;;\n", stdout);
		else
			fputs("\t\twords=$(sluicectl -H -o call show calls "
			      "2>/dev/null)\n\t\t;;\n", stdout);
	}
}

int run_completion(const struct command *c, const struct options *o,
		   const char *argument)
{
	fputs("# SPDX-License-Identifier: Apache-2.0\n"
	      "# Made by `sluicectl completion`.\n"
	      "# shellcheck shell=bash\n\n"
	      "_sluicectl()\n{\n"
	      "\tlocal current=${COMP_WORDS[COMP_CWORD]} words=\"\" said=\"\" "
	      "i\n", stdout);
	print_verbs();
	fputs("\tlocal options=\"", stdout);
	for (const struct option *i = option_list; i->name; i++)
		printf("%s--%s", i == option_list ? "" : " ", i->name);
	fputs("\"\n\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tcase ${COMP_WORDS[i]} in\n", stdout);
	print_skip();
	fputs("\t\t-*) ;;\n"
	      "\t\t*) said+=\"${said:+ }${COMP_WORDS[i]}\" ;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\tcase $said in\n"
	      "\t\"\")\n\t\twords=$verbs\n\t\t;;\n", stdout);
	print_objects();
	print_arguments();
	fputs("\tesac\n"
	      "\tif [[ $current == -* ]]; then\n\t\twords=$options\n\tfi\n"
	      "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- "
	      "\"$current\")\n"
	      "}\n"
	      "complete -F _sluicectl sluicectl\n", stdout);
	return EXIT_OK;
}
