/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl: the operator's view of sluiced. */
#include <stdio.h>

#include "command.h"
#include "options.h"
#include "text.h"

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
		return EXIT_OK;
	}
	if (o.is_version) {
		printf("sluicectl %s\n", SLUICE_VERSION);
		return EXIT_OK;
	}
	return command_dispatch(&o);
}
