/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_STORE_TXN_H
#define AGENT_STORE_TXN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lmdb.h>

#include "agent/store/catalogs.h"
#include "agent/store/pack.h"
#include "agent/store/store.h"
#include "lib/buf.h"
#include "lib/member.h"

struct past;

/*
 * Inside the store: transactions and tables, the only place that calls LMDB
 * besides store.c and scratch.c.
 *
 * Every failure of LMDB sticks in txn->err; after it nothing is done any more.
 * ERR_NOTFOUND and ERR_EXISTS are answers, not failures.
 */

enum table {
	/* catalog.mdb */
	TABLE_ROOT, /* 1 'h' catalog -> head; 1 'm' backend -> mark, 1 'd' -> zone
		     * directory; 1 'l', 1 'p' */
	TABLE_META,
	TABLE_CATALOGS, /* 'n' zone -> number; 'u' number -> upstream */
	TABLE_MEMBERS,  /* catalog id -> member */
	TABLE_ZONES,    /* catalog zone -> id */
	TABLE_GLOBALS,  /* catalog owner -> records */
	TABLE_LOG,      /* sequence -> entry */
	TABLE_SERIALS,  /* catalog serial -> sequence of the entry that left it */
	TABLE_BACKENDS, /* 'n' name -> number */
	TABLE_LEDGER,   /* backend zone -> entry */
	TABLE_GRAVES,   /* backend zone -> grave */
	TABLE_REPLAY,   /* time number -> answer, MAC */
	TABLE_GUARD,    /* 'r' catalog, 'h' catalog zone, 'a' catalog zone */
	TABLE_PAST,     /* number chunk -> what records were */
	/* status.mdb */
	TABLE_STATUS_META,
	TABLE_STATES, /* catalog zone 0 0 backend -> state */
	TABLE_DUE,    /* backend time catalog wire-name -> nothing */
	TABLE_COUNTS, /* 's' backend catalog state, 'p' backend pattern -> count */
	TABLE_BACKEND_STATES, /* number -> line */
	TABLE_PATTERN_STATES, /* name -> line */
	TABLE_STATUS_PAST,    /* as TABLE_PAST */
	N_TABLES
};

/* The end of the work log, kept in memory between the first append of a
 * transaction and its commit. */
struct worklog_tail {
	bool loaded, dirty;
	uint64_t last;   /* sequence */
	uint64_t bytes;  /* of the log, as worklog.c counts */
	uint64_t pruned; /* sequence of the last append that pruned */
	bool pruning;    /* until there is room for a while */
};

/* The head of the catalog that was used last, in a write transaction: many UPDATEs
 * of it share one, and read and write it each. */
struct head_cache {
	bool loaded, dirty;
	struct catalog_head head;
};

/* Changes of counters, not yet written. */
struct status_delta {
	uint8_t key[72];
	uint8_t key_size;
	int64_t change;
};

enum { STATUS_DELTAS_MAX = 24 };

struct status_pending {
	bool dirty;       /* the version has to grow */
	uint64_t touches; /* and by so many more */
	uint64_t version; /* as written by the commit; 0: it was not */
	size_t n;
	struct status_delta deltas[STATUS_DELTAS_MAX];
};

struct store_txn {
	struct store *store;
	enum store_env env;
	bool write;
	MDB_txn *mdb; /* NULL: none could be had, or it is over */
	enum err err;
	uint64_t started_ms;
	uint64_t n_writes;
	MDB_cursor *cursors[N_TABLES]; /* of a write transaction; LMDB frees them */
	struct buf buf;                /* for packing, reused */
	struct member old;             /* for comparing, reused */
	struct worklog_tail tail;
	struct head_cache head;
	struct status_pending pending;
	struct buf notes;        /* what records were before this one */
	bool notes_lost;         /* too many, or nobody wants them */
	const struct past *past; /* of a snapshot: read as of then; NULL: as of now */
	struct store_txn *next;  /* idle readers */
};

NODISCARD enum err txn_from_lmdb(int rc);
/* Makes err stick when it is a failure; returns it, or the earlier one. */
enum err txn_fail(struct store_txn *txn, enum err err);

/* Value is valid until the next write. ERR_NOTFOUND. */
NODISCARD enum err txn_get(struct store_txn *txn, enum table table,
    const struct skey *key, MDB_val *value);
/* Of TABLE_ROOT, else of the table that earlier versions had it in. */
NODISCARD enum err txn_get_root(struct store_txn *txn, const struct skey *key,
    enum table before, const struct skey *key_before, MDB_val *value);
void txn_put(struct store_txn *txn, enum table table, const struct skey *key,
    const void *data, size_t size);
/* Writes what txn->buf holds; a failure of buf sticks as well. */
void txn_put_buf(struct store_txn *txn, enum table table, const struct skey *key);
/* ERR_EXISTS: nothing was written, *old is what is there. */
NODISCARD enum err txn_insert(struct store_txn *txn, enum table table,
    const struct skey *key, const void *data, size_t size, MDB_val *old);
/* A key larger than all others of the table. */
void txn_append(struct store_txn *txn, enum table table, const struct skey *key,
    const void *data, size_t size);
/* Entries of the table; 0 after a failure. */
uint64_t txn_count(struct store_txn *txn, enum table table);
/* Returns whether it was there. */
bool txn_del(struct store_txn *txn, enum table table, const struct skey *key);
/* Only when the value is this one. */
void txn_del_if(struct store_txn *txn, enum table table, const struct skey *key,
    const void *data, size_t size);

NODISCARD enum err txn_get_u64(struct store_txn *txn, enum table table,
    const struct skey *key, uint64_t *value);
void txn_put_u64(struct store_txn *txn, enum table table, const struct skey *key,
    uint64_t value);

/*
 * Visit keys in order from start on, or from the one after it, while they share
 * its first prefix_size bytes, at most max. fn may write; what it was given is
 * then void. The error of fn ends the walk and is returned.
 */
struct walk {
	enum table table;
	const struct skey *start; /* size 0: the first key of the table */
	bool after;
	size_t prefix_size;
	size_t max;
};
typedef enum err walk_fn(void *arg, const MDB_val *key, const MDB_val *value);
NODISCARD enum err txn_walk(struct store_txn *txn, const struct walk *walk, walk_fn *fn,
    void *arg);

/* -- write transactions, for the writer and for store.c ---------------------- */

void txn_init(struct store_txn *txn, struct store *store, enum store_env env);
void txn_fini(struct store_txn *txn);
/* A failure sticks. */
void txn_begin(struct store_txn *txn);
/* Returns the first failure of the transaction; it is over in any case. */
NODISCARD enum err txn_commit(struct store_txn *txn);
void txn_abort(struct store_txn *txn);

/* Called before a commit: what is kept in memory until then. */
void worklog_flush(struct store_txn *txn);
void catalogs_flush(struct store_txn *txn);
void status_flush(struct store_txn *txn);
void past_flush(struct store_txn *txn);

/* -- the past ----------------------------------------------------------------- */

/* Before a record is changed, made or deleted: what it is (NULL: it is not
 * there). Where one record changes twice the first note counts. */
void past_note(struct store_txn *txn, enum table table, const struct skey *key,
    const MDB_val *old);
void past_forget(struct store_txn *txn);
/* Returns whether the record was another then. *there: there was one at all. */
bool past_find(const struct past *past, enum table table, const struct skey *key,
    bool *there, MDB_val *value);

#endif
