/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool
proc_read(pid_t pid, const char *file, char *out, size_t room, size_t *size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false;
	n = read(fd, out, room - 1);
	close(fd);
	if (n <= 0)
		return false;
	out[n] = '\0';
	*size = (size_t)n;
	return true;
}

/* Field 22 of stat; the second, a name, may hold blanks and parentheses. */
static bool
start_ticks(pid_t pid, unsigned long long *ticks)
{
	char stat[1024], *field;
	size_t size;

	if (!proc_read(pid, "stat", stat, sizeof(stat), &size))
		return false;
	field = strrchr(stat, ')');
	for (unsigned i = 2; field != NULL && i < 22; i++)
		field = strchr(field + 1, ' ');
	return field != NULL && sscanf(field, " %llu", ticks) == 1;
}

void
proc_identity(pid_t pid, char out[static 64])
{
	unsigned long long ticks;

	if (start_ticks(pid, &ticks))
		snprintf(out, 64, "%ld:%llu", (long)pid, ticks);
	else
		snprintf(out, 64, "%ld", (long)pid);
}
