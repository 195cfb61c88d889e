/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_SNAPSHOT_H
#define AGENT_PROTO_SNAPSHOT_H

#include "agent/proto/view.h"
#include "agent/store/catalogs.h"
#include "agent/store/holds.h"
#include "agent/store/store.h"

/* One zone of ours as it stands at one moment. */

struct snapshot {
	const struct view *view;
	const struct view_zone *zone;
	struct store_txn *status; /* NULL unless the zone is _status.C */
	struct store_txn *txn;
	struct catalog_head head; /* of C */
	uint64_t log_first, log_last;
	uint32_t serial;                    /* of the zone */
	uint64_t status_past, catalog_past; /* past_number(); of _status.C */
	struct guard_facts guard;           /* of _status.C */
};

/* Borrows view and zone. Fails with nothing open. */
NODISCARD enum err snapshot_open(struct store *store, const struct view *view,
    const struct view_zone *zone, struct snapshot *s);
void snapshot_close(struct snapshot *s);
/* A sequence as a serial: never 0 (RFC 2136 section 4.2); before the first, what
 * comes before 1. */
uint32_t snapshot_as_serial(uint64_t n);
/* The serial of every _status.C at this moment. */
NODISCARD enum err snapshot_status_serial(struct store *store, uint32_t *serial);

/* The zone's SOA: C's own, and for the other zones the same with their serial.
 * rdata is emptied first. */
void snapshot_soa(const struct snapshot *s, struct buf *rdata, struct rr *rr);
/* The one NS of the zones that the agent itself writes. */
void snapshot_ns(const struct snapshot *s, struct rr *rr);

#endif
