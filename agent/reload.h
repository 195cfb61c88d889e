/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_RELOAD_H
#define AGENT_RELOAD_H

#include <stdbool.h>

struct rooms;
struct reload;

/*
 * Another configuration while the agent runs. One reload at a time; what is asked
 * meanwhile is done once more afterwards. Everything here is of the loop's thread.
 */

/* done: each time one has ended, whether it changed anything or not. */
struct reload *reload_new(struct rooms *rooms, void (*done)(void *arg), void *arg);
/* Not while one is under way. Takes NULL. */
void reload_free(struct reload *reload);
/* Read everything again. cause is for the log, and must be a constant. */
void reload_start(struct reload *reload, const char *cause);
bool reload_is_busy(const struct reload *reload);
/* The agent stops: no more. One under way changes nothing if it has not yet, and
 * ends soon; the loop must run until then. */
void reload_stop(struct reload *reload);

#endif
