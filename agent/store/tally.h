/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_STORE_TALLY_H
#define AGENT_STORE_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/store/catalogs.h"
#include "agent/store/holds.h"
#include "agent/store/status.h"
#include "agent/store/store.h"

/*
 * How far one backend is with one catalog, in numbers: those that _status.C tells, and
 * the metrics as well.
 */
struct tally {
	struct backend_status status;
	struct status_counts counts; /* held: with those that the guard holds */
	uint64_t pending;
	uint64_t queue; /* entries of the work log, of all catalogs */
	bool has_applied;
	uint32_t applied; /* serial of the catalog at its place in the work log */
};

/* The two sides, the status read first, and what is known of the catalog there. */
struct tally_from {
	struct store_txn *status, *catalog;
	const struct catalog_head *head;
	const struct guard_facts *guard;
	uint64_t log_last;
};

NODISCARD enum err tally_take(const struct tally_from *from, uint8_t backend,
    struct tally *t);

#endif
