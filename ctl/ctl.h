/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdbool.h>
#include <stddef.h>

/* What every command is given, and how it ends. */

enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* refused or failed, the reason is on stderr */
	EXIT_USAGE = 2,
	EXIT_PARTLY = 3, /* some done, some not, each listed */
	EXIT_NOT_SERVED = 4,
};

struct options;
struct output;
struct await;
struct ctl;

/* In place of await_run(), after a change. */
typedef enum exit_status await_fn(struct ctl *ctl, struct await *a);

/* One run of one command. Everything is borrowed for its time. */
struct ctl {
	const struct options *opt;
	struct output *out;
	char *const *args; /* what follows the command's name */
	size_t n_args;
	await_fn *await; /* NULL: wait at the one agent */
	void *await_arg; /* for that */
};

typedef enum exit_status command_fn(struct ctl *ctl);

#endif
