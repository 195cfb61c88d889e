/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_CATALOG_CATALOG_H
#define AGENT_CATALOG_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/store/catalogs.h"
#include "agent/store/holds.h"
#include "agent/store/store.h"
#include "lib/buf.h"
#include "lib/limit.h"
#include "lib/member.h"
#include "lib/rr.h"

/*
 * What a valid catalog is (RFC 9432), and the one transaction that changes it.
 *
 * An edit holds the nodes it touches twice, as they were and as they will be.
 * Nothing is written before catalog_edit_commit().
 */

/* A new catalog: serial 1, NS invalid., version 2. ERR_EXISTS. */
NODISCARD enum err catalog_create(struct store_txn *txn, const struct dname *name,
    struct catalog_head *head);

/* Why an UPDATE is refused. */
struct catalog_refusal {
	char reason[96]; /* such as "duplicate-zone": a word, then key=value */
	unsigned rr;     /* number of the record in its section, from 1; 0: none */
};

struct catalog_edit;

/* reserved: names that no member may equal or lie below, the agent's control
 * zones; borrowed, as txn is, until catalog_edit_free(). bytes_max: memory the
 * edit may take, 0: what is enough for one UPDATE. */
struct catalog_edit *catalog_edit_new(struct store_txn *txn,
    const struct catalog_head *head, const struct dname *reserved, size_t n_reserved,
    size_t bytes_max);
void catalog_edit_free(struct catalog_edit *edit);

/* The catalog as the edit leaves it so far, for prerequisites (RFC 2136 section
 * 3.2) of the UPDATE that is applied next. */
NODISCARD enum err catalog_edit_name_in_use(struct catalog_edit *edit,
    const struct dname *owner, bool *in_use);
typedef enum err catalog_rr_fn(void *arg, const struct rr *rr);
NODISCARD enum err catalog_edit_each(struct catalog_edit *edit,
    const struct dname *owner, uint16_t type, catalog_rr_fn *fn, void *arg);

/*
 * Apply one record of the update section (RFC 2136 section 3.4.2; class IN,
 * ANY or NONE), already prescanned; n is its number. ERR_DENIED, why filled: an
 * owner or type that may not be written, or more than one UPDATE may touch.
 * Others: the store's.
 */
NODISCARD enum err catalog_edit_apply(struct catalog_edit *edit, const struct rr *rr,
    unsigned n, struct catalog_refusal *why);

/* A prerequisite asks about this owner: rights are over it as well. ERR_DENIED:
 * more than one UPDATE may touch. */
NODISCARD enum err catalog_edit_touch(struct catalog_edit *edit,
    const struct dname *owner);

/*
 * For rights: every node touched, with its member as it was and as it will be
 * (NULL: no member there), n the first record applied to it, 0: touched by
 * prerequisites alone. A node given several zones, which catalog_edit_check
 * will refuse, is shown once with each. Not called for owners that belong to no
 * member; n_global counts those.
 */
typedef enum err catalog_node_fn(void *arg, const struct label *id,
    const struct member *before, const struct member *after, unsigned n);
NODISCARD enum err catalog_edit_each_node(struct catalog_edit *edit,
    catalog_node_fn *fn, void *arg);
unsigned catalog_edit_n_global(const struct catalog_edit *edit);

/* Properties go with their member; then the after-image must be a valid
 * catalog, else ERR_DENIED with why filled. */
NODISCARD enum err catalog_edit_check(struct catalog_edit *edit,
    struct catalog_refusal *why);

struct catalog_origin {
	const char *by;     /* key */
	const char *source; /* address and transport */
	uint64_t now;       /* Unix time */
	/* Of removals, before the guard holds them; NULL: the default. */
	const struct limit *limit;
};

/*
 * Write members, head and one work log entry; after OK *serial is the
 * catalog's serial. No net change: nothing is written, the serial stays, and
 * *changed is false. A failure of the store is sticky in the transaction.
 */
NODISCARD enum err catalog_edit_commit(struct catalog_edit *edit,
    const struct catalog_origin *origin, uint32_t *serial, bool *changed);
/* What the guard made of it; valid as long as edit. */
const struct guard_verdict *catalog_edit_verdict(const struct catalog_edit *edit);

/* -- what a primary sends ------------------------------------------------------ */

/*
 * One record of an IXFR (RFC 1995), other than an SOA, in order: taken as it is.
 * ERR_NOTFOUND: it is to be deleted and is not there; the two ends are out of
 * step, fetch the whole. ERR_DENIED: more than one edit may touch; the same.
 * catalog_edit_check() then wants a catalog that is valid as it was received.
 */
NODISCARD enum err catalog_edit_take(struct catalog_edit *edit, const struct rr *rr,
    bool add, struct catalog_refusal *why);
/* The SOA of the new version, serial included. */
void catalog_edit_take_soa(struct catalog_edit *edit, const struct soa *soa,
    uint32_t ttl);

/* -- the guard, for those who may not see it --------------------------------- */

/* Let go what is held; *seq: the log entry. */
NODISCARD enum err catalog_release(struct store_txn *txn,
    const struct catalog_head *head, const struct catalog_origin *origin, uint64_t *seq,
    uint64_t *n);
NODISCARD enum err catalog_guard_facts(struct store_txn *txn,
    const struct catalog_head *head, const struct limit *limit, uint64_t now,
    struct guard_facts *facts);
/* After the commit of what it is the verdict on. */
void catalog_guard_log(const struct guard_verdict *v, const char *catalog,
    const char *by);

/* -- reading ---------------------------------------------------------------- */

/* Call fn for every record with that owner (type RR_ANY: all types), SOA at the
 * apex included. *exists: the name exists, records or below it (an empty
 * non-terminal). */
NODISCARD enum err catalog_each_at(struct store_txn *txn,
    const struct catalog_head *head, const struct dname *owner, uint16_t type,
    catalog_rr_fn *fn, void *arg, bool *exists);

/* All records of a member's node and below it; owner is a member's node. */
NODISCARD enum err catalog_each_of_member(struct store_txn *txn,
    const struct catalog_head *head, const struct dname *owner, catalog_rr_fn *fn,
    void *arg, bool *exists);

void catalog_soa_rr(const struct catalog_head *head, struct buf *rdata, struct rr *rr);

#endif
