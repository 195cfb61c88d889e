/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"

/* errno is that of open, or 0. */
static bool
read_small(const char *path, char *out, size_t room, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n;

	if (fd == -1)
		return false;
	n = read(fd, out, room - 1);
	close(fd);
	errno = 0;
	if (n <= 0)
		return false;
	out[n] = '\0';
	*size = (size_t)n;
	return true;
}

bool
proc_read(pid_t pid, const char *file, char *out, size_t room, size_t *size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, file);
	return pid > 0 && read_small(path, out, room, size);
}

/* Behind field 2, a name, which may hold blanks and parentheses. */
static const char *
read_stat(pid_t pid, char stat[static 1024])
{
	size_t size;

	return proc_read(pid, "stat", stat, 1024, &size) ? strrchr(stat, ')') : NULL;
}

static bool
is_zombie(const char *at)
{
	return strncmp(at, ") Z", 3) == 0 || strncmp(at, ") X", 3) == 0;
}

static bool
find_field(const char *at, enum proc_field field, unsigned long long *value)
{
	for (unsigned i = 2; at != NULL && i < (unsigned)field; i++)
		at = strchr(at + 1, ' ');
	return at != NULL && sscanf(at, " %llu", value) == 1;
}

bool
proc_stat(pid_t pid, enum proc_field field, unsigned long long *value)
{
	char stat[1024];
	const char *at = read_stat(pid, stat);

	return at != NULL && !is_zombie(at) && find_field(at, field, value);
}

int64_t
proc_start_ms(unsigned long long ticks)
{
	unsigned long long hertz = (unsigned long long)sysconf(_SC_CLK_TCK);

	return clock_unix_ms() - clock_boot_ms() + (int64_t)(ticks * 1000 / hertz);
}

void
proc_identity(pid_t pid, char out[static 64])
{
	unsigned long long ticks;
	char stat[1024];

	if (find_field(read_stat(pid, stat), PROC_START, &ticks))
		snprintf(out, 64, "%ld:%llu", (long)pid, ticks);
	else
		snprintf(out, 64, "%ld", (long)pid);
}

bool
proc_has_ended(pid_t pid)
{
	char stat[1024];
	const char *at = read_stat(pid, stat);

	return at != NULL ? is_zombie(at) : kill(pid, 0) == -1 && errno == ESRCH;
}

enum err
proc_read_pidfile(const char *path, pid_t *pid)
{
	char text[32], *end;
	size_t size;
	long number;

	if (!read_small(path, text, sizeof(text), &size))
		return errno == ENOENT ? ERR_NOTFOUND : ERR_IO;
	number = strtol(text, &end, 10);
	if (end == text || number <= 1 || number > INT32_MAX)
		return ERR_FORM;
	*pid = (pid_t)number;
	return OK;
}
