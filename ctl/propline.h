/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_PROPLINE_H
#define CTL_PROPLINE_H

#include "lib/pool.h"
#include "lib/props.h"

/* Patterns and parameters as options and lines have them. */

/*
 * Patterns as -p and a line have them: separated by commas, "-" alone for
 * none. They replace earlier ones. On failure *why is a text for people:
 * ERR_FORM.
 */
NODISCARD enum err propline_groups(const char *text, struct pool *pool,
    struct props *props, const char **why);

/*
 * NAME=VALUE, the value as it is. Replaces nothing: a name may come twice, and
 * is then two records. ERR_FORM, *why.
 */
NODISCARD enum err propline_param(const char *text, struct pool *pool,
    struct props *props, const char **why);

#endif
