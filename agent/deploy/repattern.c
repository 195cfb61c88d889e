/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/repattern.h"

#include <stdlib.h>
#include <string.h>

#include "agent/deploy/engine.h"
#include "agent/deploy/reconcile.h"
#include "agent/deploy/roster.h"
#include "agent/store/holds.h"
#include "agent/store/members.h"
#include "lib/hash.h"
#include "lib/log.h"
#include "lib/mem.h"

enum { SLICE = 1000, LEDGER_SLICE = 4000, MARKS_MAX = 65536 };

struct repattern {
	bool walking; /* members; else the ledger */
	bool holds;   /* after the catalog's members, what the guard holds of it */
	size_t catalog;
	struct dname after;
	bool started;
	/* the marks still borne: a hash set of strings */
	char **slots;
	size_t n_slots, n_marks;
	bool too_many;
};

/* -- the set ---------------------------------------------------------------------- */

static char **
slot_of(const struct repattern *rp, const char *mark)
{
	size_t at = hash_octets(mark, strlen(mark)) & (rp->n_slots - 1);
	while (rp->slots[at] != NULL && strcmp(rp->slots[at], mark) != 0)
		at = (at + 1) & (rp->n_slots - 1);
	return &rp->slots[at];
}

static void
grow(struct repattern *rp)
{
	char **old = rp->slots;
	size_t n_old = rp->n_slots;
	rp->n_slots = n_old > 0 ? 2 * n_old : 64;
	rp->slots = mem_zalloc(rp->n_slots * sizeof(*rp->slots));
	for (size_t i = 0; i < n_old; i++) {
		if (old[i] != NULL)
			*slot_of(rp, old[i]) = old[i];
	}
	free(old);
}

static void
add_mark(struct repattern *rp, const char *mark)
{
	if (2 * (rp->n_marks + 1) > rp->n_slots)
		grow(rp);
	char **slot = slot_of(rp, mark);
	if (*slot != NULL)
		return;
	if (rp->n_marks >= MARKS_MAX) {
		rp->too_many = true;
		return;
	}
	*slot = mem_strdup(mark);
	rp->n_marks++;
}

static void
forget_marks(struct repattern *rp)
{
	for (size_t i = 0; i < rp->n_slots; i++)
		free(rp->slots[i]);
	free(rp->slots);
	rp->slots = NULL;
	rp->n_slots = rp->n_marks = 0;
}

/* -- life -----------------------------------------------------------------------------
 */

void
repattern_end(struct engine *e)
{
	if (e->repattern == NULL)
		return;
	forget_marks(e->repattern);
	free(e->repattern);
	e->repattern = NULL;
}

bool
repattern_is_walking(const struct engine *e)
{
	return e->repattern != NULL && e->repattern->walking;
}

void
repattern_begin(struct engine *e)
{
	repattern_end(e);
	e->repattern = mem_zalloc(sizeof(*e->repattern));
	e->repattern->walking = true;
}

void
repattern_retire(struct engine *e)
{
	if (e->repattern != NULL)
		return; /* it comes to that anyway */
	e->repattern = mem_zalloc(sizeof(*e->repattern));
}

void
repattern_used(struct engine *e, const char *mark)
{
	if (e->repattern != NULL)
		add_mark(e->repattern, mark);
}

void
repattern_rejected(struct engine *e, const char *pattern, const char *text)
{
	roster_reject(e->roster, e->conf->backend.name, pattern, text);
}

void
repattern_survey(struct engine *e)
{
	const struct pattern *p;

	if (e->driver->caps & CAP_SIGNS)
		return;
	for (size_t i = 0; (p = pattern_at(e->patterns, i)) != NULL; i++)
		if (pattern_error(p) == NULL && pattern_signs(p))
			repattern_rejected(e, pattern_name(p),
			    "dnssec: this server is not made to sign zones");
}

/* -- members -------------------------------------------------------------------------
 */

struct walk {
	struct engine *engine;
	struct batch *batch;
	size_t n;
	bool full, late;
};

static enum err
take_member(void *arg, const struct member *m)
{
	struct walk *w = arg;
	struct repattern *rp = w->engine->repattern;
	struct item item = {.zone = m->zone, .source = FROM_WALK};
	enum gathered got = batch_gather(w->batch, &item);
	w->full = got == GATHER_FULL;
	w->late = got == GATHER_LATE || got == GATHER_WAIT;
	if (got != GATHER_DONE)
		return ERR_BUSY;
	rp->after = m->zone;
	rp->started = true;
	w->n++;
	return OK;
}

/* Those that the guard shows to the backends alone. */
static enum err
take_hold(void *arg, const struct hold *h, const struct member *m)
{
	struct walk *w = arg;
	struct repattern *rp = w->engine->repattern;
	if (m != NULL)
		return take_member(arg, m);
	rp->after = h->zone;
	rp->started = true;
	w->n++;
	return OK;
}

static bool
walk_members(struct engine *e, struct batch *b)
{
	struct repattern *rp = e->repattern;
	struct walk w = {.engine = e, .batch = b};
	if (rp->catalog >= e->conf->n_catalogs) {
		rp->walking = rp->started = false;
		return true;
	}
	struct dname from = rp->after, *after = rp->started ? &from : NULL;
	struct store_txn *txn = batch_views(b)->catalog;
	uint8_t nr = e->conf->catalogs[rp->catalog].nr;
	enum err err =
	    rp->holds ? holds_each(txn, nr, after, SLICE, take_hold, &w)
		      : members_each_by_zone(txn, nr, after, SLICE, take_member, &w);
	if (w.full || w.late)
		return w.full;
	if (err != OK)
		log_error("deploy", "backend=%s catalog=unreadable error=\"%s\"",
		    e->conf->backend.name, err_str(err));
	if (w.n < SLICE) {
		rp->catalog += rp->holds;
		rp->holds = !rp->holds;
		rp->started = false;
	}
	return true;
}

/* -- retiring -------------------------------------------------------------------------
 */

static enum err
take_entry(void *arg, const struct ledger_entry *entry)
{
	struct walk *w = arg;
	add_mark(w->engine->repattern, entry->mark);
	w->engine->repattern->after = entry->zone;
	w->engine->repattern->started = true;
	w->n++;
	return OK;
}

static void
retire(struct engine *e)
{
	struct repattern *rp = e->repattern;
	struct backend_error why = {{0}};
	const char **marks = mem_zalloc((rp->n_marks + 1) * sizeof(*marks));
	size_t n = 0;
	for (size_t i = 0; i < rp->n_slots; i++) {
		if (rp->slots[i] != NULL)
			marks[n++] = rp->slots[i];
	}
	enum err err = e->driver->retire(e->ctx, marks, n, &why);
	free(marks);
	if (err != OK && err != ERR_CANCELED)
		log_warn("deploy", "backend=%s retire=failed error=\"%s\"",
		    e->conf->backend.name,
		    why.text[0] != '\0' ? why.text : err_str(err));
}

static bool
walk_ledger(struct engine *e, struct batch *b)
{
	struct repattern *rp = e->repattern;
	struct walk w = {.engine = e};
	/* What the walk found must be done, and in the ledger, before it is read. */
	if (!rp->started && (e->asks.n > 0 || e->again != NULL || b->n_work > 0 ||
				atomic_load(&e->catalog_done) != e->catalog_sent))
		return false;
	struct dname after = rp->after;
	enum err err = ledger_each(batch_views(b)->catalog, e->conf->nr,
	    rp->started ? &after : NULL, LEDGER_SLICE, take_entry, &w);
	if (err == OK && w.n == LEDGER_SLICE)
		return true;
	views_close(&b->views);
	if (err == OK && !rp->too_many)
		retire(e);
	repattern_end(e);
	return false;
}

bool
repattern_step(struct engine *e, struct batch *b)
{
	if (e->repattern == NULL)
		return false;
	/* The walk of a reconcile sees every zone, and comes to this at its end. */
	if (reconcile_is_first_walk(e))
		return false;
	return e->repattern->walking ? walk_members(e, b) : walk_ledger(e, b);
}
