/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_DESIRE_H
#define AGENT_DEPLOY_DESIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/store/store.h"
#include "lib/dname.h"
#include "lib/settings.h"

struct engine;

/* What the catalogs want of one zone on one backend. Plain data but for
 * settings, which it has a reference of. */
struct desire {
	bool found; /* it is a member of a catalog of ours */
	bool held;  /* it was, and the guard holds what became of it */
	bool left;  /* the catalog that has it now has no such member any more */
	uint8_t catalog;
	struct label id;
	uint64_t seq;              /* log entry of the member's last change */
	uint64_t changed;          /* Unix time of it */
	struct settings *settings; /* NULL: error says why there are none */
	char pattern[64];
	char error[200];
};

/*
 * The zone's member. In several catalogs: that of the catalog `owner`, which
 * has it now (0: none), unless its coo property names another one that has it
 * too (RFC 9432 section 4.3.1); else the first in the backend's order.
 */
void desire_read(struct engine *e, struct store_txn *txn, const struct dname *zone,
    uint8_t owner, struct desire *d);
void desire_fini(struct desire *d);

/*
 * The zone's absence from this catalog is a reason to remove it: the catalog
 * is one of the backend's, and there is one.
 */
bool desire_may_miss(struct engine *e, struct store_txn *txn, uint8_t catalog);

#endif
