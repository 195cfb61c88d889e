/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/outcome.h"

#include <stdio.h>
#include <string.h>

#include "agent/deploy/engine.h"
#include "agent/deploy/verbs.h"
#include "lib/counters.h"
#include "lib/log.h"

enum {
	LOGGED_MAX = 20, /* of a batch what was done, and failures */
	FIRST_ASK_MS = 2,
	FEW = 16,
	ZONES_PER_MS = 20,
	CLASH_AGAIN_MS = 3600000,
	SOON_MS = 1000
};

/* -- ledger entries ----------------------------------------------------------- */

static struct ledger_entry *
put_entry(struct record *r, enum ledger_verb verb, const struct item *it,
    enum ledger_state state, const char *mark, uint32_t shape)
{
	struct ledger_entry *e = &record_change(r, verb)->entry;
	const char *zonefile = it->zonefile != NULL ? it->zonefile
			       : it->ledger != NULL ? it->ledger->zonefile
						    : "";
	e->zone = it->zone;
	e->catalog = it->desire.catalog;
	e->id = it->desire.id;
	e->state = state;
	snprintf(e->mark, sizeof(e->mark), "%s", mark);
	snprintf(e->zonefile, sizeof(e->zonefile), "%s", zonefile);
	e->shape = shape;
	return e;
}

static void
forget(struct record *r, const struct item *it)
{
	if (it->ledger != NULL)
		record_change(r, LEDGER_FORGET)->entry.zone = it->zone;
}

static struct ledger_entry
leaving(const struct engine *e, const struct item *it)
{
	struct ledger_entry entry = {.zone = it->zone, .id = judge_no_id};
	if (it->ledger != NULL)
		entry = *it->ledger;
	else
		entry.catalog =
		    it->desire.found ? it->desire.catalog : asks_stray_catalog(e)->nr;
	/* Another id came: its data must not be used again, whatever comes next. */
	if (it->doomed)
		entry.id = judge_no_id;
	entry.state = LEDGER_REMOVING;
	return entry;
}

void
outcome_intent(struct engine *e, struct record *r, const struct item *it,
    enum backend_op_kind kind)
{
	switch (kind) {
	case OP_ADD:
		put_entry(r, LEDGER_WRITE, it, LEDGER_INTENT, it->mark, it->shape);
		break;
	case OP_REMOVE: record_change(r, LEDGER_WRITE)->entry = leaving(e, it); break;
	case OP_CHANGE: /* sent again if its end is not seen: nothing to remember */
	case OP_PURGE: break;
	}
}

/* -- notes -------------------------------------------------------------------- */

static struct note *
put_note(struct record *r, const struct item *it, enum note_kind kind,
    enum zone_state state, const char *error)
{
	struct note *n = record_note(r, kind, &it->zone);
	n->state = state;
	if (it->desire.found) {
		n->catalog = it->desire.catalog;
		n->id = it->desire.id;
		n->seq = it->desire.seq;
		memcpy(n->pattern, it->desire.pattern, sizeof(n->pattern));
	} else if (it->ledger != NULL) {
		n->catalog = it->ledger->catalog;
		n->id = it->ledger->id;
	} else if (it->stray) {
		/* Under that id it may be taken over as it is. */
		n->catalog = asks_stray_catalog(r->engine)->nr;
		n->id = it->grave != NULL ? it->grave->id : judge_no_id;
	}
	snprintf(n->error, sizeof(n->error), "%s", error);
	return n;
}

static struct note *
put_own_note(struct record *r, const struct item *it)
{
	struct note *n = put_note(r, it, it->note.kind, it->note.state, it->note.error);
	n->retry = it->note.retry;
	n->retry_at = it->note.retry_at;
	n->fault = it->note.fault;
	return n;
}

/* A removal is noted under what is removed, also where something else is desired. */
static struct note *
put_removing(const struct engine *e, struct record *r, const struct item *it,
    const char *error)
{
	struct note *n = record_note(r, NOTE_STATE, &it->zone);
	n->state = ZONE_REMOVING;
	n->catalog = it->ledger != NULL ? it->ledger->catalog
		     : it->desire.found ? it->desire.catalog
					: asks_stray_catalog(e)->nr;
	n->id = it->ledger != NULL ? it->ledger->id : judge_no_id;
	snprintf(n->error, sizeof(n->error), "%s", error);
	return n;
}

/* -- verification --------------------------------------------------------------- */

/* A few zones need not queue behind the many of an earlier batch. */
static bool
may_watch(const struct batch *b)
{
	size_t n = b->engine->watch.n_asked;
	return n < engine_watch_max(b->engine) ||
	       (b->n_ops <= FEW && n < ENGINE_WATCH_MAX);
}

/* Under watch, or, where too many are, in the retry table by way of its note. */
static void
verify(const struct batch *b, const struct item *it, enum watch_kind kind,
    struct note *n)
{
	struct engine *e = b->engine;
	struct watch *w = watch_find(&e->watch, &it->zone);
	if (e->target == NULL)
		return;
	if (!may_watch(b)) {
		n->retry = NOTE_AT;
		n->retry_at = engine_verify_later(e);
		return;
	}
	watch_ask(&e->watch, w, kind);
	w->looked = it->action == ACT_GONE;
	w->changed = it->action == ACT_CHANGE;
	w->doubtful = w->changed &&
		      asks_interrupts(it, it->ledger != NULL ? it->ledger->mark : "");
	w->start_us = pace_now_us();
	/* A server takes its time for a large batch: do not bother it meanwhile. */
	uint64_t delay =
	    kind == WATCH_CHECK ? 0 : FIRST_ASK_MS + b->n_together / ZONES_PER_MS;
	probe_ask(e->target, &it->zone, w->start_us / 1000 + delay);
}

void
outcome_gone(struct engine *e, struct record *r, const struct ledger_entry *entry)
{
	record_change(r, LEDGER_BURY)->entry = *entry;
	record_note(r, NOTE_GONE, &entry->zone)->catalog = entry->catalog;
	char zone[DNAME_TEXT_MAX];
	log_debug("deploy", "backend=%s zone=%s removed", e->conf->backend.name,
	    dname_print_short(&entry->zone, zone));
}

/* The server took the removal, or had none of it. */
static void
removed(const struct batch *b, struct record *r, struct item *it)
{
	struct engine *e = b->engine;
	struct watch *w = watch_find(&e->watch, &it->zone);
	if (it->desire.found)
		watch_again(&e->watch, w, it->touch_seq);
	if (e->target == NULL) {
		struct ledger_entry entry = leaving(e, it);
		outcome_gone(e, r, &entry);
		return;
	}
	verify(b, it, WATCH_GONE, put_removing(e, r, it, ""));
}

/* -- results ---------------------------------------------------------------------- */

static void
clash(struct engine *e, struct record *r, struct item *it)
{
	char zone[DNAME_TEXT_MAX];
	forget(r, it);
	if (!it->desire.found) {
		put_note(r, it, NOTE_GONE, ZONE_PENDING, "");
		return;
	}
	struct note *n = put_note(r, it, NOTE_STATE, ZONE_CONFLICT,
	    "the server has this zone, and it is not ours");
	n->retry = NOTE_AT;
	n->retry_at = engine_due_ms(e) + CLASH_AGAIN_MS;
	log_warn("deploy", "backend=%s zone=%s state=conflict", e->conf->backend.name,
	    dname_print_short(&it->zone, zone));
}

/* Of those that this backend serves, the batch has said what they have of it. */
static void
forget_old_catalog(const struct engine *e, struct record *r, const struct item *it)
{
	const struct ledger_entry *l = it->ledger;
	if (l != NULL && l->catalog != it->desire.catalog &&
	    engine_catalog(e, l->catalog) == NULL)
		record_note(r, NOTE_GONE, &it->zone)->catalog = l->catalog;
}

static void
taken(const struct batch *b, struct record *r, struct item *it,
    const struct backend_op *op)
{
	enum ledger_verb verb = it->grave != NULL ? LEDGER_EXHUME : LEDGER_WRITE;
	put_entry(r, verb, it, LEDGER_OWNED, op->mark[0] != '\0' ? op->mark : it->mark,
	    it->shape);
	forget_old_catalog(b->engine, r, it);
	struct note *n = put_note(r, it, NOTE_STATE, ZONE_APPLIED, "");
	verify(b, it, WATCH_SERVE, n);
}

static void
op_done(const struct batch *b, struct record *r, struct item *it,
    const struct backend_op *op)
{
	struct engine *e = b->engine;
	switch (op->kind) {
	case OP_REMOVE: removed(b, r, it); break;
	case OP_PURGE:
		record_change(r, LEDGER_PURGED)->entry.zone = it->zone;
		if (it->desire.found)
			watch_again(&e->watch, watch_find(&e->watch, &it->zone),
			    it->touch_seq);
		break;
	case OP_CHANGE:
	case OP_ADD: taken(b, r, it, op); break;
	}
}

/* It did not happen, or we do not know: say so, and try again. */
static void
put_failure(const struct batch *b, struct record *r, const struct item *it,
    enum note_retry retry, uint64_t retry_at, const char *text)
{
	bool removing = it->action == ACT_REMOVE || it->action == ACT_GONE ||
			(it->ledger != NULL && it->ledger->state == LEDGER_REMOVING);
	bool owned = it->ledger != NULL && it->ledger->state == LEDGER_OWNED;
	struct note *n;
	if (removing)
		n = put_removing(b->engine, r, it, text);
	else if (!it->desire.found && it->ledger == NULL)
		return; /* data of a zone removed long ago: it comes round again */
	else if (owned && it->has_status && it->state == ZONE_SERVING && !it->lost)
		n = put_note(r, it, NOTE_KEEP, ZONE_APPLIED, text);
	else
		n = put_note(r, it, NOTE_STATE, ZONE_FAILED, text);
	if (it->lost && it->presence == PRESENCE_ABSENT)
		n->fault = FAULT_LOST;
	n->retry = retry;
	n->retry_at = retry_at;
}

void
outcome_refused(struct item *it, enum backend_result result, const char *text)
{
	bool owned = it->ledger != NULL && it->ledger->state == LEDGER_OWNED;
	bool serving =
	    owned && it->has_status && it->state == ZONE_SERVING && !it->lost;
	it->action = ACT_NOTE;
	it->has_note = true;
	it->note.fault = it->lost ? FAULT_LOST : FAULT_NONE;
	it->note.kind = serving ? NOTE_KEEP : NOTE_STATE;
	it->note.state = ZONE_FAILED;
	it->note.retry = result == RESULT_REJECTED ? NOTE_SLOW : NOTE_BACKOFF;
	snprintf(it->note.error, sizeof(it->note.error), "%s",
	    text[0] != '\0' ? text : "the server has no use for this pattern");
}

static const char *
reason(const struct batch *b, const char *text, const char *fallback)
{
	return text[0] != '\0' ? text : b->why.text[0] != '\0' ? b->why.text : fallback;
}

/* Of an operation that did not end well. */
static void
op_failed(struct batch *b, struct record *r, struct item *it,
    const struct backend_op *op)
{
	uint64_t soon = engine_due_ms(b->engine) + SOON_MS;
	switch (op->result) {
	case RESULT_OK:
	case RESULT_ALREADY: break;
	case RESULT_CONFLICT: clash(b->engine, r, it); break;
	case RESULT_RETRY:
		put_failure(b, r, it, op->retry_s > 0 ? NOTE_AT : NOTE_BACKOFF,
		    soon - SOON_MS + UINT64_C(1000) * op->retry_s,
		    reason(b, op->text, "the server is busy"));
		break;
	case RESULT_REJECTED:
		/* If it is there, or may be, the entry is how it is found again. */
		if (op->kind == OP_ADD &&
		    (it->presence == PRESENCE_ABSENT || it->presence == PRESENCE_OTHER))
			record_change(r, LEDGER_FORGET)->entry.zone = it->zone;
		put_failure(b, r, it, NOTE_SLOW, 0,
		    reason(b, op->text, "the server said no"));
		break;
	case RESULT_UNKNOWN:
		if (op->kind == OP_CHANGE && it->ledger != NULL)
			put_entry(r, LEDGER_WRITE, it, LEDGER_INTENT, it->ledger->mark,
			    it->ledger->shape);
		put_failure(b, r, it, b->err != OK ? NOTE_AT : NOTE_BACKOFF, soon,
		    reason(b, op->text, "the outcome was not seen"));
		break;
	case RESULT_NONE:
		put_failure(b, r, it, b->err != OK ? NOTE_AT : NOTE_BACKOFF, soon,
		    reason(b, op->text, "not tried"));
		break;
	}
}

static void
count_op(const struct engine *e, const struct backend_op *op)
{
	enum count_result result = COUNT_UNKNOWN;
	switch (op->result) {
	case RESULT_OK:
	case RESULT_ALREADY: result = COUNT_DONE; break;
	case RESULT_CONFLICT: result = COUNT_CONFLICT; break;
	case RESULT_RETRY: result = COUNT_RETRY; break;
	case RESULT_REJECTED: result = COUNT_REJECTED; break;
	case RESULT_UNKNOWN: break;
	case RESULT_NONE: return;
	}
	counter_add(&counters.ops[e->conf->nr][op->kind][result]);
}

static void
record_op(struct batch *b, struct record *r, struct item *it,
    const struct backend_op *op)
{
	char zone[DNAME_TEXT_MAX];
	static const char *const kinds[] = {"remove", "purge", "change", "add"};
	count_op(b->engine, op);
	if (op->result == RESULT_OK || op->result == RESULT_ALREADY) {
		(++b->n_done <= LOGGED_MAX ? log_info : log_debug)("deploy",
		    "backend=%s zone=%s op=%s ok", b->engine->conf->backend.name,
		    dname_print_short(&it->zone, zone), kinds[op->kind]);
		op_done(b, r, it, op);
		return;
	}
	/* Told to stop: what is not known is found out at the next start. */
	if (b->err == ERR_CANCELED &&
	    (op->result == RESULT_NONE || op->result == RESULT_UNKNOWN))
		return;
	op_failed(b, r, it, op);
	if (b->err == OK && ++b->n_failed <= LOGGED_MAX)
		log_info("deploy", "backend=%s zone=%s op=%s failed error=\"%s\"",
		    b->engine->conf->backend.name, dname_print_short(&it->zone, zone),
		    kinds[op->kind], reason(b, op->text, "no reason given"));
}

static void
adopt(const struct batch *b, struct record *r, struct item *it)
{
	enum ledger_verb verb = it->grave != NULL ? LEDGER_EXHUME : LEDGER_WRITE;
	bool moved = it->ledger != NULL && it->ledger->catalog != it->desire.catalog;
	forget_old_catalog(b->engine, r, it);
	bool owned = it->ledger != NULL && it->ledger->state == LEDGER_OWNED;
	/* That of the settings it has, which are not always those desired. */
	bool known = it->ledger != NULL &&
		     (it->kept || it->desire.settings == NULL || (moved && owned));
	struct ledger_entry *entry = put_entry(r, verb, it, LEDGER_OWNED,
	    moved && owned ? it->ledger->mark : it->mark,
	    known      ? it->ledger->shape
	    : it->kept ? 0
		       : it->shape);
	if (owned) /* its data is still that of this id */
		entry->id = it->ledger->id;
	bool serving = it->has_status && it->state == ZONE_SERVING && !it->lost;
	verify(b, it, WATCH_CHECK,
	    put_note(r, it, serving ? NOTE_KEEP : NOTE_STATE, ZONE_APPLIED,
		it->desire.error));
}

static void
check(const struct batch *b, struct record *r, struct item *it)
{
	struct note *n = NULL;
	if (it->has_note)
		n = put_own_note(r, it);
	else if (!may_watch(b))
		n = put_note(r, it, NOTE_KEEP, ZONE_APPLIED, "");
	if (n != NULL && !it->has_note)
		n->keep_error = true;
	verify(b, it, WATCH_CHECK, n);
}

/* Of an item for which no command was sent. */
static void
record_item(struct batch *b, struct record *r, struct item *it)
{
	struct engine *e = b->engine;
	switch (it->action) {
	case ACT_NONE: break;
	case ACT_NOTE:
		if (it->has_note)
			put_own_note(r, it);
		break;
	case ACT_CHECK: check(b, r, it); break;
	case ACT_ADOPT: adopt(b, r, it); break;
	case ACT_CLASH: clash(e, r, it); break;
	case ACT_GONE: removed(b, r, it); break;
	case ACT_FORGET:
		forget(r, it);
		if (it->has_note)
			put_own_note(r, it);
		else if (it->desire.found)
			watch_again(&e->watch, watch_find(&e->watch, &it->zone),
			    it->touch_seq);
		else
			put_note(r, it, NOTE_GONE, ZONE_PENDING, "");
		break;
	case ACT_LOOK:
	case ACT_REMOVE:
	case ACT_PURGE:
	case ACT_CHANGE:
	case ACT_ADD:
		if (b->err != ERR_CANCELED)
			put_failure(b, r, it, NOTE_AT,
			    engine_due_ms(b->engine) + SOON_MS,
			    reason(b, "", "not tried"));
		break;
	case ACT_ASK: break; /* until there is an answer */
	}
}

void
outcome_mark(struct engine *e, struct record *r)
{
	uint64_t mark = e->has_passed    ? e->passed.seq
			: e->slow_behind ? e->slow.seq
					 : e->fast.seq;
	uint64_t open = watch_again_seq(&e->watch);
	for (const struct again *a = e->again; a != NULL; a = a->next) {
		if (a->seq != 0 && a->seq < open)
			open = a->seq;
	}
	uint64_t asked = asks_seq(e);
	if (asked < open)
		open = asked;
	if (open != UINT64_MAX && mark >= open)
		mark = open - 1;
	uint64_t verbs = verbs_mark(e);
	if (mark > verbs)
		mark = verbs;
	if (mark <= e->marked)
		return;
	e->marked = mark;
	r->has_mark = true;
	r->mark = mark;
	e->status.seq = mark;
	r->has_backend = true;
	r->backend = e->status;
}

/* What it answers to, from now on. */
static void
fill_watch(struct engine *e, const struct item *it)
{
	struct watch *w = watch_find(&e->watch, &it->zone);
	const struct desire *d = &it->desire;
	bool wanted = d->found && !it->doomed;
	w->catalog = wanted               ? d->catalog
		     : it->ledger != NULL ? it->ledger->catalog
		     : it->stray          ? asks_stray_catalog(e)->nr
					  : 0;
	w->id = wanted ? d->id : it->ledger ? it->ledger->id : judge_no_id;
	w->seq = d->found ? d->seq : it->touch_seq;
	w->secondary = d->settings != NULL && d->settings->role == ROLE_SECONDARY;
	w->unusable = d->found && d->settings == NULL;
	w->fed = w->secondary || d->settings == NULL;
}

/* A few zones, all of them asked about: what they answer can go into the same
 * commit, of which there is one in 100 ms. */
static bool
answers_are_near(const struct batch *b)
{
	if (b->n_ops == 0 || b->n_ops > FEW)
		return false;
	for (size_t i = 0; i < b->n; i++) {
		struct watch *w = watch_find(&b->engine->watch, &b->items[i].zone);
		if (w->kind == WATCH_BATCH &&
		    (b->items[i].action != ACT_NONE || w->again))
			return false;
	}
	return true;
}

/* Nothing is transferred to a server that does not have the zone. */
static void
count_transfer(struct engine *e, const struct item *it, const struct backend_op *op)
{
	bool given = op != NULL
			 ? op->result == RESULT_OK || op->result == RESULT_ALREADY
			 : it->action == ACT_ADOPT;
	bool removed = op != NULL && op->kind == OP_REMOVE && given;
	if (removed || (it->counts && !given))
		transfers_end(&e->transfers, &it->zone);
}

void
outcome_begin(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		fill_watch(b->engine, &b->items[i]);
}

static void
record_ops(struct batch *b, struct record *r, size_t to)
{
	for (; b->n_recorded < to; b->n_recorded++) {
		size_t i = b->n_recorded;
		struct item *it = &b->items[b->op_items[i]];
		record_op(b, r, it, &b->ops[i]);
		it->recorded = true;
		count_transfer(b->engine, it, &b->ops[i]);
	}
}

static void
settle(struct engine *e, const struct item *it, uint64_t catalog_job,
    uint64_t status_job)
{
	struct watch *w = watch_find(&e->watch, &it->zone);
	if (w->kind != WATCH_BATCH)
		return;
	if (it->action == ACT_NONE && !w->again)
		watch_del(&e->watch, w);
	else
		engine_settle(e, w, catalog_job, status_job);
}

void
outcome_portion(struct batch *b, size_t to)
{
	struct record *r = record_new(b->engine);
	size_t from = b->n_recorded;
	uint64_t catalog_job, status_job;
	record_ops(b, r, to);
	record_submit(&r, &catalog_job, &status_job);
	for (size_t i = from; i < to; i++)
		settle(b->engine, &b->items[b->op_items[i]], catalog_job, status_job);
}

void
outcome_record(struct batch *b)
{
	struct engine *e = b->engine;
	struct record *r = b->record != NULL ? b->record : record_new(e);
	b->record = NULL;
	uint64_t catalog_job, status_job;
	record_ops(b, r, b->n_ops);
	for (size_t i = 0; i < b->n; i++) {
		if (!b->items[i].recorded) {
			record_item(b, r, &b->items[i]);
			count_transfer(e, &b->items[i], NULL);
		}
		if (b->items[i].asks)
			asks_add(e, &b->items[i]);
	}
	if (b->err == OK)
		outcome_mark(e, r);
	if (b->n_done > LOGGED_MAX)
		log_info("deploy", "backend=%s done-in-batch=%u", e->conf->backend.name,
		    b->n_done);
	if (b->n_failed > LOGGED_MAX)
		log_info("deploy", "backend=%s failed-in-batch=%u",
		    e->conf->backend.name, b->n_failed);
	if (answers_are_near(b)) {
		record_hold(&r);
		catalog_job = e->catalog_sent;
		status_job = e->status_sent;
	} else {
		record_submit(&r, &catalog_job, &status_job);
	}
	for (size_t i = 0; i < b->n; i++)
		settle(e, &b->items[i], catalog_job, status_job);
}
