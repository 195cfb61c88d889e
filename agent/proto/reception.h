/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_RECEPTION_H
#define AGENT_PROTO_RECEPTION_H

#include "agent/catalog/version.h"
#include "lib/msg.h"
#include "lib/xfr.h"

/*
 * A transfer as it comes in, message by message, of which a later one may have the
 * signature: AXFR goes to a map on disk, the differences of an IXFR to memory, both
 * bounded. Nothing of it counts before it is whole.
 */

struct reception {
	struct store *store;
	struct xfr xfr;
	uint32_t from; /* the serial that differences are to begin with */
	uint64_t max_records, n_records, n_octets;
	bool is_done;
	bool has_difference; /* an IXFR that is answered as one */
	struct soa soa;      /* of the new version */
	uint32_t soa_ttl;
	struct catalog_version *version; /* of an AXFR, or of an IXFR answered so */
	struct buf differences;          /* of an IXFR: an octet, 1: added, then as
					  * work_rr_put() packs */
	struct buf rdata;
	char why[96];
};

/* serial NULL: AXFR. */
void reception_init(struct reception *r, struct store *store, const struct dname *zone,
    const uint32_t *serial, uint64_t max_records);
/* Takes one that was never initialised, if it is all zero. */
void reception_fini(struct reception *r);
/* The records of a message. Any failure ends it; why says what it is. */
NODISCARD enum err reception_take(struct reception *r, const struct msg *msg);

/*
 * In the writer: what was received becomes the catalog, of which head is as it is
 * now. ERR_DENIED: it is no valid one; taken->why. ERR_NOTFOUND: the differences do
 * not fit it. Reserved as in catalog_edit_new().
 */
NODISCARD enum err reception_apply(struct reception *r, struct store_txn *txn,
    const struct catalog_head *head, const struct dname *reserved, size_t n_reserved,
    const struct catalog_origin *origin, struct catalog_taken *taken);

#endif
