/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/telemetry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uv.h>

#include "agent/catalog/catalog.h"
#include "agent/conf.h"
#include "agent/metrics/facts.h"
#include "agent/metrics/metrics.h"
#include "agent/rooms.h"
#include "agent/store/status.h"
#include "agent/store/tally.h"
#include "agent/store/worklog.h"
#include "lib/mem.h"
#include "lib/tls.h"
#include "lib/version.h"

/* A request with its answer; where there are many zones the page takes a second. */
enum { REQUEST_MAX_MS = 30000 };

/* What is published: a copy, of one configuration. The listener's threads hold it
 * while they look, so that a reload waits for none of them. */
struct scope_catalog {
	uint8_t nr;
	char label[64];
	bool is_follower;
	struct limit limit;
};

struct scope_backend {
	uint8_t nr;
	char name[64];
	char driver[16];
	uint8_t *catalogs; /* numbers */
	size_t n_catalogs;
};

struct scope {
	unsigned refs; /* under the lock */
	char agent[64];
	int64_t cert_expires_s;
	struct scope_catalog *catalogs;
	size_t n_catalogs;
	struct scope_backend *backends;
	size_t n_backends;
};

struct telemetry {
	struct rooms *rooms;
	struct store *store;
	struct metrics *metrics;
	uv_mutex_t lock;
	struct scope *scope;
};

struct telemetry_change {
	struct telemetry *telemetry;
	struct scope *scope;
	struct metrics_change *metrics;
};

/* -- the scope ---------------------------------------------------------------- */

static void
scope_free(struct scope *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n_backends; i++)
		free(s->backends[i].catalogs);
	free(s->catalogs);
	free(s->backends);
	free(s);
}

static struct scope *
scope_new(const struct conf *conf)
{
	struct scope *s = mem_zalloc(sizeof(*s));
	struct err_where where = {0};

	s->refs = 1;
	memcpy(s->agent, conf->name, sizeof(s->agent));
	if (conf->tls_cert != NULL &&
	    tls_expiry(conf->tls_cert, &where, &s->cert_expires_s) != OK)
		s->cert_expires_s = 0;
	s->catalogs = mem_zalloc((conf->n_catalogs + 1) * sizeof(*s->catalogs));
	for (size_t i = 0; i < conf->n_catalogs; i++) {
		const struct conf_catalog *c = conf->catalogs[i];
		struct scope_catalog *sc = &s->catalogs[s->n_catalogs++];
		*sc = (struct scope_catalog){.nr = c->nr,
		    .is_follower = c->is_follower,
		    .limit = c->limit};
		memcpy(sc->label, c->label, sizeof(sc->label));
	}
	s->backends = mem_zalloc((conf->n_backends + 1) * sizeof(*s->backends));
	for (size_t i = 0; i < conf->n_backends; i++) {
		const struct conf_backend *b = conf->backends[i];
		struct scope_backend *sb = &s->backends[s->n_backends++];
		sb->nr = conf->deploy[i].nr;
		memcpy(sb->name, b->name, sizeof(sb->name));
		snprintf(sb->driver, sizeof(sb->driver), "%s", b->driver->name);
		sb->n_catalogs = b->n_catalog_nrs;
		sb->catalogs = mem_dup(b->catalog_nrs, b->n_catalog_nrs);
	}
	return s;
}

static struct scope *
scope_ref(struct telemetry *t)
{
	uv_mutex_lock(&t->lock);
	struct scope *s = t->scope;
	s->refs++;
	uv_mutex_unlock(&t->lock);
	return s;
}

static void
scope_unref(struct telemetry *t, struct scope *s)
{
	uv_mutex_lock(&t->lock);
	bool is_last = --s->refs == 0;
	uv_mutex_unlock(&t->lock);
	if (is_last)
		scope_free(s);
}

/* -- a look: in the listener's threads ---------------------------------------- */

struct look {
	struct telemetry *telemetry;
	const struct scope *scope;
	struct facts *f;
	struct store_txn *status, *catalog;
	uint64_t log_last;
	/* as long as those of facts */
	struct catalog_head *heads;
	struct guard_facts *guards;
	const char *backend; /* whose zones are looked at */
};

static enum err
look_at_upstream(const struct look *l, uint8_t nr, struct facts_catalog *fc)
{
	struct upstream_status u = {.state = "none"};
	enum err err = status_get_upstream(l->status, nr, &u);

	if (err != OK && err != ERR_NOTFOUND)
		return err;
	memcpy(fc->state, u.state, sizeof(fc->state));
	memcpy(fc->primary, u.primary, sizeof(fc->primary));
	memcpy(fc->error, u.error, sizeof(fc->error));
	fc->refreshed_s = u.refreshed;
	return OK;
}

static enum err
look_at_catalog(const struct look *l, size_t i)
{
	const struct scope_catalog *sc = &l->scope->catalogs[i];
	struct facts_catalog *fc = &l->f->catalogs[i];
	struct catalog_head *head = &l->heads[i];
	struct guard_facts *g = &l->guards[i];

	enum err err = catalogs_get(l->catalog, sc->nr, head);
	if (err == OK)
		err = catalog_guard_facts(l->catalog, head, &sc->limit, l->f->now_s, g);
	if (err != OK)
		return err;
	*fc = (struct facts_catalog){.nr = sc->nr,
	    .is_follower = sc->is_follower,
	    .serial = head->soa.serial,
	    .n_members = head->n_members,
	    .state = "valid",
	    .is_guarded = !g->off,
	    .is_holding = g->holding,
	    .held = g->n_held,
	    .used = g->used,
	    .limit = g->limit,
	    .window_s = g->window_s};
	memcpy(fc->label, sc->label, sizeof(fc->label));
	(void)dname_print_short(&head->name, fc->zone);
	return sc->is_follower ? look_at_upstream(l, sc->nr, fc) : OK;
}

/* Its place in the lists; those of a backend are among them. */
static size_t
place_of(const struct scope *s, uint8_t catalog)
{
	size_t i = 0;

	while (i + 1 < s->n_catalogs && s->catalogs[i].nr != catalog)
		i++;
	return i;
}

static enum err
look_at_share(const struct look *l, size_t backend, size_t catalog, struct tally *t)
{
	const struct tally_from from = {.status = l->status,
	    .catalog = l->catalog,
	    .head = &l->heads[catalog],
	    .guard = &l->guards[catalog],
	    .log_last = l->log_last};
	enum err err = tally_take(&from, l->scope->backends[backend].nr, t);

	if (err != OK)
		return err;
	struct facts_share *s = &l->f->shares[l->f->n_shares++];
	*s = (struct facts_share){.backend = backend,
	    .catalog = catalog,
	    .has_applied = t->has_applied,
	    .applied = t->applied};
	memcpy(s->zones, t->counts.by_state, sizeof(s->zones));
	memcpy(s->faults, t->counts.by_fault, sizeof(s->faults));
	s->zones[ZONE_PENDING] = t->pending;
	return OK;
}

static enum err
look_at_backend(const struct look *l, size_t i)
{
	const struct scope_backend *sb = &l->scope->backends[i];
	struct facts_backend *fb = &l->f->backends[i];
	struct tally t = {.status = {.state = "starting"}};
	enum err err = OK;

	for (size_t k = 0; k < sb->n_catalogs && err == OK; k++)
		err = look_at_share(l, i, place_of(l->scope, sb->catalogs[k]), &t);
	*fb = (struct facts_backend){.nr = sb->nr, .queue = t.queue};
	memcpy(fb->name, sb->name, sizeof(fb->name));
	memcpy(fb->driver, sb->driver, sizeof(fb->driver));
	memcpy(fb->server, t.status.server, sizeof(fb->server));
	memcpy(fb->state, t.status.state, sizeof(fb->state));
	memcpy(fb->error, t.status.error, sizeof(fb->error));
	return err;
}

static void
take_vital(void *arg, const struct deploy_vital *v)
{
	const struct look *l = arg;

	for (size_t i = 0; i < l->f->n_backends; i++) {
		struct facts_backend *fb = &l->f->backends[i];
		if (strcmp(fb->name, v->name) != 0)
			continue;
		fb->is_asked = v->has_probe && v->is_asked;
		fb->answers = v->silent_us == 0;
	}
}

static enum err
look_at_health(const struct look *l)
{
	struct health_status h = {.state = "unknown"};
	enum err err = status_get_health(l->status, &h);

	memcpy(l->f->health, h.state, sizeof(l->f->health));
	memcpy(l->f->health_reason, h.reason, sizeof(l->f->health_reason));
	l->f->health_since_s = h.since;
	return err == ERR_NOTFOUND ? OK : err;
}

/* -- problems ------------------------------------------------------------------ */

/* NULL: it is not there any more. */
static const char *
name_of(const struct scope *s, uint8_t backend)
{
	for (size_t i = 0; i < s->n_backends; i++)
		if (s->backends[i].nr == backend)
			return s->backends[i].name;
	return NULL;
}

static enum err
take_zone(void *arg, const struct zone_status *z)
{
	const struct look *l = arg;
	char zone[DNAME_TEXT_MAX];
	struct facts_problem p = {.since_s = z->since};

	if (z->error[0] == '\0')
		return OK;
	snprintf(p.what, sizeof(p.what), "zone %s on %s",
	    dname_print_short(&z->zone, zone), l->backend);
	snprintf(p.state, sizeof(p.state), "%s", zone_state_str(z->state));
	snprintf(p.text, sizeof(p.text), "%s", z->error);
	facts_add_problem(l->f, &p);
	return OK;
}

static enum err
take_pattern(void *arg, const struct pattern_status *ps)
{
	const struct look *l = arg;
	struct facts_problem p = {.state = "unusable"};

	if (ps->error[0] == '\0')
		return OK;
	snprintf(p.what, sizeof(p.what), "pattern %s", ps->name);
	snprintf(p.text, sizeof(p.text), "%s", ps->error);
	facts_add_problem(l->f, &p);
	return OK;
}

static enum err
take_any_zone(void *arg, const struct zone_status *z)
{
	struct look *l = arg;

	l->backend = name_of(l->scope, z->backend);
	return l->backend != NULL ? take_zone(l, z) : OK;
}

static bool
has_unwell_zones(const struct facts *f, size_t catalog)
{
	for (size_t i = 0; i < f->n_shares; i++) {
		const struct facts_share *s = &f->shares[i];
		if (s->catalog == catalog && s->zones[ZONE_FAILED] +
						     s->zones[ZONE_CONFLICT] +
						     s->zones[ZONE_UNASSIGNED] >
						 0)
			return true;
	}
	return false;
}

/* First zones that are to be tried again, which are found at once; then what else is
 * wrong with the first so many of a catalog. */
static enum err
look_for_problems(struct look *l)
{
	enum { ZONES_MAX = 20000 };
	const struct scope *s = l->scope;
	enum err err = status_each_pattern(l->status, take_pattern, l);

	for (size_t i = 0; i < s->n_backends && err == OK; i++) {
		l->backend = s->backends[i].name;
		err = status_each_due(l->status, s->backends[i].nr, UINT64_MAX,
		    FACTS_PROBLEMS_MAX, take_zone, l);
	}
	for (size_t i = 0; i < s->n_catalogs && err == OK; i++)
		if (has_unwell_zones(l->f, i) && !l->f->has_more_problems)
			err = status_each(l->status, s->catalogs[i].nr, NULL, 0,
			    ZONES_MAX, take_any_zone, l);
	return err;
}

/* -- all of it ------------------------------------------------------------------ */

static enum err
look_at_all(struct look *l, bool with_problems)
{
	struct facts *f = l->f;
	const struct scope *s = l->scope;
	uint64_t first;
	enum err err = worklog_range(l->catalog, &first, &l->log_last);

	f->log_seq = l->log_last;
	for (size_t i = 0; i < s->n_catalogs && err == OK; i++, f->n_catalogs++)
		err = look_at_catalog(l, i);
	for (size_t i = 0; i < s->n_backends && err == OK; i++, f->n_backends++)
		err = look_at_backend(l, i);
	if (err == OK)
		err = look_at_health(l);
	if (err == OK && with_problems)
		err = look_for_problems(l);
	return err;
}

static void
look_at_store(const struct telemetry *t, struct facts *f)
{
	struct store_space space;

	store_get_space(t->store, &space);
	f->disk_free = space.disk_free;
	f->catalog_used = space.catalog_used;
	f->status_used = space.status_used;
	f->map_size = space.map_size;
	f->catalog_queued = store_queued(t->store, STORE_CATALOG);
	f->status_queued = store_queued(t->store, STORE_STATUS);
}

static void
make_room(struct look *l)
{
	const struct scope *s = l->scope;
	struct facts *f = l->f;
	size_t n_shares = 1;

	for (size_t i = 0; i < s->n_backends; i++)
		n_shares += s->backends[i].n_catalogs;
	f->catalogs = mem_zalloc((s->n_catalogs + 1) * sizeof(*f->catalogs));
	f->backends = mem_zalloc((s->n_backends + 1) * sizeof(*f->backends));
	f->shares = mem_zalloc(n_shares * sizeof(*f->shares));
	l->heads = mem_zalloc((s->n_catalogs + 1) * sizeof(*l->heads));
	l->guards = mem_zalloc((s->n_catalogs + 1) * sizeof(*l->guards));
}

static void
look(void *arg, struct facts *f, bool with_problems)
{
	struct telemetry *t = arg;
	struct scope *scope = scope_ref(t);
	struct look l = {.telemetry = t, .scope = scope, .f = f};

	f->now_s = (uint64_t)time(NULL);
	f->started_s = t->rooms->started;
	f->cert_expires_s = scope->cert_expires_s;
	memcpy(f->agent, scope->agent, sizeof(f->agent));
	snprintf(f->version, sizeof(f->version), "%s", NSHERD_VERSION);
	make_room(&l);
	/* The status first, as in _status.C: so it is never ahead. */
	l.status = store_read(t->store, STORE_STATUS);
	l.catalog = store_read(t->store, STORE_CATALOG);
	enum err err = look_at_all(&l, with_problems);
	store_end(&l.catalog);
	store_end(&l.status);
	if (err == OK)
		err = deploy_each_vital(t->rooms->deploy, take_vital, &l);
	f->is_complete = err == OK;
	look_at_store(t, f);
	free(l.heads);
	free(l.guards);
	scope_unref(t, scope);
}

/* -- life ------------------------------------------------------------------------ */

struct telemetry *
telemetry_new(struct rooms *rooms)
{
	struct telemetry *t = mem_zalloc(sizeof(*t));

	t->rooms = rooms;
	t->store = rooms->store;
	if (uv_mutex_init(&t->lock) != 0)
		abort(); /* no memory */
	t->metrics = metrics_new(look, t);
	return t;
}

void
telemetry_free(struct telemetry *t)
{
	if (t == NULL)
		return;
	metrics_free(t->metrics);
	scope_free(t->scope);
	uv_mutex_destroy(&t->lock);
	free(t);
}

enum err
telemetry_prepare(struct telemetry *t, const struct conf *conf, struct err_where *where,
    struct telemetry_change **change)
{
	struct metrics_change *mc;
	enum err err =
	    metrics_prepare(t->metrics, conf->metrics, conf->n_metrics, where, &mc);

	if (err != OK)
		return err;
	struct telemetry_change *c = mem_zalloc(sizeof(*c));
	c->telemetry = t;
	c->metrics = mc;
	c->scope = scope_new(conf);
	*change = c;
	return OK;
}

void
telemetry_cancel(struct telemetry_change *change)
{
	if (change == NULL)
		return;
	metrics_cancel(change->metrics);
	scope_free(change->scope);
	free(change);
}

void
telemetry_commit(struct telemetry_change *change)
{
	struct telemetry *t = change->telemetry;

	uv_mutex_lock(&t->lock);
	struct scope *old = t->scope;
	t->scope = change->scope;
	uv_mutex_unlock(&t->lock);
	if (old != NULL)
		scope_unref(t, old);
	metrics_commit(change->metrics);
	free(change);
}

void
telemetry_tick(struct telemetry *t)
{
	metrics_expire(t->metrics, REQUEST_MAX_MS);
	metrics_mend(t->metrics);
}

const struct addr *
telemetry_address(const struct telemetry *t, size_t n)
{
	return metrics_address(t->metrics, n);
}
