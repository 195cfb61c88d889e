/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_STORE_PAST_H
#define AGENT_STORE_PAST_H

#include <stddef.h>
#include <stdint.h>

#include "agent/store/store.h"
#include "lib/dname.h"

/*
 * What was: each commit leaves behind what the records it changed were before,
 * in both environments, as far as `_status.C` is made of them: states of zones,
 * members and their index, what the guard holds. So a snapshot can be read as
 * of an earlier commit, and IXFR can tell its client what to take away. Bounded
 * by store_conf.past_bytes and pruned with every commit. As it costs the writers
 * something, it is done only for some time after someone wanted it.
 */

/* Someone follows, and will for so long: commits are to leave behind what was. Any
 * thread. */
void past_want(struct store *store, unsigned seconds);

/* The number of the last commit that changed such a record; 0: none did. */
NODISCARD enum err past_number(struct store_txn *txn, uint64_t *number);

struct past;

/*
 * All that changed since the commit of that number, at most max records. It
 * borrows from txn, a snapshot, and must go before it. ERR_NOTFOUND: pruned, never
 * left behind, or of another store. ERR_RANGE: more than max.
 */
NODISCARD enum err past_new(struct store_txn *txn, uint64_t since, size_t max,
    struct past **past);
void past_free(struct past *past); /* takes NULL */

/* From now on single records of the snapshot are read as they were then; walks
 * are not to be had: asserted. NULL: as they are. */
void past_use(struct store_txn *txn, const struct past *past);

/* Every zone that one of the records is about, some more than once. */
typedef enum err past_zone_fn(void *arg, const struct dname *zone);
NODISCARD enum err past_each_zone(const struct past *past, uint8_t catalog,
    past_zone_fn *fn, void *arg);

#endif
