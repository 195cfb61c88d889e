/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_RECHECK_H
#define AGENT_DEPLOY_RECHECK_H

#include <stddef.h>

#include "agent/probe/probe.h"

/* What the server answers: to the questions after an operation, and to those
 * that every served zone is asked once in a while. */

struct engine;

void recheck_answers(struct engine *e, const struct probe_result *results, size_t n);
/* Ask the next few of the served zones, as many as the time since the last call
 * is worth. */
void recheck_sweep(struct engine *e);

#endif
