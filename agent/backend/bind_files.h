/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_BIND_FILES_H
#define AGENT_BACKEND_BIND_FILES_H

/* Zone files, and what named puts beside them. */

struct bind_task;

/* The file of a new primary, and the directories of any zone's file. The task is
 * settled if that fails. */
void bind_files_make(const char *zone_dir, struct bind_task *t);
/* The file of a PURGE, its journals, the signed copy and the signing keys; the
 * task is settled. */
void bind_files_purge(const char *zone_dir, struct bind_task *t);

#endif
