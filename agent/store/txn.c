/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/store/txn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/inside.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * TABLE_ROOT is that in which LMDB keeps where the others begin. It is written by
 * every commit in any case, so what changes with every commit costs nothing there,
 * where each table more is a page or two more to be written. Its keys begin with 1,
 * no name of a table does.
 */
static const struct {
	const char *name;
	enum store_env env;
} tables[N_TABLES] = {
    [TABLE_ROOT] = {NULL, STORE_CATALOG},
    [TABLE_META] = {"meta", STORE_CATALOG},
    [TABLE_CATALOGS] = {"catalogs", STORE_CATALOG},
    [TABLE_MEMBERS] = {"members", STORE_CATALOG},
    [TABLE_ZONES] = {"zones", STORE_CATALOG},
    [TABLE_GLOBALS] = {"globals", STORE_CATALOG},
    [TABLE_LOG] = {"log", STORE_CATALOG},
    [TABLE_SERIALS] = {"serials", STORE_CATALOG},
    [TABLE_BACKENDS] = {"backends", STORE_CATALOG},
    [TABLE_LEDGER] = {"ledger", STORE_CATALOG},
    [TABLE_GRAVES] = {"graves", STORE_CATALOG},
    [TABLE_REPLAY] = {"replay", STORE_CATALOG},
    [TABLE_GUARD] = {"guard", STORE_CATALOG},
    [TABLE_PAST] = {"past", STORE_CATALOG},
    [TABLE_STATUS_META] = {"meta", STORE_STATUS},
    [TABLE_STATES] = {"states", STORE_STATUS},
    [TABLE_DUE] = {"due", STORE_STATUS},
    [TABLE_COUNTS] = {"counts", STORE_STATUS},
    [TABLE_BACKEND_STATES] = {"backends", STORE_STATUS},
    [TABLE_PATTERN_STATES] = {"patterns", STORE_STATUS},
    [TABLE_STATUS_PAST] = {"past", STORE_STATUS},
};

/* Idle readers keep their slot in LMDB's table: a renewed one costs no lock. */
enum { IDLE_READERS_MAX = 64 };

enum err
txn_from_lmdb(int rc)
{
	switch (rc) {
	case MDB_SUCCESS: return OK;
	case MDB_NOTFOUND: return ERR_NOTFOUND;
	case MDB_KEYEXIST: return ERR_EXISTS;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
	case ENOSPC:
	case EDQUOT: return ERR_FULL;
	case MDB_READERS_FULL: return ERR_BUSY;
	case MDB_BAD_VALSIZE: return ERR_RANGE;
	case MDB_PAGE_NOTFOUND:
	case MDB_CORRUPTED:
	case MDB_INVALID:
	case MDB_INCOMPATIBLE:
	case MDB_VERSION_MISMATCH: return ERR_CORRUPT;
	default: return ERR_IO; /* errno values, MDB_PANIC, misuse */
	}
}

enum err
txn_fail(struct store_txn *txn, enum err err)
{
	if (txn->err == OK)
		txn->err = err;
	return txn->err;
}

static MDB_dbi
dbi_of(const struct store_txn *txn, enum table table)
{
	assert(tables[table].env == txn->env);
	return txn->store->sides[txn->env].dbi[table];
}

static MDB_val
val_of(const void *data, size_t size)
{
	union {
		const void *in;
		void *out;
	} p = {.in = data}; /* LMDB does not write through it */

	return (MDB_val){.mv_data = p.out, .mv_size = size};
}

/*
 * All writes of a table go through one cursor, which LMDB finds again without
 * a search from the root as long as keys are near each other: sorted bulk.
 * NULL after a failure.
 */
static MDB_cursor *
cursor_of(struct store_txn *txn, enum table table)
{
	if (txn->err != OK)
		return NULL;
	assert(txn->write);
	MDB_dbi dbi = dbi_of(txn, table);
	if (txn->cursors[table] == NULL) {
		int rc = mdb_cursor_open(txn->mdb, dbi, &txn->cursors[table]);
		if (rc != 0) {
			txn->cursors[table] = NULL;
			txn_fail(txn, txn_from_lmdb(rc));
		}
	}
	return txn->cursors[table];
}

enum err
txn_get(struct store_txn *txn, enum table table, const struct skey *key, MDB_val *value)
{
	int rc;
	bool there;
	MDB_val k = val_of(key->data, key->size), v;

	if (txn->err != OK)
		return txn->err;
	if (txn->past != NULL && past_find(txn->past, table, key, &there, &v)) {
		if (!there)
			return ERR_NOTFOUND;
		*value = v;
		return OK;
	}
	if (txn->write) {
		MDB_cursor *cursor = cursor_of(txn, table);
		if (cursor == NULL)
			return txn->err;
		rc = mdb_cursor_get(cursor, &k, &v, MDB_SET);
	} else
		rc = mdb_get(txn->mdb, dbi_of(txn, table), &k, &v);
	if (rc == MDB_NOTFOUND)
		return ERR_NOTFOUND;
	if (rc != 0)
		return txn_fail(txn, txn_from_lmdb(rc));
	*value = v;
	return OK;
}

enum err
txn_get_root(struct store_txn *txn, const struct skey *key, enum table before,
    const struct skey *key_before, MDB_val *value)
{
	enum err err = txn_get(txn, TABLE_ROOT, key, value);

	return err == ERR_NOTFOUND ? txn_get(txn, before, key_before, value) : err;
}

static int
put(struct store_txn *txn, enum table table, const struct skey *key, MDB_val *value,
    unsigned flags)
{
	MDB_val k = val_of(key->data, key->size);
	MDB_cursor *cursor = cursor_of(txn, table);

	if (cursor == NULL)
		return 0;
	int rc = mdb_cursor_put(cursor, &k, value, flags);
	if (rc == 0)
		txn->n_writes++;
	else if (rc != MDB_KEYEXIST)
		txn_fail(txn, txn_from_lmdb(rc));
	return rc;
}

void
txn_put(struct store_txn *txn, enum table table, const struct skey *key,
    const void *data, size_t size)
{
	MDB_val value = val_of(data, size);

	(void)put(txn, table, key, &value, 0);
}

void
txn_put_buf(struct store_txn *txn, enum table table, const struct skey *key)
{
	if (txn->buf.err != OK)
		txn_fail(txn, txn->buf.err);
	txn_put(txn, table, key, txn->buf.data, txn->buf.size);
}

enum err
txn_insert(struct store_txn *txn, enum table table, const struct skey *key,
    const void *data, size_t size, MDB_val *old)
{
	MDB_val value = val_of(data, size);

	if (put(txn, table, key, &value, MDB_NOOVERWRITE) != MDB_KEYEXIST)
		return txn->err;
	*old = value;
	return ERR_EXISTS;
}

void
txn_append(struct store_txn *txn, enum table table, const struct skey *key,
    const void *data, size_t size)
{
	MDB_val value = val_of(data, size);

	/* LMDB says KEYEXIST as well when the key is not the largest. */
	if (put(txn, table, key, &value, MDB_APPEND) == MDB_KEYEXIST)
		txn_fail(txn, ERR_CORRUPT);
}

static bool
find_and_del(struct store_txn *txn, enum table table, const struct skey *key,
    const MDB_val *only)
{
	MDB_val k = val_of(key->data, key->size), v;
	MDB_cursor *cursor = cursor_of(txn, table);

	if (cursor == NULL)
		return false;
	int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET);
	if (rc == MDB_NOTFOUND)
		return false;
	if (rc == 0 && only != NULL &&
	    (v.mv_size != only->mv_size || memcmp(v.mv_data, only->mv_data, v.mv_size)))
		return false;
	if (rc == 0)
		rc = mdb_cursor_del(cursor, 0);
	if (rc != 0) {
		txn_fail(txn, txn_from_lmdb(rc));
		return false;
	}
	txn->n_writes++;
	return true;
}

bool
txn_del(struct store_txn *txn, enum table table, const struct skey *key)
{
	return find_and_del(txn, table, key, NULL);
}

void
txn_del_if(struct store_txn *txn, enum table table, const struct skey *key,
    const void *data, size_t size)
{
	MDB_val only = val_of(data, size);

	(void)find_and_del(txn, table, key, &only);
}

uint64_t
txn_count(struct store_txn *txn, enum table table)
{
	MDB_stat stat;

	if (txn->err != OK)
		return 0;
	int rc = mdb_stat(txn->mdb, dbi_of(txn, table), &stat);
	if (rc != 0)
		txn_fail(txn, txn_from_lmdb(rc));
	return rc == 0 ? stat.ms_entries : 0;
}

enum err
txn_get_u64(struct store_txn *txn, enum table table, const struct skey *key,
    uint64_t *value)
{
	MDB_val v;
	enum err err = txn_get(txn, table, key, &v);

	if (err != OK)
		return err;
	if (v.mv_size != 8)
		return txn_fail(txn, ERR_CORRUPT);
	*value = skey_get_u64(v.mv_data);
	return OK;
}

void
txn_put_u64(struct store_txn *txn, enum table table, const struct skey *key,
    uint64_t value)
{
	uint8_t b[8];

	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(value >> (56 - 8 * i));
	txn_put(txn, table, key, b, sizeof(b));
}

/* -- walks --------------------------------------------------------------------- */

/* To start, or to the one after it. */
static int
seek(MDB_cursor *cursor, const struct skey *start, bool after, MDB_val *k, MDB_val *v)
{
	if (start->size == 0)
		return mdb_cursor_get(cursor, k, v, MDB_FIRST);
	*k = val_of(start->data, start->size);
	int rc = mdb_cursor_get(cursor, k, v, MDB_SET_RANGE);
	if (rc == 0 && after && k->mv_size == start->size &&
	    memcmp(k->mv_data, start->data, start->size) == 0)
		rc = mdb_cursor_get(cursor, k, v, MDB_NEXT);
	return rc;
}

/* Where writes move what the cursor stands on, it is found again by its key. */
static int
step(const struct store_txn *txn, MDB_cursor *cursor, const struct skey *at,
    uint64_t n_writes, MDB_val *k, MDB_val *v)
{
	if (txn->n_writes == n_writes)
		return mdb_cursor_get(cursor, k, v, MDB_NEXT);
	return seek(cursor, at, true, k, v);
}

static enum err
walk_cursor(struct store_txn *txn, MDB_cursor *cursor, const struct walk *walk,
    walk_fn *fn, void *arg)
{
	MDB_val k, v;
	struct skey at;
	size_t prefix = walk->prefix_size;
	int rc = seek(cursor, walk->start, walk->after, &k, &v);

	for (size_t n = 0; rc == 0 && n < walk->max; n++) {
		if (k.mv_size < prefix || memcmp(k.mv_data, walk->start->data, prefix))
			return OK;
		if (txn->write) {
			skey_init(&at);
			skey_bytes(&at, k.mv_data, k.mv_size);
		}
		uint64_t n_writes = txn->n_writes;
		enum err err = fn(arg, &k, &v);
		if (err != OK)
			return err;
		if (txn->err != OK)
			return txn->err;
		if (n + 1 < walk->max)
			rc = step(txn, cursor, &at, n_writes, &k, &v);
	}
	return rc == 0 || rc == MDB_NOTFOUND ? OK : txn_fail(txn, txn_from_lmdb(rc));
}

enum err
txn_walk(struct store_txn *txn, const struct walk *walk, walk_fn *fn, void *arg)
{
	MDB_cursor *cursor;

	if (txn->err != OK)
		return txn->err;
	assert(walk->prefix_size <= walk->start->size && txn->past == NULL);
	int rc = mdb_cursor_open(txn->mdb, dbi_of(txn, walk->table), &cursor);
	if (rc != 0)
		return txn_fail(txn, txn_from_lmdb(rc));
	enum err err = walk_cursor(txn, cursor, walk, fn, arg);
	mdb_cursor_close(cursor);
	return err;
}

/* -- write transactions -------------------------------------------------------- */

void
txn_init(struct store_txn *txn, struct store *store, enum store_env env)
{
	*txn = (struct store_txn){.store = store, .env = env};
	buf_init(&txn->buf, 0);
	buf_init(&txn->notes, 0);
	member_init(&txn->old);
}

void
txn_fini(struct store_txn *txn)
{
	buf_fini(&txn->buf);
	buf_fini(&txn->notes);
	member_fini(&txn->old);
}

static void
start(struct store_txn *txn)
{
	txn->err = OK;
	txn->n_writes = 0;
	txn->started_ms = store_now_ms();
	memset(txn->cursors, 0, sizeof(txn->cursors));
	txn->tail = (struct worklog_tail){0};
	txn->head.loaded = txn->head.dirty = false;
	txn->pending.dirty = false;
	txn->pending.touches = 0;
	txn->pending.version = 0;
	txn->pending.n = 0;
	txn->past = NULL;
	past_forget(txn);
}

void
txn_begin(struct store_txn *txn)
{
	start(txn);
	txn->write = true;
	int rc = mdb_txn_begin(txn->store->sides[txn->env].mdb, NULL, 0, &txn->mdb);
	if (rc == MDB_PANIC) /* a meta page is half written: only a new start helps */
		log_fatal("store", "error=\"%s\"", mdb_strerror(rc));
	if (rc != 0) {
		txn->mdb = NULL;
		txn_fail(txn, txn_from_lmdb(rc));
	}
}

/* Only one thread writes there: nobody looks meanwhile. */
static void
forget_undone(const struct store_txn *txn)
{
	if (txn->write && txn->env == STORE_CATALOG)
		replay_forget_index(txn->store);
}

enum err
txn_commit(struct store_txn *txn)
{
	if (txn->env == STORE_CATALOG) {
		worklog_flush(txn);
		catalogs_flush(txn);
	} else
		status_flush(txn);
	past_flush(txn);
	if (txn->err != OK) {
		txn_abort(txn);
		return txn->err;
	}
	int rc = mdb_txn_commit(txn->mdb); /* frees it and its cursors in any case */
	txn->mdb = NULL;
	/* To LMDB a short write is EIO, though it is the disk that is full. */
	if (rc == EIO && !store_has_room(txn->store))
		rc = ENOSPC;
	if (rc != 0)
		forget_undone(txn);
	return rc == 0 ? OK : txn_fail(txn, txn_from_lmdb(rc));
}

void
txn_abort(struct store_txn *txn)
{
	if (txn->mdb != NULL) {
		forget_undone(txn);
		mdb_txn_abort(txn->mdb);
	}
	txn->mdb = NULL;
}

enum err
txn_open_tables(struct store *store, enum store_env env)
{
	struct store_side *side = &store->sides[env];
	MDB_txn *mdb;
	int rc = mdb_txn_begin(side->mdb, NULL, 0, &mdb);

	if (rc != 0)
		return txn_from_lmdb(rc);
	for (size_t t = 0; t < N_TABLES && rc == 0; t++)
		if (tables[t].env == env)
			rc = mdb_dbi_open(mdb, tables[t].name,
			    tables[t].name != NULL ? MDB_CREATE : 0, &side->dbi[t]);
	if (rc == 0)
		rc = mdb_txn_commit(mdb);
	else
		mdb_txn_abort(mdb);
	return txn_from_lmdb(rc);
}

/* -- readers ------------------------------------------------------------------- */

void
txn_enter(struct store_side *side)
{
	pthread_mutex_lock(&side->lock);
	while (side->is_shut)
		pthread_cond_wait(&side->opened, &side->lock);
	side->n_out++;
	pthread_mutex_unlock(&side->lock);
}

void
txn_leave(struct store_side *side)
{
	pthread_mutex_lock(&side->lock);
	side->n_out--;
	pthread_mutex_unlock(&side->lock);
}

static struct store_txn *
idle_take(struct store_side *side)
{
	pthread_mutex_lock(&side->lock);
	struct store_txn *txn = side->idle;
	if (txn != NULL) {
		side->idle = txn->next;
		side->n_idle--;
	}
	pthread_mutex_unlock(&side->lock);
	return txn;
}

static bool
idle_give(struct store_side *side, struct store_txn *txn)
{
	pthread_mutex_lock(&side->lock);
	bool room = side->n_idle < IDLE_READERS_MAX;
	if (room) {
		txn->next = side->idle;
		side->idle = txn;
		side->n_idle++;
	}
	pthread_mutex_unlock(&side->lock);
	return room;
}

static void
reader_free(struct store_txn *txn)
{
	txn_abort(txn);
	txn_fini(txn);
	free(txn);
}

struct store_txn *
store_read(struct store *store, enum store_env env)
{
	int rc;
	struct store_side *side = &store->sides[env];

	txn_enter(side);
	struct store_txn *txn = idle_take(side);
	if (txn != NULL) {
		start(txn);
		rc = mdb_txn_renew(txn->mdb);
	} else {
		txn = mem_alloc(sizeof(*txn));
		txn_init(txn, store, env);
		start(txn);
		rc = mdb_txn_begin(side->mdb, NULL, MDB_RDONLY, &txn->mdb);
		if (rc != 0)
			txn->mdb = NULL;
	}
	if (rc != 0)
		txn_fail(txn, txn_from_lmdb(rc));
	return txn;
}

void
store_end(struct store_txn **txnp)
{
	struct store_txn *txn = *txnp;

	*txnp = NULL;
	if (txn == NULL)
		return;
	assert(!txn->write);
	struct store_side *side = &txn->store->sides[txn->env];
	bool good = txn->mdb != NULL && txn->err == OK;
	if (good)
		mdb_txn_reset(txn->mdb);
	if (!good || !idle_give(side, txn))
		reader_free(txn);
	txn_leave(side);
}

void
txn_free_readers(struct store_side *side)
{
	struct store_txn *txn;

	while ((txn = idle_take(side)) != NULL)
		reader_free(txn);
}

bool
txn_shut(struct store_side *side)
{
	pthread_mutex_lock(&side->lock);
	bool alone = side->n_out == 0;
	side->is_shut = alone;
	pthread_mutex_unlock(&side->lock);
	if (alone)
		txn_free_readers(side);
	return alone;
}

void
txn_open(struct store_side *side)
{
	pthread_mutex_lock(&side->lock);
	side->is_shut = false;
	pthread_cond_broadcast(&side->opened);
	pthread_mutex_unlock(&side->lock);
}

uint64_t
store_age_ms(const struct store_txn *txn)
{
	return store_now_ms() - txn->started_ms;
}

enum err
store_err(const struct store_txn *txn)
{
	return txn->err;
}

enum err
store_spoil(struct store_txn *txn, enum err err)
{
	return txn_fail(txn, err);
}
