/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/options.h"
#include "ctl/say.h"

/*
 * The completion of a shell, made from the same tables as the help, so that it
 * knows what the program knows. Zones are asked of the agent, with a second's
 * patience and without complaint.
 */

static void
print_commands(void)
{
	const struct command *c;

	fputs("\tlocal commands='", stdout);
	for (size_t i = 0; (c = commands_at(i)) != NULL; i++)
		printf("%s%s", i > 0 ? " " : "", c->name);
	fputs("'\n", stdout);
}

/* What the words after a command are. */
static const char *
words_of(const struct command *c)
{
	if (c->n_subs > 0)
		return "subs";
	if (strncmp(c->args, "ZONE", 4) == 0 || strncmp(c->args, "[ZONE", 5) == 0)
		return "zones";
	if (strncmp(c->args, "FILE", 4) == 0)
		return "files";
	if (strncmp(c->args, "nsd|", 4) == 0)
		return "servers";
	return strcmp(c->name, "help") == 0 ? "commands" : "none";
}

/* case COMMAND) its options and what its words are. */
static void
print_case(const struct command *c)
{
	printf("\t'%s')\n\t\toptions+='", c->name);
	for (unsigned bit = 1; bit <= OPTION_LAST; bit <<= 1)
		if (c->options & bit)
			printf(" %s", options_name(bit));
	printf("'\n");
	for (size_t i = 0; i < c->n_subs; i++)
		printf("%s%s", i > 0 ? " " : "\t\tsubs='",
		    c->subs[i].name + strlen(c->name) + 1);
	printf("%s\t\twhat=%s ;;\n", c->n_subs > 0 ? "'\n" : "", words_of(c));
}

static void
print_cases(void)
{
	const struct command *c;

	for (size_t i = 0; (c = commands_at(i)) != NULL; i++) {
		print_case(c);
		for (size_t j = 0; j < c->n_subs; j++)
			print_case(&c->subs[j]);
	}
}

static const char head[] =
    "# bash completion of nsherdctl; made by `nsherdctl completion bash`\n"
    "_nsherdctl() {\n"
    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
    "\tlocal command='' what=commands subs='' i skip=''\n"
    "\tlocal servers='nsd knot bind yadifa'\n"
    "\tlocal options='-s -k -z -o --tls --tls-ca --tls-cert --tls-key -h --help'\n"
    "\tlocal -a given=()\n";

static const char find[] =
    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
    "\t\tif [ -n \"$skip\" ]; then skip=''; given+=(\"${COMP_WORDS[i]}\"); continue; fi\n"
    "\t\tcase ${COMP_WORDS[i]} in\n"
    "\t\t-s|-k|-z|--tls|--tls-ca|--tls-cert|--tls-key) skip=1; given+=(\"${COMP_WORDS[i]}\") ;;\n"
    "\t\t-o|-p|-P|-a|-b|-n|--from|--fleet|--config|--interval|--timeout) skip=1 ;;\n"
    "\t\t-*) ;;\n"
    "\t\t*) case $command in\n"
    "\t\t\t'') command=${COMP_WORDS[i]} ;;\n"
    "\t\t\tfleet) command=\"fleet ${COMP_WORDS[i]}\" ;;\n"
    "\t\t\tesac ;;\n"
    "\t\tesac\n"
    "\tdone\n"
    "\tcase $prev in\n"
    "\t-k|--tls-ca|--tls-cert|--tls-key|--from|--fleet)\n"
    "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;\n"
    "\t-o) mapfile -t COMPREPLY < <(compgen -W 'text json' -- \"$cur\"); return ;;\n"
    "\t-a) mapfile -t COMPREPLY < <(compgen -W 'hmac-sha256 hmac-sha384 hmac-sha512' -- \"$cur\"); return ;;\n"
    "\t-p) mapfile -t COMPREPLY < <(compgen -W \"$(_nsherdctl_ask patterns)\" -- \"$cur\"); return ;;\n"
    "\t-b) mapfile -t COMPREPLY < <(compgen -W \"$(_nsherdctl_ask backends)\" -- \"$cur\"); return ;;\n"
    "\t-s|-z|-P|-n|--tls|--interval|--timeout) return ;;\n"
    "\tesac\n"
    "\tcase $command in\n";

static const char tail[] =
    "\tesac\n"
    "\tcase $cur in\n"
    "\t-*) mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\"); return ;;\n"
    "\tesac\n"
    "\tcase $what in\n"
    "\tcommands) mapfile -t COMPREPLY < <(compgen -W \"$commands\" -- \"$cur\") ;;\n"
    "\tservers) mapfile -t COMPREPLY < <(compgen -W \"$servers\" -- \"$cur\") ;;\n"
    "\tsubs) mapfile -t COMPREPLY < <(compgen -W \"$subs\" -- \"$cur\") ;;\n"
    "\tfiles) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
    "\tzones) mapfile -t COMPREPLY < <(compgen -W \"$(_nsherdctl_ask list \"$cur*\")\" -- \"$cur\") ;;\n"
    "\tesac\n"
    "}\n"
    "# the first column of a table, at most 1,000 rows; what others write may be a\n"
    "# name with characters that mean something to the shell: these are left out\n"
    "_nsherdctl_ask() {\n"
    "\ttimeout 1 \"${COMP_WORDS[0]}\" \"${given[@]}\" \"$@\" 2>/dev/null |\n"
    "\t\tawk 'NR > 1 && NR < 1002 && $1 !~ \"[^A-Za-z0-9._/-]\" {print $1}'\n"
    "}\n"
    "complete -F _nsherdctl nsherdctl\n";

enum exit_status
completion_run(struct ctl *ctl)
{
	if (strcmp(ctl->args[0], "bash") != 0) {
		say_error("no completion for \"%s\", only for bash", ctl->args[0]);
		return EXIT_USAGE;
	}
	fputs(head, stdout);
	print_commands();
	fputs(find, stdout);
	print_cases();
	fputs(tail, stdout);
	return EXIT_DONE;
}
