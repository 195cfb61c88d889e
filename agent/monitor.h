/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_MONITOR_H
#define AGENT_MONITOR_H

#include <stdbool.h>

/*
 * Every second the backends' condition becomes the agent's verdict on its own
 * health: into the file health-file and into the status. See agent/health. And the
 * listener of the metrics is looked after.
 */

struct monitor;
struct rooms;

/* Reads the last verdict. Of the loop's thread, like the others; rooms must live as
 * long, with deploy and store. */
struct monitor *monitor_start(struct rooms *rooms);
/* Once it returns nothing is looked at or written any more. Runs the loop, which
 * must have nothing else to do that could not be done now. Takes NULL. */
void monitor_stop(struct monitor *m);

#endif
