/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/reconcile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/deploy/engine.h"
#include "agent/deploy/repattern.h"
#include "agent/store/catalogs.h"
#include "agent/store/members.h"
#include "lib/log.h"
#include "lib/mem.h"

enum {
	SLICE = 4000, /* zones in a turn */
	AGAIN_US = 1000000,
	AGAIN_TIMES = 4,     /* what the walk took */
	FRESH_US = 30000000, /* as long is an absence from the list believed */
};

struct reconcile {
	struct scratch *list; /* NULL: the server has none */
	uint64_t begun_us;
	struct dname after;
	bool started;
	bool catalogs_exist;
	bool put_off; /* additions were, by the rate: walk once more for them */
	bool last;    /* that walk */
	/* Others were, by transfers from their primaries: walk again, later. */
	bool waits;
	uint64_t again_us;                   /* 0: this is the first walk */
	uint64_t walk_us;                    /* when this walk began */
	uint64_t n_listed, n_seen, n_strays; /* strays: those left alone */
};

/* -- the list ------------------------------------------------------------------- */

/* "=MARK", or "-" for what is not ours. */
static enum err
list_zone(void *arg, const struct dname *zone, const char *mark)
{
	struct engine *e = arg;
	struct reconcile *rc = e->reconcile;
	char text[160];
	snprintf(text, sizeof(text), "%s%s", mark != NULL ? "=" : "-",
	    mark != NULL ? mark : "");
	scratch_put(rc->list, zone, text);
	rc->n_listed++;
	return engine_stopping(e) ? ERR_CANCELED : OK;
}

static enum err
read_list(struct engine *e, struct backend_error *why)
{
	struct reconcile *rc = e->reconcile;
	enum err err = scratch_open(e->store, &rc->list);
	if (err != OK) {
		snprintf(why->text, sizeof(why->text), "scratch map: %s", err_str(err));
		return err;
	}
	err = e->driver->inventory(e->ctx, list_zone, e, why);
	if (err != OK)
		return err;
	err = scratch_sort(rc->list);
	if (err != OK)
		snprintf(why->text, sizeof(why->text), "scratch map: %s", err_str(err));
	return err;
}

static bool
catalogs_exist(struct engine *e)
{
	struct store_txn *txn = store_read(e->store, STORE_CATALOG);
	bool exist = e->conf->n_catalogs > 0;
	for (size_t i = 0; i < e->conf->n_catalogs; i++)
		exist = exist && desire_may_miss(e, txn, e->conf->catalogs[i].nr);
	store_end(&txn);
	return exist;
}

bool
reconcile_begin(struct engine *e, struct backend_error *why)
{
	reconcile_end(e);
	struct reconcile *rc = e->reconcile = mem_zalloc(sizeof(*rc));
	rc->begun_us = rc->walk_us = pace_now_us();
	if ((e->driver->caps & CAP_LIST) != 0 && read_list(e, why) != OK) {
		reconcile_end(e);
		return false;
	}
	rc->catalogs_exist = catalogs_exist(e);
	log_info("deploy", "backend=%s reconcile=begin listed=%" PRIu64 " ms=%" PRIu64,
	    e->conf->backend.name, rc->n_listed, (pace_now_us() - rc->begun_us) / 1000);
	return true;
}

void
reconcile_end(struct engine *e)
{
	if (e->reconcile == NULL)
		return;
	scratch_close(e->reconcile->list);
	free(e->reconcile);
	e->reconcile = NULL;
}

/* -- the walk ---------------------------------------------------------------------- */

struct nearest {
	bool any, listed, wanted, in_ledger;
	struct dname zone;
	const char *text; /* of the list */
};

/* Returns whether it is the nearest so far, alone or beside others. */
static bool
offer(struct nearest *n, const struct dname *zone)
{
	int order = n->any ? dname_compare(zone, &n->zone) : -1;
	if (order < 0)
		*n = (struct nearest){.any = true, .zone = *zone};
	return order <= 0;
}

static enum err
offer_entry(void *arg, const struct ledger_entry *entry)
{
	struct nearest *n = arg;
	if (offer(n, &entry->zone))
		n->in_ledger = true;
	return OK;
}

static enum err
offer_member(void *arg, const struct member *m)
{
	struct nearest *n = arg;
	if (offer(n, &m->zone))
		n->wanted = true;
	return OK;
}

static enum err
find_nearest(struct engine *e, struct store_txn *txn, struct nearest *n)
{
	struct reconcile *rc = e->reconcile;
	const struct dname *after = rc->started ? &rc->after : NULL;
	struct dname listed;
	const char *text;
	enum err err;
	*n = (struct nearest){0};
	if (rc->list != NULL) {
		err = scratch_next(rc->list, after, &listed, &text);
		if (err == OK && offer(n, &listed)) {
			n->listed = true;
			n->text = text;
		} else if (err != OK && err != ERR_NOTFOUND) {
			return err;
		}
	}
	err = ledger_each(txn, e->conf->nr, after, 1, offer_entry, n);
	for (size_t i = 0; err == OK && i < e->conf->n_catalogs; i++)
		err = members_each_by_zone(txn, e->conf->catalogs[i].nr, after, 1,
		    offer_member, n);
	return err;
}

static void
presence_of(const struct reconcile *rc, const struct nearest *n, struct item *it)
{
	if (rc->list == NULL)
		return;
	it->presence_fresh = pace_now_us() < rc->begun_us + FRESH_US;
	it->presence = !n->listed          ? PRESENCE_ABSENT
		       : n->text[0] == '=' ? PRESENCE_OURS
					   : PRESENCE_OTHER;
	if (it->presence == PRESENCE_OURS)
		snprintf(it->presence_mark, sizeof(it->presence_mark), "%s",
		    n->text + 1);
}

/*
 * A zone with our mark, which nobody wants and the ledger does not know, came back
 * to life if we buried it. Otherwise our state was lost, or is an old one, and the
 * catalog may be, too: then nobody can tell that it is to go.
 */
static bool
came_back(struct engine *e, struct batch *b, const struct dname *zone)
{
	struct grave grave;
	return e->reconcile->catalogs_exist &&
	       graveyard_get(batch_views(b)->catalog, e->conf->nr, zone, &grave) == OK;
}

/* Returns false when the batch has no room for it. */
static bool
take_nearest(struct engine *e, struct batch *b, const struct nearest *n)
{
	struct reconcile *rc = e->reconcile;
	struct item item = {.zone = n->zone, .source = FROM_WALK};
	presence_of(rc, n, &item);
	if (!n->wanted && !n->in_ledger) {
		if (item.presence != PRESENCE_OURS)
			return true; /* somebody else's */
		if (!came_back(e, b, &n->zone)) {
			rc->n_strays++;
			return true;
		}
		item.stray = true;
	}
	enum gathered got = batch_gather(b, &item);
	if (got == GATHER_FULL)
		return false;
	if (got == GATHER_WAIT)
		rc->waits = true;
	if (got == GATHER_LATE) {
		rc->put_off = true;
		return !rc->last;
	}
	return true;
}

static void
finish(struct engine *e)
{
	struct reconcile *rc = e->reconcile;
	if (rc->n_strays > 0)
		log_warn("deploy",
		    "backend=%s strays=%" PRIu64
		    " text=\"zones with our mark that are in no "
		    "catalog are left alone, for it is not on record that they were "
		    "removed\"",
		    e->conf->backend.name, rc->n_strays);
	log_info("deploy", "backend=%s reconcile=end zones=%" PRIu64 " ms=%" PRIu64,
	    e->conf->backend.name, rc->n_seen, (pace_now_us() - rc->begun_us) / 1000);
	reconcile_end(e);
	atomic_store(&e->has_reconciled, true);
	repattern_retire(e);
}

static void
walk_again(struct engine *e)
{
	struct reconcile *rc = e->reconcile;
	uint64_t now = pace_now_us(), rest = AGAIN_TIMES * (now - rc->walk_us);
	rc->put_off = rc->last = rc->waits = rc->started = false;
	rc->again_us = rc->walk_us = now + (rest > AGAIN_US ? rest : AGAIN_US);
	atomic_store(&e->has_reconciled, true);
}

bool
reconcile_is_first_walk(const struct engine *e)
{
	return e->reconcile != NULL && e->reconcile->again_us == 0;
}

bool
reconcile_counts(const struct engine *e)
{
	return reconcile_is_first_walk(e) && !e->reconcile->last;
}

bool
reconcile_step(struct engine *e, struct batch *b)
{
	struct reconcile *rc = e->reconcile;
	if (rc == NULL || pace_now_us() < rc->again_us)
		return false;
	for (size_t i = 0; i < SLICE; i++) {
		struct nearest n;
		enum err err = find_nearest(e, batch_views(b)->catalog, &n);
		if (err != OK) {
			log_error("deploy", "backend=%s reconcile=failed error=\"%s\"",
			    e->conf->backend.name, err_str(err));
			reconcile_end(e);
			e->reconcile_wanted = true;
			engine_down(e, "our own state cannot be read");
			return false;
		}
		if (!n.any && rc->put_off && !rc->last) {
			rc->last = true;
			rc->started = false;
			return true;
		}
		if (!n.any && rc->waits) {
			walk_again(e);
			return false;
		}
		if (!n.any) {
			finish(e);
			return true;
		}
		if (!take_nearest(e, b, &n))
			return b->n_work > 0;
		rc->after = n.zone;
		rc->started = true;
		rc->n_seen++;
	}
	return true;
}
