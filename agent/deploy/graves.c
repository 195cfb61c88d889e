/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/graves.h"

#include <time.h>

#include "agent/deploy/engine.h"

enum { SLICE = 1000, PERIOD_US = 10000000, PERIOD_MIN_US = 500000 };

struct graves_walk {
	struct engine *engine;
	struct batch *batch;
	uint64_t now;
	size_t n;
};

static enum err
visit(void *arg, const struct grave *g)
{
	struct graves_walk *w = arg;
	struct engine *e = w->engine;
	const struct deploy_catalog *c = engine_catalog(e, g->catalog);
	if (c != NULL && g->removed + c->purge_after_s <= w->now) {
		struct item item = {.zone = g->zone, .source = FROM_GRAVES};
		if (batch_gather(w->batch, &item) == GATHER_FULL)
			return ERR_BUSY;
	}
	w->n++;
	e->graves.after = g->zone;
	e->graves.started = true;
	return OK;
}

/* Short times are for those who mean them. */
static uint64_t
period_us(const struct engine *e)
{
	uint64_t us = PERIOD_US;
	for (size_t i = 0; i < e->conf->n_catalogs; i++) {
		uint64_t half = (uint64_t)e->conf->catalogs[i].purge_after_s * 500000;
		if (half < us)
			us = half;
	}
	return us > PERIOD_MIN_US ? us : PERIOD_MIN_US;
}

void
graves_step(struct engine *e, struct batch *b)
{
	uint64_t now = pace_now_us();
	if (now < e->graves.at_us)
		return;
	struct graves_walk w = {.engine = e, .batch = b, .now = (uint64_t)time(NULL)};
	struct dname after = e->graves.after;
	enum err err = graveyard_each(batch_views(b)->catalog, e->conf->nr,
	    e->graves.started ? &after : NULL, SLICE, visit, &w);
	if (err != ERR_BUSY && w.n < SLICE)
		e->graves.started = false; /* the end: from the first again */
	e->graves.at_us = now + period_us(e);
}
