/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_STORE_CATALOGS_H
#define AGENT_STORE_CATALOGS_H

#include <limits.h>
#include <stdbool.h>
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

/* What is remembered of a catalog's primary, if it is followed. */
struct catalog_upstream {
	bool loaded;      /* a valid version of it is in the store */
	uint64_t checked; /* Unix time the primary last spoke for it; 0: never */
};

/* ERR_NOTFOUND: the catalog is not followed, or was not until now. */
NODISCARD enum err catalogs_get_upstream(struct store_txn *txn, uint8_t nr,
    struct catalog_upstream *up);
void catalogs_put_upstream(struct store_txn *txn, uint8_t nr,
    const struct catalog_upstream *up);
void catalogs_del_upstream(struct store_txn *txn, uint8_t nr);

/* The number of a backend of that name, made when it is new. ERR_RANGE. */
NODISCARD enum err backends_number(struct store_txn *txn, const char *name,
    uint8_t *nr);

/* The directory that a backend's zone files are in, by an earlier configuration maybe:
 * a path of at most PATH_MAX - 1 octets. ERR_NOTFOUND: it is not on record. */
NODISCARD enum err backends_get_dir(struct store_txn *txn, uint8_t nr,
    char dir[static PATH_MAX]);
void backends_put_dir(struct store_txn *txn, uint8_t nr, const char *dir);

/* A backend's place in the work log: everything up to seq is done or is in the
 * retry table. 0 for a new backend. */
NODISCARD enum err marks_get(struct store_txn *txn, uint8_t backend, uint64_t *seq);
void marks_put(struct store_txn *txn, uint8_t backend, uint64_t seq);

#endif
