/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_METRICS_PROCESS_H
#define AGENT_METRICS_PROCESS_H

#include <stdint.h>

/* What the system knows of this process; 0 where it does not say. */
struct process {
	uint64_t resident_bytes, virtual_bytes;
	uint64_t open_fds, max_fds;
	uint64_t cpu_us; /* user and system */
};

void process_look(struct process *p);

#endif
