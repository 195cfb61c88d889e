/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_CHECK_H
#define AGENT_BACKEND_CHECK_H

#include <stdbool.h>

#include "agent/backend/backend.h"
#include "lib/err.h"

/*
 * Checks of a [backend] section, as far as they can be made while the server is
 * down. Each is OK or ERR_INVALID, with where filled in.
 */

struct check {
	const struct backend_conf *conf;
	struct err_where *where;
};

/* "backend NAME: OPTION VALUE: WHY", or without a value "backend NAME: OPTION WHY",
 * where that option stands, or else the section's first. value may be NULL. */
NODISCARD enum err check_fault(const struct check *c, const char *option,
    const char *value, const char *why);

/* Names of directories go into configurations and macros of servers, hence their
 * alphabet. dir NULL: that is a fault, too. */
NODISCARD enum err check_dir(const struct check *c, const char *option,
    const char *dir);
/* zone-dir and config-dir. */
NODISCARD enum err check_dirs(const struct check *c);
NODISCARD enum err check_absolute(const struct check *c, const char *option,
    const char *path);
/* A plain file that we may read; secret: others may not. NULL is good. */
NODISCARD enum err check_file(const struct check *c, const char *option,
    const char *path, bool secret, bool must_exist);
/* The file of ours that the server includes, if it is there. */
NODISCARD enum err check_include(const struct check *c, const char *name);
/* A server's socket, if it is there: the server may be down for now. */
NODISCARD enum err check_socket(const struct check *c, const char *option,
    const char *path);

#endif
