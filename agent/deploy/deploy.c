/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/deploy.h"

#include <stdlib.h>
#include <string.h>

#include "agent/deploy/engine.h"
#include "agent/deploy/roster.h"
#include "lib/mem.h"

/*
 * The back half as a whole: one probe thread, and one engine (engine.c) for
 * each backend. From the work log to what was seen:
 *
 *   plan       the log as touches of zones
 *   intake     which zones a batch takes up: log, retries, what was put off
 *   judge      what is to be done about a zone, from desire, ledger and status
 *   batch      look up, make native patterns, write the intent, command
 *   outcome    what came of it: ledger, graves, notes, verification
 *   recheck    what the server answers
 *   reconcile  all zones against the server's list; repattern: all members
 *
 * Neither the front half nor a name server is ever waited for by another one.
 */

struct deploy {
	struct store *store;
	struct probe *probe;
	struct roster *roster;
	const char **names;
	struct engine **engines;
	size_t n;
};

/* -- the bell ---------------------------------------------------------------- */

/* The work log grew. In the writer's thread. */
static void
ring(void *arg, uint64_t seq)
{
	struct deploy *d = arg;
	(void)seq;
	for (size_t i = 0; i < d->n; i++)
		engine_wake(d->engines[i]);
}

/* -- life ---------------------------------------------------------------- */

static enum err
open_engines(struct deploy *d, const struct deploy_conf *conf, struct err_where *where)
{
	enum err err = probe_start(&d->probe);
	if (err != OK) {
		(void)err_at(where, "probe", 0, "cannot start: %s", err_str(err));
		return err;
	}
	d->engines = mem_zalloc((conf->n_backends + 1) * sizeof(struct engine *));
	d->names = mem_zalloc((conf->n_backends + 1) * sizeof(*d->names));
	for (size_t i = 0; i < conf->n_backends; i++)
		d->names[i] = conf->backends[i].backend.name;
	d->roster = roster_new(d->store, d->names, conf->n_backends);
	for (; err == OK && d->n < conf->n_backends; d->n += err == OK)
		err = engine_open(d->roster, d->store, conf->patterns,
		    &conf->backends[d->n], d->probe, where, &d->engines[d->n]);
	return err;
}

enum err
deploy_start(const struct deploy_conf *conf, struct err_where *where,
    struct deploy **deploy)
{
	struct deploy *d = mem_zalloc(sizeof(*d));
	d->store = conf->store;
	enum err err = open_engines(d, conf, where);
	if (err == OK) {
		roster_set(d->roster, conf->patterns);
		store_on_append(d->store, ring, d);
	}
	for (size_t i = 0; err == OK && i < d->n; i++) {
		err = engine_start(d->engines[i]);
		if (err != OK)
			(void)err_at(where, d->names[i], 0, "no thread");
	}
	if (err != OK) {
		deploy_stop(d);
		return err;
	}
	*deploy = d;
	return OK;
}

void
deploy_stop(struct deploy *d)
{
	if (d == NULL)
		return;
	store_off_append(d->store, d);
	for (size_t i = 0; i < d->n; i++)
		engine_stop(d->engines[i]);
	for (size_t i = 0; i < d->n; i++)
		engine_join(d->engines[i]);
	/* Its answers go to the engines. */
	probe_stop(d->probe);
	for (size_t i = 0; i < d->n; i++)
		engine_close(d->engines[i]);
	roster_free(d->roster);
	free(d->engines);
	free(d->names);
	free(d);
}

/* -- requests ------------------------------------------------------------- */

void
deploy_set_patterns(struct deploy *d, struct pattern_set *patterns)
{
	roster_set(d->roster, patterns);
	for (size_t i = 0; i < d->n; i++)
		engine_set_patterns(d->engines[i], patterns);
}

void
deploy_reconcile(struct deploy *d, const char *backend)
{
	for (size_t i = 0; i < d->n; i++) {
		if (backend == NULL || strcmp(backend, d->names[i]) == 0)
			engine_ask_reconcile(d->engines[i]);
	}
}
