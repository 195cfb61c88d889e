/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/commands.h"

#include <stdint.h>
#include <string.h>

#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/say.h"

enum { ANY = 0x7fffffff };

enum { FLEET_OPTIONS = OPTION_FLEET | OPTION_TIMEOUT };

static const struct command fleet_table[] = {
    {
	.name = "fleet status",
	.args = "[ZONE...] [--diff] [--html] [--wait[=SECONDS]]",
	.description = "Show what every agent and backend has, or answers for zones",
	.more =
	    "--diff compares what each says of each zone, and says in a line each "
	    "why they are\n"
	    "not served alike. --wait: until each agent serves the hub's version of "
	    "the\n"
	    "catalog, or these zones, on every backend. --html: as a page, on stdout.",
	.options =
	    FLEET_OPTIONS | OPTION_DIFF | OPTION_HTML | OPTION_WAIT | OPTION_FROM,
	.max_args = ANY,
	.run = fleet_status_run,
    },
    {
	.name = "fleet wait",
	.args = "[ZONE...]",
	.description = "Wait until every backend of every agent serves them",
	.more = "Without zones: all of the hub's version of the catalog. Ends with "
		"status 4 when\n"
		"time is up (--timeout, 60 s), and says what is missing.",
	.options = FLEET_OPTIONS | OPTION_FROM,
	.max_args = ANY,
	.run = fleet_wait_run,
    },
    {
	.name = "fleet add",
	.args = "ZONE... -p PATTERN [-P NAME=VALUE]... | --from FILE",
	.description = "As add, at the hub",
	.more = "--wait: until every agent has it.",
	.options =
	    FLEET_OPTIONS | OPTION_PATTERN | OPTION_PARAM | OPTION_FROM | OPTION_WAIT,
	.max_args = ANY,
	.run = fleet_change_run,
    },
    {
	.name = "fleet del",
	.args = "ZONE... | --from FILE",
	.description = "As del, at the hub",
	.options = FLEET_OPTIONS | OPTION_FROM | OPTION_WAIT,
	.max_args = ANY,
	.run = fleet_change_run,
    },
    {
	.name = "fleet set",
	.args = "ZONE... [-p PATTERN] [-P NAME=VALUE]...",
	.description = "As set, at the hub",
	.options =
	    FLEET_OPTIONS | OPTION_PATTERN | OPTION_PARAM | OPTION_FROM | OPTION_WAIT,
	.max_args = ANY,
	.run = fleet_change_run,
    },
    {
	.name = "fleet sync",
	.args = "FILE [--prune] [--yes] [-p PATTERN] [-P NAME=VALUE]...",
	.description = "As sync, at the hub",
	.options = FLEET_OPTIONS | OPTION_PATTERN | OPTION_PARAM | OPTION_PRUNE |
		   OPTION_YES | OPTION_WAIT,
	.min_args = 1,
	.max_args = 1,
	.run = fleet_change_run,
    },
    {
	.name = "fleet guard",
	.args = "[AGENT...] [--release]",
	.description = "Show which agents' guards hold, or let go what those hold",
	.more = "--release needs the names of the agents, the right admin at each, and "
		"--fleet:\n"
		"those who may write the catalog are not to say where an admin's word "
		"goes.",
	.options = FLEET_OPTIONS | OPTION_RELEASE,
	.max_args = ANY,
	.run = fleet_guard_run,
    },
    {
	.name = "fleet nodes",
	.args = "[--from FILE]",
	.description = "Print the agents as lines that --fleet reads, or set them",
	.more =
	    "--from writes those of FILE into the catalog, in place of those there: "
	    "name,\n"
	    "address and TLS name. A line of FILE is:\n"
	    "name address[@port] [hub] [tls=NAME] [key=FILE] [tls-ca=FILE]\n"
	    "    [tls-cert=FILE] [tls-key=FILE] [catalog=NAME]",
	.options = FLEET_OPTIONS | OPTION_FROM,
	.run = fleet_nodes_run,
    },
};

static const struct command table[] = {
    {
	.name = "add",
	.args = "ZONE... -p PATTERN [-P NAME=VALUE]... | --from FILE",
	.description = "Add zones to the catalog",
	.more = "A line of FILE is: zone [pattern[,pattern]] [name=value]...\n"
		"as `nsherdctl export` prints it. What a line does not say is taken "
		"from -p and -P.",
	.options = OPTION_PATTERN | OPTION_PARAM | OPTION_FROM | OPTION_WAIT,
	.max_args = ANY,
	.run = add_run,
    },
    {
	.name = "del",
	.args = "ZONE... | --from FILE",
	.description = "Remove zones from the catalog",
	.more = "FILE has one zone a line.",
	.options = OPTION_FROM | OPTION_WAIT,
	.max_args = ANY,
	.run = del_run,
    },
    {
	.name = "set",
	.args = "ZONE... [-p PATTERN] [-P NAME=VALUE]...",
	.description = "Change the pattern or parameters of zones",
	.more = "-P NAME= removes that parameter. What is not named stays as it is.\n"
		"FILE has one zone a line.",
	.options = OPTION_PATTERN | OPTION_PARAM | OPTION_FROM | OPTION_WAIT,
	.max_args = ANY,
	.run = set_run,
    },
    {
	.name = "list",
	.args = "[GLOB]",
	.description = "List the zones of the catalog",
	.more = "GLOB is matched against the whole name, as in '*.example'.",
	.max_args = 1,
	.run = list_run,
    },
    {
	.name = "show",
	.args = "ZONE",
	.description = "Show one zone: what it is to be, and what was seen of it",
	.min_args = 1,
	.max_args = 1,
	.run = show_run,
    },
    {
	.name = "export",
	.args = "",
	.description = "Print the catalog as lines that add --from reads",
	.run = export_run,
    },
    {
	.name = "plan",
	.args = "FILE [--prune] [-p PATTERN] [-P NAME=VALUE]...",
	.description = "Show what sync would do",
	.more = "FILE is as for add --from, - for stdin: the zones as they shall be. "
		"Zones that it\n"
		"does not have stay, unless --prune is given. Changes that cannot be "
		"made without a\n"
		"gap in service are called interrupting.",
	.options = OPTION_PATTERN | OPTION_PARAM | OPTION_PRUNE,
	.min_args = 1,
	.max_args = 1,
	.run = plan_run,
    },
    {
	.name = "sync",
	.args = "FILE [--prune] [--yes] [-p PATTERN] [-P NAME=VALUE]...",
	.description = "Make the catalog what FILE says, in one transaction",
	.more = "Shows the plan, asks, and applies all of it or nothing. If the "
		"catalog changed\n"
		"meanwhile, nothing is done. FILE is as for plan.",
	.options =
	    OPTION_PATTERN | OPTION_PARAM | OPTION_PRUNE | OPTION_YES | OPTION_WAIT,
	.min_args = 1,
	.max_args = 1,
	.run = sync_run,
    },
    {
	.name = "status",
	.args = "[ZONE...]",
	.description = "Show what each backend answers for each zone",
	.options = OPTION_SUMMARY,
	.max_args = ANY,
	.run = status_run,
    },
    {
	.name = "wait",
	.args = "[ZONE...]",
	.description = "Wait until every backend serves the zones, or all zones",
	.more = "Ends with status 4 when time is up, and says what is missing.",
	.options = OPTION_TIMEOUT | OPTION_FROM,
	.max_args = ANY,
	.run = wait_run,
    },
    {
	.name = "watch",
	.args = "[ZONE...] [-b BACKEND]",
	.description = "Show changes of the zones' states as they come",
	.more = "A line for each: time (UTC), zone, backend, old and new state, and "
		"serial, error\nand the like where they are known. Goes on until it is "
		"interrupted.",
	.options = OPTION_BACKEND | OPTION_INTERVAL,
	.max_args = ANY,
	.run = watch_run,
    },
    {
	.name = "refresh",
	.args = "ZONE... [-b BACKEND]",
	.description = "Have secondaries ask their primaries for news",
	.more = "The outcome on each backend is shown after --wait, and by "
		"`nsherdctl show`. A server\n"
		"that has no such thing says so. What is not done in 10 minutes "
		"is given up.",
	.options = OPTION_BACKEND | OPTION_FROM | OPTION_WAIT,
	.max_args = ANY,
	.run = verb_run,
    },
    {
	.name = "retransfer",
	.args = "ZONE... [-b BACKEND]",
	.description = "Have secondaries transfer their zones anew",
	.options = OPTION_BACKEND | OPTION_FROM | OPTION_WAIT,
	.max_args = ANY,
	.run = verb_run,
    },
    {
	.name = "reload",
	.args = "ZONE... [-b BACKEND]",
	.description = "Have zone files read again",
	.options = OPTION_BACKEND | OPTION_FROM | OPTION_WAIT,
	.max_args = ANY,
	.run = verb_run,
    },
    {
	.name = "notify",
	.args = "ZONE... [-b BACKEND]",
	.description = "Have NOTIFY sent to secondaries",
	.options = OPTION_BACKEND | OPTION_FROM | OPTION_WAIT,
	.max_args = ANY,
	.run = verb_run,
    },
    {
	.name = "flush",
	.args = "ZONE... [-b BACKEND]",
	.description = "Have zones written to their files",
	.options = OPTION_BACKEND | OPTION_FROM | OPTION_WAIT,
	.max_args = ANY,
	.run = verb_run,
    },
    {
	.name = "freeze",
	.args = "ZONE... [-b BACKEND]",
	.description = "Stop dynamic updates at the server",
	.options = OPTION_BACKEND | OPTION_FROM | OPTION_WAIT,
	.max_args = ANY,
	.run = verb_run,
    },
    {
	.name = "thaw",
	.args = "ZONE... [-b BACKEND]",
	.description = "Permit them again",
	.options = OPTION_BACKEND | OPTION_FROM | OPTION_WAIT,
	.max_args = ANY,
	.run = verb_run,
    },
    {
	.name = "reconcile",
	.args = "[-b BACKEND]",
	.description = "Compare each server's own list with the catalog now",
	.options = OPTION_BACKEND | OPTION_WAIT,
	.run = verb_run_agent,
    },
    {
	.name = "reconfigure",
	.args = "",
	.description = "Have the agent read its files again",
	.more = "As SIGHUP does; what it found wrong is in the agent's log.",
	.run = verb_run_agent,
    },
    {
	.name = "backends",
	.args = "",
	.description = "List the name servers of the agent",
	.run = backends_run,
    },
    {
	.name = "patterns",
	.args = "",
	.description = "List the patterns the agent knows",
	.run = patterns_run,
    },
    {
	.name = "history",
	.args = "[ZONE]",
	.description = "Show who changed what, when, and what was refused",
	.more = "Oldest first. Times are UTC.",
	.options = OPTION_COUNT,
	.max_args = 1,
	.run = history_run,
    },
    {
	.name = "guard",
	.args = "[--release]",
	.description = "Show which removals the guard holds, or let them go",
	.more = "It holds what is more than the catalog's guard-remove, and all that "
		"comes after,\n"
		"until --release, which needs the right admin, or until the zones are "
		"back.",
	.options = OPTION_RELEASE,
	.run = guard_run,
    },
    {
	.name = "health",
	.args = "[--quiet]",
	.description = "Say whether the agent is healthy: status 0, or 1 and why not",
	.options = OPTION_QUIET | OPTION_TIMEOUT,
	.run = health_run,
    },
    {
	.name = "fleet",
	.args = "status|wait|add|del|set|sync|guard|nodes ...",
	.description = "The same for all agents of a fleet; see help fleet",
	.subs = fleet_table,
	.n_subs = sizeof(fleet_table) / sizeof(*fleet_table),
	.max_args = ANY,
    },
    {
	.name = "setup",
	.args =
	    "nsd|knot|bind|yadifa [--config FILE] [--apply [--yes]] [NAME=VALUE]...",
	.description = "Show what a name server's configuration needs, or make it",
	.more =
	    "Looks into the configuration of the server on this machine, shows what is\n"
	    "there and what is missing, and the [backend] section for nsherd.conf. "
	    "With --apply,\n"
	    "after asking, it makes the directories and the control key, has the "
	    "server's own\n"
	    "tool check what the configuration would be, keeps the old one as "
	    "FILE.before-nsherd,\n"
	    "and puts the new one in its place. It starts and reloads no server. "
	    "Talks to no agent.\n"
	    "NAME=VALUE: config-dir, zone-dir, probe, name (of the section), user, "
	    "group;\n"
	    "control (nsd, bind, yadifa); statistics, view (bind); key-file (bind, "
	    "yadifa);\n"
	    "confdb, defaults (knot); see nsherdctl(1).",
	.options = OPTION_APPLY | OPTION_CONFIG | OPTION_YES,
	.min_args = 1,
	.max_args = ANY,
	.run = setup_run,
    },
    {
	.name = "keygen",
	.args = "NAME",
	.description = "Print a new key file",
	.more = "For example: (umask 077; nsherdctl keygen ctl.example > ctl.key)\n"
		"Talks to no agent.",
	.options = OPTION_ALGORITHM,
	.min_args = 1,
	.max_args = 1,
	.run = keygen_run,
    },
    {
	.name = "completion",
	.args = "bash",
	.description = "Print the completion for a shell",
	.more = "For example: nsherdctl completion bash "
		"> /etc/bash_completion.d/nsherdctl",
	.min_args = 1,
	.max_args = 1,
	.run = completion_run,
    },
    {
	.name = "help",
	.args = "[COMMAND]",
	.description = "Show this, or more about one command",
	.max_args = 2,
	.run = help_run,
    },
};

enum { N_COMMANDS = sizeof(table) / sizeof(*table) };

const struct command *
commands_at(size_t n)
{
	return n < N_COMMANDS ? &table[n] : NULL;
}

const struct command *
commands_find(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

const struct command *
commands_find_sub(const struct command *c, const char *name)
{
	size_t size = strlen(c->name);
	for (size_t i = 0; i < c->n_subs; i++)
		if (strcmp(c->subs[i].name + size + 1, name) == 0)
			return &c->subs[i];
	return NULL;
}

/* -- help ------------------------------------------------------------------- */

static void
print_overview(FILE *to)
{
	fputs("Usage: nsherdctl [OPTION]... COMMAND [ARGUMENT]...\n\nCommands:\n", to);
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(to, "  %-11s %s\n", table[i].name, table[i].description);
	fputs(
	    "\nOptions, before or after the command:\n"
	    "  -s ADDRESS[@PORT]  the agent (NSHERD_SERVER; 127.0.0.1@5300, 853 by TLS)\n"
	    "  -k KEYFILE         the key, as of nsupdate -k (NSHERD_KEY)\n"
	    "  -z CATALOG         the catalog zone (NSHERD_CATALOG)\n"
	    "  --tls NAME         by TLS, with the agent whose certificate has that\n"
	    "                     name; - not by TLS (NSHERD_TLS)\n"
	    "  --tls-ca FILE      who may have signed it (NSHERD_TLS_CA; the system's)\n"
	    "  --tls-cert FILE    our certificate, if the agent wants one,\n"
	    "  --tls-key FILE     and its key (NSHERD_TLS_CERT, NSHERD_TLS_KEY)\n"
	    "  -o text|json       how to write results\n"
	    "  -h, --help         help, also about a command\n"
	    "  -V, --version      the version\n"
	    "\nExit status: 0 done, 1 refused or failed, 2 usage, 3 some done and\n"
	    "some not, 4 not served in time.\n",
	    to);
}

static void
print_command(const struct command *c)
{
	printf("Usage: nsherdctl [OPTION]... %s%s%s\n\n%s.\n", c->name,
	    *c->args ? " " : "", c->args, c->description);
	if (c->more)
		printf("%s\n", c->more);
	if (c->n_subs)
		printf("\nCommands:\n");
	for (size_t i = 0; i < c->n_subs; i++)
		printf("  %-12s  %s\n", c->subs[i].name, c->subs[i].description);
	if (c->options)
		puts("\nOptions:");
	for (unsigned bit = 1; bit <= OPTION_LAST; bit <<= 1)
		if (c->options & bit)
			printf("  %s\n", options_help(bit));
}

/* The command that words name, of which it may have two. */
static const struct command *
find_words(char *const *words, size_t n, size_t *n_used)
{
	const struct command *c = n > 0 ? commands_find(words[0]) : NULL;
	const struct command *sub =
	    c && c->n_subs && n > 1 ? commands_find_sub(c, words[1]) : NULL;
	*n_used = sub ? 2 : 1;
	if (c && n > 1 && c->n_subs && !sub)
		say_error("no such command: %s %s; see nsherdctl help %s", words[0],
		    words[1], words[0]);
	else if (!c)
		say_error("no such command: %s; see nsherdctl help", words[0]);
	return c && n > 1 && c->n_subs ? sub : c;
}

enum exit_status
help_run(struct ctl *ctl)
{
	size_t n_used;
	if (ctl->n_args == 0) {
		print_overview(stdout);
		return EXIT_DONE;
	}
	const struct command *c = find_words(ctl->args, ctl->n_args, &n_used);
	if (!c)
		return EXIT_USAGE;
	print_command(c);
	return EXIT_DONE;
}

/* -- running ---------------------------------------------------------------- */

static enum exit_status
check_usage(const struct command *c, const struct options *opt, size_t n)
{
	for (unsigned bit = 1; bit <= OPTION_LAST; bit <<= 1)
		if (opt->given & bit & ~c->options) {
			say_error("%s takes no %s; see nsherdctl help %s", c->name,
			    options_name(bit), c->name);
			return EXIT_USAGE;
		}
	if (n < c->min_args || n > c->max_args) {
		say_error("usage: nsherdctl %s%s%s", c->name, *c->args ? " " : "",
		    c->args);
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}

enum exit_status
commands_run(const struct options *opt, struct output *out)
{
	struct ctl ctl = {.opt = opt, .out = out};
	if (opt->n_args == 0) {
		print_overview(opt->help ? stdout : stderr);
		return opt->help ? EXIT_DONE : EXIT_USAGE;
	}
	if (opt->help) {
		const struct command *named = commands_find(opt->args[0]);
		ctl.args = opt->args;
		ctl.n_args = named && named->n_subs ? opt->n_args : 1;
		return help_run(&ctl);
	}
	size_t n_used;
	const struct command *c = find_words(opt->args, opt->n_args, &n_used);
	if (!c)
		return EXIT_USAGE;
	ctl.args = opt->args + n_used;
	ctl.n_args = opt->n_args - n_used;
	enum exit_status rc = check_usage(c, opt, ctl.n_args);
	if (rc)
		return rc;
	if (c->run)
		return c->run(&ctl);
	say_error("usage: nsherdctl %s %s; see nsherdctl help %s", c->name, c->args,
	    c->name);
	return EXIT_USAGE;
}
