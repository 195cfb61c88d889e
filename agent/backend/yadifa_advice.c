/* SPDX-License-Identifier: BSD-2-Clause */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend/yadifa.h"
#include "lib/log.h"

/* What the operator of this yadifad should know; said once of each process. */

/* "3.0.2-11672"; with a text of the operator's instead nobody can tell. */
bool
yadifa_breaks_mx(const char *version)
{
	unsigned major, minor, patch;
	char end;

	return sscanf(version, "%u.%u.%u%c", &major, &minor, &patch, &end) == 4 &&
	       end == '-' && major == 3 && minor == 0 && patch <= 4;
}

static int
count_processors(const char *process)
{
	pid_t pid = (pid_t)strtol(process, NULL, 10);
	cpu_set_t set;

	return sched_getaffinity(pid, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 0;
}

void
yadifa_advise(struct yadifa *y, const char *process, const char *version)
{
	int n;

	if (strcmp(process, y->advised_process) == 0)
		return;
	snprintf(y->advised_process, sizeof(y->advised_process), "%s", process);
	/*
	 * Each reload has several threads of yadifad count, without a lock, who uses
	 * the access lists of <main>. When too few are counted, the lists go while
	 * they are used: yadifad aborts, or refuses everybody. On one processor the
	 * threads do not meet.
	 */
	n = count_processors(process);
	if (n > 1)
		log_warn("yadifa",
		    "backend=%s processors=%d text=\"yadifad may crash over many zones unless "
		    "it is kept on one processor (CPUAffinity= of systemd)\"",
		    y->conf.name, n);
	if (yadifa_breaks_mx(version))
		log_warn("yadifa",
		    "backend=%s version=%s text=\"this yadifad sends broken answers where a "
		    "name has several MX records: 3.0.5 does not\"",
		    y->conf.name, version);
}
