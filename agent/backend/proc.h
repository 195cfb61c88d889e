/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_PROC_H
#define AGENT_BACKEND_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"

/* Which process a name server is, by what the system says of it. */

/* The whole of a small file of /proc/PID, NUL-terminated. false: not readable. */
bool proc_read(pid_t pid, const char *file, char *out, size_t room, size_t *size);

/* Fields of /proc/PID/stat by their numbers in proc(5). */
enum proc_field { PROC_PARENT = 4, PROC_START = 22 /* clock ticks after boot */ };
/* false: not readable, or it has ended, even if nobody has noticed yet. */
bool proc_stat(pid_t pid, enum proc_field field, unsigned long long *value);
/* PROC_START as Unix time. */
int64_t proc_start_ms(unsigned long long ticks);

/* "PID:START": another one after a restart, even if the number is the same. Just
 * "PID" where /proc does not tell. */
void proc_identity(pid_t pid, char out[static 64]);

/* It is not there, or nobody has noticed its end yet. */
bool proc_has_ended(pid_t pid);
/* ERR_NOTFOUND: no such file; ERR_IO, ERR_FORM: nothing is known. */
NODISCARD enum err proc_read_pidfile(const char *path, pid_t *pid);

#endif
