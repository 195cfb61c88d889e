/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_FLEET_DIFF_H
#define CTL_FLEET_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/fleet.h"
#include "ctl/fleet_spool.h"
#include "ctl/orders.h"
#include "lib/pool.h"

/*
 * Why agents that have the same catalog do not serve the same: what each says of each
 * zone is fetched, and all is read side by side in the order of the zones, so that
 * memory is that of what differs, by cause, and not of the zones.
 */

/* After fleet_look(): fetch, compare, and print a line for each cause. orders NULL:
 * all zones. */
NODISCARD enum exit_status fleet_diff(struct fleet *f, const struct orders *orders);

/* -- the comparison by itself, and for tests ---------------------------------- */

enum diff_why {
	WHY_NOT_COMPARED, /* the agent did not answer, or not all of it */
	WHY_CATALOG,      /* its catalog is broken, expired or not there */
	WHY_BEHIND,       /* its catalog is older than the hub's */
	WHY_AHEAD,
	WHY_GUARD, /* it holds */
	WHY_BACKEND_DOWN,
	/* from here on of zones */
	WHY_MISSING,
	WHY_EXTRA,
	WHY_PATTERN_MISSING,
	WHY_UNASSIGNED,
	WHY_CONFLICT,
	WHY_FAILED,
	WHY_PENDING,
	WHY_APPLIED,
	WHY_HELD,
	WHY_REMOVING,
	WHY_SERIAL_OLDER,
	WHY_OTHER_ID,
	WHY_OTHER_PATTERN,
	WHY_UNKNOWN_STATE,
	N_WHYS
};

/* What an agent calls its backends and patterns is up to it: beyond so many causes
 * of one agent they are not told apart. */
enum { CAUSE_EXAMPLES = 3, CAUSES_OF_PEER = 500 };

/* One cause at one backend of one agent, of any number of zones. */
struct cause {
	enum diff_why why;
	size_t peer;
	const char *backend, *pattern; /* pool; NULL: does not matter */
	const char *detail;            /* pool; of the first zone, or NULL */
	uint64_t n_zones;
	const char *examples[CAUSE_EXAMPLES]; /* pool */
	size_t n_examples;
};

/* What is compared of one agent. */
struct diff_side {
	struct spool spool;
	const struct view *view;
	bool is_in, is_hub;
	bool at_end;
	size_t n_causes;       /* of zones */
	struct spool_row next; /* unless at_end */
};

struct diffing {
	struct diff_side *sides;
	size_t n;
	bool has_serial; /* of the catalog, as it should be */
	uint32_t serial;
	struct cause *causes;
	size_t n_causes, room;
	struct pool pool;
	/* the rows of one zone */
	struct spool_row *rows;
	size_t *row_sides;
	size_t n_rows, rows_room, row_sides_room;
};

/* Read the spools of the sides that are in, side by side. A side whose spool cannot
 * be read any more is out. */
void diff_merge(struct diffing *d);
void diff_end(struct diffing *d);             /* not the spools */
const char *diff_why_code(enum diff_why why); /* stable, for JSON */

#endif
