/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl: the operator's view of sluiced. */
#include <stdio.h>

#include "command.h"
#include "options.h"
#include "text.h"

/* Half a document is none: a full disk is told. */
static int written(int code)
{
	if (!fflush(stdout) && !ferror(stdout))
		return code;
	fputs("sluicectl: the output cannot be written\n", stderr);
	return code ? code : EXIT_REFUSED;
}

int main(int argc, char **argv)
{
	struct options o;
	int err;

	text_init();
	err = options_parse(argc, argv, &o);
	if (err)
		return err;
	if (o.is_help) {
		command_print_help();
		return written(EXIT_OK);
	}
	if (o.is_version) {
		printf("sluicectl %s\n", SLUICE_VERSION);
		return written(EXIT_OK);
	}
	return written(command_dispatch(&o));
}
