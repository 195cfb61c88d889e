/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_PLAN_H
#define AGENT_DEPLOY_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/store.h"
#include "lib/dname.h"
#include "lib/err.h"

/*
 * The work log as a series of touches: which zone of which member was added,
 * removed, or had a property changed. Reading can stop anywhere, also in the
 * middle of an entry of a million records, and go on from there.
 */

struct plan_cursor {
	uint64_t seq;            /* every entry up to it was read */
	size_t del_pos, add_pos; /* in the entry after it */
	bool adds;               /* the dels of that entry were read */
};

enum touch_kind { TOUCH_DEL, TOUCH_ADD, TOUCH_PROPERTY, TOUCH_STRAY, TOUCH_RESYNC };

struct touch {
	enum touch_kind kind;
	uint64_t seq;
	uint64_t time; /* Unix, of the entry */
	uint8_t catalog;
	struct label id;
	struct dname zone;
	/* TOUCH_DEL: the one of our catalogs that its coo property named, as it went;
	 * 0: none. */
	uint8_t heir;
};

/*
 * Called for each touch. Of an entry whose removals are held, they touch as a
 * property would: no backend sees them; a release has them as removals. ERR_BUSY stops
 * before it: the next read begins with it. A TOUCH_RESYNC has no zone.
 */
typedef enum err plan_fn(void *arg, const struct touch *touch);

/*
 * Read on from the cursor, at most max entries. catalogs: for each number
 * whether it is of interest. ERR_BUSY: stopped by fn. ERR_NOTFOUND: what comes
 * next was pruned.
 */
NODISCARD enum err plan_read(struct store_txn *txn, struct plan_cursor *cursor,
    const bool catalogs[static 256], size_t max, plan_fn *fn, void *arg);

#endif
