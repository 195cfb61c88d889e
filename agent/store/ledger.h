/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_STORE_LEDGER_H
#define AGENT_STORE_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "agent/store/store.h"
#include "lib/dname.h"

/*
 * What is ours in each name server (ledger), and what was ours and left data
 * on disk (graveyard). All in STORE_CATALOG; writes are sticky in txn.
 */

enum ledger_state {
	LEDGER_INTENT = 1, /* written before the first command that adds */
	LEDGER_OWNED,      /* the server has it from us */
	LEDGER_REMOVING,   /* written before the command that removes */
};

struct ledger_entry {
	struct dname zone;
	uint8_t catalog;
	struct label id;
	enum ledger_state state;
	char mark[128];     /* what the server carries, such as the native pattern */
	char zonefile[256]; /* relative to the zone directory; "/": a shared one */
	/* Of the settings it has, what no server changes without a gap in service,
	 * as deploy sums it up; 0: not known. */
	uint32_t shape;
};

NODISCARD enum err ledger_get(struct store_txn *txn, uint8_t backend,
    const struct dname *zone, struct ledger_entry *e);
void ledger_put(struct store_txn *txn, uint8_t backend, const struct ledger_entry *e);
void ledger_del(struct store_txn *txn, uint8_t backend, const struct dname *zone);
typedef enum err ledger_visit_fn(void *arg, const struct ledger_entry *e);
/* In canonical order after `after` (NULL: from the first), at most max. */
NODISCARD enum err ledger_each(struct store_txn *txn, uint8_t backend,
    const struct dname *after, size_t max, ledger_visit_fn *visit, void *arg);

struct grave {
	struct dname zone;
	struct label id;
	uint8_t catalog;
	uint64_t removed; /* Unix time */
	char zonefile[256];
};

NODISCARD enum err graveyard_get(struct store_txn *txn, uint8_t backend,
    const struct dname *zone, struct grave *g);
void graveyard_put(struct store_txn *txn, uint8_t backend, const struct grave *g);
void graveyard_del(struct store_txn *txn, uint8_t backend, const struct dname *zone);
typedef enum err graveyard_visit_fn(void *arg, const struct grave *g);
NODISCARD enum err graveyard_each(struct store_txn *txn, uint8_t backend,
    const struct dname *after, size_t max, graveyard_visit_fn *visit, void *arg);

#endif
