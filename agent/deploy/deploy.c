/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/deploy.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "agent/deploy/engine.h"
#include "agent/deploy/forget.h"
#include "agent/deploy/roster.h"
#include "agent/deploy/setup.h"
#include "agent/store/status.h"
#include "lib/log.h"
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
 *   adapt      other keys and catalogs, while it runs
 *   reconcile  all zones against the server's list; repattern: all members
 *
 * Neither the front half nor a name server is ever waited for by another one.
 */

/* One backend: its thread, and what it was given last, for comparison. */
struct post {
	struct engine *engine;
	struct deploy_backend_conf *conf;
};

struct deploy {
	struct store *store;
	struct probe *probe;
	struct roster *roster;
	pthread_mutex_t lock; /* of the list of posts, which the bell reads */
	struct post *posts;
	size_t n;
	atomic_bool stopping;
};

/* -- the bell ---------------------------------------------------------------- */

/* The work log grew. In the writer's thread. */
static void
ring(void *arg, uint64_t seq)
{
	struct deploy *d = arg;
	(void)seq;
	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < d->n; i++)
		engine_wake(d->posts[i].engine);
	pthread_mutex_unlock(&d->lock);
}

/* -- life ---------------------------------------------------------------- */

static void
name_backends(struct deploy *d, const struct deploy_backend_conf *backends, size_t n)
{
	const char **names = mem_zalloc((n + 1) * sizeof(*names));
	for (size_t i = 0; i < n; i++)
		names[i] = backends[i].backend.name;
	roster_set_backends(d->roster, names, n);
	free(names);
}

static enum err
open_engines(struct deploy *d, const struct deploy_conf *conf, struct err_where *where)
{
	enum err err = probe_start(&d->probe);
	if (err != OK) {
		(void)err_at(where, "probe", 0, "cannot start: %s", err_str(err));
		return err;
	}
	d->posts = mem_zalloc((conf->n_backends + 1) * sizeof(*d->posts));
	name_backends(d, conf->backends, conf->n_backends);
	for (size_t i = 0; err == OK && i < conf->n_backends; i++) {
		struct post *p = &d->posts[i];
		err = engine_new(d->roster, d->store, conf->patterns,
		    &conf->backends[i], d->probe, where, &p->engine);
		if (err != OK)
			break;
		p->conf = setup_copy(&conf->backends[i]);
		d->n++;
		err = engine_open(p->engine, where);
	}
	return err;
}

enum err
deploy_start(const struct deploy_conf *conf, struct err_where *where,
    struct deploy **deploy)
{
	struct deploy *d = mem_zalloc(sizeof(*d));
	d->store = conf->store;
	d->roster = roster_new(d->store);
	pthread_mutex_init(&d->lock, NULL);
	enum err err = open_engines(d, conf, where);
	if (err == OK) {
		roster_set(d->roster, conf->patterns);
		store_on_append(d->store, ring, d);
	}
	for (size_t i = 0; err == OK && i < d->n; i++) {
		err = engine_start(d->posts[i].engine);
		if (err != OK)
			(void)err_at(where, d->posts[i].conf->backend.name, 0,
			    "no thread");
	}
	if (err != OK) {
		deploy_stop(d);
		return err;
	}
	*deploy = d;
	return OK;
}

void
deploy_hurry(struct deploy *d)
{
	atomic_store(&d->stopping, true);
}

static void
let_go(struct post *posts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		engine_stop(posts[i].engine);
	for (size_t i = 0; i < n; i++)
		engine_join(posts[i].engine);
	for (size_t i = 0; i < n; i++) {
		engine_close(posts[i].engine);
		setup_free(posts[i].conf);
	}
}

void
deploy_stop(struct deploy *d)
{
	if (d == NULL)
		return;
	store_off_append(d->store, d);
	let_go(d->posts, d->n);
	probe_stop(d->probe);
	roster_free(d->roster);
	pthread_mutex_destroy(&d->lock);
	free(d->posts);
	free(d);
}

/* -- another configuration: before ------------------------------------------- */

struct deploy_change {
	struct deploy *deploy;
	struct pattern_set *patterns;
	struct deploy_backend_conf **confs; /* NULL: handed on */
	size_t n;
	struct post *leaving; /* in the order of posts */
	size_t n_leaving;
	/* Pairs whose zones leave the status; catalog 0: the backend does. */
	struct {
		uint8_t backend, catalog;
	} * gone;
	size_t n_gone, gone_room;
};

static struct post *
find_post(const struct deploy *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++) {
		if (strcmp(d->posts[i].conf->backend.name, name) == 0)
			return &d->posts[i];
	}
	return NULL;
}

/* One that runs needs no check, unless the keys that it names may be gone. */
static enum err
check(const struct deploy *d, const struct deploy_backend_conf *conf,
    struct err_where *where)
{
	const struct post *p = find_post(d, conf->backend.name);
	if (p != NULL && setup_is_same(p->conf, conf) &&
	    setup_has_same_keys(p->conf, conf))
		return OK;
	return conf->driver->check != NULL ? conf->driver->check(&conf->backend, where)
					   : OK;
}

enum err
deploy_prepare(struct deploy *d, const struct deploy_conf *conf,
    struct err_where *where, struct deploy_change **change)
{
	for (size_t i = 0; i < conf->n_backends; i++) {
		enum err err = check(d, &conf->backends[i], where);
		if (err != OK)
			return err;
	}
	struct deploy_change *c = mem_zalloc(sizeof(*c));
	c->deploy = d;
	if (conf->patterns != NULL)
		c->patterns = pattern_set_ref(conf->patterns);
	c->confs = mem_zalloc((conf->n_backends + 1) * sizeof(*c->confs));
	for (c->n = 0; c->n < conf->n_backends; c->n++)
		c->confs[c->n] = setup_copy(&conf->backends[c->n]);
	*change = c;
	return OK;
}

void
deploy_cancel(struct deploy_change *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n; i++)
		setup_free(c->confs[i]);
	pattern_set_unref(c->patterns);
	free(c->confs);
	free(c->leaving);
	free(c->gone);
	free(c);
}

/* -- now --------------------------------------------------------------------- */

static void
add_gone(struct deploy_change *c, uint8_t backend, uint8_t catalog)
{
	c->gone = mem_grow(c->gone, c->n_gone, &c->gone_room, sizeof(*c->gone));
	c->gone[c->n_gone].backend = backend;
	c->gone[c->n_gone++].catalog = catalog;
}

/* What it was, against what it is to be; NULL: nothing. */
static void
note_gone(struct deploy_change *c, const struct deploy_backend_conf *old,
    const struct deploy_backend_conf *conf)
{
	for (size_t i = 0; i < old->n_catalogs; i++) {
		uint8_t nr = old->catalogs[i].nr;
		if (conf == NULL || setup_catalog(conf, nr) == NULL)
			add_gone(c, old->nr, nr);
	}
	if (conf == NULL)
		add_gone(c, old->nr, 0);
}

/* Takes the configuration of that name out of the change. */
static struct deploy_backend_conf **
find_conf(struct deploy_change *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->confs[i] != NULL && strcmp(c->confs[i]->backend.name, name) == 0)
			return &c->confs[i];
	}
	return NULL;
}

/* It runs on. */
static void
keep(struct deploy_change *c, struct post *p, struct deploy_backend_conf **at)
{
	struct deploy_backend_conf *conf = *at;
	*at = NULL;
	if (!setup_has_same_keys(p->conf, conf) ||
	    !setup_has_same_catalogs(p->conf, conf))
		engine_set_conf(p->engine, setup_copy(conf));
	engine_set_patterns(p->engine, c->patterns);
	setup_free(p->conf);
	p->conf = conf;
}

static void
log_change(const struct deploy_backend_conf *conf, const char *what)
{
	log_info("deploy", "backend=%s %s", conf->backend.name, what);
}

/* Those that stay, in place; the others go over to leaving. */
static void
sort_posts(struct deploy_change *c)
{
	struct deploy *d = c->deploy;
	size_t n = 0;
	c->leaving = mem_zalloc((d->n + 1) * sizeof(*c->leaving));
	for (size_t i = 0; i < d->n; i++) {
		struct post p = d->posts[i];
		struct deploy_backend_conf **at = find_conf(c, p.conf->backend.name);
		note_gone(c, p.conf, at != NULL ? *at : NULL);
		if (at != NULL && setup_is_same(p.conf, *at)) {
			keep(c, &p, at);
			d->posts[n++] = p;
			continue;
		}
		log_change(p.conf, at != NULL ? "changed" : "removed");
		engine_stop(p.engine);
		c->leaving[c->n_leaving++] = p;
	}
	d->n = n;
}

void
deploy_commit(struct deploy_change *c)
{
	struct deploy *d = c->deploy;
	const char **names = mem_zalloc((c->n + 1) * sizeof(*names));
	for (size_t i = 0; i < c->n; i++) {
		names[i] = c->confs[i]->backend.name;
		if (find_post(d, names[i]) == NULL)
			log_change(c->confs[i], "new");
	}
	roster_set_backends(d->roster, names, c->n);
	roster_set(d->roster, c->patterns);
	free(names);
	pthread_mutex_lock(&d->lock);
	sort_posts(c);
	pthread_mutex_unlock(&d->lock);
}

/* -- and afterwards ---------------------------------------------------------- */

/* That it cannot be reached, or opened, its thread says and tries again. Takes
 * *conf. */
static void
start_new(struct deploy_change *c, struct deploy_backend_conf **conf)
{
	struct deploy *d = c->deploy;
	struct err_where where = {0};
	struct post p = {.conf = *conf};
	enum err err = engine_new(d->roster, d->store, c->patterns, p.conf, d->probe,
	    &where, &p.engine);
	if (err == OK && (err = engine_start(p.engine)) != OK) {
		(void)err_at(&where, "", 0, "no thread");
		engine_close(p.engine);
	}
	if (err != OK) {
		log_error("deploy", "backend=%s error=\"cannot be started: %s\"",
		    p.conf->backend.name, where.what);
		return; /* with the next change it is new once more */
	}
	*conf = NULL;
	pthread_mutex_lock(&d->lock);
	d->posts = mem_realloc(d->posts, (d->n + 1) * sizeof(*d->posts));
	d->posts[d->n++] = p;
	pthread_mutex_unlock(&d->lock);
}

void
deploy_finish(struct deploy_change *c)
{
	struct deploy *d = c->deploy;
	let_go(c->leaving, c->n_leaving);
	for (size_t i = 0; i < c->n && !atomic_load(&d->stopping); i++) {
		if (c->confs[i] != NULL)
			start_new(c, &c->confs[i]);
	}
	for (size_t i = 0; i < c->n_gone; i++) {
		if (c->gone[i].catalog == 0)
			forget_backend(d->store, c->gone[i].backend);
		else
			forget_zones(d->store, c->gone[i].backend, c->gone[i].catalog,
			    &d->stopping);
	}
	deploy_cancel(c);
}

/* -- how they are ------------------------------------------------------------ */

static enum err
count_zones(const struct post *p, struct store_txn *txn, struct deploy_vital *v)
{
	enum err err = OK;
	for (size_t i = 0; err == OK && i < p->conf->n_catalogs; i++) {
		struct status_counts c;
		err = status_count(txn, p->conf->nr, p->conf->catalogs[i].nr, &c);
		if (err != OK)
			break;
		v->n_serving += c.by_state[ZONE_SERVING];
		v->n_lost += c.by_fault[FAULT_LOST];
		v->n_expired += c.by_fault[FAULT_EXPIRED];
	}
	return err;
}

enum err
deploy_each_vital(struct deploy *d, deploy_vital_fn *fn, void *arg)
{
	static const char *const states[] = {"down", "starting", "up"};
	struct store_txn *txn = store_read(d->store, STORE_STATUS);
	enum err err = OK;
	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; err == OK && i < d->n; i++) {
		const struct post *p = &d->posts[i];
		struct engine *e = p->engine;
		struct deploy_vital v = {.name = p->conf->backend.name,
		    .has_probe = p->conf->has_probe,
		    .is_asked = atomic_load(&e->vital_asked),
		    .silent_us = atomic_load(&e->vital_silent_us),
		    .control = states[atomic_load(&e->vital_state)],
		    .is_known = atomic_load(&e->has_reconciled)};
		err = count_zones(p, txn, &v);
		if (err == OK)
			fn(arg, &v);
	}
	pthread_mutex_unlock(&d->lock);
	store_end(&txn);
	return err;
}

/* -- requests ------------------------------------------------------------- */

void
deploy_set_patterns(struct deploy *d, struct pattern_set *patterns)
{
	roster_set(d->roster, patterns);
	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < d->n; i++)
		engine_set_patterns(d->posts[i].engine, patterns);
	pthread_mutex_unlock(&d->lock);
}

void
deploy_reconcile(struct deploy *d, const char *backend)
{
	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < d->n; i++) {
		const struct post *p = &d->posts[i];
		if (backend == NULL || strcmp(backend, p->conf->backend.name) == 0)
			engine_ask_reconcile(p->engine);
	}
	pthread_mutex_unlock(&d->lock);
}
