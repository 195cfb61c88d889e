/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/say.h"
#include "lib/inifile.h"
#include "lib/mem.h"

enum {
	LONG_FROM = 256,
	LONG_WAIT,
	LONG_TIMEOUT,
	LONG_SUMMARY,
	LONG_PRUNE,
	LONG_YES,
	LONG_RELEASE,
	LONG_INTERVAL,
	LONG_FLEET,
	LONG_DIFF,
	LONG_HTML,
	LONG_QUIET,
	LONG_APPLY,
	LONG_CONFIG,
	LONG_TLS,
	LONG_TLS_CA,
	LONG_TLS_CERT,
	LONG_TLS_KEY
};

enum { WAIT_MAX_S = 7 * 86400, INTERVAL_MAX_S = 86400, COUNT_MAX = 1000000 };

static const char short_options[] = "+:s:k:z:o:p:P:a:b:n:hV";

static const struct option long_options[] = {
    {"server", required_argument, NULL, 's'},
    {"key", required_argument, NULL, 'k'},
    {"catalog", required_argument, NULL, 'z'},
    {"output", required_argument, NULL, 'o'},
    {"pattern", required_argument, NULL, 'p'},
    {"param", required_argument, NULL, 'P'},
    {"algorithm", required_argument, NULL, 'a'},
    {"backend", required_argument, NULL, 'b'},
    {"count", required_argument, NULL, 'n'},
    {"from", required_argument, NULL, LONG_FROM},
    {"wait", optional_argument, NULL, LONG_WAIT},
    {"timeout", required_argument, NULL, LONG_TIMEOUT},
    {"summary", no_argument, NULL, LONG_SUMMARY},
    {"prune", no_argument, NULL, LONG_PRUNE},
    {"yes", no_argument, NULL, LONG_YES},
    {"release", no_argument, NULL, LONG_RELEASE},
    {"interval", required_argument, NULL, LONG_INTERVAL},
    {"fleet", required_argument, NULL, LONG_FLEET},
    {"diff", no_argument, NULL, LONG_DIFF},
    {"html", no_argument, NULL, LONG_HTML},
    {"quiet", no_argument, NULL, LONG_QUIET},
    {"apply", no_argument, NULL, LONG_APPLY},
    {"config", required_argument, NULL, LONG_CONFIG},
    {"tls", required_argument, NULL, LONG_TLS},
    {"tls-ca", required_argument, NULL, LONG_TLS_CA},
    {"tls-cert", required_argument, NULL, LONG_TLS_CERT},
    {"tls-key", required_argument, NULL, LONG_TLS_KEY},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static const struct {
	unsigned bit;
	const char *name, *help;
} of_commands[] = {
    {OPTION_PATTERN, "-p",
	"-p PATTERN       how the zones are served; several by commas, - for none"},
    {OPTION_PARAM, "-P",
	"-P NAME=VALUE    a parameter of the pattern; may be repeated"},
    {OPTION_FROM, "--from", "--from FILE      read zones from FILE, - for stdin"},
    {OPTION_WAIT, "--wait",
	"--wait[=SECONDS] wait until every backend has answered (60 s)"},
    {OPTION_TIMEOUT, "--timeout", "--timeout SECONDS  give up after that time (60 s)"},
    {OPTION_SUMMARY, "--summary", "--summary        the agent and its backends alone"},
    {OPTION_PRUNE, "--prune", "--prune          remove zones that FILE does not have"},
    {OPTION_YES, "--yes", "--yes            do not ask"},
    {OPTION_INTERVAL, "--interval",
	"--interval SECONDS  how long from one look to the next (1 s)"},
    {OPTION_ALGORITHM, "-a",
	"-a ALGORITHM     hmac-sha256 (default), hmac-sha384, hmac-sha512"},
    {OPTION_BACKEND, "-b", "-b BACKEND       on that backend alone"},
    {OPTION_COUNT, "-n", "-n COUNT         the last COUNT alone"},
    {OPTION_RELEASE, "--release", "--release        let go what is held"},
    {OPTION_FLEET, "--fleet",
	"--fleet FILE     the agents; without it those that the hub's catalog names"},
    {OPTION_DIFF, "--diff", "--diff           say why zones are not served alike"},
    {OPTION_HTML, "--html", "--html           as a page for a browser"},
    {OPTION_QUIET, "--quiet", "--quiet          say nothing on stdout"},
    {OPTION_APPLY, "--apply", "--apply          make what is missing"},
    {OPTION_CONFIG, "--config", "--config FILE    the server's own configuration"},
};

static size_t
find_bit(unsigned bit)
{
	size_t i = 0;
	while (i + 1 < sizeof(of_commands) / sizeof(*of_commands) &&
	       of_commands[i].bit != bit)
		i++;
	return i;
}

const char *
options_name(unsigned bit)
{
	return of_commands[find_bit(bit)].name;
}

const char *
options_help(unsigned bit)
{
	return of_commands[find_bit(bit)].help;
}

static enum err
take_seconds(const char *option, const char *text, unsigned *seconds)
{
	if (inifile_duration(text, seconds) || *seconds > WAIT_MAX_S) {
		say_error("%s: \"%s\" is no time in seconds", option, text);
		return ERR_INVALID;
	}
	return OK;
}

static enum err
take_interval(const char *text, struct options *opt)
{
	opt->given |= OPTION_INTERVAL;
	if (inifile_duration(text, &opt->interval_s) || opt->interval_s == 0 ||
	    opt->interval_s > INTERVAL_MAX_S) {
		say_error("--interval: \"%s\" is no time from 1 s to a day", text);
		return ERR_INVALID;
	}
	return OK;
}

static enum err
take_output(const char *text, struct options *opt)
{
	if (strcmp(text, "json") == 0)
		opt->json = true;
	else if (strcmp(text, "text") == 0)
		opt->json = false;
	else {
		say_error("-o: \"%s\" is neither text nor json", text);
		return ERR_INVALID;
	}
	return OK;
}

static void
take_param(const char *text, struct options *opt)
{
	opt->params = mem_grow(opt->params, opt->n_params, &opt->params_room,
	    sizeof(*opt->params));
	opt->params[opt->n_params++] = text;
	opt->given |= OPTION_PARAM;
}

static enum err
take_count(const char *text, struct options *opt)
{
	unsigned long count;
	if (inifile_number(text, 1, COUNT_MAX, &count)) {
		say_error("-n: \"%s\" is no number from 1 to %d", text, COUNT_MAX);
		return ERR_INVALID;
	}
	opt->count = count;
	opt->given |= OPTION_COUNT;
	return OK;
}

/* An option that only some commands take. */
static enum err
take_of_command(int c, struct options *opt)
{
	switch (c) {
	case 'p':
		opt->pattern = optarg;
		opt->given |= OPTION_PATTERN;
		return OK;
	case 'P': take_param(optarg, opt); return OK;
	case 'a':
		opt->algorithm = optarg;
		opt->given |= OPTION_ALGORITHM;
		return OK;
	case 'b':
		opt->backend = optarg;
		opt->given |= OPTION_BACKEND;
		return OK;
	case 'n': return take_count(optarg, opt);
	case LONG_FROM:
		opt->from = optarg;
		opt->given |= OPTION_FROM;
		return OK;
	case LONG_WAIT:
		opt->given |= OPTION_WAIT;
		return optarg ? take_seconds("--wait", optarg, &opt->wait_s) : OK;
	case LONG_TIMEOUT:
		opt->given |= OPTION_TIMEOUT;
		return take_seconds("--timeout", optarg, &opt->timeout_s);
	case LONG_PRUNE: opt->given |= OPTION_PRUNE; return OK;
	case LONG_YES: opt->given |= OPTION_YES; return OK;
	case LONG_RELEASE: opt->given |= OPTION_RELEASE; return OK;
	case LONG_INTERVAL: return take_interval(optarg, opt);
	case LONG_FLEET:
		opt->fleet = optarg;
		opt->given |= OPTION_FLEET;
		return OK;
	case LONG_DIFF: opt->given |= OPTION_DIFF; return OK;
	case LONG_HTML: opt->given |= OPTION_HTML; return OK;
	case LONG_QUIET: opt->given |= OPTION_QUIET; return OK;
	case LONG_APPLY: opt->given |= OPTION_APPLY; return OK;
	case LONG_CONFIG:
		opt->config = optarg;
		opt->given |= OPTION_CONFIG;
		return OK;
	default: opt->given |= OPTION_SUMMARY; return OK;
	}
}

static enum err
take(int c, char *const *argv, struct options *opt)
{
	switch (c) {
	case 's': opt->server = optarg; return OK;
	case 'k': opt->key_file = optarg; return OK;
	case 'z': opt->catalog = optarg; return OK;
	case LONG_TLS: opt->tls = optarg; return OK;
	case LONG_TLS_CA: opt->tls_ca = optarg; return OK;
	case LONG_TLS_CERT: opt->tls_cert = optarg; return OK;
	case LONG_TLS_KEY: opt->tls_key = optarg; return OK;
	case 'o': return take_output(optarg, opt);
	case 'h': opt->help = true; return OK;
	case 'V': opt->version = true; return OK;
	case ':':
		say_error("%s needs a value; see nsherdctl help", argv[optind - 1]);
		return ERR_INVALID;
	case '?':
		if (optopt && optopt < LONG_FROM)
			say_error("no such option: -%c; see nsherdctl help", optopt);
		else
			say_error("no such option: %s; see nsherdctl help",
			    argv[optind - 1]);
		return ERR_INVALID;
	default: return take_of_command(c, opt);
	}
}

/*
 * getopt_long stops at the first word that is no option ("+"), so that the
 * words between options can be kept in order without its permuting, which a
 * POSIXLY_CORRECT in the environment would switch off.
 */
enum err
options_parse(int argc, char **argv, struct options *opt)
{
	*opt = (struct options){.wait_s = OPTIONS_WAIT_S,
	    .timeout_s = OPTIONS_WAIT_S,
	    .interval_s = OPTIONS_INTERVAL_S};
	opt->args = mem_zalloc(((size_t)argc + 1) * sizeof(*opt->args));
	optind = 1;
	opterr = 0;
	bool only_words = false;
	while (optind < argc) {
		if (only_words || argv[optind][0] != '-' || argv[optind][1] == '\0') {
			opt->args[opt->n_args++] = argv[optind++];
			continue;
		}
		if (strcmp(argv[optind], "--") == 0) {
			only_words = true;
			optind++;
			continue;
		}
		int c = getopt_long(argc, argv, short_options, long_options, NULL);
		enum err e = take(c, argv, opt);
		if (e)
			return e;
	}
	return OK;
}

void
options_fini(struct options *opt)
{
	free(opt->params);
	free(opt->args);
	opt->params = NULL;
	opt->args = NULL;
}
