/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guard. What could take zones away from the backends is counted, whatever
 * its way: removals and new ids where a catalog is changed (every commit of it,
 * be it an UPDATE, a transaction or a transfer), and what only the back half
 * sees: strays found by a reconcile, and changes of settings that leave a gap in
 * service. All of one catalog share one window (window.c).
 *
 * A step (one commit; one log entry or one walk of the back half) that would pass
 * the limit is held whole, however little of it would have been too much, and the
 * guard latches: from then on all is held. The catalog changes as it was told; the
 * backends go on with what they have, since guard_member() shows them the member
 * as it was. So a held zone is served, re-added to a server that lost it, and
 * follows changes of its pattern, like any other.
 *
 * It ends when an administrator releases (release.c), or when nothing is held any
 * more, since every zone is back under its id. What an administrator let go is not
 * counted.
 *
 * An old state directory that is put back brings its own window and latch, and its
 * own members. What the servers have beyond them, or beyond an empty one, is left
 * alone by the back half (reconcile.c), but for zones that the state at hand says
 * were removed: those may have been given back since, so they are strays, and
 * counted, all that a reconcile finds as one step. A change of a zone whose
 * settings on the server are not known, after either, counts as one with a gap.
 */
#include "agent/guard/guard.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/guard/window.h"
#include "lib/log.h"
#include "lib/mem.h"

/* -- the record ------------------------------------------------------------- */

static uint64_t
n_held(const struct guard_record *r)
{
	uint64_t n = 0;
	for (size_t i = HOLD_REMOVAL; i < HOLD_KINDS; i++)
		n += r->n_held[i];
	return n;
}

static void
put_hold(struct guard *g, const struct hold *h, const struct member *m)
{
	holds_put(g->txn, g->catalog, h, m);
	g->record.n_held[h->kind]++;
	g->dirty = true;
}

/* Counted down only: the row goes, or is written again. */
static void
uncount_hold(struct guard *g, enum hold_kind kind)
{
	if (g->record.n_held[kind] > 0)
		g->record.n_held[kind]--;
	g->dirty = true;
}

static void
drop_hold(struct guard *g, const struct hold *h)
{
	holds_del(g->txn, g->catalog, &h->zone);
	uncount_hold(g, h->kind);
}

static void
drop_admission(struct guard *g, const struct dname *zone)
{
	if (g->record.n_admitted == 0 || !admissions_del(g->txn, g->catalog, zone))
		return;
	g->record.n_admitted--;
	g->dirty = true;
}

/* Once a window, if there is anything. */
static void
prune(struct guard *g)
{
	struct guard_record *r = &g->record;
	if (r->n_admitted == 0 ||
	    (g->now >= r->pruned && g->now - r->pruned < g->limit.window_s))
		return;
	size_t n = admissions_prune(g->txn, g->catalog, g->now);
	r->n_admitted -= n < r->n_admitted ? n : r->n_admitted;
	r->pruned = g->now;
	g->dirty = true;
}

/* -- a step ----------------------------------------------------------------- */

void
guard_begin(struct guard *g, struct store_txn *txn, uint8_t catalog,
    const struct limit *limit, uint64_t n_members, uint64_t now, const char *by)
{
	*g = (struct guard){.txn = txn,
	    .catalog = catalog,
	    .limit = limit_resolve(limit),
	    .n_members = n_members,
	    .now = now};
	mem_copy_text(g->by, sizeof(g->by), by);
	if (guard_record_get(txn, catalog, &g->record) != OK)
		return; /* it sticks */
	g->was_latched = g->record.latched;
	window_advance(&g->record, &g->limit, now);
	prune(g);
}

bool
guard_is_idle(const struct guard *g)
{
	return n_held(&g->record) == 0 && g->record.n_admitted == 0;
}

static bool
has_member(enum hold_kind kind)
{
	return kind == HOLD_REMOVAL || kind == HOLD_RESET;
}

void
guard_came(struct guard *g, const struct dname *zone, const struct label *id)
{
	struct hold h;
	struct member m;

	if (guard_is_idle(g))
		return;
	drop_admission(g, zone);
	member_init(&m);
	if (holds_get(g->txn, g->catalog, zone, &h, &m) != OK)
		;
	else if (!has_member(h.kind) || label_equal(&m.id, id)) {
		drop_hold(g, &h);
	} else if (h.kind != HOLD_RESET) {
		/* Under another id: its data is to go all the same. */
		uncount_hold(g, h.kind);
		h.kind = HOLD_RESET;
		put_hold(g, &h, &m);
	}
	member_fini(&m);
}

bool
guard_count(struct guard *g, const struct dname *zone)
{
	struct hold h;
	struct member m;
	bool counts = true;

	member_init(&m);
	if (!guard_is_idle(g) && holds_get(g->txn, g->catalog, zone, &h, &m) == OK &&
	    has_member(h.kind)) {
		counts = false;
		/* Under another id, until now; guard_came tells if it is again. */
		if (h.kind == HOLD_RESET) {
			uncount_hold(g, h.kind);
			h.kind = HOLD_REMOVAL;
			put_hold(g, &h, &m);
		}
	}
	member_fini(&m);
	g->verdict.n += counts;
	return counts;
}

bool
guard_weigh(struct guard *g)
{
	struct guard_record *r = &g->record;
	struct guard_verdict *v = &g->verdict;
	uint64_t n = v->n;

	/* All that was held may just have come back. */
	if (r->latched && n_held(r) == 0) {
		r->latched = g->was_latched = false;
		v->opened = g->dirty = true;
	}
	v->used = window_used(r);
	v->limit = window_limit(r, &g->limit, g->n_members);
	v->window_s = g->limit.window_s;
	if (n == 0 || g->limit.off)
		return false;
	g->dirty = true;
	if (!r->latched && v->used + n <= v->limit) {
		window_add(r, &g->limit, g->now, n, g->n_members);
		v->used += n;
		return false;
	}
	if (!r->latched)
		r->since = g->now;
	r->latched = true;
	v->step = ++r->step;
	v->held = true;
	return true;
}

static void
fill_hold(const struct guard *g, const struct dname *zone, enum hold_kind kind,
    struct hold *h)
{
	*h = (struct hold){.kind = kind,
	    .zone = *zone,
	    .step = g->record.step,
	    .time = g->now};
	memcpy(h->by, g->by, sizeof(h->by));
}

void
guard_settle(struct guard *g, const struct member *m, enum hold_kind kind)
{
	struct hold h;

	if (!guard_is_idle(g)) {
		/* A change that was held is of a member that is gone. */
		drop_admission(g, &m->zone);
		if (holds_get(g->txn, g->catalog, &m->zone, &h, NULL) == OK)
			drop_hold(g, &h);
	}
	if (!g->verdict.held)
		return;
	fill_hold(g, &m->zone, kind, &h);
	put_hold(g, &h, m);
}

void
guard_end(struct guard *g)
{
	struct guard_record *r = &g->record;
	struct guard_verdict *v = &g->verdict;

	v->n_held = n_held(r);
	if (r->latched && v->n_held == 0) {
		r->latched = false;
		g->dirty = true;
	}
	v->latched = r->latched && !g->was_latched;
	v->opened = !r->latched && (g->was_latched || v->opened);
	if (g->dirty)
		guard_record_put(g->txn, g->catalog, r);
}

/* -- asks of the back half --------------------------------------------------- */

static void
admit(struct guard *g, const struct guard_ask *ask)
{
	struct admission a = {.kind = ask->kind,
	    .zone = ask->zone,
	    .target = ask->target,
	    .until = g->now + g->limit.window_s};
	drop_admission(g, &ask->zone);
	admissions_put(g->txn, g->catalog, &a);
	g->record.n_admitted++;
	g->dirty = true;
}

/* Is there anything to decide? A hold of a target that is none any more goes. */
static bool
is_open_question(struct guard *g, const struct guard_ask *ask)
{
	struct hold h;
	struct admission a;

	if (holds_get(g->txn, g->catalog, &ask->zone, &h, NULL) == OK) {
		if (h.kind == HOLD_CHANGE && ask->kind == HOLD_CHANGE &&
		    h.target != ask->target)
			drop_hold(g, &h);
		else
			return false;
	}
	if (ask->moot)
		return false;
	return admissions_get(g->txn, g->catalog, &ask->zone, &a) != OK ||
	       a.kind != ask->kind || a.target != ask->target || a.until < g->now;
}

void
guard_take_asks(struct guard *g, const struct guard_ask *asks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		g->verdict.n += is_open_question(g, &asks[i]);
	bool held = guard_weigh(g);
	for (size_t i = 0; i < n && store_err(g->txn) == OK; i++) {
		struct hold h;
		if (!is_open_question(g, &asks[i]))
			continue;
		if (!held) {
			admit(g, &asks[i]);
			continue;
		}
		fill_hold(g, &asks[i].zone, asks[i].kind, &h);
		h.target = asks[i].target;
		put_hold(g, &h, NULL);
	}
}

void
guard_look(struct store_txn *txn, uint8_t catalog, const struct limit *limit,
    const struct dname *zone, enum hold_kind kind, uint32_t target, uint64_t now,
    struct guard_view *v)
{
	struct guard_record r;
	struct admission a;

	*v = (struct guard_view){.gate = GATE_SHUT}; /* also when nothing can be read */
	if (guard_record_get(txn, catalog, &r) != OK)
		return;
	v->has_hold = n_held(&r) > 0 &&
		      holds_get(txn, catalog, zone, &v->hold, NULL) == OK &&
		      v->hold.kind == kind;
	if (store_err(txn) != OK || (v->has_hold && v->hold.target == target))
		return;
	bool admitted = r.n_admitted > 0 &&
			admissions_get(txn, catalog, zone, &a) == OK &&
			a.kind == kind && a.target == target && a.until >= now;
	v->gate = admitted || limit->off ? GATE_OPEN : GATE_ASK;
}

/* -- reading ---------------------------------------------------------------- */

enum err
guard_member(struct store_txn *txn, uint8_t catalog, const struct dname *zone,
    struct hold *h, struct member *m)
{
	struct guard_record r;
	enum err err = guard_record_get(txn, catalog, &r);

	if (err != OK)
		return err;
	if (r.n_held[HOLD_REMOVAL] == 0 && r.n_held[HOLD_RESET] == 0)
		return ERR_NOTFOUND;
	err = holds_get(txn, catalog, zone, h, m);
	return err == OK && !has_member(h->kind) ? ERR_NOTFOUND : err;
}

enum err
guard_get_facts(struct store_txn *txn, uint8_t catalog, const struct limit *limit,
    uint64_t n_members, uint64_t now, struct guard_facts *f)
{
	struct guard_record r;
	struct limit l = limit_resolve(limit);
	enum err err = guard_record_get(txn, catalog, &r);

	if (err != OK)
		return err;
	window_advance(&r, &l, now);
	*f = (struct guard_facts){.off = l.off,
	    .holding = r.latched,
	    .since = r.latched ? r.since : 0,
	    .used = window_used(&r),
	    .limit = window_limit(&r, &l, n_members),
	    .n_held = n_held(&r),
	    .n_removals = r.n_held[HOLD_REMOVAL],
	    .n_strays = r.n_held[HOLD_STRAY],
	    .window_s = l.window_s};
	return OK;
}

void
guard_log(const struct guard_verdict *v, const char *catalog, const char *by)
{
	if (v->latched)
		log_error("guard",
		    "catalog=%s guard=holding step=%" PRIu64 " held=%" PRIu64
		    " used=%" PRIu64 " limit=%" PRIu64
		    " window=%u by=%s text=\"removals are "
		    "held until released\"",
		    catalog, v->step, v->n, v->used, v->limit, v->window_s, by);
	else if (v->held)
		log_debug("guard", "catalog=%s step=%" PRIu64 " held=%" PRIu64 " by=%s",
		    catalog, v->step, v->n, by);
	if (v->opened)
		log_warn("guard",
		    "catalog=%s guard=open text=\"nothing is held any more\"", catalog);
}
