/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/asks.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/deploy/engine.h"
#include "agent/deploy/judge.h"
#include "agent/deploy/reconcile.h"
#include "agent/deploy/repattern.h"
#include "agent/store/catalogs.h"
#include "lib/log.h"
#include "lib/mem.h"

/* So many are kept in memory, whatever the limit is. */
enum { ASKS_FEW = 1000 };

void
asks_fini(struct asks *a)
{
	free(a->items);
	*a = (struct asks){0};
}

/* -- what is asked ---------------------------------------------------------- */

static uint32_t
hash(uint32_t h, const void *data, size_t size)
{
	const uint8_t *p = data;
	for (size_t i = 0; i < size; i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}

static uint32_t
hash_text(uint32_t h, const char *text)
{
	return hash(h, text, strlen(text) + 1);
}

uint32_t
asks_shape(const struct settings *s)
{
	uint32_t h = hash_text(2166136261u, s->role == ROLE_PRIMARY ? "p" : "s");
	h = hash_text(h, s->zonefile);
	h = hash_text(h, s->dnssec != NULL ? s->dnssec : "");
	return h != 0 ? h : 1;
}

const struct deploy_catalog *
asks_stray_catalog(const struct engine *e)
{
	for (size_t i = 0; i < e->conf->n_catalogs; i++)
		if (!e->conf->catalogs[i].limit.off)
			return &e->conf->catalogs[i];
	return &e->conf->catalogs[0];
}

/* Another catalog's, under another id; or one of before, that was removed. */
static bool
is_replaced(const struct item *it)
{
	const struct ledger_entry *l = it->ledger;
	const struct desire *d = &it->desire;
	if (l != NULL)
		return l->catalog != d->catalog && !label_equal(&l->id, &d->id);
	return it->grave != NULL &&
	       (it->log_says.add_other || it->grave->catalog != d->catalog ||
		   !label_equal(&it->grave->id, &d->id));
}

void
asks_look(struct engine *e, struct store_txn *txn, struct item *it)
{
	const struct desire *d = &it->desire;
	const struct deploy_catalog *c = NULL;
	it->guard = (struct guard_view){.gate = GATE_OPEN};
	it->ask = (struct guard_ask){.zone = it->zone, .kind = HOLD_CHANGE};
	it->asks = it->replaced = false;
	if (d->settings != NULL) {
		it->shape = asks_shape(d->settings);
		it->replaced = is_replaced(it);
		it->ask.target =
		    it->replaced ? hash(it->shape, d->id.data, d->id.size) : it->shape;
		c = engine_catalog(e, d->catalog);
	} else if (!d->found && it->stray) {
		it->ask.kind = HOLD_STRAY;
		c = asks_stray_catalog(e);
	}
	if (c != NULL)
		guard_look(txn, c->nr, &c->limit, &it->zone, it->ask.kind,
		    it->ask.target, (uint64_t)time(NULL), &it->guard);
}

bool
asks_interrupts(const struct item *it, const char *mark)
{
	const struct ledger_entry *l = it->ledger;
	if (it->desire.settings == NULL)
		return false;
	/* What the server has is not what we know: it may be anything. */
	if (l == NULL || l->shape == 0 || strcmp(mark, l->mark) != 0)
		return true;
	return l->shape != it->shape;
}

/* -- collecting ------------------------------------------------------------- */

void
asks_add(struct engine *e, const struct item *it)
{
	struct asks *a = &e->asks;
	a->items = mem_grow(a->items, a->n, &a->room, sizeof(*a->items));
	a->items[a->n++] = (struct ask){.ask = it->ask,
	    .catalog = it->ask.kind == HOLD_STRAY ? asks_stray_catalog(e)->nr
						  : it->desire.catalog,
	    .seq = it->touch_seq,
	    .walk = it->source == FROM_WALK || it->walk};
}

uint64_t
asks_seq(const struct engine *e)
{
	uint64_t seq = UINT64_MAX;
	for (size_t i = 0; i < e->asks.n; i++)
		if (e->asks.items[i].seq != 0 && e->asks.items[i].seq < seq)
			seq = e->asks.items[i].seq;
	return seq;
}

/* -- asking ----------------------------------------------------------------- */

struct asking {
	struct store_job job;
	struct engine *engine;
	const struct deploy_catalog *catalog;
	struct guard_ask *asks;
	size_t n;
	struct guard_verdict verdict;
};

static enum err
run(struct store_txn *txn, struct store_job *job)
{
	struct asking *a = (struct asking *)job;
	struct catalog_head head;
	struct guard g;
	enum err err = catalogs_get(txn, a->catalog->nr, &head);
	if (err != OK)
		return err;
	guard_begin(&g, txn, a->catalog->nr, &a->catalog->limit, head.n_members,
	    (uint64_t)time(NULL), a->engine->conf->backend.name);
	guard_take_asks(&g, a->asks, a->n);
	guard_end(&g);
	a->verdict = g.verdict;
	return store_err(txn);
}

static bool
is_amid(const struct plan_cursor *c)
{
	return c->adds || c->del_pos > 0 || c->add_pos > 0;
}

/* More than can be let go, so it makes no difference what else there is. */
static bool
is_too_many(struct engine *e, const struct deploy_catalog *c)
{
	struct catalog_head head;
	struct guard_facts f;
	size_t n = 0;
	if (e->asks.n < ASKS_FEW)
		return false;
	for (size_t i = 0; i < e->asks.n; i++)
		n += e->asks.items[i].catalog == c->nr;
	struct store_txn *txn = store_read(e->store, STORE_CATALOG);
	bool many = catalogs_get(txn, c->nr, &head) == OK &&
		    guard_get_facts(txn, c->nr, &c->limit, head.n_members,
			(uint64_t)time(NULL), &f) == OK &&
		    n > f.limit;
	store_end(&txn);
	return many;
}

static bool
is_ready(const struct engine *e, const struct ask *a)
{
	if (a->walk)
		return e->reconcile == NULL && !repattern_is_walking(e) &&
		       e->watch.n_walk == 0;
	return !is_amid(&e->fast) && (!e->slow_behind || e->late || !is_amid(&e->slow));
}

/* Takes those of the catalog that are ready, or all, out of the list. */
static size_t
take_ready(struct engine *e, const struct deploy_catalog *c, bool all,
    struct asking *asking, struct ask **taken)
{
	struct asks *a = &e->asks;
	size_t n = 0, kept = 0;
	*taken = mem_alloc((a->n + 1) * sizeof(**taken));
	asking->asks = mem_alloc((a->n + 1) * sizeof(*asking->asks));
	for (size_t i = 0; i < a->n; i++) {
		struct ask *it = &a->items[i];
		if (it->catalog == c->nr && (all || is_ready(e, it))) {
			asking->asks[n] = it->ask;
			(*taken)[n++] = *it;
		} else {
			a->items[kept++] = *it;
		}
	}
	a->n = kept;
	asking->n = n;
	return n;
}

static int
by_zone(const void *pa, const void *pb)
{
	const struct guard_ask *a = pa, *b = pb;
	return dname_compare(&a->zone, &b->zone);
}

/* A zone may have been named twice. */
static void
drop_doubles(struct asking *a)
{
	size_t n = 0;
	qsort(a->asks, a->n, sizeof(*a->asks), by_zone);
	for (size_t i = 0; i < a->n; i++)
		if (n == 0 || !dname_equal(&a->asks[n - 1].zone, &a->asks[i].zone))
			a->asks[n++] = a->asks[i];
	a->n = n;
}

static void
look_again(struct engine *e, const struct ask *ask)
{
	struct again *a = engine_again(e, &ask->ask.zone);
	a->seq = ask->seq;
	a->stray = ask->ask.kind == HOLD_STRAY;
	a->look = true; /* what it was found with is forgotten */
}

static bool
put_of(struct engine *e, const struct deploy_catalog *c)
{
	struct asking asking = {.job.run = run, .engine = e, .catalog = c};
	struct ask *taken;
	size_t n = take_ready(e, c, is_too_many(e, c), &asking, &taken);
	enum err err = OK;
	drop_doubles(&asking);
	if (n > 0)
		err = store_call(e->store, STORE_CATALOG, &asking.job);
	if (err != OK) /* a reconcile asks again */
		atomic_store(&e->write_failed, true);
	else
		guard_log(&asking.verdict, c->label, e->conf->backend.name);
	for (size_t i = 0; err == OK && i < n; i++)
		if (!taken[i].ask.moot)
			look_again(e, &taken[i]);
	free(asking.asks);
	free(taken);
	return n > 0;
}

bool
asks_put(struct engine *e)
{
	bool some = false;
	for (size_t i = 0; i < e->conf->n_catalogs && e->asks.n > 0; i++)
		some |= put_of(e, &e->conf->catalogs[i]);
	return some;
}
