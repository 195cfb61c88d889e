/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/deploy/engine.h"
#include "agent/deploy/judge.h"
#include "agent/deploy/record.h"
#include "agent/deploy/verbs.h"
#include "agent/store/ledger.h"
#include "agent/store/members.h"
#include "agent/store/status.h"
#include "lib/log.h"

/* One verb: is it time for it, the driver's answer, and what is written down. */

enum { BUSY_US = 1000000, ALL_SLICE = 64, ALL_SCAN = 4000, LOOK_MS = 1000 };

/* -- outcomes ----------------------------------------------------------------- */

static const char *
result_str(enum verb_result result)
{
	switch (result) {
	case VERB_OK: return "ok";
	case VERB_UNSUPPORTED: return "unsupported";
	case VERB_FAILED: return "failed";
	}
	return "unknown";
}

static void
print_outcome(const struct order *o, enum verb_result result, const char *text,
    char *out, size_t size)
{
	snprintf(out, size, "%s:%s@%" PRIu64 " seq=%" PRIu64 "%s%s",
	    verb_str(o->verb.kind), result_str(result), (uint64_t)time(NULL), o->seq,
	    text[0] != '\0' ? " " : "", text);
}

static void
note_zone(struct record *r, const struct order *o, const struct dname *zone,
    const struct label *id, enum verb_result result, const char *text)
{
	struct note *n = record_note(r, NOTE_COMMAND, zone);
	n->catalog = o->catalog;
	n->id = *id;
	print_outcome(o, result, text, n->error, sizeof(n->error));
}

static void
finish_zone(struct engine *e, struct record *r, const struct order *o,
    enum verb_result result, const char *text)
{
	char zone[DNAME_TEXT_MAX];
	note_zone(r, o, &o->verb.zone, &o->verb.id, result, text);
	log_info("deploy", "backend=%s zone=%s command=%s result=%s text=\"%s\"",
	    e->conf->backend.name, dname_print_short(&o->verb.zone, zone),
	    verb_str(o->verb.kind), result_str(result), text);
}

static void
finish_all(struct engine *e, struct record *r, const struct order *o,
    enum verb_result result, const char *text)
{
	print_outcome(o, result, text, e->status.command, sizeof(e->status.command));
	r->has_backend = true;
	r->backend = e->status;
	log_info("deploy", "backend=%s command=%s result=%s text=\"%s\"",
	    e->conf->backend.name, verb_str(o->verb.kind), result_str(result), text);
}

void
verbs_give_up(struct engine *e, struct record *r, struct order *o)
{
	char text[200];
	const char *why = e->state != ENGINE_UP ? e->status.error
			  : o->verb.all         ? ""
						: "the zone was not applied";
	int n = snprintf(text, sizeof(text), "not done in %d min%s%s",
	    VERBS_AGE_MAX_S / 60, why[0] != '\0' ? ": " : "", why);
	if (o->begun && o->verb.kind != VERB_KIND_RECONCILE && n > 0 &&
	    (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - (size_t)n, ", zones=%zu done", o->n);
	if (o->verb.all)
		finish_all(e, r, o, VERB_FAILED, text);
	else
		finish_zone(e, r, o, VERB_FAILED, text);
}

/* -- the driver --------------------------------------------------------------- */

enum told { TOLD_RESULT, TOLD_LATER, TOLD_LOST };

static enum backend_verb
driver_verb(enum verb_kind kind)
{
	static const enum backend_verb verbs[] = {
	    [VERB_KIND_REFRESH] = VERB_REFRESH,
	    [VERB_KIND_RETRANSFER] = VERB_RETRANSFER,
	    [VERB_KIND_RELOAD] = VERB_RELOAD,
	    [VERB_KIND_NOTIFY] = VERB_NOTIFY,
	    [VERB_KIND_FLUSH] = VERB_FLUSH,
	    [VERB_KIND_FREEZE] = VERB_FREEZE,
	    [VERB_KIND_THAW] = VERB_THAW,
	};
	return verbs[kind];
}

static enum told
tell(struct engine *e, struct order *o, const struct dname *zone,
    enum verb_result *result, struct backend_error *why)
{
	why->text[0] = '\0';
	enum err err = e->driver->command(e->ctx, driver_verb(o->verb.kind), zone, why);
	if (err != OK && why->text[0] == '\0')
		snprintf(why->text, sizeof(why->text), "%s",
		    err == ERR_UNSUPPORTED ? "the server has no such thing"
					   : err_str(err));
	if (err == ERR_CANCELED)
		return TOLD_LATER;
	if (err == ERR_BUSY && !verbs_too_old(o)) {
		o->not_before_us = pace_now_us() + BUSY_US;
		return TOLD_LATER;
	}
	*result = err == OK                ? VERB_OK
		  : err == ERR_UNSUPPORTED ? VERB_UNSUPPORTED
					   : VERB_FAILED;
	if (err != ERR_CLOSED && err != ERR_IO && err != ERR_TIMEOUT)
		return TOLD_RESULT;
	engine_down(e, why->text);
	/* It may be what brings the server down: not for ever. */
	return ++o->tries < VERBS_TRIES_MAX ? TOLD_LOST : TOLD_RESULT;
}

/* Transfers cost the primaries as much as additions do. */
static bool
may_go(struct engine *e, const struct order *o)
{
	if (o->verb.kind != VERB_KIND_REFRESH && o->verb.kind != VERB_KIND_RETRANSFER)
		return true;
	if (pace_take(&e->adds, pace_now_us()))
		return true;
	e->late = true;
	return false;
}

/* -- one zone ----------------------------------------------------------------- */

enum fitness {
	FIT,
	FIT_LATER, /* something about the zone is under way */
	FIT_NOT,   /* the server does not have it from us: why */
	FIT_GONE,  /* it is no such member any more */
};

static enum fitness
fit_not(const struct zone_status *s, struct backend_error *why)
{
	snprintf(why->text, sizeof(why->text), "the zone is %s here%s%.150s",
	    zone_state_str(s->state), s->error[0] != '\0' ? ": " : "", s->error);
	return FIT_NOT;
}

static enum fitness
look(struct engine *e, struct views *v, const struct order *o,
    struct backend_error *why)
{
	const struct dname *zone = &o->verb.zone;
	const struct watch *w = watch_find(&e->watch, zone);
	struct zone_status s;
	struct ledger_entry entry;
	struct member m;
	member_init(&m);
	enum err err = members_get(v->catalog, o->catalog, &o->verb.id, &m);
	uint64_t seq = m.seq;
	bool member = err == OK && dname_equal(&m.zone, zone);
	member_fini(&m);
	if (err != OK && err != ERR_NOTFOUND)
		return FIT_LATER;
	if (!member)
		return FIT_GONE;
	if (w != NULL && (w->again || w->kind == WATCH_GONE))
		return FIT_LATER;
	if (status_get(v->status, o->catalog, zone, e->conf->nr, &s) != OK ||
	    !label_equal(&s.id, &o->verb.id) || s.seq < seq)
		return FIT_LATER; /* pending */
	err = ledger_get(v->catalog, e->conf->nr, zone, &entry);
	if (err == ERR_NOTFOUND || (err == OK && entry.catalog != o->catalog))
		return fit_not(&s, why);
	return err == OK && entry.state == LEDGER_OWNED ? FIT : FIT_LATER;
}

/* What the verb brings, such as a new serial, is on record soon after, and not
 * only when the zone's turn comes again. */
static void
look_soon(struct engine *e, const struct dname *zone, enum verb_result result)
{
	if (e->target != NULL && result == VERB_OK)
		probe_ask(e->target, zone, pace_now_us() / 1000 + LOOK_MS);
}

static enum verb_end
run_zone(struct engine *e, struct record *r, struct order *o)
{
	struct views v = {.store = e->store};
	struct backend_error why = {{0}};
	enum verb_result result = VERB_FAILED;
	views_open(&v);
	enum fitness fit = look(e, &v, o, &why);
	views_close(&v);
	if (fit == FIT_LATER || (fit == FIT && !may_go(e, o)))
		return VERB_WAIT;
	if (fit == FIT && tell(e, o, &o->verb.zone, &result, &why) != TOLD_RESULT)
		return VERB_WAIT;
	if (fit == FIT_GONE)
		snprintf(why.text, sizeof(why.text), "no longer in the catalog");
	finish_zone(e, r, o, result, why.text);
	look_soon(e, &o->verb.zone, result);
	return VERB_DONE;
}

/* -- all zones ---------------------------------------------------------------- */

struct slice {
	const struct order *order;
	struct {
		struct dname zone;
		struct label id;
	} zones[ALL_SLICE];
	size_t n, n_seen;
	struct dname seen; /* the last one looked at */
};

static enum err
take_owned(void *arg, const struct ledger_entry *entry)
{
	struct slice *s = arg;
	s->seen = entry->zone;
	s->n_seen++;
	if (entry->catalog != s->order->catalog || entry->state != LEDGER_OWNED)
		return OK;
	s->zones[s->n].zone = entry->zone;
	s->zones[s->n++].id = entry->id;
	return s->n < ALL_SLICE ? OK : ERR_BUSY;
}

static void
count(struct order *o, const struct dname *zone, enum verb_result result,
    const char *text)
{
	char name[DNAME_TEXT_MAX];
	o->n++;
	o->n_unsupported += result == VERB_UNSUPPORTED;
	o->n_failed += result == VERB_FAILED;
	if (result == VERB_FAILED && o->n_failed == 1)
		snprintf(o->first_fault, sizeof(o->first_fault), "%.90s: %.100s",
		    dname_print_short(zone, name), text);
}

static void
sum_up(struct engine *e, struct record *r, struct order *o)
{
	char text[300];
	bool none = o->n > 0 && o->n_unsupported == o->n;
	snprintf(text, sizeof(text), "zones=%zu failed=%zu unsupported=%zu%s%s", o->n,
	    o->n_failed, o->n_unsupported, o->n_failed > 0 ? " " : "", o->first_fault);
	finish_all(e, r, o,
	    o->n_failed > 0 ? VERB_FAILED
	    : none          ? VERB_UNSUPPORTED
			    : VERB_OK,
	    text);
}

static enum verb_end
run_slice(struct engine *e, struct record *r, struct order *o, struct slice *s,
    uint64_t until_us)
{
	for (size_t i = 0; i < s->n; i++) {
		struct backend_error why;
		enum verb_result result = VERB_FAILED;
		/* One at the least, however slow the machine is. */
		if (engine_stopping(e) || (i > 0 && pace_now_us() >= until_us))
			return VERB_MORE;
		if (!may_go(e, o))
			return VERB_WAIT;
		if (tell(e, o, &s->zones[i].zone, &result, &why) != TOLD_RESULT)
			return VERB_WAIT;
		note_zone(r, o, &s->zones[i].zone, &s->zones[i].id, result, why.text);
		look_soon(e, &s->zones[i].zone, result);
		count(o, &s->zones[i].zone, result, why.text);
		o->after = s->zones[i].zone;
		o->started = true;
		if (o->tries >= VERBS_TRIES_MAX)
			return VERB_DONE; /* and no more */
		o->tries = 0;
	}
	return VERB_DONE;
}

static enum verb_end
run_all(struct engine *e, struct record *r, struct order *o, uint64_t until_us)
{
	o->begun = true;
	for (;;) {
		struct slice s = {.order = o};
		struct store_txn *txn = store_read(e->store, STORE_CATALOG);
		enum err err = ledger_each(txn, e->conf->nr,
		    o->started ? &o->after : NULL, ALL_SCAN, take_owned, &s);
		store_end(&txn);
		if (err != OK && err != ERR_BUSY)
			return VERB_WAIT;
		enum verb_end end = run_slice(e, r, o, &s, until_us);
		if (end != VERB_DONE)
			return end;
		if ((err == OK && s.n_seen < ALL_SCAN) || o->tries >= VERBS_TRIES_MAX)
			break;
		o->after = s.seen;
		o->started = true;
	}
	sum_up(e, r, o);
	return VERB_DONE;
}

/* -- reconcile ---------------------------------------------------------------- */

static enum verb_end
run_reconcile(struct engine *e, struct record *r, struct order *o)
{
	if (!o->begun && e->reconcile != NULL)
		return VERB_WAIT; /* asked for too often, it would never end */
	if (!o->begun) {
		o->begun = true;
		e->reconcile_wanted = true;
		if (e->driver->pardon != NULL)
			e->driver->pardon(e->ctx);
		return VERB_MORE;
	}
	if (e->reconcile_wanted || e->reconcile != NULL)
		return VERB_WAIT;
	finish_all(e, r, o, VERB_OK, "");
	return VERB_DONE;
}

enum verb_end
verbs_run(struct engine *e, struct record *r, struct order *o, uint64_t until_us)
{
	if (o->verb.kind == VERB_KIND_RECONCILE)
		return run_reconcile(e, r, o);
	return o->verb.all ? run_all(e, r, o, until_us) : run_zone(e, r, o);
}
