/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_GUARD_GUARD_H
#define AGENT_GUARD_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/holds.h"
#include "agent/store/store.h"
#include "lib/dname.h"
#include "lib/limit.h"
#include "lib/member.h"

/*
 * The guard of a catalog: a wrong script must not be able to empty a fleet.
 * Everything is within a write transaction of STORE_CATALOG, that of the change
 * itself; a failure is sticky there.
 */

/* One step under consideration. */
struct guard {
	struct store_txn *txn;
	uint8_t catalog;
	struct limit limit;
	uint64_t n_members, now;
	char by[64];
	struct guard_record record;
	bool dirty, was_latched;
	struct guard_verdict verdict;
};

/* n_members: before the step. limit NULL: the default. */
void guard_begin(struct guard *g, struct store_txn *txn, uint8_t catalog,
    const struct limit *limit, uint64_t n_members, uint64_t now, const char *by);
/* Nothing is held and nothing was admitted singly: guard_came need not be called. */
bool guard_is_idle(const struct guard *g);
/* First, for each: the zone leaves its id, to be gone or to get another one. It
 * counts, unless that was held already: returns whether. */
bool guard_count(struct guard *g, const struct dname *zone);
/* Then, for each: the zone is a member under that id, which it was not before. */
void guard_came(struct guard *g, const struct dname *zone, const struct label *id);
/* Is the step to be held? */
bool guard_weigh(struct guard *g);
/* Each of those counted: m as it was. */
void guard_settle(struct guard *g, const struct member *m, enum hold_kind kind);
void guard_end(struct guard *g);

/* -- what only the back half sees -------------------------------------------- */

/* The zone is in the catalog (change), or in none (stray). */
struct guard_ask {
	enum hold_kind kind; /* HOLD_CHANGE, HOLD_STRAY */
	struct dname zone;
	uint32_t target; /* of a change: what it is to become */
	bool moot; /* of a change: nothing to be admitted, forget another target */
};

/*
 * The asks are one step. Each is then admitted or held, unless that was already
 * decided, for another backend or before a crash. What is admitted is counted
 * once in a window.
 */
void guard_take_asks(struct guard *g, const struct guard_ask *asks, size_t n);

enum guard_gate { GATE_OPEN, GATE_SHUT, GATE_ASK };

/* How a change, or a stray, stands, in any transaction; limit as configured.
 * *held: what is held of the zone, a CHANGE or STRAY, if has_hold. */
struct guard_view {
	enum guard_gate gate;
	bool has_hold;
	struct hold hold;
};
void guard_look(struct store_txn *txn, uint8_t catalog, const struct limit *limit,
    const struct dname *zone, enum hold_kind kind, uint32_t target, uint64_t now,
    struct guard_view *v);

/* -- the member as the backends are to see it --------------------------------- */

/* The one whose removal or reset is held. m must be initialised. ERR_NOTFOUND:
 * none is, the catalog's own goes. */
NODISCARD enum err guard_member(struct store_txn *txn, uint8_t catalog,
    const struct dname *zone, struct hold *h, struct member *m);

/* -- release ------------------------------------------------------------------ */

struct guard_origin {
	const char *by, *source;
	uint64_t now;
	uint32_t serial; /* of the catalog */
};

/*
 * Let go all that is held now, and open. The work log gets WORK_RELEASE entries,
 * one at least; *seq is the last. Among their removals are removals and resets,
 * under the ids that go; among their additions changes and strays, and instead of
 * an id the kind.
 * If it held, the window starts anew: of the members there are now.
 */
NODISCARD enum err guard_release(struct store_txn *txn, uint8_t catalog,
    const struct guard_origin *origin, uint64_t *seq, uint64_t *n);

/* -- for status --------------------------------------------------------------- */

NODISCARD enum err guard_get_facts(struct store_txn *txn, uint8_t catalog,
    const struct limit *limit, uint64_t n_members, uint64_t now, struct guard_facts *f);

/* One line for a step that was held or ended a latch, else nothing. */
void guard_log(const struct guard_verdict *v, const char *catalog, const char *by);

#endif
