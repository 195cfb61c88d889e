/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_STORE_INSIDE_H
#define AGENT_STORE_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lmdb.h>

#include "agent/store/store.h"
#include "agent/store/txn.h"

/* What store.c, txn.c, writer.c and scratch.c share: the store itself. */

/* Files of temporary maps, in the state directory. */
#define SCRATCH_PREFIX "scratch."

enum {
	STORE_READERS_MAX = 1024,
	STORE_BELLS_MAX = 16,
	/* Less free space on disk than this: writes are refused beforehand. */
	STORE_DISK_RESERVE = 16 * 1024 * 1024,
};

/*
 * The version of the status survives a crash by a jump from the last one noted
 * in catalog.mdb; it is noted again before it can have grown by as much.
 */
enum { STATUS_VERSION_JUMP = 1000000, STATUS_VERSION_NOTE = 500000 };

struct writer {
	struct store *store;
	enum store_env env;
	unsigned pause_ms; /* between commits; 0: none */
	pthread_t thread;
	bool started;

	pthread_mutex_t lock; /* of the following */
	pthread_cond_t work;  /* there is a job, or stop */
	pthread_cond_t idle;  /* n_queued became 0, and not busy */
	struct store_job *first, **last;
	size_t n_queued;     /* submitted, not committed */
	bool is_urgent;      /* of those queued, one does not wait for others */
	uint64_t patient_ms; /* until then the others do */
	bool is_stream;      /* urgent ones follow each other closely */
	bool is_running;     /* a group */
	uint64_t ended_ms;   /* when it last did not any more */
	bool busy;           /* telling of a commit */
	bool stop;           /* no more waiting; end when all is done */

	/* the thread's own */
	struct store_job *taken; /* from the queue, not yet run */
	struct store_txn txn;
	uint64_t last_commit_ms;
	uint64_t readers_ms; /* when it last looked for dead readers */
	bool failing;        /* the last commit failed: log changes only */
	bool is_swollen;     /* a transaction was large: store_shrink() when idle */
};

struct store_side {
	MDB_env *mdb;
	MDB_dbi dbi[N_TABLES]; /* only those of this side */
	struct writer writer;
	pthread_mutex_t lock; /* of the following */
	struct store_txn *idle;
	size_t n_idle, n_out; /* out: readers that are in use */
	bool is_shut;         /* those who want to read wait until it is open */
	pthread_cond_t opened;
};

struct store_bell {
	void (*fn)(void *arg, uint64_t seq);
	void *arg;
};

struct store {
	char *dir;
	int dir_fd, lock_fd;
	size_t map_size;
	uint64_t log_bytes, past_bytes;
	void (*wake)(void *arg);
	void *wake_arg;
	bool unclean;
	atomic_bool is_status_spoilt; /* it is not to be used after this run */
	struct store_side sides[2];   /* by enum store_env */
	_Atomic uint64_t log_seq;
	_Atomic uint64_t past_until_ms; /* past_want(): CLOCK_MONOTONIC */
	_Atomic uint64_t touches;       /* of status_touch(), ever */
	pthread_mutex_t bell_lock;      /* of the bells; held while they ring */
	struct store_bell bells[STORE_BELLS_MAX];
	size_t n_bells;
	_Atomic size_t n_live; /* jobs submitted whose end was not told */
	pthread_mutex_t reap_lock;
	struct store_job *reap_first, **reap_last;
	struct store_job version_job; /* at most one is under way */
	_Atomic bool version_busy;
	_Atomic uint64_t version_noted, version_new;
	_Atomic unsigned n_scratch;   /* ever opened, for their names */
	struct replay_index *replays; /* of the write transaction of catalog.mdb */
};

uint64_t store_now_ms(void); /* CLOCK_MONOTONIC */
uint64_t store_now_us(void);
/* Is there room on the disk to write at all? */
bool store_has_room(const struct store *store);
/* Gives back what a failed commit wrote beyond the end of the last good one. Only
 * between write transactions. */
void store_trim(struct store *store, enum store_env env);
/*
 * LMDB keeps every page that a transaction made dirty, for the next one, until the
 * environment is closed: close it and open it again. Only in the writer's thread,
 * between transactions; readers wait for it, some milliseconds. False: there are
 * readers, and nothing was done.
 */
bool store_shrink(struct store *store, enum store_env env);
/* After a commit of the status: note its version in catalog.mdb now and then. */
void store_note_version(struct store *store, uint64_t version);
/* The last sequence ever given; 0: none. */
NODISCARD enum err worklog_last(struct store_txn *txn, uint64_t *last);
/* A write transaction was undone, or the store is closed. */
void replay_forget_index(struct store *store);
void status_put_version(struct store_txn *txn, uint64_t version);
/* Times that status_touch() was recorded. */
NODISCARD enum err status_touches(struct store_txn *txn, uint64_t *touches);

/* Tables are made where they are missing. */
NODISCARD enum err txn_open_tables(struct store *store, enum store_env env);
void txn_free_readers(struct store_side *side);
/* Whoever uses the environment outside of its writer's thread. */
void txn_enter(struct store_side *side);
void txn_leave(struct store_side *side);
/* Keeps all out until txn_open(), if nobody is in; no idle reader is left then. */
bool txn_shut(struct store_side *side);
void txn_open(struct store_side *side);

NODISCARD enum err writer_start(struct writer *writer, struct store *store,
    enum store_env env);
void writer_submit(struct writer *writer, struct store_job *job);
/* Waits until nothing is queued. */
void writer_drain(struct writer *writer);
/* Runs what is queued, then joins the thread. Takes one never started. */
void writer_stop(struct writer *writer);

#endif
