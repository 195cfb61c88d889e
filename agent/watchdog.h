/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_WATCHDOG_H
#define AGENT_WATCHDOG_H

#include <uv.h>

/*
 * Tells the service manager (WatchdogSec= of systemd) that the agent is alive, which
 * is more than that it runs: a job without work goes through both of the store's
 * writers and back to the loop. Only when all of that has happened is WATCHDOG=1
 * said, four times as often as it must be.
 */

struct watchdog;
struct store;

/* NULL: nobody wants to know. Of the loop's thread, like the others. */
struct watchdog *watchdog_start(uv_loop_t *loop, struct store *store);
/* It says nothing more. Runs the loop, which must have nothing else to do that could
 * not be done now. Takes NULL. */
void watchdog_stop(struct watchdog *w);
/* After store_close(), which may still end a job of it. Takes NULL. */
void watchdog_free(struct watchdog *w);

#endif
