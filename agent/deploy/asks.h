/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_ASKS_H
#define AGENT_DEPLOY_ASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/guard/guard.h"
#include "agent/store/store.h"
#include "lib/dname.h"
#include "lib/settings.h"

/*
 * What this half has to ask the guard before it does it: to remove strays, to
 * change what no server changes without a gap in service, and to replace a zone
 * by the one of another catalog under another id, or one that came back to life.
 * (Removals from a catalog, and new ids in it, were weighed when it was changed.) Zones
 * that wait are collected until their log entry, or the walk that found them, is at its
 * end, and are one step then.
 */

struct engine;
struct deploy_catalog;
struct item;

struct ask {
	struct guard_ask ask;
	uint8_t catalog;
	uint64_t seq; /* log entry that led to it; 0: none */
	bool walk;    /* found by one */
};

struct asks {
	struct ask *items;
	size_t n, room;
};

void asks_fini(struct asks *a);

/* Of settings: role, zone file and DNSSEC, summed up; never 0. */
uint32_t asks_shape(const struct settings *s);
/* Under whose limit strays are: the first catalog that has one. */
const struct deploy_catalog *asks_stray_catalog(const struct engine *e);

/* What the guard says of the item, whose desire and ledger are read. */
void asks_look(struct engine *e, struct store_txn *txn, struct item *it);
/* The zone's change has a gap in service, while it bears that mark. */
bool asks_interrupts(const struct item *it, const char *mark);
/* Collect what the item asks. */
void asks_add(struct engine *e, const struct item *it);
/* The oldest log entry that waits for an answer, or UINT64_MAX. */
uint64_t asks_seq(const struct engine *e);
/* Put the questions whose step is complete; the zones are looked at again. No
 * snapshot may be open. Returns whether there were any. */
bool asks_put(struct engine *e);

#endif
