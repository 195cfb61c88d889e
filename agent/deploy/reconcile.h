/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_RECONCILE_H
#define AGENT_DEPLOY_RECONCILE_H

#include <stdbool.h>

#include "agent/backend/backend.h"
#include "agent/deploy/batch.h"

/*
 * The desired set against the server's own list and the ledger. The list is
 * streamed into a scratch map; then all three are walked in canonical order, a
 * slice each turn, and every zone in any of them is judged like any other.
 */

struct engine;

/* Reads the server's list. False: it could not be read (why), or we are told to
 * stop. One that is under way is begun anew. */
bool reconcile_begin(struct engine *e, struct backend_error *why);
/* The next slice. Returns whether there is more to do at once. */
bool reconcile_step(struct engine *e, struct batch *b);
/* One is under way, and has not come across every zone yet. Later walks are for
 * additions that wait for transfers alone. */
bool reconcile_is_first_walk(const struct engine *e);
/* The same, and it has not begun with what was put off. */
bool reconcile_counts(const struct engine *e);
void reconcile_end(struct engine *e);

#endif
