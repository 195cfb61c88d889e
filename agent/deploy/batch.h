/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_BATCH_H
#define AGENT_DEPLOY_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/deploy/judge.h"
#include "agent/store/scratch.h"
#include "agent/store/store.h"

/*
 * Zones gathered from wherever, each judged once, and carried out together:
 * look-ups, native patterns, intent on record, a call of the driver, outcome. A
 * large batch is given to the driver in portions: what follows goes on record while
 * it is busy, and it need not wait for that.
 */

struct engine;

struct batch {
	struct engine *engine;
	struct views views; /* while gathering */
	struct record *record;
	struct item *items;
	size_t n, room;
	size_t n_work; /* items with something to do */
	size_t max;    /* of them */
	bool late;     /* an addition waits for the rate, or for transfers */
	/* while it is carried out */
	struct backend_op *ops;
	size_t *op_items; /* the item of each */
	size_t n_ops;
	size_t n_recorded;  /* of them: their outcome is on its way */
	size_t n_together;  /* those that the driver got last */
	enum err err;       /* of the driver as a whole */
	bool unwritten;     /* err is ours: the intent could not be recorded */
	unsigned n_done;    /* operations; the first few are logged */
	unsigned n_failed;  /* likewise */
	unsigned n_clashes; /* with another catalog */
	struct backend_error why;
};

enum gathered {
	GATHER_DONE, /* it is in the batch, or under way and noted, or needs nothing */
	GATHER_FULL, /* no room: stop before this one */
	GATHER_LATE, /* its addition waits for the rate: not in the batch */
	GATHER_WAIT, /* for other transfers of its primary: others need not */
};

void batch_init(struct batch *b, struct engine *e);
/* Items left over are forgotten. */
void batch_fini(struct batch *b);

/* Those to gather from: opened by the first call, closed by batch_run. */
struct views *batch_views(struct batch *b);
/* item has the zone, the source and what is known beforehand; it is copied. */
enum gathered batch_gather(struct batch *b, const struct item *item);
/* Carry out and record. */
void batch_run(struct batch *b);

#endif
