/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_LOCK_H
#define AGENT_PROTO_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/store/store.h"

/*
 * The locks of the catalogs: while a connection holds one, no other changes C.
 * Not kept on disk. All here is the writer's, so that a lock is exact: UPDATEs
 * before it in the queue are applied, those after it are refused.
 */

enum { LOCKS_MAX = 256 }; /* numbers of catalogs */

struct lock {
	uint64_t owner; /* session; 0: free */
	uint64_t until_ms;
	char by[64]; /* key, cut to fit */
};

struct locks {
	struct lock items[LOCKS_MAX];
};

/* Key of the holder, unless it is owner; NULL: nobody else holds it. */
const char *lock_other(const struct locks *locks, uint8_t catalog, uint64_t owner);
/* Take it, or hold it longer. Nobody else may hold it. */
void lock_take(struct locks *locks, uint8_t catalog, uint64_t owner, const char *by,
    unsigned seconds);
/* False: owner did not hold it. */
bool lock_drop(struct locks *locks, uint8_t catalog, uint64_t owner);
void lock_drop_all(struct locks *locks, uint64_t owner);

#endif
