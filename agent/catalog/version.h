/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_CATALOG_VERSION_H
#define AGENT_CATALOG_VERSION_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/catalog/catalog.h"

/*
 * A whole version of a catalog as a primary sends it (AXFR), in any order and of any
 * size: collected in a temporary map on disk, then judged as a whole, and only then
 * made the catalog's, as one change. Memory is that of one member at a time.
 */

struct catalog_version;

/* Of the catalog of that name. Failures are those of scratch_open(). */
NODISCARD enum err catalog_version_new(struct store *store, const struct dname *name,
    struct catalog_version **v);
void catalog_version_free(struct catalog_version *v); /* takes NULL */

/* One record of it, at or below its name; the SOA is not kept. Sticky: what fails is
 * told by catalog_version_end(). */
void catalog_version_add(struct catalog_version *v, const struct rr *rr);
/* No more come. ERR_FULL, ERR_IO. */
NODISCARD enum err catalog_version_end(struct catalog_version *v, const struct soa *soa,
    uint32_t soa_ttl);

struct catalog_taken {
	bool changed;
	uint64_t n_added, n_removed, n_changed; /* members */
	struct catalog_refusal why;             /* no valid catalog */
	struct guard_verdict verdict;
};

/*
 * In the writer; may be called again. ERR_DENIED: no valid catalog, why tells;
 * nothing was written. Reserved as in catalog_edit_new(). The serial becomes that of
 * the SOA. A version that differs a lot goes to the work log in pieces, and IXFR does
 * not go across it.
 */
NODISCARD enum err catalog_version_take(struct store_txn *txn,
    struct catalog_version *v, const struct catalog_head *head,
    const struct dname *reserved, size_t n_reserved,
    const struct catalog_origin *origin, struct catalog_taken *taken);

#endif
