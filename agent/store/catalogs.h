/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_STORE_CATALOGS_H
#define AGENT_STORE_CATALOGS_H

#include <stdint.h>

#include "agent/store/store.h"
#include "lib/dname.h"
#include "lib/rr.h"

/* The head of each catalog, and the stable numbers of catalogs and backends. */

enum { CATALOGS_MAX = 200, BACKENDS_MAX = 200 };

struct catalog_head {
	uint8_t nr; /* stable; part of keys */
	struct dname name;
	struct soa soa; /* serial included */
	uint32_t soa_ttl;
	uint64_t n_members;
	uint64_t seq; /* work log entry of the last change; 0: none */
	/* Entry that last changed the SOA beyond its serial; 0: none. No IXFR across
	 * it, as entries do not hold SOAs. */
	uint64_t soa_seq;
};

/* ERR_NOTFOUND. */
NODISCARD enum err catalogs_find(struct store_txn *txn, const struct dname *name,
    struct catalog_head *head);
NODISCARD enum err catalogs_get(struct store_txn *txn, uint8_t nr,
    struct catalog_head *head);
/* A new head gets its nr here (head->nr is set). ERR_EXISTS, ERR_RANGE. */
NODISCARD enum err catalogs_add(struct store_txn *txn, struct catalog_head *head);
void catalogs_put(struct store_txn *txn, const struct catalog_head *head);

/* The number of a backend of that name, made when it is new. ERR_RANGE. */
NODISCARD enum err backends_number(struct store_txn *txn, const char *name,
    uint8_t *nr);

/* A backend's place in the work log: everything up to seq is done or is in the
 * retry table. 0 for a new backend. */
NODISCARD enum err marks_get(struct store_txn *txn, uint8_t backend, uint64_t *seq);
void marks_put(struct store_txn *txn, uint8_t backend, uint64_t seq);

#endif
