/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WATCH_SECONDS	2

const struct option option_list[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "socket", required_argument, NULL, 's' },
	{ "pins", required_argument, NULL, 'p' },
	{ "no-header", no_argument, NULL, 'H' },
	{ "columns", required_argument, NULL, 'o' },
	{ "sort", required_argument, NULL, 'S' },
	{ "limit", required_argument, NULL, 'n' },
	{ "watch", optional_argument, NULL, 'w' },
	{ "color", required_argument, NULL, 'c' },
	{ "utc", no_argument, NULL, 'u' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

void options_print_help(void)
{
	fputs("  -j, --json            one JSON document, or JSON lines\n"
	      "  -s, --socket PATH     control socket (" DEFAULT_SOCKET ")\n"
	      "  -p, --pins FOLDER     without a daemon: its pins (" DEFAULT_PINS ")\n"
	      "  -H, --no-header       no header above a table\n"
	      "  -o, --columns A,B     these columns, in this order\n"
	      "      --sort COLUMN     sort rows; -COLUMN: downwards\n"
	      "  -n, --limit N         at most N rows\n"
	      "  -w, --watch[=S]       again every S seconds (2), with rates\n"
	      "      --color WHEN      auto, always or never (also NO_COLOR)\n"
	      "      --utc             times in UTC\n"
	      "  -h, --help            this text\n"
	      "  -V, --version         the version\n", stdout);
}

static int parse_number(const char *option, const char *text,
			unsigned int *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end || !n || n > 1000000) {
		fprintf(stderr, "sluicectl: %s wants a number from 1, not "
			"\"%s\"\n", option, text);
		return EXIT_USAGE;
	}
	*ret = (unsigned int)n;
	return 0;
}

static int parse_colour(const char *when, struct options *o)
{
	const char *none = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (!strcmp(when, "always"))
		o->is_coloured = true;
	else if (!strcmp(when, "never"))
		o->is_coloured = false;
	else if (!strcmp(when, "auto"))
		o->is_coloured = o->is_terminal && (!none || !*none) &&
				 (!term || strcmp(term, "dumb"));
	else {
		fprintf(stderr, "sluicectl: --color wants auto, always or "
			"never, not \"%s\"\n", when);
		return EXIT_USAGE;
	}
	return 0;
}

static unsigned int terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	if (columns && atoi(columns) > 0)
		return (unsigned int)atoi(columns);
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	return 80;
}

/* "-w 5" as well as "-w5": getopt knows the second only. */
static const char *watch_value(int argc, char **argv)
{
	if (!optarg && optind < argc && isdigit((unsigned char)*argv[optind]))
		optarg = argv[optind++];
	return optarg;
}

static int parse_one(int c, int argc, char **argv, struct options *o,
		     const char **colour)
{
	const char *value;

	switch (c) {
	case 'j':
		o->is_json = true;
		return 0;
	case 's':
		o->socket = optarg;
		return 0;
	case 'p':
		o->pins = optarg;
		return 0;
	case 'H':
		o->has_header = false;
		return 0;
	case 'o':
		o->columns = optarg;
		return 0;
	case 'S':
		o->sort = optarg;
		return 0;
	case 'n':
		return parse_number("-n", optarg, &o->limit);
	case 'w':
		value = watch_value(argc, argv);
		o->interval_s = WATCH_SECONDS;
		return value ? parse_number("-w", value, &o->interval_s) : 0;
	case 'c':
		*colour = optarg;
		return 0;
	case 'u':
		o->is_utc = true;
		return 0;
	case 'h':
		o->is_help = true;
		return 0;
	case 'V':
		o->is_version = true;
		return 0;
	default:
		fputs("sluicectl: see sluicectl --help\n", stderr);
		return EXIT_USAGE;
	}
}

int options_parse(int argc, char **argv, struct options *ret)
{
	struct options o = { .socket = DEFAULT_SOCKET, .pins = DEFAULT_PINS,
			     .has_header = true };
	const char *colour = "auto";
	int c, err;

	o.is_terminal = isatty(STDOUT_FILENO);
	o.width = terminal_width();
	while ((c = getopt_long(argc, argv, "js:p:Ho:n:w::hV", option_list,
				NULL)) != -1) {
		err = parse_one(c, argc, argv, &o, &colour);
		if (err)
			return err;
	}
	err = parse_colour(colour, &o);
	if (err)
		return err;
	for (; optind < argc; optind++) {
		if (o.word_count == 4) {
			fprintf(stderr, "sluicectl: \"%s\" is too much; see "
				"sluicectl --help\n", argv[optind]);
			return EXIT_USAGE;
		}
		o.words[o.word_count++] = argv[optind];
	}
	*ret = o;
	return 0;
}
