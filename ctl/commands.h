/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_COMMANDS_H
#define CTL_COMMANDS_H

#include <stddef.h>
#include <stdio.h>

#include "ctl/ctl.h"

/* The commands: each in a file of its name, all in one table. */

struct command {
	const char *name;
	const char *args;        /* for the usage line */
	const char *description; /* one line */
	const char *more;        /* for its own help; NULL: nothing to add */
	unsigned options;        /* of enum option_bit, or-ed */
	size_t min_args, max_args;
	command_fn *run;            /* NULL: it has commands of its own */
	const struct command *subs; /* named "fleet status" and so on */
	size_t n_subs;
};

command_fn add_run, backends_run, completion_run, del_run, export_run, guard_run,
    health_run, help_run, history_run, keygen_run, plan_run, sync_run, list_run,
    patterns_run, set_run, setup_run, show_run, status_run, wait_run, watch_run;
/* refresh, retransfer, reload, notify, flush, freeze, thaw; reconcile, reconfigure */
command_fn verb_run, verb_run_agent;
/* Below fleet; add, del, set and sync are one. */
command_fn fleet_status_run, fleet_wait_run, fleet_guard_run, fleet_nodes_run,
    fleet_change_run;
/* After removals: says so on stderr if the guard holds any. */
struct session;
void guard_warn(struct session *s);
/* A verb about no zone, by its name. */
enum exit_status verb_send_agent(struct ctl *ctl, const char *name);

/* In the order of the help. NULL past the last. */
const struct command *commands_at(size_t n);
/* NULL: there is no such command. */
const struct command *commands_find(const char *name);
/* Of the commands below c. */
const struct command *commands_find_sub(const struct command *c, const char *name);

/* Run what the options name, with usage errors said on stderr. */
struct options;
enum exit_status commands_run(const struct options *opt, struct output *out);

#endif
