/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_STORE_STORE_H
#define AGENT_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/*
 * All state, in two LMDB environments below one directory.
 *
 * STORE_CATALOG (catalog.mdb): catalogs, members, work log, marks, replay
 * window, ownership ledger, graveyard. Every commit is on disk before it
 * counts. STORE_STATUS (status.mdb): what was observed. Commits at most every
 * 100 ms and not synchronously; after an unclean stop it starts empty, and so it does
 * when it could not be written because it is corrupt.
 *
 * One writer thread each; any number of readers in any thread. Maps are set
 * once, large, and never resized.
 */

struct store;
struct store_txn;

enum store_env { STORE_CATALOG, STORE_STATUS };

struct store_conf {
	const char *dir;     /* made with mode 0700 if it is absent */
	size_t map_size;     /* of each environment; 0: 64 GiB */
	uint64_t log_bytes;  /* the work log is pruned beyond it; 0: 256 MiB */
	uint64_t past_bytes; /* and what records were (past.h); 0: 64 MiB each */
	/* Called by a writer thread after a commit that completed jobs marked reap. */
	void (*wake)(void *arg);
	void *wake_arg;
};

/* Takes an exclusive lock on the directory. ERR_BUSY: another agent has it.
 * Other failures: ERR_IO, ERR_FULL, ERR_CORRUPT; where says why. */
NODISCARD enum err store_open(const struct store_conf *conf, struct err_where *where,
    struct store **store);
/* Runs what is queued and what that submits, reaps (so call it from the thread
 * that does), marks the stop as clean, ends the threads. Takes NULL. No reader
 * may be open. */
void store_close(struct store *store);
/* The last stop was unclean, or this is a new directory: reconcile. */
bool store_was_unclean(const struct store *store);

/* -- reading --------------------------------------------------------------- */

/*
 * A snapshot. Never NULL: a failure is sticky and every read of it then fails
 * the same way. Data read is valid until store_end(). Keep it short, or watch
 * store_age_ms(): an open snapshot pins pages and lets the file grow.
 */
struct store_txn *store_read(struct store *store, enum store_env env);
void store_end(struct store_txn **txn); /* takes a pointer to NULL */
uint64_t store_age_ms(const struct store_txn *txn);
enum err store_err(const struct store_txn *txn);

/* In a write transaction: undo all of it, for a job that cannot go on amid its
 * writing. err sticks; returns it, or the earlier one. */
enum err store_spoil(struct store_txn *txn, enum err err);

/* -- writing --------------------------------------------------------------- */

/*
 * One piece of work in a write transaction; embed it. `run` is called in the
 * writer's thread, with others in the same transaction (group commit), in the
 * order of submission. It either writes all it means to and returns OK, or
 * checks first, writes nothing and returns an error: then only this job fails.
 * A failure of LMDB is sticky in txn: the whole group is undone, and each job
 * is run again alone; so run may be called twice and must not change anything
 * but txn and its own job. Data read inside is valid until the next write.
 */
enum store_patience {
	PATIENCE_NONE,  /* somebody waits: at once */
	PATIENCE_BRIEF, /* 2 ms, while those of NONE follow each other closely */
	PATIENCE_LONG,  /* 10 ms */
};

struct store_job {
	enum err (*run)(struct store_txn *txn, struct store_job *job);
	/* After the commit: err is that of run, or of the commit (ERR_FULL,
	 * ERR_IO). May free the job. May be NULL. With less than 16 MB free
	 * on the disk run is not even called: ERR_FULL. */
	void (*done)(struct store_job *job, enum err err);
	bool reap; /* call done from store_reap(), else from the writer's thread */
	/* How long its commit may wait for another to share it, so that what is
	 * urgent need not wait for the one as well as its own. STORE_CATALOG. */
	enum store_patience patience;
	enum err err;
	struct store_job *next; /* the store's own from here, until done */
	struct store_wait *wait;
};

void store_submit(struct store *store, enum store_env env, struct store_job *job);
/* The same, waiting for the commit; done is not called. Not from the thread
 * that reaps, not from a writer. */
NODISCARD enum err store_call(struct store *store, enum store_env env,
    struct store_job *job);
/* Calls done of completed jobs marked reap. One thread, after wake(). */
void store_reap(struct store *store);
/* Jobs submitted and not yet committed: for back-pressure. */
size_t store_queued(struct store *store, enum store_env env);

/* -- the work log as a bell ------------------------------------------------ */

/* The sequence of the last committed entry; cheap, any thread. */
uint64_t store_log_seq(const struct store *store);
/* fn is called by the writer's thread after each commit that appended, and must
 * not block. At most 16. */
void store_on_append(struct store *store, void (*fn)(void *arg, uint64_t seq),
    void *arg);
/* No fn is called with that arg once this has returned: before arg is freed, if
 * that is before store_close(). Holding no lock that fn takes; not from an fn. */
void store_off_append(struct store *store, const void *arg);

/* Free bytes of the file system and of the maps. */
struct store_space {
	uint64_t disk_free, catalog_used, status_used, map_size;
};
void store_get_space(struct store *store, struct store_space *space);

#endif
