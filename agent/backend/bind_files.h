/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_BIND_FILES_H
#define AGENT_BACKEND_BIND_FILES_H

#include <stdbool.h>
#include <stddef.h>

/* Zone files, and what named puts beside them. */

struct bind_task;

/* The files of new primaries, and the directories of any zone's file, for those of
 * tasks that which picks. A task is settled if that fails. */
void bind_files_make(const char *zone_dir, struct bind_task *tasks, size_t n,
    bool (*which)(const struct bind_task *t));
/* The file of a PURGE, its journals, the signed copy and the signing keys; the
 * task is settled. */
void bind_files_purge(const char *zone_dir, struct bind_task *t);

#endif
