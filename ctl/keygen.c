/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "ctl/commands.h"
#include "ctl/options.h"
#include "ctl/orders.h"
#include "ctl/say.h"
#include "lib/buf.h"
#include "lib/key.h"
#include "lib/mem.h"

static enum exit_status
read_algorithm(const char *text, enum key_alg *alg)
{
	*alg = KEY_SHA256;
	enum err e = text ? key_alg_parse(text, alg) : OK;
	if (e == ERR_UNSUPPORTED)
		say_error("-a %s: too weak; hmac-sha256, -sha384 and -sha512 are "
			  "taken",
		    text);
	else if (e)
		say_error("-a %s: no such algorithm; hmac-sha256, -sha384 and -sha512 "
			  "are known",
		    text);
	return e ? EXIT_USAGE : EXIT_DONE;
}

/* The file goes to stdout: who may read it is the shell's umask. */
enum exit_status
keygen_run(struct ctl *ctl)
{
	struct dname name;
	enum key_alg alg;
	const char *why;
	struct key *key = NULL;
	struct buf text;
	if (orders_parse_zone(ctl->args[0], &name, &why)) {
		say_error("\"%s\": %s", ctl->args[0], why);
		return EXIT_USAGE;
	}
	enum exit_status rc = read_algorithm(ctl->opt->algorithm, &alg);
	if (rc)
		return rc;
	if (key_generate(&name, alg, &key)) {
		say_error("no random numbers to be had");
		return EXIT_FAILED;
	}
	buf_init(&text, 0);
	key_print(key, &text);
	fputs(buf_text(&text), stdout);
	if (text.data)
		mem_wipe(text.data, text.size);
	buf_fini(&text);
	key_unref(key);
	return EXIT_DONE;
}
