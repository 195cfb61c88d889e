/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/engine.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/deploy/adapt.h"
#include "agent/deploy/batch.h"
#include "agent/deploy/graves.h"
#include "agent/deploy/hasten.h"
#include "agent/deploy/intake.h"
#include "agent/deploy/moved.h"
#include "agent/deploy/outcome.h"
#include "agent/deploy/recheck.h"
#include "agent/deploy/reconcile.h"
#include "agent/deploy/repattern.h"
#include "agent/deploy/setup.h"
#include "agent/deploy/verbs.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * The thread of one backend. It sleeps until something rings: the work log, an
 * answer of the probe, a writer that finished, a request from outside, or the
 * time of a retry. Each turn it
 *
 *   - takes what came in (answers, new patterns);
 *   - makes sure that the server is there, and is the process it was: every
 *     two seconds, and with a back-off of 1 to 10 s while it is down. A new
 *     process, or a doubt, starts a reconcile;
 *   - gathers one batch: zones named again, then the log, retries, additions
 *     put off, and a slice of whatever walk is under way;
 *   - has it carried out and recorded (batch.c, outcome.c);
 *   - carries out verbs whose turn has come (verbs.c).
 *
 * Nothing is remembered that a crash may not lose: what is ours is in the
 * ledger before it is commanded, the mark follows what is on record, and the
 * start reconciles. No snapshot is held while the driver works.
 */

enum {
	IDENTIFY_US = 2000000,
	BACKOFF_MIN_US = 1000000,
	BACKOFF_MAX_US = 10000000,
	IDLE_MS = 1000,
	LATE_US = 20000,
	WRITE_FAILED_MS = 1000,
	PULSE_MS = 1000,
};

/* -- from other threads ------------------------------------------------------- */

static void
ring(int fd)
{
	uint64_t one = 1;
	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void
engine_wake(struct engine *e)
{
	ring(e->wake_fd);
}

void
engine_set_patterns(struct engine *e, struct pattern_set *patterns)
{
	pthread_mutex_lock(&e->lock);
	pattern_set_unref(e->in.patterns);
	e->in.patterns = pattern_set_ref(patterns);
	pthread_mutex_unlock(&e->lock);
	engine_wake(e);
}

void
engine_set_conf(struct engine *e, struct deploy_backend_conf *conf)
{
	pthread_mutex_lock(&e->lock);
	struct deploy_backend_conf *old = e->in.conf;
	e->in.conf = conf;
	pthread_mutex_unlock(&e->lock);
	setup_free(old);
	engine_wake(e);
}

void
engine_ask_reconcile(struct engine *e)
{
	pthread_mutex_lock(&e->lock);
	e->in.reconcile = true;
	pthread_mutex_unlock(&e->lock);
	engine_wake(e);
}

void
engine_job_done(struct engine *e, enum store_env env, enum err err)
{
	if (err != OK)
		atomic_store(&e->write_failed, true);
	/* Under the lock: await_jobs must not let go of e before the bell rang. */
	pthread_mutex_lock(&e->lock);
	atomic_fetch_add(env == STORE_CATALOG ? &e->catalog_done : &e->status_done, 1);
	ring(e->wake_fd);
	pthread_mutex_unlock(&e->lock);
}

/* In the probe's thread. */
void
engine_take_answer(void *arg, const struct probe_result *result)
{
	struct engine *e = arg;
	pthread_mutex_lock(&e->lock);
	e->in.results = mem_grow(e->in.results, e->in.n_results, &e->in.room,
	    sizeof(*e->in.results));
	e->in.results[e->in.n_results++] = *result;
	bool first = e->in.n_results == 1;
	pthread_mutex_unlock(&e->lock);
	if (first)
		engine_wake(e);
}

/*
 * Does the server answer at all? It is asked once a second, whatever this engine's
 * thread is waiting for. In the probe's thread.
 */
void
engine_take_pulse(void *arg, const struct probe_result *result)
{
	struct engine *e = arg;
	uint64_t now = pace_now_us();
	if (result->answer != PROBE_SILENT)
		atomic_store(&e->vital_silent_us, 0);
	else if (atomic_load(&e->vital_silent_us) == 0)
		atomic_store(&e->vital_silent_us, now);
	atomic_store(&e->vital_asked, true);
	probe_ask(e->pulse, &result->zone, now / 1000 + PULSE_MS);
}

/* -- small services ----------------------------------------------------------- */

bool
engine_stopping(const struct engine *e)
{
	return atomic_load(&e->stop);
}

uint64_t
engine_due_ms(const struct engine *e)
{
	return (e->epoch_us + pace_now_us()) / 1000;
}

bool
engine_is_early(const struct engine *e, const struct deploy_catalog *c, uint64_t seq,
    uint64_t time_s)
{
	uint64_t now_s = (uint64_t)time(NULL);
	uint64_t told_us = now_s > time_s ? (now_s - time_s) * 1000000 : 0;
	uint64_t delay_us = (uint64_t)c->apply_delay_s * 1000000;
	return delay_us > 0 &&
	       ages_of(&e->ages, seq, told_us, pace_now_us()) < delay_us;
}

size_t
engine_watch_max(const struct engine *e)
{
	size_t n = (size_t)e->conf->probe_rate * 2;
	if (e->conf->probe_rate == 0 || n > ENGINE_WATCH_MAX)
		return ENGINE_WATCH_MAX;
	return n > 256 ? n : 256;
}

uint64_t
engine_verify_later(struct engine *e)
{
	enum { UNLIMITED = 5000 }; /* a second, where probes are not limited */
	uint64_t now = engine_due_ms(e) * 1000 + 500000;
	unsigned rate = e->conf->probe_rate > 0 ? e->conf->probe_rate : UNLIMITED;
	if (e->verify_us < now)
		e->verify_us = now;
	e->verify_us += 1000000 / rate + 1;
	return e->verify_us / 1000;
}

const struct deploy_catalog *
engine_catalog(const struct engine *e, uint8_t nr)
{
	return setup_catalog(e->conf, nr);
}

struct again *
engine_again(struct engine *e, const struct dname *zone)
{
	struct again *a = mem_zalloc(sizeof(*a));
	a->zone = *zone;
	*e->again_last = a;
	e->again_last = &a->next;
	return a;
}

void
engine_settle(struct engine *e, struct watch *w, uint64_t catalog_job,
    uint64_t status_job)
{
	watch_settle(&e->watch, w, catalog_job, status_job);
}

static void
put_status(struct engine *e)
{
	struct record *r = record_new(e);
	r->has_backend = true;
	r->backend = e->status;
	record_submit(&r, NULL, NULL);
}

/* One line of log and one record for each change. */
static void
set_state(struct engine *e, enum engine_state state, const char *error)
{
	static const char *const names[] = {"down", "starting", "up"};
	char server[sizeof(e->status.server)];
	snprintf(server, sizeof(server), "%s%s%s", e->identity.product,
	    e->identity.version[0] != '\0' ? " " : "", e->identity.version);
	e->state = state;
	atomic_store(&e->vital_state, (int)state);
	if (strcmp(e->status.state, names[state]) == 0 &&
	    strcmp(e->status.error, error) == 0 &&
	    strcmp(e->status.server, server) == 0)
		return;
	snprintf(e->status.state, sizeof(e->status.state), "%s", names[state]);
	snprintf(e->status.error, sizeof(e->status.error), "%s", error);
	snprintf(e->status.server, sizeof(e->status.server), "%s", server);
	if (error[0] != '\0')
		log_warn("deploy", "backend=%s state=%s error=\"%s\"",
		    e->conf->backend.name, names[state], error);
	else
		log_info("deploy", "backend=%s state=%s server=\"%s\"",
		    e->conf->backend.name, names[state], server);
	put_status(e);
}

static void
back_off(struct engine *e)
{
	uint64_t us = BACKOFF_MIN_US;
	for (unsigned i = 0; i < e->n_failures && us < BACKOFF_MAX_US; i++)
		us *= 2;
	e->n_failures++;
	e->ready_us = pace_now_us() + (us < BACKOFF_MAX_US ? us : BACKOFF_MAX_US);
}

void
engine_down(struct engine *e, const char *why)
{
	set_state(e, ENGINE_DOWN, why[0] != '\0' ? why : "cannot be reached");
	back_off(e);
}

void
engine_note_reading(struct engine *e, enum engine_source source, enum err err)
{
	e->reading[source] = err;
}

static void
print_unreadable(const struct engine *e, char *text, size_t size)
{
	static const char *const what[] = {
	    [SOURCE_LOG] = "the work log",
	    [SOURCE_LATE] = "the work log",
	    [SOURCE_VERBS] = "the work log",
	    [SOURCE_RETRIES] = "the list of zones to be tried again",
	};
	text[0] = '\0';
	for (size_t i = N_SOURCES; i-- > 0;) {
		if (e->reading[i] != OK)
			snprintf(text, size, "%s of the agent cannot be read: %s",
			    what[i], err_str(e->reading[i]));
	}
}

/* -- is it there? -------------------------------------------------------------- */

static void
begin_reconcile(struct engine *e)
{
	struct backend_error why = {{0}};
	if (reconcile_begin(e, &why)) {
		e->reconcile_wanted = false;
		return;
	}
	if (engine_stopping(e))
		return;
	set_state(e, ENGINE_STARTING,
	    why.text[0] != '\0' ? why.text : "its list of zones cannot be read");
	back_off(e);
}

static void
reach(struct engine *e)
{
	uint64_t now = pace_now_us();
	bool idle = e->state == ENGINE_UP && now < e->identity_us + IDENTIFY_US;
	if (e->state != ENGINE_UP && now < e->ready_us)
		return;
	if (!idle) {
		struct backend_identity id = {0};
		struct backend_error why = {{0}};
		enum err err = e->driver->identify(e->ctx, &id, &why);
		if (engine_stopping(e))
			return;
		if (err != OK) {
			engine_down(e, why.text[0] != '\0' ? why.text : err_str(err));
			return;
		}
		if (strcmp(id.process, e->identity.process) != 0 ||
		    strcmp(id.version, e->identity.version) != 0)
			e->reconcile_wanted = true;
		e->identity = id;
		e->identity_us = pace_now_us();
		if (e->state == ENGINE_DOWN)
			e->state = ENGINE_STARTING;
	}
	if (e->reconcile_wanted)
		begin_reconcile(e);
	if (e->state != ENGINE_UP && e->reconcile_wanted)
		return;
	if (idle)
		e->n_failures = 0; /* it has been there for a while */
	char unreadable[sizeof(e->status.error)];
	print_unreadable(e, unreadable, sizeof(unreadable));
	set_state(e, ENGINE_UP, unreadable);
}

void
engine_await_jobs(struct engine *e)
{
	while (e->catalog_sent != atomic_load(&e->catalog_done) ||
	       e->status_sent != atomic_load(&e->status_done)) {
		struct pollfd fd = {.fd = e->wake_fd, .events = POLLIN};
		uint64_t n;
		if (poll(&fd, 1, IDLE_MS) > 0)
			(void)!read(e->wake_fd, &n, sizeof(n));
	}
	pthread_mutex_lock(&e->lock);
	pthread_mutex_unlock(&e->lock);
	ring(e->wake_fd); /* it may have rung for something else */
}

/* -- one turn --------------------------------------------------------------------- */

static void
take_in(struct engine *e)
{
	pthread_mutex_lock(&e->lock);
	struct pattern_set *patterns = e->in.patterns;
	struct deploy_backend_conf *conf = e->in.conf;
	bool reconcile = e->in.reconcile;
	struct probe_result *results = e->in.results;
	size_t n = e->in.n_results;
	e->in.patterns = NULL;
	e->in.conf = NULL;
	e->in.reconcile = false;
	e->in.results = NULL;
	e->in.n_results = e->in.room = 0;
	pthread_mutex_unlock(&e->lock);
	e->reconcile_wanted |= reconcile;
	/* Keys go before the patterns that name them. */
	if (conf != NULL)
		adapt_conf(e, conf);
	if (patterns != NULL) {
		pattern_set_unref(e->patterns);
		e->patterns = patterns;
		repattern_survey(e);
		repattern_begin(e);
	}
	if (n > 0)
		recheck_answers(e, results, n);
	free(results);
}

/* Before anything is read: what is read then is not younger than it was. */
static void
note_ages(struct engine *e)
{
	unsigned delay_s = 0;
	for (size_t i = 0; i < e->conf->n_catalogs; i++) {
		if (e->conf->catalogs[i].apply_delay_s > delay_s)
			delay_s = e->conf->catalogs[i].apply_delay_s;
	}
	ages_note(&e->ages, store_log_seq(e->store), pace_now_us(),
	    (uint64_t)delay_s * 1000000);
}

/* Zones whose outcome is on record may be operated on again. */
static void
take_settled(struct engine *e)
{
	struct watch *w;
	while ((w = watch_settled(&e->watch, atomic_load(&e->catalog_done),
		    atomic_load(&e->status_done))) != NULL) {
		if (w->again) {
			struct again *a = engine_again(e, &w->zone);
			a->seq = w->again_seq;
			a->lost = w->lost;
			a->removal = w->removal;
			a->stray = w->stray;
			a->look = w->look;
			a->walk = w->walk;
			a->log_says = w->log_says;
		}
		watch_del(&e->watch, w);
	}
}

static bool
crowded(const struct engine *e)
{
	return atomic_load(&e->n_unwritten) > ENGINE_UNWRITTEN_MAX;
}

/* Returns whether there is more to do at once. */
static bool
turn(struct engine *e)
{
	struct batch b;
	batch_init(&b, e);
	transfers_expire(&e->transfers, pace_now_us());
	intake_again(&b);
	bool more = intake_log(&b);
	intake_due(&b);
	intake_late(&b);
	more |= reconcile_step(e, &b);
	more |= repattern_step(e, &b);
	graves_step(e, &b);
	e->late = b.late;
	if (b.n > 0 || b.record != NULL)
		batch_run(&b);
	more |= b.n_work > 0;
	e->swollen |= b.n >= ENGINE_LARGE;
	batch_fini(&b);
	more |= asks_put(e);
	return more;
}

/* Nothing is under way any more: what large batches took goes back to the system. */
static void
trim(struct engine *e)
{
	if (!e->swollen || e->watch.n > 0 || atomic_load(&e->n_unwritten) > 0)
		return;
	mem_trim();
	e->swollen = false;
}

/* Entries that asked for nothing move the mark, too. */
static void
tidy_mark(struct engine *e)
{
	struct record *r = record_new(e);
	outcome_mark(e, r);
	record_submit(&r, NULL, NULL);
}

static int
sleep_ms(struct engine *e)
{
	uint64_t now = pace_now_us(), at = now + IDLE_MS * 1000, due;
	if (e->held != NULL)
		return e->held->held_us > now
			   ? (int)((e->held->held_us - now) / 1000 + 1)
			   : 0;
	if (e->state != ENGINE_UP)
		return (int)(e->ready_us > now ? (e->ready_us - now) / 1000 + 1 : 0);
	struct store_txn *txn = store_read(e->store, STORE_STATUS);
	if (status_next_due(txn, e->conf->nr, &due) == OK) {
		uint64_t due_ms = engine_due_ms(e);
		uint64_t in_us = due > due_ms ? (due - due_ms) * 1000 : 50000;
		if (now + in_us < at)
			at = now + in_us;
	}
	store_end(&txn);
	if (e->late || e->slow_behind) {
		/* Not for the rate: for the delay of a catalog. */
		uint64_t wait = pace_wait_us(&e->adds, now);
		wait = wait > 0 ? wait + LATE_US : 10 * LATE_US;
		if (now + wait < at)
			at = now + wait;
	}
	if (e->identity_us + IDENTIFY_US < at)
		at = e->identity_us + IDENTIFY_US;
	if (e->rekey_wanted && e->rekey_us < at)
		at = e->rekey_us;
	if (transfers_next_us(&e->transfers) < at)
		at = transfers_next_us(&e->transfers);
	return at > now ? (int)((at - now + 999) / 1000) : 0;
}

static void
wait_for(struct engine *e, int timeout_ms)
{
	struct pollfd fd = {.fd = e->wake_fd, .events = POLLIN};
	uint64_t n;
	if (engine_stopping(e))
		return;
	if (poll(&fd, 1, timeout_ms) > 0)
		(void)!read(e->wake_fd, &n, sizeof(n));
}

static bool
has_driver(struct engine *e, struct err_where *where)
{
	*where = (struct err_where){0};
	if (moved_check(e, where) != OK)
		return false;
	return e->opened || engine_open(e, where) == OK;
}

/* What was configured while the agent runs may be there a moment later. */
static void
await_driver(struct engine *e)
{
	struct err_where where = {0};
	while (!engine_stopping(e) && !has_driver(e, &where)) {
		engine_down(e, where.what);
		uint64_t now = pace_now_us();
		while (!engine_stopping(e) && now < e->ready_us) {
			wait_for(e, (int)((e->ready_us - now) / 1000 + 1));
			now = pace_now_us();
		}
	}
	e->n_failures = 0;
}

static void *
engine_main(void *arg)
{
	struct engine *e = arg;
	set_state(e, ENGINE_STARTING, "");
	await_driver(e);
	e->ready_us = 0;
	repattern_survey(e);
	hasten_retries(e);
	while (!engine_stopping(e)) {
		take_in(e);
		note_ages(e);
		take_settled(e);
		if (atomic_exchange(&e->write_failed, false)) {
			/* What is on record may not be what is: find out, later. */
			e->reconcile_wanted = true;
			wait_for(e, WRITE_FAILED_MS);
		}
		if (e->held != NULL && pace_now_us() >= e->held->held_us)
			record_release(e);
		adapt_retry(e); /* it may be what it takes to reach it */
		reach(e);
		bool more = false, able = e->state == ENGINE_UP && !crowded(e);
		if (able) {
			recheck_sweep(e);
			more = turn(e);
		}
		if (!crowded(e))
			more |= verbs_step(e);
		if (more)
			continue;
		if (able)
			tidy_mark(e);
		trim(e);
		wait_for(e, crowded(e) ? IDLE_MS : sleep_ms(e));
	}
	record_release(e);
	engine_let_go(e);
	return NULL;
}

/* -- the thread ------------------------------------------------------------------ */

enum err
engine_start(struct engine *e)
{
	sigset_t all, before;
	sigfillset(&all); /* signals are for the thread that runs the program's loop */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&e->thread, NULL, engine_main, e);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	e->started = rc == 0;
	errno = rc;
	return rc == 0 ? OK : ERR_IO;
}

void
engine_stop(struct engine *e)
{
	atomic_store(&e->stop, true);
	ring(e->cancel_fd);
	engine_wake(e);
}

void
engine_join(struct engine *e)
{
	if (!e->started)
		return;
	pthread_join(e->thread, NULL);
	engine_await_jobs(e);
	e->started = false;
}
