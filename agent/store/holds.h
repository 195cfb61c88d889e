/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_STORE_HOLDS_H
#define AGENT_STORE_HOLDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/store.h"
#include "lib/dname.h"
#include "lib/member.h"

/*
 * What the guard has to remember, for each catalog: its record, the zones whose
 * removal it holds, and those that were admitted one by one. All in
 * STORE_CATALOG; writes are sticky in txn. What it means is agent/guard's.
 */

enum hold_kind {
	HOLD_REMOVAL = 1, /* it is no member any more */
	HOLD_RESET,       /* it is one under another id */
	HOLD_CHANGE,      /* of its settings, with a gap in service */
	HOLD_STRAY,       /* it has our mark, and is in no catalog */
	HOLD_KINDS
};

const char *hold_kind_str(enum hold_kind kind);

struct hold {
	enum hold_kind kind;
	struct dname zone;
	uint64_t step; /* number of the step it was held with */
	uint64_t time; /* Unix */
	char by[64];   /* key of the change, or the backend that found it */
	/* HOLD_CHANGE: what it is to become; for the one who asks to know. */
	uint32_t target;
};

/* With the member as the backends are to see it, of a removal and a reset; m must
 * be initialised or NULL, and borrows from the store. ERR_NOTFOUND. */
NODISCARD enum err holds_get(struct store_txn *txn, uint8_t catalog,
    const struct dname *zone, struct hold *h, struct member *m);
/* m: of a removal and a reset, else NULL. */
void holds_put(struct store_txn *txn, uint8_t catalog, const struct hold *h,
    const struct member *m);
void holds_del(struct store_txn *txn, uint8_t catalog, const struct dname *zone);
/* In canonical order of zone after `after` (NULL: from the first), at most max; m
 * is NULL where there is none. visit may write, and delete what it visits. */
typedef enum err hold_visit_fn(void *arg, const struct hold *h, const struct member *m);
NODISCARD enum err holds_each(struct store_txn *txn, uint8_t catalog,
    const struct dname *after, size_t max, hold_visit_fn *visit, void *arg);

/* A change or a stray that may go on; not counted again until then. */
struct admission {
	enum hold_kind kind;
	struct dname zone;
	uint32_t target;
	uint64_t until; /* Unix */
};

NODISCARD enum err admissions_get(struct store_txn *txn, uint8_t catalog,
    const struct dname *zone, struct admission *a);
void admissions_put(struct store_txn *txn, uint8_t catalog, const struct admission *a);
/* Returns whether it was there. */
bool admissions_del(struct store_txn *txn, uint8_t catalog, const struct dname *zone);
/* Deletes those whose time is over; returns how many. */
size_t admissions_prune(struct store_txn *txn, uint8_t catalog, uint64_t now);

enum { GUARD_SLOTS = 12 };

/* Removals that were let go, since that time, and how many members there were
 * before the first of them. */
struct guard_slot {
	uint64_t start, n, members;
};

struct guard_record {
	struct guard_slot slots[GUARD_SLOTS]; /* oldest first */
	size_t n_slots;
	bool latched;
	uint64_t since; /* Unix; of the latch */
	uint64_t step;  /* the last number given */
	uint64_t n_held[HOLD_KINDS];
	uint64_t n_admitted;
	uint64_t pruned; /* Unix; when admissions were last looked through */
};

/* All zero for a catalog that has none yet. */
NODISCARD enum err guard_record_get(struct store_txn *txn, uint8_t catalog,
    struct guard_record *r);
void guard_record_put(struct store_txn *txn, uint8_t catalog,
    const struct guard_record *r);

/* -- plain data of agent/guard, for those who may not see it ------------------- */

/* What one step came to, for the log after the commit. */
struct guard_verdict {
	uint64_t n;    /* counted in this step */
	bool held;     /* all of them */
	bool latched;  /* with this step: the alarm */
	bool opened;   /* nothing is held any more */
	uint64_t step; /* the number of the one held */
	uint64_t used, limit, n_held;
	unsigned window_s;
};

struct guard_facts {
	bool off, holding;
	uint64_t since; /* Unix; of holding */
	uint64_t used, limit, n_held;
	uint64_t n_removals, n_strays; /* of those held */
	unsigned window_s;
};

#endif
