/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_CHANGES_H
#define LIB_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dname.h"
#include "lib/err.h"
#include "lib/rr.h"
#include "lib/xfr.h"

/*
 * What changed in _status.C from one transfer to the next, whether it came as
 * differences or as all of it. Keeps a line for each zone and backend it is
 * asked to look at; when a zone was last seen is no change.
 */

/* One zone on one backend. Borrowed for the call; NULL: not known. */
struct change_facts {
	const char *state; /* NULL: there is no such record */
	const char *serial, *id, *pattern, *since, *last_command, *error;
};

struct zone_change {
	const char *zone, *backend;
	struct change_facts was, is;
};

typedef void change_fn(void *arg, const struct zone_change *change);

struct changes {
	struct dname status; /* _status.C */
	/* Only those zones (none: all), on that backend (NULL: any). */
	const struct dname *zones;
	size_t n_zones;
	const char *backend;
	/* Of more than so many (0: any number) none is kept: what a difference says was
	 * and is, is told then; of a transfer of all, nothing, and skipped is set. For
	 * who watches long, and a million zones. */
	size_t keep_max;
	bool skipped; /* set by changes_end(): of this transfer nothing could be told */

	bool has_serial, complete; /* complete: there was a transfer */
	uint32_t serial;           /* to ask for differences from */
	struct xfr xfr;
	bool full;       /* this transfer is of all */
	bool overflowed; /* it has more than keep_max */
	bool forgetful;  /* none is kept */
	unsigned round;
	struct seen **slots; /* hash table of chains */
	size_t n_slots, n;
	struct seen *first, **last; /* those looked at in this transfer */
};

void changes_init(struct changes *c, const struct dname *status);
void changes_fini(struct changes *c);

/* Before a transfer: the serial to ask with, NULL for an AXFR. */
const uint32_t *changes_begin(struct changes *c);
/* An exchange_rr_fn: each of its records. ERR_FORM. */
NODISCARD enum err changes_take(void *arg, const struct rr *rr);
/* After its end. fn for each change, but not in the first transfer. */
void changes_end(struct changes *c, change_fn *fn, void *arg);
/* It failed: when some of it had come, the next one must be of all. */
void changes_spoil(struct changes *c);

#endif
