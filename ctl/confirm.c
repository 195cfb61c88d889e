/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/confirm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/options.h"
#include "ctl/say.h"

static bool
is_confirmed(void)
{
	char answer[16] = "";

	fputs("Apply? [y/N] ", stderr);
	fflush(stderr);
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	       (answer[0] == 'y' || answer[0] == 'Y');
}

enum exit_status
confirm_ask(const struct ctl *ctl)
{
	if (ctl->opt->given & OPTION_YES)
		return EXIT_DONE;
	if (ctl->opt->json || strcmp(ctl->args[0], "-") == 0 || !isatty(STDIN_FILENO) ||
	    !isatty(STDERR_FILENO)) {
		say_error("nothing was changed: there is nobody to ask, and no --yes");
		return EXIT_USAGE;
	}
	fflush(stdout);
	if (is_confirmed())
		return EXIT_DONE;
	say_error("nothing was changed");
	return EXIT_FAILED;
}
