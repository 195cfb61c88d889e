/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "agent/store/inside.h"
#include "lib/counters.h"
#include "lib/log.h"

/*
 * The writer threads. One loop: wait for jobs, run as many as a group may hold
 * in one transaction, commit once, tell everyone. Submission never waits for a
 * commit: the next group gathers meanwhile.
 *
 * When anything goes wrong in a group it is undone as a whole and each of its
 * jobs is run again alone, so that a job that is too large, or that broke its
 * promise to write nothing when it fails, costs nobody else.
 */

/*
 * A group ends when one of these is passed. Writes bound the memory of a
 * commit: LMDB keeps every page it ever had dirty (4 kB, one or two a write
 * when keys are random). The time bounds what the first job waits for; below
 * the first number of jobs it is let longer, as a commit itself costs about as
 * much.
 */
enum {
	GROUP_JOBS_MAX = 1024,
	GROUP_JOBS_MIN = 64,
	GROUP_WRITES_MAX = 8192,
	GROUP_MS = 5,
	GROUP_MS_MAX = 50,
	/* The status has no one waiting, and one commit for each pause. */
	GROUP_STATUS_JOBS_MAX = 65536,
	GROUP_STATUS_MS_MAX = 500,
	STATUS_PAUSE_MS = 100,
	/* A transaction of so many writes leaves memory behind (store_shrink). */
	SWOLLEN_WRITES = 100000,
	SHRINK_MS = 200, /* without work, before it is tried and tried again */
	READERS_MS = 60000,
	/* What jobs wait for company (enum store_patience). BRIEF is the time in which
	 * a client that had its answer sends the next, too. */
	BRIEF_MS = 2,
	LONG_MS = 10,
};

/* Where store_call() sleeps. */
struct store_wait {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
};

struct group {
	struct store_job *first, **last;
	size_t n;
	bool redo;
};

/* -- the queue ------------------------------------------------------------------ */

/* The lock is held. Returns when it must be run at the latest. */
static uint64_t
run_by(struct writer *w, enum store_patience patience, uint64_t now)
{
	if (patience == PATIENCE_LONG)
		return now + LONG_MS;
	if (patience == PATIENCE_BRIEF)
		return w->is_stream ? now + BRIEF_MS : now;
	w->is_stream = w->is_running || now <= w->ended_ms + BRIEF_MS;
	return now;
}

static void
enqueue(struct writer *w, struct store_job *job)
{
	uint64_t now = store_now_ms();

	job->next = NULL;
	job->err = OK;
	atomic_fetch_add(&w->store->n_live, 1);
	pthread_mutex_lock(&w->lock);
	uint64_t by = run_by(w, job->patience, now);
	if (w->first == NULL || by < w->patient_ms)
		w->patient_ms = by;
	w->is_urgent |= by <= now;
	*w->last = job;
	w->last = &job->next;
	w->n_queued++;
	pthread_mutex_unlock(&w->lock);
	/* With the lock held it would wake only to wait for that. The writer outlives
	 * whoever submits. */
	pthread_cond_signal(&w->work);
}

void
writer_submit(struct writer *w, struct store_job *job)
{
	job->wait = NULL;
	enqueue(w, job);
}

void
store_submit(struct store *store, enum store_env env, struct store_job *job)
{
	writer_submit(&store->sides[env].writer, job);
}

enum err
store_call(struct store *store, enum store_env env, struct store_job *job)
{
	struct store_wait wait = {.done = false};

	pthread_mutex_init(&wait.lock, NULL);
	pthread_cond_init(&wait.cond, NULL);
	job->wait = &wait;
	enqueue(&store->sides[env].writer, job);

	pthread_mutex_lock(&wait.lock);
	while (!wait.done)
		pthread_cond_wait(&wait.cond, &wait.lock);
	pthread_mutex_unlock(&wait.lock);
	pthread_cond_destroy(&wait.cond);
	pthread_mutex_destroy(&wait.lock);
	return job->err;
}

size_t
store_queued(struct store *store, enum store_env env)
{
	struct writer *w = &store->sides[env].writer;

	pthread_mutex_lock(&w->lock);
	size_t n = w->n_queued;
	pthread_mutex_unlock(&w->lock);
	return n;
}

/* The next job in order, or NULL: nothing is queued at the moment. */
static struct store_job *
next_job(struct writer *w)
{
	if (w->taken == NULL) {
		pthread_mutex_lock(&w->lock);
		w->taken = w->first;
		w->first = NULL;
		w->last = &w->first;
		w->is_urgent = false;
		pthread_mutex_unlock(&w->lock);
	}
	struct store_job *job = w->taken;
	if (job != NULL)
		w->taken = job->next;
	return job;
}

/* The lock is held. */
static void
wait_until(struct writer *w, uint64_t ms)
{
	struct timespec ts = {.tv_sec = (time_t)(ms / 1000),
	    .tv_nsec = (long)(ms % 1000) * 1000000};

	pthread_cond_timedwait(&w->work, &w->lock, &ts);
}

static bool
is_idle(const struct writer *w)
{
	return w->taken == NULL && w->first == NULL && !w->stop;
}

/* Nothing, or what waits for company. The lock is held. */
static bool
has_nothing(const struct writer *w)
{
	if (w->taken != NULL || w->stop)
		return false;
	return w->first == NULL || (!w->is_urgent && store_now_ms() < w->patient_ms);
}

/* The lock is held, but not while it shrinks. */
static void
wait_swollen(struct writer *w)
{
	uint64_t until = store_now_ms() + SHRINK_MS;

	while (is_idle(w) && store_now_ms() < until)
		wait_until(w, until);
	if (!is_idle(w))
		return;
	pthread_mutex_unlock(&w->lock);
	w->is_swollen = !store_shrink(w->store, w->env);
	pthread_mutex_lock(&w->lock);
}

/* Until there is work and the pause is over. False: stop, and nothing is left. */
static bool
wait_for_work(struct writer *w)
{
	bool some = true;

	if (w->taken != NULL && w->pause_ms == 0)
		return true;
	pthread_mutex_lock(&w->lock);
	while (has_nothing(w)) {
		if (w->first != NULL)
			wait_until(w, w->patient_ms);
		else if (w->is_swollen)
			wait_swollen(w);
		else
			pthread_cond_wait(&w->work, &w->lock);
	}
	uint64_t until = w->last_commit_ms + w->pause_ms;
	while (w->pause_ms > 0 && !w->stop && store_now_ms() < until)
		wait_until(w, until);
	some = w->taken != NULL || w->first != NULL;
	w->is_running = some;
	pthread_mutex_unlock(&w->lock);
	return some;
}

/* -- running -------------------------------------------------------------------- */

/* Returns false when the transaction must not be committed with this in it. */
static bool
run_job(struct writer *w, struct store_job *job)
{
	struct store_txn *txn = &w->txn;
	uint64_t n_writes = txn->n_writes;

	job->err = job->run(txn, job);
	w->is_swollen |= txn->n_writes >= SWOLLEN_WRITES;
	if (txn->err != OK)
		return false;
	return job->err == OK || txn->n_writes == n_writes;
}

static bool
group_is_full(const struct writer *w, const struct group *group)
{
	uint64_t ms = store_now_ms() - w->txn.started_ms;

	if (w->env == STORE_STATUS)
		return group->n >= GROUP_STATUS_JOBS_MAX || ms >= GROUP_STATUS_MS_MAX;
	return group->n >= GROUP_JOBS_MAX || w->txn.n_writes >= GROUP_WRITES_MAX ||
	       ms >= (group->n < GROUP_JOBS_MIN ? GROUP_MS_MAX : GROUP_MS);
}

static void
note_outcome(struct writer *w, enum err err)
{
	const char *name = w->env == STORE_CATALOG ? "catalog" : "status";

	if (err == OK && w->failing)
		log_info("store", "env=%s write=ok", name);
	if (err != OK && !w->failing)
		log_error("store", "env=%s write=failed error=\"%s\"", name,
		    err_str(err));
	w->failing = err != OK;
	/* It would be so for ever, and what is told be ever older. */
	if (err == ERR_CORRUPT && w->env == STORE_STATUS)
		atomic_store(&w->store->is_status_spoilt, true);
}

static enum err
timed_commit(struct writer *w)
{
	uint64_t start_us = store_now_us();
	enum err err = txn_commit(&w->txn);

	histogram_add(&counters.commits[w->env == STORE_CATALOG ? COUNT_STORE_CATALOG
								: COUNT_STORE_STATUS],
	    store_now_us() - start_us);
	return err;
}

/* Commit, and publish what others follow. */
static enum err
commit(struct writer *w, bool *appended)
{
	struct store *store = w->store;
	enum err err = timed_commit(w);

	note_outcome(w, err);
	w->last_commit_ms = store_now_ms();
	if (err != OK) {
		store_trim(store, w->env);
		return err;
	}
	if (w->txn.tail.dirty) {
		atomic_store(&store->log_seq, w->txn.tail.last);
		*appended = true;
	}
	if (w->txn.pending.version != 0)
		store_note_version(store, w->txn.pending.version);
	return OK;
}

/* Each job of a group that failed has its own transaction. */
static void
run_alone(struct writer *w, struct group *group, bool *appended)
{
	for (struct store_job *job = group->first; job != NULL; job = job->next) {
		if (!store_has_room(w->store)) {
			job->err = ERR_FULL;
			continue;
		}
		txn_begin(&w->txn);
		if (w->txn.err == OK)
			(void)run_job(w, job);
		if (w->txn.err != OK) {
			job->err = w->txn.err;
			note_outcome(w, job->err);
		}
		if (job->err != OK) {
			txn_abort(&w->txn);
			continue;
		}
		job->err = commit(w, appended);
	}
}

static void
group_add(struct group *group, struct store_job *job)
{
	job->next = NULL;
	*group->last = job;
	group->last = &job->next;
	group->n++;
}

/* Nothing can be written at all: everything queued fails with that. */
static void
refuse(struct writer *w, struct group *group, enum err err)
{
	struct store_job *job;

	note_outcome(w, err);
	w->last_commit_ms = store_now_ms();
	while (group->n < GROUP_STATUS_JOBS_MAX && (job = next_job(w)) != NULL) {
		job->err = err;
		group_add(group, job);
	}
}

/* Of another process, as one that copies the state and is killed: it holds on to what
 * is free since, and the file grows with each commit, until it is forgotten. */
static void
forget_dead_readers(struct writer *w)
{
	uint64_t now = store_now_ms();

	if (w->readers_ms != 0 && now - w->readers_ms < READERS_MS)
		return;
	w->readers_ms = now;
	(void)mdb_reader_check(w->store->sides[w->env].mdb, NULL);
}

static void
run_group(struct writer *w, struct group *group, bool *appended)
{
	struct store_job *job;

	if (!store_has_room(w->store)) {
		refuse(w, group, ERR_FULL);
		return;
	}
	forget_dead_readers(w);
	txn_begin(&w->txn);
	if (w->txn.err != OK) {
		refuse(w, group, w->txn.err);
		return;
	}
	while (
	    !group->redo && !group_is_full(w, group) && (job = next_job(w)) != NULL) {
		group_add(group, job);
		group->redo = !run_job(w, job);
	}
	if (group->redo)
		txn_abort(&w->txn);
	else if (commit(w, appended) != OK)
		group->redo = true;
	if (group->redo)
		run_alone(w, group, appended);
}

/* -- telling -------------------------------------------------------------------- */

static void
wake_caller(struct store_wait *wait)
{
	/* Under the lock: once it is free the caller's wait may be gone. */
	pthread_mutex_lock(&wait->lock);
	wait->done = true;
	pthread_cond_signal(&wait->cond);
	pthread_mutex_unlock(&wait->lock);
}

/* Counted as live until it has returned: it may submit more. */
static void
call_done(struct store *store, struct store_job *job)
{
	if (job->done != NULL)
		job->done(job, job->err);
	atomic_fetch_sub(&store->n_live, 1);
}

static void
complete(struct writer *w, struct group *group)
{
	struct store *store = w->store;
	struct group reap = {.last = &reap.first};
	struct store_job *next;

	for (struct store_job *job = group->first; job != NULL; job = next) {
		next = job->next;
		if (job->wait != NULL) {
			atomic_fetch_sub(&store->n_live, 1);
			wake_caller(job->wait);
		} else if (job->reap)
			group_add(&reap, job);
		else
			call_done(store, job);
	}
	if (reap.n == 0)
		return;
	pthread_mutex_lock(&store->reap_lock);
	*store->reap_last = reap.first;
	store->reap_last = reap.last;
	pthread_mutex_unlock(&store->reap_lock);
	if (store->wake != NULL)
		store->wake(store->wake_arg);
}

void
store_reap(struct store *store)
{
	pthread_mutex_lock(&store->reap_lock);
	struct store_job *job = store->reap_first, *next;
	store->reap_first = NULL;
	store->reap_last = &store->reap_first;
	pthread_mutex_unlock(&store->reap_lock);
	for (; job != NULL; job = next) {
		next = job->next;
		call_done(store, job);
	}
}

/* -- the thread ------------------------------------------------------------------ */

static void
ring(struct store *store)
{
	uint64_t seq = atomic_load(&store->log_seq);

	pthread_mutex_lock(&store->bell_lock);
	for (size_t i = 0; i < store->n_bells; i++)
		store->bells[i].fn(store->bells[i].arg, seq);
	pthread_mutex_unlock(&store->bell_lock);
}

/* Busy: committed, but not everyone is told, who may then submit more. */
static void
set_busy(struct writer *w, bool busy, size_t n_committed)
{
	pthread_mutex_lock(&w->lock);
	w->busy = busy;
	w->is_running = !busy && w->taken != NULL;
	w->ended_ms = w->last_commit_ms;
	w->n_queued -= n_committed;
	if (!busy && w->n_queued == 0)
		pthread_cond_broadcast(&w->idle);
	pthread_mutex_unlock(&w->lock);
}

static void *
writer_main(void *arg)
{
	struct writer *w = arg;
	struct store *store = w->store;

	while (wait_for_work(w)) {
		bool appended = false;
		struct group group = {.last = &group.first};
		run_group(w, &group, &appended);
		set_busy(w, true, group.n);
		complete(w, &group);
		if (appended)
			ring(store);
		set_busy(w, false, 0);
	}
	return NULL;
}

enum err
writer_start(struct writer *w, struct store *store, enum store_env env)
{
	sigset_t all, before;
	pthread_condattr_t attr;

	w->store = store;
	w->env = env;
	w->pause_ms = env == STORE_STATUS ? STATUS_PAUSE_MS : 0;
	w->last = &w->first;
	txn_init(&w->txn, store, env);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->work, &attr);
	pthread_cond_init(&w->idle, &attr);
	pthread_condattr_destroy(&attr);

	/* Signals are for the thread that runs the program's loop. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&w->thread, NULL, writer_main, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	w->started = true;
	if (rc == 0)
		return OK;
	w->started = false;
	txn_fini(&w->txn);
	errno = rc;
	return ERR_IO;
}

void
writer_drain(struct writer *w)
{
	if (!w->started)
		return;
	pthread_mutex_lock(&w->lock);
	while (w->n_queued > 0 || w->busy)
		pthread_cond_wait(&w->idle, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

void
writer_stop(struct writer *w)
{
	if (!w->started)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->work);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	w->started = false;
	assert(w->n_queued == 0);
	txn_fini(&w->txn);
	pthread_cond_destroy(&w->idle);
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->lock);
}
