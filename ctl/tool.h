/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_TOOL_H
#define CTL_TOOL_H

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/err.h"

/*
 * Runs a program of the server's, found in PATH or in /usr/sbin and /sbin, with no
 * input; what it says on stdout and stderr goes to out. *status is its exit status.
 * ERR_NOTFOUND, ERR_IO: it did not run, which was said; ERR_TIMEOUT: it was killed
 * after 60 s.
 */
NODISCARD enum err tool_run(const char *const *argv, struct buf *out, int *status);

/* The same for a check: what it says is said if it fails, without secrets. ERR_INVALID.
 */
NODISCARD enum err tool_check(const char *const *argv);
/* Says each line of it, after the name of the tool, at most ten. */
void tool_say(const char *name, const char *text);

#endif
