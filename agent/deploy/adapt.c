/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/adapt.h"

#include <string.h>

#include "agent/deploy/engine.h"
#include "agent/deploy/repattern.h"
#include "agent/deploy/setup.h"
#include "lib/log.h"

enum { REKEY_US = 5000000 };

/* -- keys -------------------------------------------------------------------- */

/* The driver signs with the new ones in any case; what the server has of them
 * may have to wait, which is no reason not to serve. */
static void
rekey(struct engine *e)
{
	struct backend_error why = {{0}};
	e->rekey_wanted = false;
	if (!e->opened || e->driver->rekey == NULL)
		return;
	enum err err = e->driver->rekey(e->ctx, e->conf->backend.keys, &why);
	if (err == OK || engine_stopping(e))
		return;
	if (e->rekey_us == 0 && e->state != ENGINE_DOWN)
		log_warn("deploy", "backend=%s keys=later error=\"%s\"",
		    e->conf->backend.name,
		    why.text[0] != '\0' ? why.text : err_str(err));
	e->rekey_wanted = true;
	e->rekey_us = pace_now_us() + REKEY_US;
}

void
adapt_retry(struct engine *e)
{
	if (!e->rekey_wanted || pace_now_us() < e->rekey_us)
		return;
	rekey(e);
	if (!e->rekey_wanted)
		log_info("deploy", "backend=%s keys=renewed", e->conf->backend.name);
}

/* -- catalogs ---------------------------------------------------------------- */

/* Questions for the guard of a catalog that is no more are asked again when it
 * comes back; meanwhile they must not hold up the mark. */
static void
forget_catalogs(struct engine *e)
{
	size_t n = 0;
	for (size_t i = 0; i < e->asks.n; i++) {
		const struct ask *a = &e->asks.items[i];
		if (setup_catalog(e->conf, a->catalog) != NULL)
			e->asks.items[n++] = *a;
	}
	e->asks.n = n;
	e->sweep.started = false;
	e->sweep.catalog = 0;
}

/*
 * Zones of a catalog that is gone stay as they are: nothing leads to them any
 * more, and who comes across one leaves it alone (desire_may_miss). Of one that
 * is new, or is back, the log is past: a reconcile sees what its members are, and
 * what they were when it went.
 */
static void
take_catalogs(struct engine *e, struct deploy_backend_conf *next)
{
	bool more = false;
	for (size_t i = 0; i < next->n_catalogs; i++)
		more |= !e->of_interest[next->catalogs[i].nr];
	/* The writer reads them, too. */
	record_release(e);
	engine_await_jobs(e);
	setup_swap_catalogs(e->conf, next);
	memset(e->of_interest, 0, sizeof(e->of_interest));
	for (size_t i = 0; i < e->conf->n_catalogs; i++)
		e->of_interest[e->conf->catalogs[i].nr] = true;
	forget_catalogs(e);
	e->reconcile_wanted |= more;
	repattern_begin(e);
}

void
adapt_conf(struct engine *e, struct deploy_backend_conf *next)
{
	if (!setup_has_same_keys(e->conf, next)) {
		setup_swap_keys(e->conf, next);
		e->driver_conf.keys = e->conf->backend.keys;
		e->rekey_us = 0;
		rekey(e);
	}
	if (!setup_has_same_catalogs(e->conf, next))
		take_catalogs(e, next);
	setup_free(next);
}
