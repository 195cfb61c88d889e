/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/deploy/engine.h"
#include "agent/store/catalogs.h"
#include "lib/log.h"
#include "lib/mem.h"

enum { LENIENT_TRIES = 3, HOLD_US = 120000 };

struct record *
record_new(struct engine *engine)
{
	struct record *r = mem_zalloc(sizeof(*r));
	r->engine = engine;
	return r;
}

void
record_free(struct record *r)
{
	if (r == NULL)
		return;
	free(r->changes);
	free(r->notes);
	free(r);
}

struct ledger_change *
record_change(struct record *r, enum ledger_verb verb)
{
	r->changes =
	    mem_grow(r->changes, r->n_changes, &r->changes_room, sizeof(*r->changes));
	struct ledger_change *c = &r->changes[r->n_changes++];
	memset(c, 0, sizeof(*c));
	c->verb = verb;
	return c;
}

struct note *
record_note(struct record *r, enum note_kind kind, const struct dname *zone)
{
	r->notes = mem_grow(r->notes, r->n_notes, &r->notes_room, sizeof(*r->notes));
	struct note *n = &r->notes[r->n_notes++];
	memset(n, 0, sizeof(*n));
	n->kind = kind;
	n->zone = *zone;
	return n;
}

uint64_t
record_backoff_ms(enum note_retry retry, uint32_t tries)
{
	uint64_t ms = retry == NOTE_SLOW ? 60000 : 5000;
	uint64_t max = retry == NOTE_SLOW ? 3600000 : 600000;
	for (uint32_t i = 1; i < tries && ms < max; i++)
		ms *= 2;
	return ms < max ? ms : max;
}

/* -- the ledger ------------------------------------------------------------- */

static void
bury(struct store_txn *txn, uint8_t backend, const struct ledger_entry *e, uint64_t now)
{
	ledger_del(txn, backend, &e->zone);
	if (e->zonefile[0] == '\0')
		return; /* nothing is known to be left */
	struct grave g = {.zone = e->zone,
	    .id = e->id,
	    .catalog = e->catalog,
	    .removed = now};
	memcpy(g.zonefile, e->zonefile, sizeof(g.zonefile));
	graveyard_put(txn, backend, &g);
}

static enum err
run_catalog(struct store_txn *txn, struct store_job *job)
{
	struct record *r =
	    (struct record *)((char *)job - offsetof(struct record, catalog_job));
	uint8_t backend = r->engine->conf->nr;
	uint64_t now = (uint64_t)time(NULL);
	for (size_t i = 0; i < r->n_changes; i++) {
		const struct ledger_entry *e = &r->changes[i].entry;
		switch (r->changes[i].verb) {
		case LEDGER_WRITE: ledger_put(txn, backend, e); break;
		case LEDGER_FORGET: ledger_del(txn, backend, &e->zone); break;
		case LEDGER_BURY: bury(txn, backend, e, now); break;
		case LEDGER_EXHUME:
			ledger_put(txn, backend, e);
			graveyard_del(txn, backend, &e->zone);
			break;
		case LEDGER_PURGED: graveyard_del(txn, backend, &e->zone); break;
		}
	}
	if (r->has_mark)
		marks_put(txn, backend, r->mark);
	return OK;
}

/* -- the status ------------------------------------------------------------- */

static bool
note_find(struct store_txn *txn, const struct engine *e, const struct note *n,
    struct zone_status *s)
{
	if (n->catalog != 0)
		return status_get(txn, n->catalog, &n->zone, e->conf->nr, s) == OK;
	for (size_t i = 0; i < e->conf->n_catalogs; i++) {
		uint8_t catalog = e->conf->catalogs[i].nr;
		if (status_get(txn, catalog, &n->zone, e->conf->nr, s) == OK)
			return true;
	}
	return false;
}

static void
note_retry(const struct note *n, struct zone_status *s, uint64_t now_ms)
{
	switch (n->retry) {
	case NOTE_SETTLED:
		s->tries = 0;
		s->retry_at = 0;
		return;
	case NOTE_AT: s->retry_at = n->retry_at; return;
	case NOTE_BACKOFF:
	case NOTE_SLOW:
		s->tries++;
		s->retry_at = now_ms + record_backoff_ms(n->retry, s->tries);
		return;
	}
}

/* It stands until the zone is served again, or is none of ours any more. */
static void
note_fault(const struct note *n, struct zone_status *s, enum zone_state state)
{
	switch (state) {
	case ZONE_FAILED:
		if (n->fault != FAULT_NONE && s->seen != 0)
			s->fault = n->fault;
		return;
	case ZONE_PENDING:
	case ZONE_APPLIED: return;
	case ZONE_SERVING:
	case ZONE_CONFLICT:
	case ZONE_UNASSIGNED:
	case ZONE_HELD:
	case ZONE_REMOVING: s->fault = FAULT_NONE; return;
	}
}

static void
note_apply(struct store_txn *txn, const struct engine *e, const struct note *n)
{
	uint64_t now = (uint64_t)time(NULL);
	struct zone_status s = {0}, old;
	bool found = note_find(txn, e, n, &old);
	if (n->kind == NOTE_GONE) {
		if (found)
			status_del(txn, old.catalog, &n->zone, e->conf->nr);
		return;
	}
	if (n->kind == NOTE_COMMAND) {
		if (found && label_equal(&old.id, &n->id)) {
			memcpy(old.command, n->error, sizeof(old.command));
			status_put(txn, &old);
		}
		return;
	}
	if (n->kind == NOTE_SEEN && (!found || old.state == ZONE_REMOVING))
		return;
	if (!found && n->catalog == 0)
		return;
	if (found && (n->catalog == 0 || label_equal(&old.id, &n->id))) {
		s = old;
	} else {
		s.catalog = n->catalog;
		s.backend = e->conf->nr;
		s.zone = n->zone;
		s.id = n->id;
		s.since = now;
		found = false;
	}
	enum zone_state state = n->kind == NOTE_SEEN ? ZONE_SERVING : n->state;
	if (n->kind == NOTE_KEEP && found)
		state = s.state;
	if (n->lenient && state == ZONE_FAILED && s.tries < LENIENT_TRIES)
		state = ZONE_APPLIED;
	note_fault(n, &s, state);
	enum zone_state was = s.state;
	if (state != was)
		s.since = now;
	s.state = state;
	if (n->seq > s.seq)
		s.seq = n->seq;
	if (n->has_serial) {
		s.has_serial = true;
		s.serial = n->serial;
		s.seen = now;
	}
	if (n->pattern[0] != '\0')
		memcpy(s.pattern, n->pattern, sizeof(s.pattern));
	/* Seen while it is served: what else was wrong with it still is. */
	bool still = n->kind == NOTE_SEEN && was == ZONE_SERVING;
	if (!still && !n->keep_error)
		memcpy(s.error, n->error, sizeof(s.error));
	if (!still)
		note_retry(n, &s, engine_due_ms(e));
	status_put(txn, &s);
}

static enum err
run_status(struct store_txn *txn, struct store_job *job)
{
	struct record *r =
	    (struct record *)((char *)job - offsetof(struct record, status_job));
	for (size_t i = 0; i < r->n_notes; i++)
		note_apply(txn, r->engine, &r->notes[i]);
	if (r->has_backend)
		status_put_backend(txn, &r->backend);
	return OK;
}

/* -- jobs ------------------------------------------------------------------- */

static void
release(struct record *r)
{
	if (atomic_fetch_sub(&r->n_jobs, 1) != 1)
		return;
	atomic_fetch_sub(&r->engine->n_unwritten, r->n_changes + r->n_notes);
	record_free(r);
}

/* In the writer's thread. The engine outlives its jobs. */
static void
done_catalog(struct store_job *job, enum err err)
{
	struct record *r =
	    (struct record *)((char *)job - offsetof(struct record, catalog_job));
	struct engine *e = r->engine;
	release(r);
	engine_job_done(e, STORE_CATALOG, err);
}

static void
done_status(struct store_job *job, enum err err)
{
	struct record *r =
	    (struct record *)((char *)job - offsetof(struct record, status_job));
	struct engine *e = r->engine;
	release(r);
	engine_job_done(e, STORE_STATUS, err);
}

void
record_release(struct engine *e)
{
	struct record *r = e->held;
	e->held = NULL;
	if (r != NULL)
		record_submit(&r, NULL, NULL);
}

struct record *
record_held_or_new(struct engine *e)
{
	struct record *r = e->held;
	e->held = NULL;
	return r != NULL ? r : record_new(e);
}

void
record_hold(struct record **rp)
{
	struct record *r = *rp;
	struct engine *e = r->engine;
	if (e->held == NULL && r->held_us != 0) { /* it was, until now */
		e->held = r;
		*rp = NULL;
		return;
	}
	struct record *held = record_held_or_new(e);
	for (size_t i = 0; i < r->n_notes; i++) {
		const struct note *n = &r->notes[i];
		*record_note(held, n->kind, &n->zone) = *n;
	}
	if (r->has_backend) {
		held->has_backend = true;
		held->backend = r->backend;
	}
	r->n_notes = 0;
	r->has_backend = false;
	record_submit(rp, NULL, NULL);
	if (held->n_notes == 0 && !held->has_backend) {
		record_free(held);
		return;
	}
	e->held = held;
	if (held->held_us == 0)
		held->held_us = pace_now_us() + HOLD_US;
}

void
record_submit(struct record **rp, uint64_t *catalog_job, uint64_t *status_job)
{
	struct record *r = *rp;
	struct engine *e = r->engine;
	*rp = NULL;
	bool catalog = r->n_changes > 0 || r->has_mark;
	bool status = r->n_notes > 0 || r->has_backend;
	if (status)
		record_release(e); /* what it says is older */
	atomic_init(&r->n_jobs, catalog + status);
	r->catalog_job = (struct store_job){.run = run_catalog,
	    .done = done_catalog,
	    .patience = PATIENCE_LONG};
	r->status_job = (struct store_job){.run = run_status, .done = done_status};
	e->catalog_sent += catalog;
	e->status_sent += status;
	if (catalog_job != NULL)
		*catalog_job = e->catalog_sent;
	if (status_job != NULL)
		*status_job = e->status_sent;
	if (catalog || status)
		atomic_fetch_add(&e->n_unwritten, r->n_changes + r->n_notes);
	else
		record_free(r);
	/* r may be gone as soon as its last job is submitted */
	if (catalog)
		store_submit(e->store, STORE_CATALOG, &r->catalog_job);
	if (status)
		store_submit(e->store, STORE_STATUS, &r->status_job);
}

/* In the writer's thread. */
static void
done_write(struct store_job *job, enum err err)
{
	struct record *r =
	    (struct record *)((char *)job - offsetof(struct record, catalog_job));
	/* Under the lock: once it is free the record may be gone. */
	pthread_mutex_lock(&r->lock);
	r->err = err;
	r->is_written = true;
	pthread_cond_signal(&r->cond);
	pthread_mutex_unlock(&r->lock);
}

void
record_write_begin(struct record *r)
{
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->cond, NULL);
	r->is_written = r->n_changes == 0 && !r->has_mark;
	if (r->is_written)
		return;
	r->catalog_job = (struct store_job){.run = run_catalog,
	    .done = done_write,
	    .patience = PATIENCE_BRIEF};
	store_submit(r->engine->store, STORE_CATALOG, &r->catalog_job);
}

enum err
record_write_end(struct record **rp)
{
	struct record *r = *rp;
	*rp = NULL;
	if (r == NULL)
		return OK;
	pthread_mutex_lock(&r->lock);
	while (!r->is_written)
		pthread_cond_wait(&r->cond, &r->lock);
	pthread_mutex_unlock(&r->lock);
	pthread_cond_destroy(&r->cond);
	pthread_mutex_destroy(&r->lock);
	enum err err = r->err;
	record_free(r);
	return err;
}
