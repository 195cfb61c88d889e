/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/deploy/engine.h"
#include "agent/deploy/outcome.h"
#include "agent/deploy/reconcile.h"
#include "agent/deploy/repattern.h"
#include "agent/store/ledger.h"
#include "agent/store/members.h"
#include "lib/log.h"
#include "lib/mem.h"

enum { CLASHES_LOGGED_MAX = 20 }; /* of a batch */

void
batch_init(struct batch *b, struct engine *e)
{
	size_t max = e->driver->batch_size != NULL ? e->driver->batch_size(e->ctx)
						   : e->driver->batch_max;
	*b = (struct batch){.engine = e,
	    .views = {.store = e->store},
	    .max = max < ENGINE_BATCH_MAX ? max : ENGINE_BATCH_MAX};
	if (b->max == 0)
		b->max = 1;
}

void
batch_fini(struct batch *b)
{
	views_close(&b->views);
	record_free(b->record);
	for (size_t i = 0; i < b->n; i++)
		item_fini(&b->items[i]);
	free(b->items);
	free(b->ops);
	free(b->op_items);
}

struct views *
batch_views(struct batch *b)
{
	views_open(&b->views);
	return &b->views;
}

/* -- gathering -------------------------------------------------------------- */

/* The server's list has it with another mark than we have on record, such as for a
 * file that is gone. Who is under way with it, asking whether it is served, say, does
 * not find that out. */
static bool
is_contradicted(struct batch *b, const struct item *in)
{
	struct ledger_entry entry;

	return in->source == FROM_WALK && in->presence == PRESENCE_OURS &&
	       ledger_get(batch_views(b)->catalog, b->engine->conf->nr, &in->zone,
		   &entry) == OK &&
	       entry.state == LEDGER_OWNED &&
	       strcmp(entry.mark, in->presence_mark) != 0;
}

/* It is under way: whoever finishes with it looks at it again. */
static void
defer(struct watch_table *t, struct watch *w, const struct item *in)
{
	if (in->source == FROM_LOG && in->touch_seq <= w->seq)
		return;
	/* A walk after a change of patterns, which has no list of the server's, is
	 * the only one that sees what changed; others come round again. */
	bool once = in->source == FROM_WALK && in->presence == PRESENCE_UNKNOWN;
	if (in->source != FROM_LOG && in->source != FROM_AGAIN && !once)
		return;
	watch_again(t, w, in->touch_seq);
	struct item it = *in;
	if (in->source == FROM_LOG)
		it.log_says = w->log_says;
	judge_touch(&it, w->catalog, &w->id);
	w->lost |= it.lost;
	w->stray |= it.stray;
	w->look |= it.look;
	w->removal |= it.removal || (it.touched && it.touch == TOUCH_DEL);
	if ((once || it.walk) && !w->walk) {
		w->walk = true;
		t->n_walk++;
	}
	w->log_says = it.log_says;
}

/* While those are counted that the server was given before, all others wait. */
static enum gathered
may_transfer(struct engine *e, const struct item *it)
{
	if (e->transfers.max > 0 && reconcile_counts(e))
		return it->source == FROM_WALK ? GATHER_LATE : GATHER_WAIT;
	return transfers_have_room(&e->transfers, it->desire.settings) ? GATHER_DONE
								       : GATHER_WAIT;
}

/* An addition of a secondary costs its primary a transfer. */
static enum gathered
may_go(struct engine *e, struct item *it)
{
	const struct settings *s = it->desire.settings;
	uint64_t now = pace_now_us();
	if (s == NULL || s->role != ROLE_SECONDARY)
		return GATHER_DONE;
	bool adds = it->action == ACT_ADD ||
		    (it->action == ACT_LOOK && !it->doomed &&
			(it->ledger == NULL || it->ledger->state == LEDGER_INTENT));
	bool changes = it->action == ACT_CHANGE && it->source == FROM_WALK;
	if (it->presence == PRESENCE_OURS)
		adds = false; /* it has it */
	enum gathered got =
	    adds && e->target != NULL ? may_transfer(e, it) : GATHER_DONE;
	if (got != GATHER_DONE)
		return got;
	if ((adds || changes) && !pace_take(&e->adds, now))
		return GATHER_LATE;
	/* One that was given before the start counts when it is come across. */
	bool given = reconcile_counts(e) && it->ledger != NULL && it->is_unseen &&
		     transfers_have_room(&e->transfers, s);
	if ((adds || given) && e->target != NULL)
		transfers_begin(&e->transfers, &it->zone, s, now);
	it->counts = adds;
	return GATHER_DONE;
}

static struct note *
extra_note(struct batch *b, enum note_kind kind, const struct dname *zone)
{
	if (b->record == NULL)
		b->record = record_new(b->engine);
	return record_note(b->record, kind, zone);
}

/* RFC 9432 section 5.2: such an error is to be logged, and is in the status. */
static void
note_clash(struct batch *b, const struct item *it, const struct deploy_catalog *c,
    const struct member *m, const char *error)
{
	char zone[DNAME_TEXT_MAX];
	struct note *n = extra_note(b, NOTE_STATE, &it->zone);
	n->catalog = c->nr;
	n->id = m->id;
	n->seq = m->seq;
	n->state = ZONE_CONFLICT;
	snprintf(n->error, sizeof(n->error), "%s", error);
	if (++b->n_clashes <= CLASHES_LOGGED_MAX)
		log_warn("deploy",
		    "backend=%s catalog=%s zone=%s state=conflict error=\"%s\"",
		    b->engine->conf->backend.name, c->label,
		    dname_print_short(&it->zone, zone), error);
}

/* What the other catalogs of this backend say of the zone that one of them has:
 * its members there have no effect, and say so. */
static void
note_others(struct batch *b, const struct item *it)
{
	struct engine *e = b->engine;
	struct views *v = batch_views(b);
	const struct deploy_catalog *owner = engine_catalog(e, it->desire.catalog);
	char error[200];
	snprintf(error, sizeof(error),
	    "another catalog of this backend has the zone: %s",
	    owner != NULL ? owner->label : "");
	for (size_t i = 0; it->desire.found && i < e->conf->n_catalogs; i++) {
		uint8_t nr = e->conf->catalogs[i].nr;
		struct zone_status s;
		struct member m;
		if (nr == it->desire.catalog)
			continue;
		member_init(&m);
		bool member = members_find_zone(v->catalog, nr, &it->zone, &m.id) == OK;
		member = member && members_get(v->catalog, nr, &m.id, &m) == OK;
		bool noted =
		    status_get(v->status, nr, &it->zone, e->conf->nr, &s) == OK;
		bool clash = noted && s.state == ZONE_CONFLICT && s.seq >= m.seq &&
			     label_equal(&s.id, &m.id) && strcmp(s.error, error) == 0;
		if (member && !clash) {
			note_clash(b, it, &e->conf->catalogs[i], &m, error);
		} else if (!member && noted) {
			extra_note(b, NOTE_GONE, &it->zone)->catalog = nr;
		}
		member_fini(&m);
	}
}

/*
 * The log named a zone of this batch once more. A batch that grows reads it in
 * another snapshot than the one the zone was judged by, so what was to be done
 * then may not be what is wanted now: an addition, say, of what is removed again.
 */
static enum gathered
gather_once_more(struct batch *b, struct watch *w, const struct item *in)
{
	struct item *it = &b->items[w->item];
	bool worked = it->action != ACT_NONE;
	if (!worked && b->n_work >= b->max)
		return GATHER_FULL;
	const struct log_says said = it->log_says;
	it->touched = in->touched;
	it->touch = in->touch;
	it->touch_id = in->touch_id;
	it->touch_catalog = in->touch_catalog;
	it->touch_heir = in->touch_heir;
	judge_touch_again(it);
	it->touched = false;
	it->lost |= in->lost;
	if (in->touch_seq > it->touch_seq)
		it->touch_seq = in->touch_seq;
	it->removal |= in->touched && in->touch == TOUCH_DEL;
	bool stray = in->stray && !it->stray;
	it->stray |= stray;
	bool stale = it->view != batch_views(b)->n_opened;
	bool news = memcmp(&said, &it->log_says, sizeof(said)) != 0;
	if (stale || stray || news || it->is_early) {
		judge_item(b->engine, batch_views(b), it);
		b->n_work += (it->action != ACT_NONE) - worked;
		if (stale && b->engine->conf->n_catalogs > 1)
			note_others(b, it);
	}
	return GATHER_DONE;
}

/* A record that is due must not stay so. */
static void
settle_retry(struct batch *b, struct item *it)
{
	const struct desire *d = &it->desire;
	uint8_t owner = d->found ? d->catalog : it->ledger ? it->ledger->catalog : 0;
	if (owner != 0 && owner == it->status_catalog && it->action != ACT_NONE)
		return;
	struct note *n = extra_note(b, NOTE_GONE, &it->zone);
	n->catalog = it->status_catalog;
	if (owner != it->status_catalog)
		return;
	/* Nothing to do now, but it was not settled either. */
	n->kind = NOTE_KEEP;
	n->id = d->found ? d->id : it->ledger->id;
	n->keep_error = true;
	n->retry = NOTE_AT;
	n->retry_at = engine_due_ms(b->engine) + 60000;
	n->state = ZONE_APPLIED;
	it->action = ACT_NOTE;
	it->has_note = false;
}

enum gathered
batch_gather(struct batch *b, const struct item *in)
{
	struct engine *e = b->engine;
	struct watch *w = watch_find(&e->watch, &in->zone);
	if (w != NULL && w->kind == WATCH_BATCH)
		return gather_once_more(b, w, in);
	if (w != NULL) {
		if (is_contradicted(b, in)) {
			watch_again(&e->watch, w, 0);
			w->look = true;
		}
		defer(&e->watch, w, in);
		return GATHER_DONE;
	}
	if (b->n_work >= b->max || b->n >= 2 * b->max)
		return GATHER_FULL;
	b->items = mem_grow(b->items, b->n, &b->room, sizeof(*b->items));
	struct item *it = &b->items[b->n];
	*it = *in;
	judge_item(e, batch_views(b), it);
	enum gathered got = may_go(e, it);
	if (got == GATHER_WAIT && in->source == FROM_RETRY && reconcile_counts(e)) {
		item_fini(it); /* the walk comes across it, and it is due until then */
		return GATHER_DONE;
	}
	if (got == GATHER_WAIT && in->source == FROM_RETRY) {
		it->action = ACT_NONE; /* later, and behind others */
		got = GATHER_DONE;
	}
	if (got != GATHER_DONE) {
		item_fini(it);
		b->late = true;
		return got;
	}
	if (in->source == FROM_RETRY)
		settle_retry(b, it);
	if (e->conf->n_catalogs > 1)
		note_others(b, it);
	/* What the log says of it later in this batch may still change that. */
	if (it->action == ACT_NONE && in->source != FROM_LOG) {
		item_fini(it);
		return GATHER_DONE;
	}
	w = watch_add(&e->watch, &it->zone, WATCH_BATCH);
	w->item = b->n++;
	b->n_work += it->action != ACT_NONE;
	return GATHER_DONE;
}

/* -- look-ups --------------------------------------------------------------- */

/* The driver may name zones in any order, and others too. */
static enum err
looked_up(void *arg, const struct dname *zone, const char *mark)
{
	struct batch *b = arg;
	struct watch *w = watch_find(&b->engine->watch, zone);
	if (w == NULL || w->kind != WATCH_BATCH)
		return OK;
	struct item *it = &b->items[w->item];
	it->presence = mark != NULL ? PRESENCE_OURS : PRESENCE_OTHER;
	snprintf(it->presence_mark, sizeof(it->presence_mark), "%s", mark ? mark : "");
	return OK;
}

static void
look_up(struct batch *b)
{
	struct engine *e = b->engine;
	struct dname *zones = NULL;
	size_t n = 0, room = 0;
	for (size_t i = 0; i < b->n; i++) {
		if (b->items[i].action != ACT_LOOK)
			continue;
		zones = mem_grow(zones, n, &room, sizeof(*zones));
		zones[n++] = b->items[i].zone;
		b->items[i].presence = PRESENCE_ABSENT;
	}
	if (n == 0)
		return;
	b->err = e->driver->lookup(e->ctx, zones, n, looked_up, b, &b->why);
	free(zones);
	for (size_t i = 0; b->err == OK && i < b->n; i++) {
		struct item *it = &b->items[i];
		if (it->action == ACT_LOOK)
			judge_looked(e, it, it->presence, it->presence_mark);
	}
	if (b->err != OK && b->err != ERR_CANCELED && ++e->n_lookup_failures >= 3) {
		e->n_lookup_failures = 0;
		e->reconcile_wanted = true;
	} else if (b->err == OK) {
		e->n_lookup_failures = 0;
	}
}

/* -- native patterns -------------------------------------------------------- */

struct distinct {
	struct settings **settings; /* slots */
	size_t *place;
	size_t n_slots;
};

/* Where the settings are in the list, or n: a new one. */
static size_t
distinct_find(struct distinct *d, struct settings *s, size_t n)
{
	size_t at = ((uintptr_t)s >> 4) * 2654435761u & (d->n_slots - 1);
	while (d->settings[at] != NULL && d->settings[at] != s)
		at = (at + 1) & (d->n_slots - 1);
	if (d->settings[at] == NULL) {
		d->settings[at] = s;
		d->place[at] = n;
	}
	return d->place[at];
}

static bool
uses_settings(const struct item *it)
{
	return it->action == ACT_ADD || it->action == ACT_CHANGE;
}

static void
refuse(struct batch *b, struct item *it, enum backend_result result, const char *text)
{
	it->refused = true;
	if (result == RESULT_REJECTED)
		repattern_rejected(b->engine, it->desire.pattern, text);
	outcome_refused(it, result, text);
}

static void
prepare(struct batch *b)
{
	struct engine *e = b->engine;
	size_t n = 0, n_items = 0;
	for (size_t i = 0; i < b->n; i++)
		n_items += uses_settings(&b->items[i]);
	if (n_items == 0)
		return;
	struct distinct d = {.n_slots = 16};
	while (d.n_slots < 2 * n_items)
		d.n_slots *= 2;
	d.settings = mem_zalloc(d.n_slots * sizeof(*d.settings));
	d.place = mem_zalloc(d.n_slots * sizeof(*d.place));
	struct settings **list = mem_zalloc(n_items * sizeof(*list));
	for (size_t i = 0; i < b->n; i++) {
		struct settings *s = b->items[i].desire.settings;
		if (uses_settings(&b->items[i]) && distinct_find(&d, s, n) == n)
			list[n++] = s;
	}
	enum backend_result *results = mem_zalloc(n * sizeof(*results));
	struct backend_error *texts = mem_zalloc(n * sizeof(*texts));
	b->err = e->driver->prepare(e->ctx, list, n, results, texts, &b->why);
	for (size_t i = 0; b->err == OK && i < b->n; i++) {
		struct item *it = &b->items[i];
		if (!uses_settings(it))
			continue;
		size_t place = distinct_find(&d, it->desire.settings, n);
		if (results[place] != RESULT_OK && results[place] != RESULT_ALREADY)
			refuse(b, it, results[place], texts[place].text);
		else
			repattern_used(e, it->mark);
	}
	free(results);
	free(texts);
	free(list);
	free(d.settings);
	free(d.place);
}

/* -- commands --------------------------------------------------------------- */

static bool
op_kind_of(enum action action, enum backend_op_kind *kind)
{
	switch (action) {
	case ACT_REMOVE: *kind = OP_REMOVE; return true;
	case ACT_PURGE: *kind = OP_PURGE; return true;
	case ACT_CHANGE: *kind = OP_CHANGE; return true;
	case ACT_ADD: *kind = OP_ADD; return true;
	case ACT_NONE:
	case ACT_NOTE:
	case ACT_CHECK:
	case ACT_LOOK:
	case ACT_ADOPT:
	case ACT_CLASH:
	case ACT_FORGET:
	case ACT_GONE:
	case ACT_ASK: return false;
	}
	return false;
}

/* A file that a pattern has made one for many zones since stays. */
static const char *
zonefile_to_remove(const struct engine *e, const struct item *it)
{
	const char *recorded = it->ledger != NULL  ? it->ledger->zonefile
			       : it->grave != NULL ? it->grave->zonefile
						   : "";
	return pattern_sharing(e->patterns, recorded) != NULL ? "/" : recorded;
}

/* Removals, purges, changes, additions: the order of enum backend_op_kind. */
static void
make_ops(struct batch *b)
{
	size_t n = 0;
	enum backend_op_kind kind;
	for (size_t i = 0; i < b->n; i++)
		n += !b->items[i].refused && op_kind_of(b->items[i].action, &kind);
	if (n == 0)
		return;
	b->ops = mem_zalloc(n * sizeof(*b->ops));
	b->op_items = mem_zalloc(n * sizeof(*b->op_items));
	for (int want = OP_REMOVE; want <= OP_ADD; want++) {
		for (size_t i = 0; i < b->n; i++) {
			struct item *it = &b->items[i];
			if (it->refused || !op_kind_of(it->action, &kind) ||
			    (int)kind != want)
				continue;
			struct backend_op *op = &b->ops[b->n_ops];
			b->op_items[b->n_ops++] = i;
			op->kind = kind;
			op->zone = it->zone;
			if (kind == OP_ADD || kind == OP_CHANGE) {
				op->settings = it->desire.settings;
				op->zonefile = it->zonefile;
			} else {
				op->zonefile = zonefile_to_remove(b->engine, it);
			}
		}
	}
}

/* An addition that was refused may have left the zone there all the same. */
static void
look_at_refused(struct batch *b, size_t from, size_t to)
{
	struct engine *e = b->engine;
	struct backend_error why = {""};
	struct dname *zones = NULL;
	size_t n = 0, room = 0;
	for (size_t i = from; i < to; i++) {
		struct item *it = &b->items[b->op_items[i]];
		if (b->ops[i].kind != OP_ADD || b->ops[i].result != RESULT_REJECTED)
			continue;
		zones = mem_grow(zones, n, &room, sizeof(*zones));
		zones[n++] = it->zone;
		it->presence = PRESENCE_ABSENT;
	}
	if (n == 0)
		return;
	bool known = b->err == OK &&
		     e->driver->lookup(e->ctx, zones, n, looked_up, b, &why) == OK;
	free(zones);
	for (size_t i = from; !known && i < to; i++)
		b->items[b->op_items[i]].presence = PRESENCE_UNKNOWN;
}

/* What is to be in the ledger before the commands are sent. NULL: there are none. */
static struct record *
begin_intents(struct batch *b, size_t from, size_t to)
{
	if (from == to)
		return NULL;
	struct record *r = record_new(b->engine);
	for (size_t i = from; i < to; i++)
		outcome_intent(b->engine, r, &b->items[b->op_items[i]], b->ops[i].kind);
	record_write_begin(r);
	return r;
}

/* Not on record, so not sent. */
static void
unwritten(struct batch *b, enum err err)
{
	b->err = ERR_FULL;
	b->unwritten = true;
	atomic_store(&b->engine->write_failed, true);
	snprintf(b->why.text, sizeof(b->why.text), "cannot write the ledger: %s",
	    err_str(err));
}

/* The end of the portion that begins there. */
static size_t
portion_end(const struct batch *b, size_t from, size_t size)
{
	return b->n_ops - from > size ? from + size : b->n_ops;
}

/* The intents of all that follows the first portion go on record while the driver
 * has that one. */
static void
apply(struct batch *b)
{
	struct engine *e = b->engine;
	size_t size = e->driver->apply_size != NULL ? e->driver->apply_size(e->ctx) : 0;
	size_t from = 0, to = portion_end(b, 0, size > 0 ? size : b->n_ops);
	struct record *intents = begin_intents(b, from, to);
	while (from < to) {
		enum err err = record_write_end(&intents);
		if (err != OK) {
			unwritten(b, err);
			break;
		}
		if (from == 0)
			intents = begin_intents(b, to, b->n_ops);
		b->n_together = to - from;
		b->err = e->driver->apply(e->ctx, b->ops + from, to - from, &b->why);
		look_at_refused(b, from, to);
		if (b->err != OK)
			break;
		if (to < b->n_ops)
			outcome_portion(b, to);
		from = to;
		to = portion_end(b, from, b->n_together);
	}
	if (record_write_end(&intents) != OK)
		atomic_store(&e->write_failed, true);
}

void
batch_run(struct batch *b)
{
	struct engine *e = b->engine;
	views_close(&b->views);
	look_up(b);
	if (b->err == OK)
		prepare(b);
	if (b->err == OK)
		make_ops(b);
	outcome_begin(b);
	if (b->err == OK)
		apply(b);
	outcome_record(b);
	if (b->err == OK)
		e->n_failures = 0;
	else if (!b->unwritten && b->err != ERR_CANCELED)
		engine_down(e, b->why.text[0] != '\0' ? b->why.text : err_str(b->err));
}
