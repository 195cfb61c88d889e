/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_RUN_H
#define AGENT_RUN_H

#include <stdbool.h>

#include "lib/err.h"

struct conf;

/*
 * Run the agent until SIGTERM or SIGINT. Takes *conf (which has no faults) and
 * sets it NULL. verbose: log at debug, whatever the file says. Failures are
 * logged; OK is a clean stop.
 */
NODISCARD enum err run_agent(struct conf **conf, bool verbose);

#endif
