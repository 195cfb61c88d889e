/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/proto/follow_inside.h"
#include "agent/store/catalogs.h"
#include "agent/store/status.h"
#include "agent/store/worklog.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * What a follower keeps. A received version is a job of the store's writer, where it
 * is judged and becomes the catalog's, all in one transaction with the note that the
 * primary spoke for it; what is not valid leaves just that note.
 */

/* -- a version -------------------------------------------------------------- */

struct take {
	struct store_job job; /* first */
	struct follow *f;
	struct proto *proto;
	struct view *view;
	uint8_t nr;
	char label[64];
	bool was_loaded;
	struct reception rx;
	char by[64], source[64];
	uint64_t now;

	enum follow_outcome outcome;
	struct catalog_taken taken;
};

static enum err
take_version(struct store_txn *txn, struct take *t)
{
	struct catalog_head head;
	const struct proto_catalog *c = view_catalog(t->view, t->nr);
	const struct catalog_origin origin = {.by = t->by,
	    .source = t->source,
	    .now = t->now,
	    .limit = &c->limit};
	enum err err = catalogs_get(txn, t->nr, &head);

	if (err != OK)
		return err == ERR_NOTFOUND ? ERR_CORRUPT : err;
	return reception_apply(&t->rx, txn, &head, t->view->reserved,
	    t->view->conf.n_catalogs, &origin, &t->taken);
}

static enum err
run_take(struct store_txn *txn, struct store_job *job)
{
	struct take *t = (struct take *)job;
	struct catalog_upstream up = {.loaded = true, .checked = t->now};

	memset(&t->taken, 0, sizeof(t->taken));
	t->outcome = FOLLOW_TAKEN;
	enum err err = take_version(txn, t);
	if (err == ERR_NOTFOUND && store_err(txn) == OK) {
		t->outcome = FOLLOW_OUT_OF_STEP;
		return OK;
	}
	if (err == ERR_DENIED) {
		t->outcome = FOLLOW_BROKEN;
		up.loaded = t->was_loaded;
		err = OK;
	}
	if (err == OK)
		catalogs_put_upstream(txn, t->nr, &up);
	return err == OK ? store_err(txn) : err;
}

static void
log_taken(const struct take *t)
{
	const struct catalog_taken *k = &t->taken;
	unsigned serial = t->rx.soa.serial;

	if (t->outcome == FOLLOW_BROKEN) {
		log_error("follow",
		    "catalog=%s primary=%s serial=%u state=broken error=\"%s\" text=\"the last valid "
		    "version stays\"",
		    t->label, t->source, serial, k->why.reason);
	} else if (t->outcome == FOLLOW_OUT_OF_STEP) {
		log_warn("follow",
		    "catalog=%s primary=%s serial=%u text=\"the differences do not fit, "
		    "fetching the whole\"",
		    t->label, t->source, serial);
	} else if (t->rx.version) {
		log_info("follow",
		    "catalog=%s primary=%s serial=%u axfr records=%" PRIu64
		    " added=%" PRIu64 " removed=%" PRIu64 " changed=%" PRIu64,
		    t->label, t->source, serial, t->rx.n_records, k->n_added,
		    k->n_removed, k->n_changed);
	} else {
		log_info("follow",
		    "catalog=%s primary=%s serial=%u ixfr from=%u records=%" PRIu64,
		    t->label, t->source, serial, (unsigned)t->rx.from, t->rx.n_records);
	}
	catalog_guard_log(&k->verdict, t->label, t->by);
}

static void
end_take(struct take *t, enum err err)
{
	struct follow *f = t->f;

	if (err != OK) {
		t->outcome = FOLLOW_NOT_STORED;
		snprintf(f->error, sizeof(f->error), "cannot be stored: %s",
		    err_str(err));
		log_error("follow", "catalog=%s primary=%s serial=%u error=\"%s\"",
		    t->label, t->source, (unsigned)t->rx.soa.serial, f->error);
	} else {
		log_taken(t);
	}
	if (t->outcome == FOLLOW_TAKEN) {
		f->loaded = true;
		f->soa = t->rx.soa;
		f->checked = t->now;
	} else if (t->outcome == FOLLOW_BROKEN) {
		f->checked = t->now;
		f->broken_serial = t->rx.soa.serial;
		/* Another configuration may judge it otherwise. */
		f->is_fault_known = t->view == f->proto->view;
		snprintf(f->fault, sizeof(f->fault), "broken serial=%u: %s",
		    (unsigned)t->rx.soa.serial, t->taken.why.reason);
	}
	f->n_jobs--;
	if (f->is_gone)
		follow_free(f);
	else
		follow_attempt_stored(f, t->outcome);
}

/* To give back the map of a million members takes tens of milliseconds, which the loop
 * has not. */
struct drop {
	struct store_job job; /* first */
	struct reception rx;
};

static enum err
run_drop(struct store_txn *txn, struct store_job *job)
{
	(void)txn;
	(void)job;
	return OK;
}

/* In the writer's thread. */
static void
drop_done(struct store_job *job, enum err err)
{
	struct drop *d = (struct drop *)job;

	(void)err;
	reception_fini(&d->rx);
	free(d);
}

void
follow_store_drop(struct store *store, struct reception *rx)
{
	if (!rx->version) {
		reception_fini(rx);
		return;
	}
	struct drop *d = mem_zalloc(sizeof(*d));
	d->job = (struct store_job){.run = run_drop, .done = drop_done};
	d->rx = *rx;
	memset(rx, 0, sizeof(*rx));
	store_submit(store, STORE_STATUS, &d->job);
}

static void
take_done(struct store_job *job, enum err err)
{
	struct take *t = (struct take *)job;
	struct proto *proto = t->proto;

	end_take(t, err);
	follow_store_drop(proto->store, &t->rx);
	view_unref(t->view);
	free(t);
	proto_free(proto);
}

void
follow_store_take(struct follow *f)
{
	struct take *t = mem_zalloc(sizeof(*t));

	t->job = (struct store_job){.run = run_take, .done = take_done, .reap = true};
	t->f = f;
	t->proto = f->proto;
	t->proto->refs++;
	t->view = view_ref(f->proto->view);
	t->nr = f->nr;
	t->was_loaded = f->loaded;
	t->now = (uint64_t)time(NULL);
	memcpy(t->label, f->label, sizeof(t->label));
	memcpy(t->by, f->by, sizeof(t->by));
	memcpy(t->source, f->source, sizeof(t->source));
	t->rx = f->rx;
	memset(&f->rx, 0, sizeof(f->rx));
	f->n_jobs++;
	store_submit(t->proto->store, STORE_CATALOG, &t->job);
}

/* -- notes ------------------------------------------------------------------ */

struct note {
	struct store_job job; /* first */
	uint8_t nr;
	uint64_t checked;
	struct upstream_status status;
};

static void
note_done(struct store_job *job, enum err err)
{
	struct note *n = (struct note *)job;

	if (err != OK)
		log_error("follow", "error=\"noting what a primary said: %s\"",
		    err_str(err));
	free(n);
}

static struct note *
note_new(uint8_t nr, enum err (*run)(struct store_txn *txn, struct store_job *job))
{
	struct note *n = mem_zalloc(sizeof(*n));

	n->job = (struct store_job){.run = run, .done = note_done, .reap = true};
	n->nr = nr;
	return n;
}

static enum err
run_checked(struct store_txn *txn, struct store_job *job)
{
	const struct note *n = (const struct note *)job;
	struct catalog_upstream up = {.loaded = true, .checked = n->checked};

	catalogs_put_upstream(txn, n->nr, &up);
	return store_err(txn);
}

void
follow_store_checked(struct follow *f)
{
	struct note *n = note_new(f->nr, run_checked);

	n->checked = f->checked;
	store_submit(f->proto->store, STORE_CATALOG, &n->job);
}

static enum err
run_followed(struct store_txn *txn, struct store_job *job)
{
	const struct note *n = (const struct note *)job;
	const struct catalog_upstream up = {.loaded = false};

	catalogs_put_upstream(txn, n->nr, &up);
	return store_err(txn);
}

static enum err
run_not_followed(struct store_txn *txn, struct store_job *job)
{
	const struct note *n = (const struct note *)job;

	catalogs_del_upstream(txn, n->nr);
	return store_err(txn);
}

void
follow_store_role(struct store *store, uint8_t catalog, bool is_followed)
{
	struct note *n =
	    note_new(catalog, is_followed ? run_followed : run_not_followed);

	store_submit(store, STORE_CATALOG, &n->job);
}

static enum err
run_status(struct store_txn *txn, struct store_job *job)
{
	const struct note *n = (const struct note *)job;

	status_put_upstream(txn, n->nr, &n->status);
	return store_err(txn);
}

void
follow_store_status(struct follow *f)
{
	struct note *n = note_new(f->nr, run_status);
	const char *state = f->is_expired  ? "expired"
			    : f->is_broken ? "broken"
			    : f->loaded    ? "valid"
					   : "none";

	snprintf(n->status.state, sizeof(n->status.state), "%s", state);
	snprintf(n->status.primary, sizeof(n->status.primary), "%s", f->server);
	n->status.refreshed = f->checked;
	if (f->is_broken)
		snprintf(n->status.error, sizeof(n->status.error), "%.120s%s%.70s",
		    f->fault, f->error[0] ? "; " : "", f->error);
	else
		snprintf(n->status.error, sizeof(n->status.error), "%s", f->error);
	store_submit(f->proto->store, STORE_STATUS, &n->job);
}
