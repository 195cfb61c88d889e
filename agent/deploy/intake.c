/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/intake.h"

#include <poll.h>
#include <stdlib.h>

#include "agent/deploy/engine.h"
#include "agent/store/worklog.h"
#include "lib/log.h"

enum {
	LOG_ENTRIES = 20000,
	DUE_MAX = 1000,
	/* A log that is being filled: from so much on, wait for what follows. */
	GROWING_MIN = 100,
	GROWING_STEP_MS = 5,
	GROWING_PAUSE_MS = 20, /* nothing came for so long */
	GROWING_MS = 250,
	/* Passing over what waits: so much at a time, then a rest. */
	PASSED_MAX = 1000,
	PASSED_REST_US = 100000,
	PASSED_REST_TIMES = 4, /* what it took */
};

void
intake_again(struct batch *b)
{
	struct engine *e = b->engine;
	struct again **at = &e->again;
	while (*at != NULL) {
		struct again *a = *at;
		struct item item = {.zone = a->zone,
		    .source = FROM_AGAIN,
		    .touch_seq = a->seq,
		    .removal = a->removal,
		    .log_says = a->log_says,
		    .lost = a->lost,
		    .stray = a->stray,
		    .look = a->look,
		    .walk = a->walk};
		enum gathered got = batch_gather(b, &item);
		if (got == GATHER_FULL)
			break;
		if (got == GATHER_LATE || got == GATHER_WAIT) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		e->watch.n_walk -= a->walk;
		free(a);
	}
	for (; *at != NULL; at = &(*at)->next)
		;
	e->again_last = at;
}

/* -- the log ------------------------------------------------------------------ */

struct pass {
	struct batch *batch;
	bool slow; /* only what was put off is left to do */
	/* slow: */
	size_t n_passed;
	bool rests;      /* it has passed over enough for now, or the rest is early */
	bool early[256]; /* catalogs: what comes later is, too */
	size_t n_early;
	bool all_early;
};

static bool
too_early(const struct engine *e, const struct touch *t)
{
	const struct deploy_catalog *c = engine_catalog(e, t->catalog);
	return c != NULL && engine_is_early(e, c, t->seq, t->time);
}

/* It waits for its time, or for transfers from its primary, and what comes after it
 * need not. ERR_BUSY: enough of that. */
static enum err
pass_over(struct pass *p, const struct touch *t, bool is_early)
{
	struct engine *e = p->batch->engine;
	if (is_early && !p->early[t->catalog]) {
		p->early[t->catalog] = true;
		p->n_early++;
	}
	p->all_early = p->n_early >= e->conf->n_catalogs;
	p->rests = p->all_early || ++p->n_passed > PASSED_MAX;
	if (p->rests)
		return ERR_BUSY;
	if (!e->has_passed)
		e->passed = e->slow;
	e->has_passed = true;
	return OK;
}

static enum err
take_touch(void *arg, const struct touch *t)
{
	struct pass *p = arg;
	struct engine *e = p->batch->engine;
	enum gathered got = GATHER_LATE;
	if (t->kind == TOUCH_RESYNC) {
		e->reconcile_wanted |= !p->slow;
		return OK;
	}
	bool is_early = too_early(e, t);
	if (!is_early) {
		struct item item = {.zone = t->zone,
		    .source = FROM_LOG,
		    .touch_seq = t->seq,
		    .touched = true,
		    .touch = t->kind,
		    .touch_id = t->id,
		    .touch_catalog = t->catalog,
		    .touch_heir = t->heir,
		    .stray = t->kind == TOUCH_STRAY};
		got = batch_gather(p->batch, &item);
	}
	if (got == GATHER_DONE)
		return OK;
	if (p->slow && (is_early || got == GATHER_WAIT))
		return pass_over(p, t, is_early);
	if (got == GATHER_FULL || p->slow)
		return ERR_BUSY;
	/* Later changes need not wait for this addition. */
	if (!e->slow_behind)
		e->slow = e->fast;
	e->slow_behind = true;
	return OK;
}

static bool
read_log(struct batch *b, struct plan_cursor *cursor, struct pass *pass)
{
	struct engine *e = b->engine;
	enum engine_source source = pass->slow ? SOURCE_LATE : SOURCE_LOG;
	struct store_txn *txn = batch_views(b)->catalog;
	uint64_t first, last = cursor->seq;
	enum err err = worklog_range(txn, &first, &last);
	if (err == OK && last > cursor->seq)
		err = plan_read(txn, cursor, e->of_interest, LOG_ENTRIES, take_touch,
		    pass);
	bool failed = err != OK && err != ERR_NOTFOUND && err != ERR_BUSY;
	engine_note_reading(e, source, failed ? err : OK);
	if (failed)
		views_close(&b->views); /* nothing else is found in it any more */
	if (err == ERR_NOTFOUND) {
		log_warn("deploy", "backend=%s log=pruned mark=%ju text=reconciling",
		    e->conf->backend.name, (uintmax_t)cursor->seq);
		e->fast = (struct plan_cursor){.seq = last};
		e->slow_behind = e->has_passed = false;
		e->reconcile_wanted = true;
		return false;
	}
	return (err == OK && cursor->seq < last) || (err == ERR_BUSY && !pass->slow);
}

static bool
wait_for_more(struct engine *e)
{
	struct pollfd fd = {.fd = e->cancel_fd, .events = POLLIN};
	for (int ms = 0; ms < GROWING_PAUSE_MS; ms += GROWING_STEP_MS) {
		if (poll(&fd, 1, GROWING_STEP_MS) != 0)
			return false;
		if (e->fast.seq < store_log_seq(e->store))
			return true;
	}
	return false;
}

/*
 * Thousands of zones come as many UPDATEs, and the first of them should not go
 * alone where a batch of a few costs as much as one of all. No snapshot is held
 * while this waits.
 */
static bool
read_growing(struct batch *b)
{
	struct engine *e = b->engine;
	uint64_t end = pace_now_us() + GROWING_MS * 1000;
	bool more = false;
	while (!more && b->n_work >= GROWING_MIN && pace_now_us() < end) {
		views_close(&b->views);
		if (!wait_for_more(e))
			break;
		struct pass pass = {.batch = b};
		more = read_log(b, &e->fast, &pass);
	}
	return more;
}

bool
intake_log(struct batch *b)
{
	struct engine *e = b->engine;
	if (e->fast.seq >= store_log_seq(e->store))
		return false;
	struct pass pass = {.batch = b};
	bool more = read_log(b, &e->fast, &pass);
	uint64_t read_to = 0; /* one that cannot be read is not read for ever */
	while (!more && b->n_work >= GROWING_MIN && e->fast.seq > read_to &&
	       e->fast.seq < store_log_seq(e->store)) {
		/* It grew while it was read: together is sooner. */
		read_to = e->fast.seq;
		views_close(&b->views);
		more = read_log(b, &e->fast, &pass);
	}
	if (!more && (e->driver->caps & CAP_BATCH_COSTS) != 0)
		more = read_growing(b);
	return more;
}

static bool
caught_up(const struct engine *e)
{
	const struct plan_cursor *s = &e->slow, *f = &e->fast;
	if (s->seq != f->seq)
		return s->seq > f->seq;
	return s->adds != f->adds
		   ? s->adds
		   : s->del_pos >= f->del_pos && s->add_pos >= f->add_pos;
}

/* Once more from the first that was passed over, if any was. */
static void
start_over(struct engine *e)
{
	if (e->slow.seq > e->fast.seq)
		e->fast = e->slow;
	e->slow_behind = e->has_passed;
	if (e->has_passed)
		e->slow = e->passed;
	e->has_passed = false;
}

void
intake_late(struct batch *b)
{
	struct engine *e = b->engine;
	uint64_t start = pace_now_us();
	if (!e->slow_behind)
		engine_note_reading(e, SOURCE_LATE, OK);
	if (!e->slow_behind || start < e->slow_us)
		return;
	struct pass pass = {.batch = b, .slow = true};
	(void)read_log(b, &e->slow, &pass);
	if (!e->slow_behind)
		return;
	bool through = caught_up(e);
	pass.rests |= through && e->has_passed;
	if (through || (pass.all_early && e->has_passed))
		start_over(e);
	if (pass.rests) {
		uint64_t now = pace_now_us();
		e->slow_us = now + PASSED_REST_US + PASSED_REST_TIMES * (now - start);
	}
}

/* -- retries -------------------------------------------------------------------- */

static enum err
take_due(void *arg, const struct zone_status *s)
{
	struct batch *b = arg;
	struct item item = {.zone = s->zone,
	    .source = FROM_RETRY,
	    .status_catalog = s->catalog};
	/* Verifications that were put off come no faster than they can be made. */
	if (b->engine->watch.n_asked + b->n_work >= engine_watch_max(b->engine))
		return ERR_BUSY;
	return batch_gather(b, &item) == GATHER_FULL ? ERR_BUSY : OK;
}

void
intake_due(struct batch *b)
{
	struct engine *e = b->engine;
	struct store_txn *txn = batch_views(b)->status;
	enum err err =
	    status_each_due(txn, e->conf->nr, engine_due_ms(e), DUE_MAX, take_due, b);
	if (err == ERR_BUSY)
		err = OK;
	engine_note_reading(e, SOURCE_RETRIES, err);
	if (err != OK)
		views_close(&b->views);
}
