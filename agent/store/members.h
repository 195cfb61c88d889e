/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_STORE_MEMBERS_H
#define AGENT_STORE_MEMBERS_H

#include "agent/store/store.h"
#include "lib/buf.h"
#include "lib/dname.h"
#include "lib/member.h"

/*
 * The records of a catalog: members by id (in canonical order) with an index
 * by zone (in canonical order), and all other records by owner. Writes are
 * sticky in txn. What a member borrows is valid until the next write of the
 * same transaction, or its end.
 */

/* m must be initialised (member_init). ERR_NOTFOUND. */
NODISCARD enum err members_get(struct store_txn *txn, uint8_t catalog,
    const struct label *id, struct member *m);
/* ERR_NOTFOUND. */
NODISCARD enum err members_find_zone(struct store_txn *txn, uint8_t catalog,
    const struct dname *zone, struct label *id);

/* Insert or replace; the index follows, also when m->zone changed, and when two
 * members swap zones. Sorted by id and zone is fastest by far. */
void members_put(struct store_txn *txn, uint8_t catalog, const struct member *m);
/* By its id; the index entry of m->zone goes if it is this member's. */
void members_del(struct store_txn *txn, uint8_t catalog, const struct member *m);

/* In order of id, after `after` (NULL: from the first), at most max. visit's
 * error ends the walk and is returned. visit may write in the same transaction,
 * also delete what it visits; what m borrows is void then. */
typedef enum err members_visit_fn(void *arg, const struct member *m);
NODISCARD enum err members_each(struct store_txn *txn, uint8_t catalog,
    const struct label *after, size_t max, members_visit_fn *visit, void *arg);
/* The same in order of zone; `after` is a zone that need not exist. */
NODISCARD enum err members_each_by_zone(struct store_txn *txn, uint8_t catalog,
    const struct dname *after, size_t max, members_visit_fn *visit, void *arg);
/* Any member at or below the zone other than at `zone` itself? (for ENTs) */
NODISCARD enum err members_next_zone(struct store_txn *txn, uint8_t catalog,
    const struct dname *after, struct dname *zone);

/*
 * Records that belong to no member: NS and version and ext.C and, on
 * followers, anything else; not the SOA. By owner relative to C (labels
 * without root, empty at the apex). The value is a list of packed records.
 */
struct global_rr {
	uint16_t type;
	uint32_t ttl;
	uint16_t rdata_size;
	const uint8_t *rdata;
};

void globals_pack(struct buf *out, const struct global_rr *rr);
/* Returns false at the end or on damage; *pos starts at 0. */
bool globals_next(const uint8_t *data, size_t size, size_t *pos, struct global_rr *rr);

NODISCARD enum err globals_get(struct store_txn *txn, uint8_t catalog,
    const uint8_t *prefix, size_t prefix_size, const uint8_t **data, size_t *size);
/* size 0 deletes. */
void globals_put(struct store_txn *txn, uint8_t catalog, const uint8_t *prefix,
    size_t prefix_size, const uint8_t *data, size_t size);
typedef enum err globals_visit_fn(void *arg, const uint8_t *prefix, size_t prefix_size,
    const uint8_t *data, size_t size);
/* In canonical order after the given owner (after_size SIZE_MAX: from the first). */
NODISCARD enum err globals_each(struct store_txn *txn, uint8_t catalog,
    const uint8_t *after, size_t after_size, size_t max, globals_visit_fn *visit,
    void *arg);

#endif
