/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_BIND_FILES_H
#define AGENT_BACKEND_BIND_FILES_H

#include <stdbool.h>

#include "lib/dname.h"

/* Zone files, and what named puts beside them. */

struct bind_task;

/* A file that other zones share, such as a template, is not the zone's own. */
bool bind_files_are_own(const char *zonefile, const struct dname *zone);
/* The file of a new primary, and the directories of any zone's file. The task is
 * settled if that fails. */
void bind_files_make(const char *zone_dir, struct bind_task *t);
/* The file of a PURGE, its journals, the signed copy and the signing keys; the
 * task is settled. */
void bind_files_purge(const char *zone_dir, struct bind_task *t);

#endif
