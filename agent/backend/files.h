/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_FILES_H
#define AGENT_BACKEND_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "agent/backend/backend.h"
#include "lib/dname.h"
#include "lib/err.h"
#include "lib/settings.h"

struct spool_batch;

/*
 * What has to stand below zone-dir before a server hears of a zone: the
 * directories of its file, at once; and with initial the file of a new primary,
 * when the batch ends, unless there is one. Errors as of spool.h, with errno.
 */
NODISCARD enum err files_make(struct spool_batch *batch, const struct settings *s,
    const struct dname *zone, bool initial, mode_t mode);

/* Remove PATH SUFFIX. *gone: it was there; that it was not is OK. */
NODISCARD enum err files_unlink(int dir_fd, const char *path, const char *suffix,
    bool *gone);

/* The length of its longest component: servers and file systems have limits. */
size_t files_component_max(const char *path);

/*
 * Before a server that serves a primary is made to read its file again, or another one:
 * if there is none it would lose the zone, so the operation ends as REJECTED. Returns
 * whether it did.
 */
bool files_reject_missing(int dir_fd, const char *zone_dir, struct backend_op *op);

#endif
