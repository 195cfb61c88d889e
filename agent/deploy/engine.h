/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_ENGINE_H
#define AGENT_DEPLOY_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/deploy/ages.h"
#include "agent/deploy/asks.h"
#include "agent/deploy/deploy.h"
#include "agent/deploy/plan.h"
#include "agent/deploy/record.h"
#include "agent/deploy/transfers.h"
#include "agent/deploy/watch.h"
#include "agent/probe/pace.h"

/*
 * One backend's thread and what it knows. Everything below `own` belongs to
 * the thread; the rest is set before it starts, or is guarded by lock, or is
 * atomic.
 */

enum {
	ENGINE_BATCH_MAX = 20000,
	ENGINE_WATCH_MAX = 8192, /* more are verified later, from the retry table */
	ENGINE_LARGE = 1000,     /* a batch that leaves much memory free behind it */
	ENGINE_UNWRITTEN_MAX = 12000, /* changes and notes not yet on record */
};

/* A zone that has to be looked at again. */
struct again {
	struct again *next;
	uint64_t seq; /* log entry that asked for it; 0: none */
	struct log_says log_says;
	bool removal, lost, stray, look, walk;
	struct dname zone;
};

/* What of the agent's own state is read all the time. */
enum engine_source {
	SOURCE_LOG,
	SOURCE_LATE, /* the log, for what was put off */
	SOURCE_VERBS,
	SOURCE_RETRIES,
	N_SOURCES,
};

enum engine_state { ENGINE_DOWN, ENGINE_STARTING, ENGINE_UP };

struct roster;
struct reconcile;
struct repattern;
struct graves;
struct verbs;

struct engine {
	struct roster *roster;
	struct deploy_backend_conf *conf; /* its own; keys and catalogs change */
	const struct backend_driver *driver;
	struct backend_conf driver_conf;
	struct store *store;
	void *ctx;
	struct probe_target *target; /* NULL: has none */
	struct probe_target *pulse;  /* the same server, asked all the time */
	pthread_t thread;
	bool opened, started;
	int wake_fd, cancel_fd;
	bool of_interest[256]; /* catalog numbers */

	pthread_mutex_t lock;
	struct {
		struct probe_result *results;
		size_t n_results, room;
		struct pattern_set *patterns;     /* new ones, or NULL */
		struct deploy_backend_conf *conf; /* the same */
		bool reconcile;
	} in;
	atomic_bool stop;
	atomic_bool write_failed;   /* a job failed: what is on record is not what is */
	atomic_bool has_reconciled; /* once, since the start */
	/* For deploy_each_vital: enum engine_state; whether the server has been asked
	 * at all; since when (monotonic) it does not answer, 0: it does. */
	atomic_int vital_state;
	atomic_bool vital_asked;
	atomic_uint_fast64_t vital_silent_us;
	atomic_size_t n_unwritten;
	atomic_uint_fast64_t catalog_done, status_done;

	/* own */
	struct pattern_set *patterns;
	struct watch_table watch;
	uint64_t catalog_sent, status_sent;
	struct plan_cursor fast; /* read up to here */
	struct plan_cursor slow; /* what was put off: done up to here */
	bool slow_behind;        /* slow is behind fast */
	/* What slow passed over, for it waits for what others need not wait for; it
	 * comes back to there when it is through, and not before that time. */
	struct plan_cursor passed;
	bool has_passed;
	uint64_t slow_us;
	uint64_t marked; /* the mark last written */
	struct again *again, **again_last;
	/* Notes of the last small batch: the answers are about to come, and then
	 * all go in one commit. */
	struct record *held;
	bool swollen;       /* there was a large batch; not yet trimmed */
	bool late;          /* additions wait for the rate */
	uint64_t epoch_us;  /* Unix time when pace_now_us() was 0, as of the start */
	uint64_t verify_us; /* Unix: the next free place for a verification put off */
	struct pace adds;   /* of secondaries */
	struct transfers transfers;
	unsigned n_lookup_failures;
	enum err reading[N_SOURCES]; /* how it went the last time */
	struct ages ages;            /* of what is in the log */

	enum engine_state state;
	uint64_t ready_us;    /* when to try again to reach it */
	unsigned n_failures;  /* in a row */
	uint64_t identity_us; /* when it was last known to be there */
	struct backend_identity identity;
	struct backend_status status; /* as last written */
	bool reconcile_wanted;
	bool rekey_wanted;           /* the server may not have our keys yet */
	uint64_t rekey_us;           /* when to try that again */
	struct reconcile *reconcile; /* under way, or NULL */
	struct repattern *repattern; /* the same */
	struct verbs *verbs;
	struct asks asks; /* questions for the guard */

	struct {
		uint64_t at_us;
		double credit;
		size_t catalog;
		struct dname after;
		bool started;
	} sweep;
	struct {
		uint64_t at_us;
		struct dname after;
		bool started;
	} graves;
};

/* Copies conf. ERR_IO, ERR_CORRUPT: where is filled. */
NODISCARD enum err engine_new(struct roster *roster, struct store *store,
    struct pattern_set *patterns, const struct deploy_backend_conf *conf,
    struct probe *probe, struct err_where *where, struct engine **engine);
/* Open the driver now, so that a fault of the configuration is known before the
 * start; else the thread does, again and again. where is filled. */
NODISCARD enum err engine_open(struct engine *e, struct err_where *where);
NODISCARD enum err engine_start(struct engine *e);
/* Tells it to stop; engine_join waits for that, and for its records. */
void engine_stop(struct engine *e);
void engine_join(struct engine *e);
/* Close the driver, unless that was done: the thread does, at its end, since one may
 * take a second or two for it and the others need not wait for that. */
void engine_let_go(struct engine *e);
/* After engine_join; the probe's thread must run. Takes NULL. */
void engine_close(struct engine *e);

/* Any thread. */
void engine_wake(struct engine *e);
void engine_set_patterns(struct engine *e, struct pattern_set *patterns);
/* Other keys and catalogs; nothing else may differ. Takes conf, of setup_copy. */
void engine_set_conf(struct engine *e, struct deploy_backend_conf *conf);
void engine_ask_reconcile(struct engine *e);
/* In the probe's thread. */
void engine_take_answer(void *arg, const struct probe_result *result);
void engine_take_pulse(void *arg, const struct probe_result *result);
void engine_job_done(struct engine *e, enum store_env env, enum err err);

/* -- for the other files of the room; the engine's own thread only ------------ */

bool engine_stopping(const struct engine *e);
/* Waits until all that it had written is on record: the records point to it. */
void engine_await_jobs(struct engine *e);
/* The server cannot be reached, for that reason. */
void engine_down(struct engine *e, const char *why);
/* How it went to read that: if it did not, the backend's status says so. */
void engine_note_reading(struct engine *e, enum engine_source source, enum err err);
/* Look at the zone again, soon. */
struct again *engine_again(struct engine *e, const struct dname *zone);
/* The zone leaves the watch as soon as these jobs are done. */
void engine_settle(struct engine *e, struct watch *w, uint64_t catalog_job,
    uint64_t status_job);
const struct deploy_catalog *engine_catalog(const struct engine *e, uint8_t nr);
/* What the catalog says in entry seq of the log, at that Unix time, has to wait. */
bool engine_is_early(const struct engine *e, const struct deploy_catalog *c,
    uint64_t seq, uint64_t time_s);
/* Unix ms for retries, by the clock as it was at the start: who sets it back by an
 * hour makes no zone wait for that hour. */
uint64_t engine_due_ms(const struct engine *e);
/* How many zones to ask about at a time, so that an answer comes in a second or two. */
size_t engine_watch_max(const struct engine *e);
/* Where a verification that cannot be watched now finds its place (Unix ms). */
uint64_t engine_verify_later(struct engine *e);

#endif
