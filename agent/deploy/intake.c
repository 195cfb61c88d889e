/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/intake.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>

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
		    .del_own = a->del_own,
		    .add_other = a->add_other,
		    .lost = a->lost,
		    .stray = a->stray,
		    .look = a->look,
		    .walk = a->walk};
		enum gathered got = batch_gather(b, &item);
		if (got == GATHER_FULL)
			break;
		if (got == GATHER_LATE) {
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
};

static bool
too_early(const struct engine *e, const struct touch *t)
{
	const struct deploy_catalog *c = engine_catalog(e, t->catalog);
	return c != NULL && c->apply_delay_s > 0 &&
	       t->time + c->apply_delay_s > (uint64_t)time(NULL);
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
	if (!too_early(e, t)) {
		struct item item = {.zone = t->zone,
		    .source = FROM_LOG,
		    .touch_seq = t->seq,
		    .touched = true,
		    .touch = t->kind,
		    .touch_id = t->id,
		    .stray = t->kind == TOUCH_STRAY};
		got = batch_gather(p->batch, &item);
	}
	if (got == GATHER_DONE)
		return OK;
	if (got == GATHER_FULL || p->slow)
		return ERR_BUSY;
	/* Later changes need not wait for this addition. */
	if (!e->slow_behind)
		e->slow = e->fast;
	e->slow_behind = true;
	return OK;
}

static bool
read_log(struct batch *b, struct plan_cursor *cursor, bool slow)
{
	struct engine *e = b->engine;
	struct pass pass = {.batch = b, .slow = slow};
	struct store_txn *txn = batch_views(b)->catalog;
	uint64_t first, last;
	if (worklog_range(txn, &first, &last) != OK || last <= cursor->seq)
		return false;
	enum err err =
	    plan_read(txn, cursor, e->of_interest, LOG_ENTRIES, take_touch, &pass);
	if (err == ERR_NOTFOUND) {
		log_warn("deploy", "backend=%s log=pruned mark=%ju: reconciling",
		    e->conf->backend.name, (uintmax_t)cursor->seq);
		e->fast = (struct plan_cursor){.seq = last};
		e->slow_behind = false;
		e->reconcile_wanted = true;
		return false;
	}
	if (err != OK && err != ERR_BUSY)
		log_error("deploy", "backend=%s log=unreadable error=\"%s\"",
		    e->conf->backend.name, err_str(err));
	return (err == OK && cursor->seq < last) || (err == ERR_BUSY && !slow);
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
		more = read_log(b, &e->fast, false);
	}
	return more;
}

bool
intake_log(struct batch *b)
{
	struct engine *e = b->engine;
	if (e->fast.seq >= store_log_seq(e->store))
		return false;
	bool more = read_log(b, &e->fast, false);
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

void
intake_late(struct batch *b)
{
	struct engine *e = b->engine;
	if (!e->slow_behind)
		return;
	(void)read_log(b, &e->slow, true);
	if (e->slow_behind && caught_up(e)) {
		e->slow_behind = false;
		if (e->slow.seq > e->fast.seq)
			e->fast = e->slow;
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
	    status_each_due(txn, e->conf->nr, engine_unix_ms(), DUE_MAX, take_due, b);
	if (err != OK && err != ERR_BUSY)
		log_error("deploy", "backend=%s status=unreadable error=\"%s\"",
		    e->conf->backend.name, err_str(err));
}
