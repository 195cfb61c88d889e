/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_PROC_H
#define AGENT_BACKEND_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What /proc says of a name server's process. */

/* The whole of a small file of /proc/PID, NUL-terminated. false: not readable. */
bool proc_read(pid_t pid, const char *file, char *out, size_t room, size_t *size);

/* "PID:START", START in clock ticks after boot: another one after a restart, even
 * if the number is the same. Just "PID" where /proc does not tell. */
void proc_identity(pid_t pid, char out[static 64]);

#endif
