/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/forget.h"

#include <stdlib.h>

#include "agent/store/status.h"
#include "lib/log.h"
#include "lib/mem.h"

enum { VISIT_MAX = 20000, SLICE = 10000 };

struct forget {
	struct store_job job; /* first */
	uint8_t backend, catalog;
	struct dname *zones;
	size_t n, room;
	/* of the walk */
	struct dname after;
	uint8_t after_backend;
	size_t n_seen;
};

static enum err
take_zone(void *arg, const struct zone_status *s)
{
	struct forget *f = arg;
	f->after = s->zone;
	f->after_backend = s->backend;
	f->n_seen++;
	if (s->backend != f->backend)
		return OK;
	f->zones = mem_grow(f->zones, f->n, &f->room, sizeof(*f->zones));
	f->zones[f->n++] = s->zone;
	return f->n < SLICE ? OK : ERR_BUSY;
}

static enum err
run_zones(struct store_txn *txn, struct store_job *job)
{
	struct forget *f = (struct forget *)job;
	for (size_t i = 0; i < f->n; i++)
		status_del(txn, f->catalog, &f->zones[i], f->backend);
	return OK;
}

/* Gathers a slice, in a short snapshot. Returns whether there may be more. */
static bool
gather(struct forget *f, struct store *store)
{
	struct dname from = f->after;
	struct store_txn *txn = store_read(store, STORE_STATUS);
	f->n = f->n_seen = 0;
	enum err err = status_each(txn, f->catalog, from.size > 0 ? &from : NULL,
	    f->after_backend, VISIT_MAX, take_zone, f);
	store_end(&txn);
	if (err != OK && err != ERR_BUSY)
		log_error("deploy", "status=unreadable error=\"%s\"", err_str(err));
	return err == ERR_BUSY || (err == OK && f->n_seen == VISIT_MAX);
}

void
forget_zones(struct store *store, uint8_t backend, uint8_t catalog,
    const atomic_bool *stop)
{
	struct forget f = {.job.run = run_zones,
	    .backend = backend,
	    .catalog = catalog};
	bool more = true;
	while (more && !atomic_load(stop)) {
		more = gather(&f, store);
		if (f.n > 0 && store_call(store, STORE_STATUS, &f.job) != OK)
			break;
	}
	free(f.zones);
}

struct forget_line {
	struct store_job job; /* first; frees itself */
	uint8_t backend;
};

static enum err
run_backend(struct store_txn *txn, struct store_job *job)
{
	status_del_backend(txn, ((struct forget_line *)job)->backend);
	return OK;
}

static void
done_backend(struct store_job *job, enum err err)
{
	(void)err; /* nobody sees it */
	free(job);
}

void
forget_backend(struct store *store, uint8_t backend)
{
	struct forget_line *f = mem_zalloc(sizeof(*f));
	f->job = (struct store_job){.run = run_backend, .done = done_backend};
	f->backend = backend;
	store_submit(store, STORE_STATUS, &f->job);
}
