/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/deploy/engine.h"
#include "lib/mem.h"

const struct label judge_no_id = {.size = 4, .data = {0, 0xff, 0, 0xff}};

static PRINTF(5, 6) void note(struct item *it, enum note_kind kind,
    enum zone_state state, enum note_retry retry, const char *fmt, ...)
{
	va_list ap;
	it->has_note = true;
	it->note.kind = kind;
	it->note.state = state;
	it->note.retry = retry;
	it->note.fault = FAULT_NONE;
	va_start(ap, fmt);
	vsnprintf(it->note.error, sizeof(it->note.error), fmt, ap);
	va_end(ap);
}

void
item_fini(struct item *it)
{
	desire_fini(&it->desire);
	free(it->ledger);
	free(it->grave);
	free(it->zonefile);
	it->ledger = NULL;
	it->grave = NULL;
	it->zonefile = NULL;
}

void
views_open(struct views *v)
{
	if (v->status == NULL)
		v->status = store_read(v->store, STORE_STATUS);
	if (v->catalog == NULL) {
		v->catalog = store_read(v->store, STORE_CATALOG);
		v->n_opened++;
	}
}

void
views_close(struct views *v)
{
	store_end(&v->status);
	store_end(&v->catalog);
}

/*
 * What other catalogs say of the zone is not about its own id. But for one: a member
 * that goes with a coo property is handed over (RFC 9432 section 4.3.1) to a catalog
 * that has it by then; to one that has it only later, it is not.
 */
void
judge_touch(struct item *it, uint8_t catalog, const struct label *own)
{
	struct log_says *says = &it->log_says;
	bool same = label_equal(own, &it->touch_id);
	if (!it->touched)
		return;
	if (it->touch_catalog != catalog) {
		if (it->touch == TOUCH_ADD && it->touch_catalog == says->heir)
			says->heir = 0;
	} else if (it->touch == TOUCH_DEL && same) {
		says->del_own = says->gone = true;
		says->heir = it->touch_heir;
	} else if (it->touch == TOUCH_ADD) {
		says->add_other |= !same;
		says->gone = false;
		says->heir = 0;
	}
}

void
judge_touch_again(struct item *it)
{
	if (it->ledger != NULL)
		judge_touch(it, it->ledger->catalog, &it->ledger->id);
	else if (it->grave != NULL)
		judge_touch(it, it->grave->catalog, &it->grave->id);
}

/* -- reading ---------------------------------------------------------------- */

static void
read_ledger(struct engine *e, struct store_txn *txn, struct item *it)
{
	struct ledger_entry entry;
	struct grave grave;
	if (ledger_get(txn, e->conf->nr, &it->zone, &entry) == OK)
		it->ledger = mem_dup(&entry, sizeof(entry));
	if (graveyard_get(txn, e->conf->nr, &it->zone, &grave) == OK)
		it->grave = mem_dup(&grave, sizeof(grave));
}

/* Returns whether there is a status of the member desired, and it is not older
 * than the member. */
static bool
read_status(struct engine *e, struct store_txn *txn, struct item *it,
    struct zone_status *s)
{
	const struct desire *d = &it->desire;
	uint8_t catalog = d->found     ? d->catalog
			  : it->ledger ? it->ledger->catalog
			  : it->stray  ? asks_stray_catalog(e)->nr
				       : 0;
	it->is_unseen = true;
	if (catalog == 0 || status_get(txn, catalog, &it->zone, e->conf->nr, s) != OK)
		return false;
	it->has_status = true;
	it->state = s->state;
	it->retrying = s->retry_at != 0;
	it->is_unseen = d->found && label_equal(&s->id, &d->id) && s->seen == 0;
	return d->found && label_equal(&s->id, &d->id) && s->seq >= d->seq;
}

/* -- judging ---------------------------------------------------------------- */

/* It is as desired on the server, as far as the ledger knows. */
static void
judge_same(struct engine *e, struct item *it, const struct zone_status *s, bool current)
{
	bool walk = it->source == FROM_WALK;
	const char *error = it->desire.error;
	it->action = ACT_NONE;
	if (current && s->state == ZONE_SERVING) {
		/* Only the reason why it keeps old settings may have changed. */
		if (strcmp(s->error, error) != 0 || it->retrying) {
			it->action = ACT_NOTE;
			note(it, NOTE_KEEP, ZONE_SERVING, NOTE_SETTLED, "%s", error);
		}
		if (it->source == FROM_RETRY && e->target != NULL)
			it->action = ACT_CHECK;
		return;
	}
	bool odd = current && s->state != ZONE_APPLIED && s->state != ZONE_FAILED;
	/* Why it cannot have its settings says more than what it answers. */
	bool news = current && error[0] != '\0' && strcmp(s->error, error) != 0;
	if (e->target == NULL) {
		if (current && s->state == ZONE_APPLIED && strcmp(s->error, error) == 0)
			return;
		it->action = ACT_NOTE;
		note(it, NOTE_STATE, ZONE_APPLIED, NOTE_SETTLED, "%s", error);
		return;
	}
	if (walk) {
		if (current && !odd && !news && it->retrying)
			return;
		it->action = ACT_NOTE;
		note(it, odd ? NOTE_STATE : NOTE_KEEP, ZONE_APPLIED, NOTE_AT, "%s",
		    error);
		it->note.retry_at = engine_verify_later(e);
		return;
	}
	it->action = ACT_CHECK;
	if (!current || odd || news)
		note(it, odd ? NOTE_STATE : NOTE_KEEP, ZONE_APPLIED, NOTE_SETTLED, "%s",
		    error);
}

static const char held_text[] = "the guard holds its change";

/* What the guard has to say to it, if anything has. Returns whether that settles
 * it: asked, or kept as it is, with the reason in the desire. */
static bool
judge_guarded(struct item *it)
{
	if (it->guard.gate == GATE_OPEN)
		return false;
	if (it->guard.gate == GATE_ASK) {
		it->asks = true;
		it->action = ACT_ASK;
		return true;
	}
	it->kept = true;
	snprintf(it->desire.error, sizeof(it->desire.error), "%s", held_text);
	return true;
}

/* It bears that mark, and is to bear another one. */
static bool
change_is_guarded(struct item *it, const char *mark)
{
	return asks_interrupts(it, mark) && judge_guarded(it);
}

/*
 * The change of a zone of ours, which bears that mark. Where the server has no such
 * change, the zone goes and comes again with the data it has.
 */
static enum action
change_of(const struct engine *e, const struct item *it, const char *mark)
{
	bool able = (e->driver->caps & CAP_TYPE_CHANGE) != 0 || it->ledger == NULL;
	return able || !asks_interrupts(it, mark) ? ACT_CHANGE : ACT_REMOVE;
}

/* A change was held that is not asked for any more. */
static void
drop_stale_hold(struct item *it)
{
	if (!it->guard.has_hold || it->asks || it->guard.hold.target == it->ask.target)
		return;
	it->asks = it->ask.moot = true;
	if (it->action == ACT_NONE)
		it->action = ACT_NOTE;
}

/* The server's own list says something else than the ledger. */
static bool
contradicted(const struct item *it)
{
	switch (it->presence) {
	case PRESENCE_UNKNOWN: return false;
	case PRESENCE_ABSENT:
	case PRESENCE_OTHER: return true;
	case PRESENCE_OURS: return strcmp(it->presence_mark, it->ledger->mark) != 0;
	}
	return true;
}

/* It left the catalog that had it, and the log has yet to tell how. */
static bool
awaits_log(const struct engine *e, const struct item *it)
{
	uint64_t seq = it->source == FROM_LOG ? it->touch_seq : e->fast.seq;
	return it->desire.left && !it->log_says.gone &&
	       (e->slow_behind || seq < store_log_seq(e->store));
}

/* Desired, and in the ledger. */
static void
judge_owned(struct engine *e, struct item *it, const struct zone_status *s,
    bool current)
{
	const struct desire *d = &it->desire;
	bool moved = it->ledger->catalog != d->catalog;
	bool reset = it->log_says.del_own && it->log_says.add_other &&
		     !(current && it->touch_seq <= s->seq);
	bool other = reset || !label_equal(&it->ledger->id, &d->id);
	/* Its catalog let it go, and has no heir: it is not the other one's zone that
	 * is served, nor its data (RFC 9432 sections 5.3 and 5.5). */
	bool let_go = moved && it->log_says.gone && it->log_says.heir != d->catalog;
	if (moved && awaits_log(e, it))
		return;
	if (other && !let_go && it->replaced && it->ledger->state == LEDGER_OWNED &&
	    judge_guarded(it)) {
		if (it->kept)
			judge_same(e, it, s, current);
		return;
	}
	/* What cannot be put back under its new id is not taken away either. */
	if (let_go ||
	    (other && (d->settings != NULL || it->ledger->state == LEDGER_INTENT))) {
		it->doomed = true;
		it->action = it->ledger->state == LEDGER_INTENT ? ACT_LOOK : ACT_REMOVE;
	} else if (it->ledger->state == LEDGER_INTENT || it->lost || it->look ||
		   contradicted(it)) {
		it->action = ACT_LOOK;
	} else if (d->settings != NULL && strcmp(it->mark, it->ledger->mark) != 0) {
		it->action = change_of(e, it, it->ledger->mark);
		if (change_is_guarded(it, it->ledger->mark) && it->kept)
			judge_same(e, it, s, current);
	} else {
		judge_same(e, it, s, current);
	}
	drop_stale_hold(it);
	if (it->action == ACT_ASK)
		return;
	/* Moved to another catalog of ours by its owner: the old one is done with. */
	if (moved && it->action != ACT_REMOVE && it->action != ACT_LOOK &&
	    it->action != ACT_CHANGE)
		it->action = ACT_ADOPT;
}

/* Desired, and not in the ledger. */
static void
judge_new(struct item *it, const struct zone_status *s, bool current)
{
	const struct desire *d = &it->desire;
	if (d->settings == NULL) {
		if (current && s->state == ZONE_UNASSIGNED &&
		    strcmp(s->error, d->error) == 0)
			return;
		it->action = ACT_NOTE;
		note(it, NOTE_STATE, ZONE_UNASSIGNED, NOTE_SETTLED, "%s", d->error);
	} else if (it->replaced && it->presence == PRESENCE_ABSENT &&
		   it->presence_fresh) {
		it->action = ACT_PURGE;
	} else if (it->replaced) {
		it->action = ACT_LOOK; /* is it there still, or again? */
	} else if (it->presence == PRESENCE_ABSENT && it->presence_fresh) {
		it->action = ACT_ADD;
	} else {
		it->action = ACT_LOOK;
	}
}

/* Not desired. */
static void
judge_unwanted(struct engine *e, struct store_txn *txn, struct item *it)
{
	if (it->ledger != NULL) {
		if (!desire_may_miss(e, txn, it->ledger->catalog))
			return;
		it->action = it->ledger->state == LEDGER_INTENT ? ACT_LOOK : ACT_REMOVE;
	} else if (it->stray) {
		it->action = ACT_LOOK;
	} else {
		/* never was there, or went long ago */
		it->action = ACT_NOTE;
		note(it, NOTE_GONE, ZONE_PENDING, NOTE_SETTLED, "%s", "");
	}
}

/*
 * A change younger than the catalog's apply-delay waits in the log, whatever led to
 * the zone: also an older change of the same zone, which would bring this one with
 * it. When a member went only the log knows: so it takes an entry that says so,
 * whose time has come; without one, nothing of the log may be left to read.
 */
static bool
early(const struct engine *e, const struct item *it)
{
	const struct ledger_entry *l = it->ledger;
	if (it->source == FROM_GRAVES || (l != NULL && l->state != LEDGER_OWNED))
		return false; /* done with, or under way */
	uint8_t nr = it->desire.found ? it->desire.catalog : l != NULL ? l->catalog : 0;
	const struct deploy_catalog *c = engine_catalog(e, nr);
	if (c == NULL || c->apply_delay_s == 0)
		return false;
	if (it->desire.found)
		return engine_is_early(e, c, it->desire.seq, it->desire.changed);
	bool behind = e->slow_behind || e->fast.seq < store_log_seq(e->store);
	return !it->removal && (it->source == FROM_LOG || behind);
}

/* Ours, and the server has lost it: what the catalog says now is better than
 * nothing. What turns out to be there keeps its settings. */
static bool
is_missing(const struct item *it)
{
	return it->desire.found && it->ledger != NULL &&
	       (it->lost || it->presence == PRESENCE_ABSENT);
}

/*
 * The file that goes with the zone, for the ledger. A zone whose file is now one
 * that zones share may still have its own of before.
 */
static char *
own_zonefile(const struct item *it)
{
	const struct settings *s = it->desire.settings;

	if (!settings_file_is_own(s->zonefile) && it->ledger != NULL)
		return NULL;
	return settings_file_record(s, &it->zone);
}

void
judge_item(struct engine *e, struct views *v, struct item *it)
{
	struct desire *d = &it->desire;
	struct store_txn *txn = v->catalog;
	struct zone_status s = {0};
	it->view = v->n_opened;
	it->action = ACT_NONE;
	it->has_note = it->doomed = it->kept = it->is_unseen = false;
	it->removal |= it->touched && it->touch == TOUCH_DEL;
	it->shape = 0;
	item_fini(it);
	read_ledger(e, txn, it);
	desire_read(e, txn, &it->zone, it->ledger != NULL ? it->ledger->catalog : 0, d);
	judge_touch_again(it);
	if (d->held) /* nothing became of it yet */
		it->log_says = (struct log_says){0};
	asks_look(e, txn, it);
	bool current = read_status(e, v->status, it, &s);
	if (d->settings != NULL) {
		e->driver->mark_of(e->ctx, d->settings, it->mark);
		it->zonefile = own_zonefile(it);
	}
	it->is_early = early(e, it);
	if (it->is_early && !is_missing(it))
		return;
	it->kept = it->is_early;
	if (it->source == FROM_GRAVES)
		it->action = it->ledger == NULL && !d->found && it->grave != NULL
				 ? ACT_PURGE
				 : ACT_NONE;
	else if (it->ledger != NULL && it->ledger->state == LEDGER_REMOVING)
		it->action = ACT_LOOK;
	else if (!d->found)
		judge_unwanted(e, txn, it);
	else if (it->ledger != NULL)
		judge_owned(e, it, &s, current);
	else
		judge_new(it, &s, current);
}

/* -- after a look-up -------------------------------------------------------- */

static void
looked_removing(struct item *it, enum presence presence)
{
	switch (presence) {
	case PRESENCE_ABSENT: it->action = ACT_GONE; break;
	case PRESENCE_OURS: it->action = ACT_REMOVE; break;
	case PRESENCE_OTHER:
	case PRESENCE_UNKNOWN: it->action = ACT_FORGET; break;
	}
}

static bool
is_secondary(const struct item *it)
{
	const struct settings *s = it->desire.settings;
	return s != NULL && s->role == ROLE_SECONDARY;
}

static void
looked_there(const struct engine *e, struct item *it, const char *mark)
{
	const struct desire *d = &it->desire;
	bool differs = d->settings != NULL && strcmp(mark, it->mark) != 0;
	it->action = ACT_CHANGE;
	if (differs && change_is_guarded(it, mark) && it->action == ACT_ASK)
		return;
	if (differs && !it->kept) {
		it->action = change_of(e, it, mark);
	} else if (it->lost && it->ledger != NULL) {
		it->action = ACT_NOTE;
		note(it, NOTE_STATE, ZONE_FAILED, NOTE_BACKOFF, "%s",
		    d->error[0] != '\0' ? d->error
					: "the server has it, but answers REFUSED");
		it->note.fault = is_secondary(it) ? FAULT_EXPIRED : FAULT_LOST;
	} else {
		it->action = ACT_ADOPT;
		snprintf(it->mark, sizeof(it->mark), "%s", mark);
	}
}

/* There is a grave, of another member: its data must not be used again. */
static void
looked_over_grave(struct item *it, enum presence presence)
{
	it->action = presence == PRESENCE_ABSENT ? ACT_PURGE : ACT_CLASH;
	if (presence != PRESENCE_OURS)
		return;
	it->doomed = true;
	it->action = ACT_REMOVE;
	if (!judge_guarded(it) || !it->kept)
		return;
	it->doomed = false;
	it->action = ACT_NOTE;
	note(it, NOTE_STATE, ZONE_APPLIED, NOTE_SETTLED, "%s", it->desire.error);
}

static void
looked_absent(struct item *it)
{
	const struct desire *d = &it->desire;
	if (d->settings != NULL) {
		it->action = ACT_ADD;
	} else if (it->ledger != NULL && it->ledger->state == LEDGER_INTENT) {
		it->action = ACT_FORGET;
		note(it, NOTE_STATE, ZONE_UNASSIGNED, NOTE_SETTLED, "%s", d->error);
	} else {
		/* It was served, is lost, and cannot be put back as it was. */
		it->action = ACT_NOTE;
		note(it, NOTE_STATE, ZONE_FAILED, NOTE_BACKOFF, "%s", d->error);
		it->note.fault = FAULT_LOST;
	}
}

static void
looked_stray(struct item *it, enum presence presence)
{
	it->action = presence == PRESENCE_OURS ? ACT_REMOVE
		     : it->has_status          ? ACT_NOTE
					       : ACT_NONE;
	note(it, NOTE_GONE, ZONE_PENDING, NOTE_SETTLED, "%s", "");
	if (presence != PRESENCE_OURS || !judge_guarded(it) || !it->kept)
		return;
	it->action = it->has_status && it->state == ZONE_HELD ? ACT_NONE : ACT_NOTE;
	note(it, NOTE_STATE, ZONE_HELD, NOTE_SETTLED,
	    "it is in no catalog, and the guard holds its removal");
}

void
judge_looked(struct engine *e, struct item *it, enum presence presence,
    const char *mark)
{
	bool removing = it->ledger != NULL && it->ledger->state == LEDGER_REMOVING;
	if (it->stray && it->ledger == NULL && !it->desire.found) {
		looked_stray(it, presence);
	} else if (removing) {
		looked_removing(it, presence);
	} else if (it->doomed || !it->desire.found) {
		it->action = presence == PRESENCE_OURS ? ACT_REMOVE : ACT_FORGET;
	} else if (it->replaced && it->ledger == NULL) {
		looked_over_grave(it, presence);
	} else if (presence == PRESENCE_OTHER) {
		it->action = ACT_CLASH;
	} else if (presence == PRESENCE_OURS) {
		looked_there(e, it, mark);
	} else {
		looked_absent(it);
	}
}
