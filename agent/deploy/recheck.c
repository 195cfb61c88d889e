/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/recheck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/deploy/desire.h"
#include "agent/deploy/engine.h"
#include "agent/deploy/outcome.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/rr.h"

enum {
	PATIENCE_US = 10000000,     /* for an operation to show */
	LOST_PATIENCE_US = 2000000, /* for a zone that is suddenly unknown */
	DELAY_MIN_US = 2000,
	DELAY_MAX_US = 1000000,
	LOOK_MS = 1000,     /* until a change shows in what is served */
	ASKS_PER_S = 20000, /* where the rate is not limited */
	SWEEP_ASKS_MAX = 1000,
	SWEEP_BACKLOG_MAX = 1000,
};

static const double SWEEP_RATE_MIN = 0.5; /* zones a second */

struct round {
	struct engine *engine;
	struct store_txn *txn; /* made when it is needed */
	struct record *record;
	struct watch **done; /* those that are through, and settle */
	size_t n_done, room;
};

static void
reason_of(const struct probe_result *result, bool removed, char *out, size_t size)
{
	switch (result->answer) {
	case PROBE_SERVING:
		snprintf(out, size, removed ? "still served" : "served");
		return;
	case PROBE_ABSENT:
		if (result->rcode == RCODE_REFUSED)
			snprintf(out, size, "answers REFUSED");
		else
			snprintf(out, size, "answers for another zone");
		return;
	case PROBE_FAULT:
		if (result->rcode == RCODE_NOERROR)
			snprintf(out, size, "answers without authority or SOA");
		else
			snprintf(out, size, "answers %s", rcode_str(result->rcode));
		return;
	case PROBE_SILENT: snprintf(out, size, "does not answer"); return;
	}
}

/* -- what it means ---------------------------------------------------------------- */

static void
through(struct round *r, struct watch *w)
{
	r->done = mem_grow(r->done, r->n_done, &r->room, sizeof(struct watch *));
	r->done[r->n_done++] = w;
	w->through = true;
}

static struct note *
put_note(struct round *r, const struct watch *w, enum note_kind kind)
{
	struct note *n = record_note(r->record, kind, &w->zone);
	n->catalog = w->catalog;
	n->id = w->id;
	n->seq = w->kind == WATCH_GONE ? 0 : w->seq;
	return n;
}

static void
seen(struct round *r, struct watch *w, const struct probe_result *result)
{
	struct note *n = put_note(r, w, NOTE_SEEN);
	n->has_serial = true;
	n->serial = result->serial;
	n->keep_error = w->unusable;
	through(r, w);
}

/*
 * A secondary that is there without data has expired, or never had any: its primary
 * is away, not the server. (That the server has lost it the driver says.) That a
 * server does not answer at all says nothing about its zones.
 */
static enum zone_fault
fault_of(const struct watch *w, const struct probe_result *result)
{
	switch (result->answer) {
	case PROBE_ABSENT:
	case PROBE_FAULT: return w->fed ? FAULT_EXPIRED : FAULT_LOST;
	case PROBE_SERVING:
	case PROBE_SILENT: return FAULT_NONE;
	}
	return FAULT_NONE;
}

static void
fail(struct round *r, struct watch *w, const struct probe_result *result)
{
	struct note *n = put_note(r, w, NOTE_STATE);
	n->state = w->kind == WATCH_GONE ? ZONE_REMOVING : ZONE_FAILED;
	n->lenient = w->secondary; /* its transfer may take a while */
	n->keep_error = w->unusable && w->kind != WATCH_GONE;
	n->fault = fault_of(w, result);
	n->retry = NOTE_BACKOFF;
	reason_of(result, w->kind == WATCH_GONE, n->error, sizeof(n->error));
	char zone[DNAME_TEXT_MAX];
	log_info("deploy", "backend=%s zone=%s not-%s error=\"%s\"",
	    r->engine->conf->backend.name, dname_print_short(&w->zone, zone),
	    w->kind == WATCH_GONE ? "gone" : "served", n->error);
	through(r, w);
}

/* In steps of a quarter of the time that has passed: whatever the server takes,
 * that much later is the answer noticed. */
static void
ask_again(struct engine *e, struct watch *w, uint64_t now)
{
	unsigned rate = e->conf->probe_rate > 0 ? e->conf->probe_rate : ASKS_PER_S;
	uint64_t delay = (now - w->start_us) / 4;
	uint64_t fair = (uint64_t)e->watch.n_asked * 1000000 / rate;
	if (delay > DELAY_MAX_US)
		delay = DELAY_MAX_US;
	if (delay < DELAY_MIN_US)
		delay = DELAY_MIN_US;
	if (delay < fair)
		delay = fair;
	probe_ask(e->target, &w->zone, (now + delay) / 1000);
}

/* Long enough since the operation, and also since the first answer, which comes
 * late when many are asked. */
static bool
patience_is_over(const struct watch *w, uint64_t now, uint64_t patience_us)
{
	return now - w->start_us >= patience_us && w->n_answers >= 3;
}

static void
gone(struct round *r, struct watch *w)
{
	struct engine *e = r->engine;
	struct ledger_entry entry;
	if (r->txn == NULL)
		r->txn = store_read(e->store, STORE_CATALOG);
	if (ledger_get(r->txn, e->conf->nr, &w->zone, &entry) == OK)
		outcome_gone(e, r->record, &entry);
	through(r, w);
}

static void
answer_serve(struct round *r, struct watch *w, const struct probe_result *result,
    uint64_t now)
{
	uint64_t sure = w->start_us + LOOK_MS * 1000;
	if (result->answer == PROBE_SERVING && w->doubtful && now < sure) {
		/* Not by an answer of before: the server may lose it by this. */
		probe_ask(r->engine->target, &w->zone, sure / 1000 + 1);
	} else if (result->answer == PROBE_SERVING) {
		if (w->changed) /* what it says may change, too */
			probe_ask(r->engine->target, &w->zone, now / 1000 + LOOK_MS);
		seen(r, w, result);
	} else if (patience_is_over(w, now, PATIENCE_US))
		fail(r, w, result);
	else
		ask_again(r->engine, w, now);
}

static void
answer_gone(struct round *r, struct watch *w, const struct probe_result *result,
    uint64_t now)
{
	if (result->answer == PROBE_ABSENT)
		gone(r, w);
	else if (!patience_is_over(w, now, PATIENCE_US))
		ask_again(r->engine, w, now);
	else if (w->looked && result->answer != PROBE_SERVING)
		gone(r, w); /* the server says it has it not, and nothing speaks against
			       it */
	else
		fail(r, w, result);
}

static void
answer_check(struct round *r, struct watch *w, const struct probe_result *result,
    uint64_t now)
{
	uint64_t patience =
	    result->answer == PROBE_ABSENT ? LOST_PATIENCE_US : PATIENCE_US;
	if (result->answer == PROBE_SERVING) {
		seen(r, w, result);
	} else if (w->patient && !patience_is_over(w, now, patience)) {
		ask_again(r->engine, w, now);
	} else if (result->answer == PROBE_ABSENT) {
		/* Is it there at all? The driver knows. */
		watch_again(&r->engine->watch, w, 0);
		w->lost = true;
		through(r, w);
	} else {
		fail(r, w, result);
	}
}

static bool
is_fed(struct round *r, const struct dname *zone)
{
	struct desire d;
	if (r->txn == NULL)
		r->txn = store_read(r->engine->store, STORE_CATALOG);
	desire_read(r->engine, r->txn, zone, 0, &d);
	bool fed = d.settings == NULL || d.settings->role == ROLE_SECONDARY;
	desire_fini(&d);
	return fed;
}

/* Of a zone that nobody waits for: the sweep asked. */
static void
answer_sweep(struct round *r, const struct probe_result *result)
{
	struct engine *e = r->engine;
	if (result->answer == PROBE_SERVING) {
		struct note *n = record_note(r->record, NOTE_SEEN, &result->zone);
		n->has_serial = true;
		n->serial = result->serial;
		return;
	}
	struct watch *w = watch_add(&e->watch, &result->zone, WATCH_BATCH);
	w->fed = is_fed(r, &result->zone);
	watch_ask(&e->watch, w, WATCH_CHECK);
	w->patient = true;
	w->start_us = pace_now_us();
	ask_again(e, w, w->start_us);
}

static void
take_answer(struct round *r, const struct probe_result *result, uint64_t now)
{
	struct watch *w = watch_find(&r->engine->watch, &result->zone);
	if (result->answer == PROBE_SERVING)
		transfers_end(&r->engine->transfers, &result->zone);
	if (w == NULL) {
		answer_sweep(r, result);
		return;
	}
	/* Asked twice, and both answers came at once. */
	if (w->through)
		return;
	w->n_answers++;
	switch (w->kind) {
	case WATCH_SERVE: answer_serve(r, w, result, now); break;
	case WATCH_GONE: answer_gone(r, w, result, now); break;
	case WATCH_CHECK: answer_check(r, w, result, now); break;
	case WATCH_BATCH:
	case WATCH_SETTLE: break; /* asked before that: out of date */
	}
}

void
recheck_answers(struct engine *e, const struct probe_result *results, size_t n)
{
	struct round r = {.engine = e, .record = record_held_or_new(e)};
	uint64_t now = pace_now_us(), status_job = 0;
	size_t n_notes = r.record->n_notes;
	for (size_t i = 0; i < n; i++)
		take_answer(&r, &results[i], now);
	store_end(&r.txn);
	if (r.n_done == 0 && r.record->n_notes == n_notes)
		record_hold(&r.record); /* not yet */
	else
		record_submit(&r.record, NULL, &status_job);
	for (size_t i = 0; i < r.n_done; i++)
		engine_settle(e, r.done[i], e->catalog_sent, status_job);
	free(r.done);
}

/* -- the sweep ----------------------------------------------------------------------
 */

struct sweep_step {
	struct engine *engine;
	size_t n_asked, n_max;
	bool any;
};

static enum err
sweep_zone(void *arg, const struct zone_status *s)
{
	struct sweep_step *step = arg;
	struct engine *e = step->engine;
	if (step->n_asked >= step->n_max)
		return ERR_BUSY;
	step->any = true;
	e->sweep.after = s->zone;
	e->sweep.started = true;
	if (s->backend != e->conf->nr || s->state != ZONE_SERVING ||
	    watch_find(&e->watch, &s->zone) != NULL)
		return OK;
	probe_ask(e->target, &s->zone, 0);
	step->n_asked++;
	return OK;
}

/* One slice of one catalog; past its last zone, the next catalog's turn. */
static size_t
sweep_slice(struct engine *e, struct store_txn *txn, size_t max)
{
	struct sweep_step step = {.engine = e, .n_max = max};
	uint8_t catalog = e->conf->catalogs[e->sweep.catalog].nr;
	struct dname after = e->sweep.after;
	enum err err = status_each(txn, catalog, e->sweep.started ? &after : NULL,
	    UINT8_MAX, 4 * max + 100, sweep_zone, &step);
	if (err != ERR_BUSY && !step.any) {
		e->sweep.started = false;
		e->sweep.catalog = (e->sweep.catalog + 1) % e->conf->n_catalogs;
	}
	return step.n_asked;
}

static uint64_t
n_serving(struct engine *e, struct store_txn *txn)
{
	uint64_t n = 0;
	for (size_t i = 0; i < e->conf->n_catalogs; i++) {
		struct status_counts c;
		if (status_count(txn, e->conf->nr, e->conf->catalogs[i].nr, &c) == OK)
			n += c.by_state[ZONE_SERVING];
	}
	return n;
}

void
recheck_sweep(struct engine *e)
{
	uint64_t now = pace_now_us();
	unsigned interval = e->conf->probe_interval_s;
	if (e->target == NULL || interval == 0 || e->conf->n_catalogs == 0 ||
	    now < e->sweep.at_us + 250000)
		return;
	double seconds = e->sweep.at_us == 0 ? 0 : (double)(now - e->sweep.at_us) / 1e6;
	e->sweep.at_us = now;
	struct store_txn *txn = store_read(e->store, STORE_STATUS);
	uint64_t n = n_serving(e, txn);
	/* Few zones come round sooner: that one dies is to be known soon. */
	double rate = (double)n / interval;
	e->sweep.credit +=
	    (rate > SWEEP_RATE_MIN || n == 0 ? rate : SWEEP_RATE_MIN) * seconds;
	if (e->sweep.credit > SWEEP_ASKS_MAX)
		e->sweep.credit = SWEEP_ASKS_MAX;
	/* A catalog may be empty, and the last slice of one may be short. */
	for (size_t i = 0; i < e->conf->n_catalogs + 1 && e->sweep.credit >= 1 &&
			   probe_pending(e->target) < SWEEP_BACKLOG_MAX;
	     i++)
		e->sweep.credit -= (double)sweep_slice(e, txn, (size_t)e->sweep.credit);
	store_end(&txn);
}
