/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/deploy/reconcile.h"
#include "agent/deploy/repattern.h"
#include "agent/deploy/setup.h"
#include "agent/deploy/verbs.h"
#include "agent/store/catalogs.h"
#include "lib/mem.h"

/* What an engine is made of. */

static enum err
read_mark(struct engine *e)
{
	struct store_txn *txn = store_read(e->store, STORE_CATALOG);
	uint64_t seq;
	enum err err = marks_get(txn, e->conf->nr, &seq);
	store_end(&txn);
	if (err == OK)
		e->fast.seq = e->slow.seq = e->marked = seq;
	return err;
}

enum err
engine_new(struct roster *roster, struct store *store, struct pattern_set *patterns,
    const struct deploy_backend_conf *conf, struct probe *probe,
    struct err_where *where, struct engine **engine)
{
	struct engine *e = mem_zalloc(sizeof(*e));
	e->roster = roster;
	e->conf = setup_copy(conf);
	e->driver = conf->driver;
	e->store = store;
	e->patterns = pattern_set_ref(patterns);
	e->again_last = &e->again;
	e->reconcile_wanted = true;
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	e->epoch_us =
	    (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000 - pace_now_us();
	e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&e->lock, NULL);
	watch_init(&e->watch);
	pace_init(&e->adds, conf->apply_rate, conf->apply_rate);
	transfers_init(&e->transfers, conf->max_transfers, conf->transfer_patience_s);
	for (size_t i = 0; i < conf->n_catalogs; i++)
		e->of_interest[conf->catalogs[i].nr] = true;
	e->status.backend = conf->nr;
	snprintf(e->status.name, sizeof(e->status.name), "%s", conf->backend.name);
	snprintf(e->status.driver, sizeof(e->status.driver), "%s", conf->driver->name);
	e->driver_conf = e->conf->backend;
	e->driver_conf.cancel_fd = e->cancel_fd;
	enum err err = e->wake_fd < 0 || e->cancel_fd < 0 ? ERR_IO : read_mark(e);
	if (err != OK) {
		(void)err_at(where, conf->backend.name, 0, "cannot start: %s",
		    err_str(err));
		engine_close(e);
		return err;
	}
	e->status.seq = e->marked;
	e->verbs = verbs_new(e);
	if (conf->has_probe) {
		struct probe_target_conf target = {.server = conf->probe,
		    .key = conf->probe_key,
		    .rate = conf->probe_rate,
		    .fn = engine_take_answer,
		    .arg = e};
		e->target = probe_add_target(probe, &target);
		target.rate = 0;
		target.fn = engine_take_pulse;
		e->pulse = probe_add_target(probe, &target);
		probe_ask(e->pulse, &dname_root, 0);
	}
	*engine = e;
	return OK;
}

enum err
engine_open(struct engine *e, struct err_where *where)
{
	enum err err = e->driver->open(&e->driver_conf, where, &e->ctx);
	e->opened = err == OK;
	return err;
}

void
engine_let_go(struct engine *e)
{
	if (e->opened)
		e->driver->close(e->ctx);
	e->opened = false;
}

void
engine_close(struct engine *e)
{
	if (e == NULL)
		return;
	probe_del_target(e->target);
	probe_del_target(e->pulse);
	reconcile_end(e);
	repattern_end(e);
	asks_fini(&e->asks);
	verbs_free(e->verbs);
	engine_let_go(e);
	while (e->again != NULL) {
		struct again *a = e->again;
		e->again = a->next;
		free(a);
	}
	watch_fini(&e->watch);
	transfers_fini(&e->transfers);
	pattern_set_unref(e->patterns);
	pattern_set_unref(e->in.patterns);
	setup_free(e->in.conf);
	free(e->in.results);
	pthread_mutex_destroy(&e->lock);
	if (e->wake_fd >= 0)
		close(e->wake_fd);
	if (e->cancel_fd >= 0)
		close(e->cancel_fd);
	setup_free(e->conf);
	free(e);
}
