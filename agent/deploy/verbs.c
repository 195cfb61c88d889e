/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/verbs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/deploy/engine.h"
#include "agent/deploy/record.h"
#include "lib/log.h"
#include "lib/mem.h"

enum { SLICE_US = 50000, LOG_ENTRIES = 20000, BLOCKED_BITS = 4096 };

/* -- the queue ---------------------------------------------------------------- */

/* The outcome of the last one is in the status still, unless that was lost. */
static void
read_last(struct engine *e)
{
	struct backend_status stored;
	struct store_txn *txn = store_read(e->store, STORE_STATUS);
	if (status_get_backend(txn, e->conf->nr, &stored) == OK)
		memcpy(e->status.command, stored.command, sizeof(stored.command));
	store_end(&txn);
}

struct verbs *
verbs_new(struct engine *e)
{
	struct verbs *v = mem_zalloc(sizeof(*v));
	v->seq = e->marked;
	v->last = &v->first;
	read_last(e);
	return v;
}

void
verbs_free(struct verbs *v)
{
	if (v == NULL)
		return;
	while (v->first != NULL) {
		struct order *o = v->first;
		v->first = o->next;
		free(o);
	}
	free(v);
}

bool
verbs_too_old(const struct order *o)
{
	return o->time + VERBS_AGE_MAX_S < (uint64_t)time(NULL);
}

/* Those whose outcome is on record. */
static void
drop_recorded(struct engine *e)
{
	struct verbs *v = e->verbs;
	uint64_t recorded = atomic_load(&e->status_done);
	struct order **at = &v->first;
	while (*at != NULL) {
		struct order *o = *at;
		if (!o->done || o->status_job > recorded) {
			at = &o->next;
			continue;
		}
		*at = o->next;
		v->n--;
		free(o);
	}
	v->last = at;
}

/* -- the log ------------------------------------------------------------------ */

static bool
is_ours(const struct engine *e, const struct order *o)
{
	const char *backend = o->verb.backend;
	if (o->verb.kind >= VERB_KIND_RECONFIGURE)
		return false; /* the agent's own affair */
	/* A backend is not to blame for what was asked before it was there. */
	if (e->marked == 0 && verbs_too_old(o))
		return false;
	return backend[0] == '\0' || strcmp(backend, e->conf->backend.name) == 0;
}

static enum err
take_entry(void *arg, const struct work *w)
{
	struct engine *e = arg;
	struct verbs *v = e->verbs;
	bool concerns = w->kind == WORK_COMMAND && e->of_interest[w->catalog];
	struct order o = {.seq = w->seq, .time = w->time, .catalog = w->catalog};
	while (concerns && v->n < VERBS_QUEUE_MAX &&
	       verb_next(w->text, &v->pos, &o.verb)) {
		if (!is_ours(e, &o))
			continue;
		*v->last = mem_dup(&o, sizeof(o));
		v->last = &(*v->last)->next;
		v->n++;
	}
	if (concerns && v->n >= VERBS_QUEUE_MAX)
		return ERR_BUSY; /* perhaps in the middle of the entry */
	v->seq = w->seq;
	v->pos = 0;
	return OK;
}

static void
read_log(struct engine *e)
{
	struct verbs *v = e->verbs;
	uint64_t first, last;
	if (v->n >= VERBS_QUEUE_MAX || v->seq >= store_log_seq(e->store))
		return;
	struct store_txn *txn = store_read(e->store, STORE_CATALOG);
	enum err err = worklog_each(txn, v->seq, LOG_ENTRIES, take_entry, e);
	if (err == ERR_NOTFOUND && worklog_range(txn, &first, &last) == OK) {
		log_warn("deploy",
		    "backend=%s log=pruned mark=%" PRIu64 " text=\"commands are lost\"",
		    e->conf->backend.name, v->seq);
		v->seq = last;
		v->pos = 0;
		err = OK;
	}
	engine_note_reading(e, SOURCE_VERBS, err == ERR_BUSY ? OK : err);
	store_end(&txn);
}

uint64_t
verbs_mark(struct engine *e)
{
	struct verbs *v = e->verbs;
	if (v->seq < e->fast.seq)
		read_log(e);
	return v->first != NULL ? v->first->seq - 1 : v->seq;
}

/* -- one turn ----------------------------------------------------------------- */

/* What the verbs looked at so far, and not done, keep from being done. */
struct ahead {
	uint8_t zones[BLOCKED_BITS / 8]; /* by hash: one too many does no harm */
	bool all, switches;              /* one for all zones; of updates */
	uint64_t until_us;
};

static uint8_t *
zone_bit(struct ahead *a, const struct dname *zone, uint8_t *bit)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	for (size_t i = 0; i < zone->size; i++)
		h = (h ^ zone->wire[i]) * 16777619u;
	h = (h ^ (h >> 16)) % BLOCKED_BITS;
	*bit = (uint8_t)(1u << (h % 8));
	return &a->zones[h / 8];
}

static bool
is_switch(const struct order *o)
{
	return o->verb.kind == VERB_KIND_FREEZE || o->verb.kind == VERB_KIND_THAW;
}

/*
 * Verbs for the same zone keep their order, and so do those for all zones. One
 * for a zone does not wait for one for all, which may take an hour, unless each
 * undoes the other.
 */
static bool
is_blocked(struct ahead *a, const struct order *o)
{
	uint8_t bit;
	if (o->verb.kind == VERB_KIND_RECONCILE)
		return false;
	if (o->verb.all)
		return a->all;
	return (*zone_bit(a, &o->verb.zone, &bit) & bit) != 0 ||
	       (a->switches && is_switch(o));
}

static void
block(struct ahead *a, const struct order *o)
{
	uint8_t bit, *byte;
	if (o->verb.kind == VERB_KIND_RECONCILE)
		return;
	if (o->verb.all) {
		a->all = true;
		a->switches |= is_switch(o);
		return;
	}
	byte = zone_bit(a, &o->verb.zone, &bit);
	*byte |= bit;
}

static enum verb_end
try(struct engine *e, struct record *r, struct order *o, struct ahead *a)
{
	bool up = e->state == ENGINE_UP;
	bool idle = !up || (o->verb.kind == VERB_KIND_RECONCILE ? e->reconcile == NULL
								: !o->begun);
	if (idle && verbs_too_old(o)) {
		verbs_give_up(e, r, o);
		return VERB_DONE;
	}
	/* The operations before it in the log come first. */
	if (!up || o->seq > e->fast.seq || o->not_before_us > pace_now_us() ||
	    is_blocked(a, o))
		return VERB_WAIT;
	/* Something is left for those behind it. */
	return verbs_run(e, r, o,
	    o->verb.all ? a->until_us - SLICE_US / 2 : a->until_us);
}

/* Returns whether there is more to do at once. */
static bool
try_all(struct engine *e, struct record *r)
{
	struct ahead a = {.until_us = pace_now_us() + SLICE_US};
	bool more = false;
	for (struct order *o = e->verbs->first; o != NULL; o = o->next) {
		if (o->done)
			continue;
		if (engine_stopping(e))
			return false;
		if (pace_now_us() >= a.until_us)
			return true;
		enum verb_end end = try(e, r, o, &a);
		o->done = end == VERB_DONE;
		more |= end == VERB_MORE;
		if (!o->done)
			block(&a, o);
	}
	return more;
}

bool
verbs_step(struct engine *e)
{
	struct verbs *v = e->verbs;
	uint64_t status_job;
	drop_recorded(e);
	read_log(e);
	if (v->first == NULL)
		return false;
	struct record *r = record_new(e);
	bool more = try_all(e, r);
	record_submit(&r, NULL, &status_job);
	for (struct order *o = v->first; o != NULL; o = o->next) {
		if (o->done && o->status_job == 0)
			o->status_job = status_job;
	}
	return more && !engine_stopping(e);
}
