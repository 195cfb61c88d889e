/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

#include "agent/store/catalogs.h"
#include "agent/store/status.h"
#include "agent/store/worklog.h"
#include "lib/log.h"

/* A job that writes one mark, or misbehaves, and tells what became of it. */
struct mark_job {
	struct store_job job;
	uint8_t backend;
	uint64_t seq;
	enum err say;     /* returned by run */
	enum err stick;   /* made to stick in the transaction */
	size_t log_bytes; /* also appended to the log */
	bool no_write;
	_Atomic int n_runs, n_done;
	enum err result;
};

static enum err
run_mark(struct store_txn *txn, struct store_job *job)
{
	struct mark_job *m = (struct mark_job *)job;

	m->n_runs++;
	if (!m->no_write)
		marks_put(txn, m->backend, m->seq);
	if (m->log_bytes > 0) {
		uint8_t *data = calloc(1, m->log_bytes);
		struct work w = {.kind = WORK_RESYNC,
		    .add = data,
		    .add_size = m->log_bytes};
		worklog_append(txn, &w);
		free(data);
	}
	if (m->stick != OK)
		txn_fail(txn, m->stick);
	return m->say;
}

static void
done_mark(struct store_job *job, enum err err)
{
	struct mark_job *m = (struct mark_job *)job;

	m->result = err;
	m->n_done++;
}

static void
mark_init(struct mark_job *m, uint8_t backend, uint64_t seq)
{
	*m = (struct mark_job){.backend = backend, .seq = seq};
	m->job.run = run_mark;
	m->job.done = done_mark;
}

/* A job that keeps the writer until it is let go, so that a group gathers. */
struct gate {
	struct store_job job;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool open;
};

static enum err
run_gate(struct store_txn *txn, struct store_job *job)
{
	struct gate *g = (struct gate *)job;

	(void)txn;
	pthread_mutex_lock(&g->lock);
	while (!g->open)
		pthread_cond_wait(&g->cond, &g->lock);
	pthread_mutex_unlock(&g->lock);
	return OK;
}

static void
gate_shut(struct gate *g, struct store *store, enum store_env env)
{
	*g = (struct gate){.job.run = run_gate};
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->cond, NULL);
	store_submit(store, env, &g->job);
}

static void
gate_open(struct gate *g, struct store *store, enum store_env env)
{
	pthread_mutex_lock(&g->lock);
	g->open = true;
	pthread_cond_signal(&g->cond);
	pthread_mutex_unlock(&g->lock);
	writer_drain(&store->sides[env].writer);
	pthread_cond_destroy(&g->cond);
	pthread_mutex_destroy(&g->lock);
}

static uint64_t
mark_of(struct fixture *f, uint8_t backend)
{
	uint64_t seq;
	struct store_txn *txn = store_read(f->store, STORE_CATALOG);

	assert_int_equal(marks_get(txn, backend, &seq), OK);
	store_end(&txn);
	return seq;
}

static uint64_t
n_commits(struct fixture *f, enum store_env env)
{
	MDB_envinfo info;

	assert_int_equal(mdb_env_info(f->store->sides[env].mdb, &info), 0);
	return info.me_last_txnid;
}

/* -- groups ------------------------------------------------------------------- */

static void
store_submit__many_at_once__few_commits_and_all_done_in_order(void **state)
{
	enum { N = 200 };
	struct fixture *f = *state;
	struct mark_job *jobs = calloc(N, sizeof(*jobs));
	struct gate gate;

	uint64_t before = n_commits(f, STORE_CATALOG);
	gate_shut(&gate, f->store, STORE_CATALOG);
	for (unsigned i = 0; i < N; i++) {
		mark_init(&jobs[i], (uint8_t)(i % 7 + 1), i + 1);
		store_submit(f->store, STORE_CATALOG, &jobs[i].job);
	}
	assert_int_equal(store_queued(f->store, STORE_CATALOG), N + 1);
	gate_open(&gate, f->store, STORE_CATALOG);
	assert_int_equal(store_queued(f->store, STORE_CATALOG), 0);
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(jobs[i].n_runs, 1);
		assert_int_equal(jobs[i].n_done, 1);
		assert_int_equal(jobs[i].result, OK);
	}
	for (uint8_t b = 1; b <= 7; b++) /* the last of each came last */
		assert_true((mark_of(f, b) - 1) % 7 + 1 == b && mark_of(f, b) > N - 7);
	assert_true(n_commits(f, STORE_CATALOG) - before <= 10);
	free(jobs);
}

/* The one that waits for company and the one that comes meanwhile mostly share a
 * commit: never is a thing to say of a machine that is busy. */
static void
store_submit__patient_then_urgent__they_share_commits(void **state)
{
	enum { N = 50 };
	struct fixture *f = *state;
	struct mark_job patient, urgent;

	uint64_t before = n_commits(f, STORE_CATALOG);
	for (uint64_t i = 1; i <= N; i++) {
		mark_init(&patient, 1, i);
		patient.job.patience = i % 2 ? PATIENCE_LONG : PATIENCE_BRIEF;
		mark_init(&urgent, 1, N + i);
		store_submit(f->store, STORE_CATALOG, &patient.job);
		assert_int_equal(store_call(f->store, STORE_CATALOG, &urgent.job), OK);
		writer_drain(&f->store->sides[STORE_CATALOG].writer);
		assert_int_equal(patient.n_done, 1);
		assert_int_equal(mark_of(f, 1), N + i); /* in order */
	}
	assert_true(n_commits(f, STORE_CATALOG) - before < 2 * N);
}

static void
store_submit__patient_alone__is_committed_all_the_same(void **state)
{
	struct fixture *f = *state;
	struct mark_job job;

	for (uint64_t i = 1; i <= 4; i++) {
		mark_init(&job, 1, i);
		job.job.patience = i % 2 ? PATIENCE_LONG : PATIENCE_BRIEF;
		assert_int_equal(store_call(f->store, STORE_CATALOG, &job.job), OK);
		assert_int_equal(mark_of(f, 1), i);
	}
}

static void
store_submit__job_refuses__only_it_fails_and_nothing_is_repeated(void **state)
{
	struct fixture *f = *state;
	struct mark_job jobs[5];
	struct gate gate;

	gate_shut(&gate, f->store, STORE_CATALOG);
	for (uint8_t i = 0; i < 5; i++) {
		mark_init(&jobs[i], i, i + 10);
		if (i == 2) {
			jobs[i].no_write = true;
			jobs[i].say = ERR_DENIED;
		}
		store_submit(f->store, STORE_CATALOG, &jobs[i].job);
	}
	gate_open(&gate, f->store, STORE_CATALOG);
	for (uint8_t i = 0; i < 5; i++) {
		assert_int_equal(jobs[i].result, i == 2 ? ERR_DENIED : OK);
		assert_int_equal(jobs[i].n_runs, 1);
		assert_true(mark_of(f, i) == (i == 2 ? 0 : i + 10u));
	}
}

static void
fails_alone(struct fixture *f, enum err say, enum err stick, enum err expected)
{
	struct mark_job jobs[5];
	struct gate gate;

	gate_shut(&gate, f->store, STORE_CATALOG);
	for (uint8_t i = 0; i < 5; i++) {
		mark_init(&jobs[i], i, i + 10);
		if (i == 2) {
			jobs[i].say = say;
			jobs[i].stick = stick;
		}
		store_submit(f->store, STORE_CATALOG, &jobs[i].job);
	}
	gate_open(&gate, f->store, STORE_CATALOG);
	for (uint8_t i = 0; i < 5; i++) {
		assert_int_equal(jobs[i].result, i == 2 ? expected : OK);
		assert_int_equal(jobs[i].n_done, 1);
		assert_true(mark_of(f, i) == (i == 2 ? 0 : i + 10u));
	}
	assert_int_equal(jobs[0].n_runs, 2); /* undone, then alone */
	assert_int_equal(jobs[2].n_runs, 2);
}

static void
store_submit__failure_in_the_group__others_are_committed(void **state)
{
	fails_alone(*state, OK, ERR_CORRUPT, ERR_CORRUPT);
}

static void
store_submit__job_writes_and_fails__its_writes_are_undone(void **state)
{
	fails_alone(*state, ERR_DENIED, OK, ERR_DENIED);
}

static void
store_submit__map_full__only_the_large_job_fails(void **state)
{
	struct fixture *f = *state;
	struct mark_job jobs[3];
	struct gate gate;

	fixture_close(f);
	f->conf.map_size = 1 << 20;
	fixture_open(f);
	gate_shut(&gate, f->store, STORE_CATALOG);
	for (uint8_t i = 0; i < 3; i++) {
		mark_init(&jobs[i], i, i + 10);
		jobs[i].log_bytes = i == 1 ? 4 << 20 : 10;
		store_submit(f->store, STORE_CATALOG, &jobs[i].job);
	}
	gate_open(&gate, f->store, STORE_CATALOG);
	assert_int_equal(jobs[0].result, OK);
	assert_int_equal(jobs[1].result, ERR_FULL);
	assert_int_equal(jobs[2].result, OK);
	assert_true(mark_of(f, 0) == 10 && mark_of(f, 1) == 0 && mark_of(f, 2) == 12);
	assert_true(store_log_seq(f->store) == 2);
}

/* -- a full disk ----------------------------------------------------------------- */

static void
fill_disk(const struct fixture *f, size_t leave)
{
	char path[256];
	struct store_space space;

	store_get_space(f->store, &space);
	snprintf(path, sizeof(path), "%s/filler", f->dir);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(posix_fallocate(fd, 0, (off_t)(space.disk_free - leave)), 0);
	close(fd);
}

static enum err
call_mark(struct fixture *f, uint8_t backend, uint64_t seq, size_t log_bytes)
{
	struct mark_job m;

	mark_init(&m, backend, seq);
	m.log_bytes = log_bytes;
	return store_call(f->store, STORE_CATALOG, &m.job);
}

static void
store__disk_full__refuses_loses_nothing_and_recovers(void **state)
{
	struct fixture f;
	struct store_space before, after;
	char path[256];

	(void)state;
	fixture_make_dir(&f);
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", f.dir, "tmpfs", 0, "size=40m") != 0) {
		rmdir(f.dir);
		skip(); /* needs the right to mount */
	}
	fixture_open(&f);
	assert_int_equal(call_mark(&f, 1, 1, 100), OK);
	/* in mid commit; what it took is given back */
	store_get_space(f.store, &before);
	assert_int_equal(call_mark(&f, 2, 2, (size_t)60 << 20), ERR_FULL);
	store_get_space(f.store, &after);
	assert_true(after.disk_free + (1 << 20) >= before.disk_free);
	assert_true(mark_of(&f, 1) == 1 && mark_of(&f, 2) == 0);
	/* beforehand */
	fill_disk(&f, 8 << 20);
	assert_int_equal(call_mark(&f, 3, 3, 100), ERR_FULL);
	assert_true(mark_of(&f, 3) == 0);
	snprintf(path, sizeof(path), "%s/filler", f.dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(call_mark(&f, 4, 4, 100), OK);
	assert_true(mark_of(&f, 1) == 1 && mark_of(&f, 4) == 4);
	assert_true(store_log_seq(f.store) == 2);
	/* and the file is sound */
	fixture_close(&f);
	fixture_open(&f);
	assert_false(store_was_unclean(f.store));
	assert_true(mark_of(&f, 1) == 1 && mark_of(&f, 4) == 4);
	fixture_close(&f);
	assert_int_equal(umount(f.dir), 0);
	fixture_remove_dir(&f);
}

/* -- telling ---------------------------------------------------------------------- */

struct reaper {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	unsigned n_wakes;
	pthread_t thread;
	unsigned n_reaped;
};

static void
wake(void *arg)
{
	struct reaper *r = arg;

	pthread_mutex_lock(&r->lock);
	r->n_wakes++;
	pthread_cond_signal(&r->cond);
	pthread_mutex_unlock(&r->lock);
}

struct reaped_job {
	struct store_job job;
	struct reaper *reaper;
	unsigned nr;
};

static enum err
run_nothing(struct store_txn *txn, struct store_job *job)
{
	(void)txn;
	return ((struct reaped_job *)job)->nr % 3 == 0 ? ERR_DENIED : OK;
}

static void
done_reaped(struct store_job *job, enum err err)
{
	struct reaped_job *j = (struct reaped_job *)job;

	assert_true(pthread_equal(pthread_self(), j->reaper->thread));
	assert_int_equal(err, j->nr % 3 == 0 ? ERR_DENIED : OK);
	assert_int_equal(j->nr, j->reaper->n_reaped++);
	free(j);
}

static void
store_reap__after_wake__done_in_order_in_the_reaping_thread(void **state)
{
	enum { N = 500 };
	struct fixture *f = *state;
	struct reaper r = {.thread = pthread_self()};

	pthread_mutex_init(&r.lock, NULL);
	pthread_cond_init(&r.cond, NULL);
	fixture_close(f);
	f->conf.wake = wake;
	f->conf.wake_arg = &r;
	fixture_open(f);
	for (unsigned i = 0; i < N; i++) {
		struct reaped_job *j = calloc(1, sizeof(*j));
		j->job = (struct store_job){.run = run_nothing,
		    .done = done_reaped,
		    .reap = true};
		j->reaper = &r;
		j->nr = i;
		store_submit(f->store, STORE_CATALOG, &j->job);
	}
	while (r.n_reaped < N) {
		pthread_mutex_lock(&r.lock);
		while (r.n_wakes == 0)
			pthread_cond_wait(&r.cond, &r.lock);
		r.n_wakes = 0;
		pthread_mutex_unlock(&r.lock);
		store_reap(f->store);
	}
	fixture_close(f);
	f->conf.wake = NULL;
	fixture_open(f);
	pthread_mutex_destroy(&r.lock);
	pthread_cond_destroy(&r.cond);
}

struct bell {
	_Atomic uint64_t last;
	_Atomic unsigned n;
};

static void
ring(void *arg, uint64_t seq)
{
	struct bell *bell = arg;

	assert_true(seq > bell->last);
	bell->last = seq;
	bell->n++;
}

static void
store_on_append__commits_that_appended__ring(void **state)
{
	struct fixture *f = *state;
	static struct bell a, b;

	store_on_append(f->store, ring, &a);
	store_on_append(f->store, ring, &b);
	assert_int_equal(call_mark(f, 1, 1, 0), OK);
	assert_int_equal(call_mark(f, 1, 2, 10), OK);
	assert_int_equal(call_mark(f, 1, 3, 10), OK);
	writer_drain(&f->store->sides[STORE_CATALOG].writer);
	assert_true(a.n == 2 && a.last == 2 && b.n == 2 && b.last == 2);
	assert_true(store_log_seq(f->store) == 2);
	store_off_append(f->store, &a);
	assert_int_equal(call_mark(f, 1, 4, 10), OK);
	writer_drain(&f->store->sides[STORE_CATALOG].writer);
	assert_true(a.n == 2 && b.n == 3 && b.last == 3);
}

/* -- threads ---------------------------------------------------------------------- */

enum { CALLERS = 6, CALLS = 150 };

struct caller {
	struct fixture *f;
	pthread_t thread;
	unsigned nr;
};

static enum err
run_append(struct store_txn *txn, struct store_job *job)
{
	struct work w = {.kind = WORK_RESYNC, .text = "x"};

	(void)job;
	worklog_append(txn, &w);
	return OK;
}

static enum err
count_entry(void *arg, const struct work *w)
{
	(void)w;
	++*(unsigned *)arg;
	return OK;
}

static void *
caller_main(void *arg)
{
	struct caller *c = arg;

	for (unsigned i = 0; i < CALLS; i++) {
		struct store_job job = {.run = run_append};
		enum store_env env = STORE_CATALOG;
		uint64_t before = store_log_seq(c->f->store);
		assert_int_equal(store_call(c->f->store, env, &job), OK);
		assert_true(store_log_seq(c->f->store) > before);
		struct store_txn *txn = store_read(c->f->store, env);
		unsigned n = 0;
		assert_int_equal(worklog_each(txn, before, 9, count_entry, &n), OK);
		assert_true(n > 0);
		store_end(&txn);
	}
	return NULL;
}

static void
store_call__many_threads__each_sees_its_commit(void **state)
{
	struct fixture *f = *state;
	struct caller callers[CALLERS];

	for (unsigned i = 0; i < CALLERS; i++) {
		callers[i] = (struct caller){.f = f, .nr = i};
		assert_int_equal(pthread_create(&callers[i].thread, NULL, caller_main,
				     &callers[i]),
		    0);
	}
	for (unsigned i = 0; i < CALLERS; i++)
		pthread_join(callers[i].thread, NULL);
	assert_true(store_log_seq(f->store) == CALLERS * CALLS);
}

static enum err
run_status(struct store_txn *txn, struct store_job *job)
{
	struct backend_status b = {.backend = 1};

	(void)job;
	assert_int_equal(status_version(txn, &b.seq), OK);
	status_put_backend(txn, &b);
	return OK;
}

static void
store_submit__status_at_a_high_rate__commits_are_paced(void **state)
{
	enum { N = 150 };
	struct fixture *f = *state;
	static struct store_job jobs[N];

	uint64_t before = n_commits(f, STORE_STATUS), start = store_now_ms();
	for (unsigned i = 0; i < N; i++) {
		jobs[i] = (struct store_job){.run = run_status};
		store_submit(f->store, STORE_STATUS, &jobs[i]);
		usleep(2000);
	}
	writer_drain(&f->store->sides[STORE_STATUS].writer);
	uint64_t n = n_commits(f, STORE_STATUS) - before;
	assert_true(n >= 1 && n <= (store_now_ms() - start) / 100 + 1);
}

/* -- what a large transaction leaves --------------------------------------------------
 */

/* Marks, so often that the environment is closed and opened again after it. */
struct large {
	struct store_job job;
	uint64_t seq;
};

static enum err
run_large(struct store_txn *txn, struct store_job *job)
{
	const struct large *l = (const struct large *)job;

	for (unsigned i = 0; i < 110000; i++)
		marks_put(txn, (uint8_t)i, l->seq);
	return store_err(txn);
}

struct constant_reader {
	struct store *store;
	pthread_t thread;
	_Atomic bool stop;
	_Atomic uint64_t n;
};

static void *
read_main(void *arg)
{
	struct constant_reader *r = arg;
	uint64_t last = 0;

	while (!r->stop) {
		struct store_txn *txn = store_read(r->store, STORE_CATALOG);
		uint64_t seq = 0;
		enum err err = marks_get(txn, 7, &seq);
		assert_true(err == OK || (err == ERR_NOTFOUND && last == 0));
		assert_true(seq >= last);
		last = seq;
		store_end(&txn);
		r->n++;
		usleep(500);
	}
	return NULL;
}

static bool
has_idle_readers(struct store_side *side)
{
	pthread_mutex_lock(&side->lock);
	bool any = side->idle != NULL;
	pthread_mutex_unlock(&side->lock);
	return any;
}

static void
store_submit__large__readers_see_what_they_saw_and_memory_goes_later(void **state)
{
	struct fixture *f = *state;
	struct store_side *side = &f->store->sides[STORE_CATALOG];
	struct large large = {.job = {.run = run_large}, .seq = 5};
	uint64_t seq;

	struct store_txn *reader = store_read(f->store, STORE_CATALOG);
	assert_int_equal(store_call(f->store, STORE_CATALOG, &large.job), OK);
	usleep(500000); /* it cannot be done while somebody reads */
	assert_true(marks_get(reader, 7, &seq) != OK || seq == 0);
	struct store_txn *other = store_read(f->store, STORE_CATALOG);
	assert_int_equal(marks_get(other, 7, &seq), OK);
	store_end(&other);
	assert_true(has_idle_readers(side));
	store_end(&reader);
	for (int i = 0; i < 1000 && has_idle_readers(side); i++)
		usleep(10000);
	assert_false(has_idle_readers(side));
	assert_true(mark_of(f, 7) == 5);
	large.seq = 6;
	assert_int_equal(store_call(f->store, STORE_CATALOG, &large.job), OK);
	assert_true(mark_of(f, 255) == 6);
	fixture_close(f);
	fixture_open(f);
	assert_true(mark_of(f, 7) == 6);
}

static void
store_submit__large_while_others_read__all_is_well(void **state)
{
	struct fixture *f = *state;
	struct constant_reader readers[3] = {0};
	struct large large = {.job = {.run = run_large}};

	for (size_t i = 0; i < 3; i++) {
		readers[i].store = f->store;
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_main,
				     &readers[i]),
		    0);
	}
	for (large.seq = 1; large.seq <= 4; large.seq++) {
		assert_int_equal(store_call(f->store, STORE_CATALOG, &large.job), OK);
		usleep(400000);
	}
	for (size_t i = 0; i < 3; i++) {
		readers[i].stop = true;
		pthread_join(readers[i].thread, NULL);
		assert_true(readers[i].n > 10);
	}
	assert_true(mark_of(f, 0) == 4);
}

/* -- closing ----------------------------------------------------------------------- */

struct chain {
	struct store_job job;
	struct fixture *f;
	unsigned left;
};

static enum err
run_chain(struct store_txn *txn, struct store_job *job)
{
	(void)txn;
	(void)job;
	return OK;
}

/* Submits itself again, to the other side. */
static void
done_chain(struct store_job *job, enum err err)
{
	struct chain *c = (struct chain *)job;

	assert_int_equal(err, OK);
	if (c->left == 0)
		return;
	c->left--;
	c->job.reap = c->left % 2 == 0;
	store_submit(c->f->store, c->left % 3 == 0 ? STORE_STATUS : STORE_CATALOG, job);
}

static void
store_close__jobs_queued_and_still_coming__all_are_run(void **state)
{
	struct fixture *f = *state;
	struct mark_job jobs[100];
	struct chain chain = {.job = {.run = run_chain, .done = done_chain},
	    .f = f,
	    .left = 9};

	for (uint8_t i = 0; i < 100; i++) {
		mark_init(&jobs[i], i, i + 1u);
		jobs[i].job.reap = i % 2 != 0;
		store_submit(f->store, STORE_CATALOG, &jobs[i].job);
	}
	store_submit(f->store, STORE_CATALOG, &chain.job);
	fixture_close(f);
	assert_int_equal(chain.left, 0);
	for (uint8_t i = 0; i < 100; i++)
		assert_true(jobs[i].n_done == 1 && jobs[i].result == OK);
	fixture_open(f);
	assert_false(store_was_unclean(f->store));
	assert_true(mark_of(f, 99) == 100);
}

/* As who makes a copy does, and is killed over it. */
static void
read_and_die(const struct fixture *f)
{
	MDB_env *env;
	MDB_txn *txn;
	char path[128];
	bool good = mdb_env_create(&env) == 0;

	snprintf(path, sizeof(path), "%s/catalog.mdb", f->dir);
	good =
	    good &&
	    mdb_env_open(env, path, MDB_RDONLY | MDB_NOSUBDIR | MDB_NOTLS, 0600) == 0 &&
	    mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0;
	if (good)
		kill(getpid(), SIGKILL);
	_exit(1);
}

static void
store_submit__reader_was_killed__is_forgotten(void **state)
{
	struct fixture *f = *state;
	struct mark_job m = {.job = {.run = run_mark}, .backend = 1, .seq = 1};
	int status, n_dead = -1;

	pid_t pid = fork();
	if (pid == 0)
		read_and_die(f);
	assert_true(waitpid(pid, &status, 0) == pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(store_call(f->store, STORE_CATALOG, &m.job), OK);
	assert_int_equal(mdb_reader_check(f->store->sides[STORE_CATALOG].mdb, &n_dead),
	    0);
	assert_int_equal(n_dead, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(store_submit__many_at_once__few_commits_and_all_done_in_order),
	    TEST(store_submit__patient_then_urgent__they_share_commits),
	    TEST(store_submit__patient_alone__is_committed_all_the_same),
	    TEST(store_submit__job_refuses__only_it_fails_and_nothing_is_repeated),
	    TEST(store_submit__failure_in_the_group__others_are_committed),
	    TEST(store_submit__job_writes_and_fails__its_writes_are_undone),
	    TEST(store_submit__map_full__only_the_large_job_fails),
	    TEST(store_reap__after_wake__done_in_order_in_the_reaping_thread),
	    TEST(store_on_append__commits_that_appended__ring),
	    TEST(store_call__many_threads__each_sees_its_commit),
	    TEST(store_submit__status_at_a_high_rate__commits_are_paced),
	    TEST(store_submit__large__readers_see_what_they_saw_and_memory_goes_later),
	    TEST(store_submit__large_while_others_read__all_is_well),
	    TEST(store_submit__reader_was_killed__is_forgotten),
	    TEST(store_close__jobs_queued_and_still_coming__all_are_run),
	    cmocka_unit_test(store__disk_full__refuses_loses_nothing_and_recovers),
	};

	log_init("test", LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
