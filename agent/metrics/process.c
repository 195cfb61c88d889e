/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/metrics/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static void
look_at_memory(struct process *p)
{
	uint64_t size, resident;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	FILE *file = fopen("/proc/self/statm", "re");

	if (file == NULL)
		return;
	if (fscanf(file, "%" SCNu64 " %" SCNu64, &size, &resident) == 2) {
		p->virtual_bytes = size * page;
		p->resident_bytes = resident * page;
	}
	fclose(file);
}

static void
look_at_descriptors(struct process *p)
{
	struct rlimit limit;
	DIR *dir = opendir("/proc/self/fd");

	if (dir != NULL) {
		const struct dirent *entry;
		while ((entry = readdir(dir)) != NULL)
			p->open_fds += entry->d_name[0] != '.';
		p->open_fds -= p->open_fds > 0; /* that of dir itself */
		closedir(dir);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		p->max_fds = limit.rlim_cur;
}

static uint64_t
as_us(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_usec;
}

void
process_look(struct process *p)
{
	struct rusage usage;

	*p = (struct process){.open_fds = 0};
	look_at_memory(p);
	look_at_descriptors(p);
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		p->cpu_us = as_us(&usage.ru_utime) + as_us(&usage.ru_stime);
}
