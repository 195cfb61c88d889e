/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>

#include "ctl/commands.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/say.h"
#include "lib/mem.h"
#include "lib/version.h"

static const struct output_writer *
writer_of(const struct options *opt)
{
	return opt->given & OPTION_HTML ? &output_html_writer
	       : opt->json              ? &output_json_writer
					: &output_text_writer;
}

/*
 * nsherdctl, the command line of one agent. It is a client of the DNS control
 * protocol and nothing more: what it does, nsupdate and dig can do too, but
 * for speed (many UPDATEs on their way over one connection) and plain words.
 *
 *   options -> commands (the table) -> add.c, del.c, list.c ...
 *   add, del, set:  orders (which zones) -> edit -> change (UPDATEs) -> await
 *   refresh ... :   verb (UPDATEs of _command.C) -> outcome
 *   list, export:   members (transfer of C, put together by id)
 *   status, show:   observed (queries or transfer of _status.C)
 *   all of them:    session (connection, failures in plain words), output
 *
 * No secret is ever an argument: keys come from files. What goes wrong is said
 * on stderr, results go to stdout, as text, as one JSON document, or as a page.
 */
int
main(int argc, char **argv)
{
	struct options opt;
	struct output out;
	enum exit_status rc = EXIT_USAGE;
	if (options_parse(argc, argv, &opt))
		goto out;
	if (opt.version) {
		puts("nsherdctl " NSHERD_VERSION);
		rc = EXIT_DONE;
		goto out;
	}
	output_init(&out, writer_of(&opt), stdout);
	rc = commands_run(&opt, &out);
	if (!output_end(&out)) {
		say_error("stdout: %s", mem_errno_text(errno));
		rc = rc ? rc : EXIT_FAILED;
	}
out:
	options_fini(&opt);
	return rc;
}
