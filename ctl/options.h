/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

/*
 * The command line, taken apart once for all commands. Options may stand
 * before or after the command; which of them a command takes, its table entry
 * says (ctl/command.h).
 */

enum option_bit {
	OPTION_PATTERN = 1,
	OPTION_PARAM = 2,
	OPTION_FROM = 4,
	OPTION_WAIT = 8,
	OPTION_TIMEOUT = 16,
	OPTION_SUMMARY = 32,
	OPTION_ALGORITHM = 64,
	OPTION_BACKEND = 128,
	OPTION_COUNT = 256,
	OPTION_PRUNE = 512,
	OPTION_YES = 1024,
	OPTION_RELEASE = 2048,
	OPTION_INTERVAL = 4096,
	OPTION_FLEET = 8192,
	OPTION_DIFF = 16384,
	OPTION_QUIET = 32768,
	OPTION_APPLY = 65536,
	OPTION_CONFIG = 131072,
	OPTION_HTML = 262144,
	OPTION_LAST = OPTION_HTML,
};

enum { OPTIONS_INTERVAL_S = 1 }; /* of watch */
enum { OPTIONS_WAIT_S = 60 };    /* when --wait or wait names no time */

/* Strings are those of argv. */
struct options {
	const char *server;   /* -s; NULL: not given, here and below */
	const char *key_file; /* -k */
	const char *catalog;  /* -z */
	const char *tls;      /* --tls: the agent's name, "-" for no TLS */
	const char *tls_ca, *tls_cert, *tls_key;
	bool json; /* -o json */
	bool help, version;

	unsigned given;      /* of enum option_bit, or-ed */
	const char *pattern; /* -p */
	const char **params; /* -P, in order */
	size_t n_params, params_room;
	const char *from;      /* --from */
	const char *fleet;     /* --fleet */
	unsigned wait_s;       /* --wait */
	unsigned timeout_s;    /* --timeout */
	unsigned interval_s;   /* --interval */
	const char *algorithm; /* -a */
	const char *backend;   /* -b */
	size_t count;          /* -n; 0: not given */
	const char *config;    /* --config */

	char **args; /* the command and what follows it */
	size_t n_args;
};

/*
 * ERR_INVALID: the fault was said on stderr. argv is permuted. Fini in either
 * case.
 */
NODISCARD enum err options_parse(int argc, char **argv, struct options *opt);
void options_fini(struct options *opt);

/* How an option of the bit is written, for messages: "--from". */
const char *options_name(unsigned bit);
/* One line of help for the option of the bit. */
const char *options_help(unsigned bit);

#endif
