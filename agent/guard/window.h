/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_GUARD_WINDOW_H
#define AGENT_GUARD_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/store/holds.h"
#include "lib/limit.h"

/*
 * The window slides, in steps of a tenth: what was let go counts for the window
 * and at most a tenth longer. So in no stretch of time as long as the window more
 * is let go than its limit, also not across an edge. Times are Unix.
 */

/* With the defaults filled in. */
struct limit limit_resolve(const struct limit *limit);

/* Forget what is over. A clock that was set back takes nothing with it: what
 * was counted is then as old as it was, as of now. */
void window_advance(struct guard_record *r, const struct limit *limit, uint64_t now);
/* n were let go; members: how many there were before. After window_advance. */
void window_add(struct guard_record *r, const struct limit *limit, uint64_t now,
    uint64_t n, uint64_t members);
/* Let go within the window. */
uint64_t window_used(const struct guard_record *r);
/* How many may be: of the members at the window's start, which is the first
 * removal in it. Rounded down. */
uint64_t window_limit(const struct guard_record *r, const struct limit *limit,
    uint64_t members);

#endif
