/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_DIFF_H
#define CTL_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/orders.h"
#include "lib/memberlist.h"
#include "lib/pool.h"

/*
 * What lies between a list of zones and the catalog: pure, in order of zone.
 * Everything but the items is borrowed from the two.
 */

enum diff_kind { DIFF_ADD, DIFF_CHANGE, DIFF_REMOVE, DIFF_KINDS };

struct diff_item {
	enum diff_kind kind;
	const uint8_t *key; /* of the zone */
	uint16_t key_size;
	struct label id; /* of the member; of an addition that of its order, or new */
	const struct props *was;    /* NULL: an addition */
	const struct props *wanted; /* NULL: a removal */
	const struct props *change; /* DIFF_CHANGE: what props_write_set needs */
	bool interrupts; /* the change cannot be made without a gap in service */
};

struct diff {
	struct diff_item *items;
	size_t n, room;
	size_t n_of[DIFF_KINDS];
	size_t n_same, n_extra; /* extra: members that are not in the list and stay */
	size_t n_interrupting;
	struct pool pool;
};

/* prune: members that are not in the list are to be removed. */
void diff_make(const struct orders *orders, const struct memberlist *members,
    bool prune, struct diff *diff);
void diff_fini(struct diff *diff);

char *diff_zone_text(const struct diff_item *item, char out[static DNAME_TEXT_MAX]);
/* The item's records, for an update section. */
void diff_write(const struct diff_item *item, const struct dname *catalog,
    struct wire_out *out);

#endif
