/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_MARK_H
#define AGENT_BACKEND_MARK_H

#include <stdbool.h>

#include "lib/settings.h"

/*
 * Our mark on a zone, by which it is known to be ours, and its settings to be
 * those that are wanted: "nsherd-<pattern>.<version>.<hash>", and nothing that a
 * server's configuration would have to quote.
 */

enum { MARK_MAX = 128 };

void mark_print(const struct settings *s, char mark[static MARK_MAX]);
/* The same, as the member of struct backend_driver. */
void mark_of(void *ctx, const struct settings *s, char mark[static MARK_MAX]);
bool mark_is_ours(const char *mark);
/* What all versions and variants of a pattern begin with. */
void mark_print_prefix(const char *pattern, char prefix[static MARK_MAX]);

#endif
