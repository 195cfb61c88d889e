/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/store/scratch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/store/inside.h"
#include "lib/mem.h"

/*
 * One LMDB environment for each map, without a lock file and without any sync;
 * its file has no name any more once it is open, so a crash leaves nothing.
 * Puts go in large transactions, each sorted first: neighbours then share
 * pages, which is what LMDB is fast at.
 */

enum {
	BATCH_MAX = 8192,      /* puts */
	BATCH_BYTES = 2 << 20, /* of their zones and texts */
};

struct item {
	size_t at; /* in bytes */
	uint16_t key_size;
	uint32_t value_size;
	uint32_t n; /* the order of putting */
};

struct scratch {
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *txn;              /* for reading, once sorted */
	MDB_cursor *cursor, *peek; /* that of a walk, and one for what it looks up */
	enum err err;
	struct store *store;
	struct item *items;
	size_t n_items, room;
	struct buf bytes; /* key, then value: of zones a text with its NUL */
};

static enum err
open_env(struct scratch *s)
{
	/* No meta page of it needs to outlive the process. */
	const unsigned flags = MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOLOCK | MDB_NOTLS;
	unsigned n = atomic_fetch_add(&s->store->n_scratch, 1);
	char *path = mem_printf("%s/%s%u", s->store->dir, SCRATCH_PREFIX, n);

	int rc = mdb_env_create(&s->env);
	if (rc != 0)
		s->env = NULL;
	if (rc == 0)
		rc = mdb_env_set_mapsize(s->env, s->store->map_size);
	if (rc == 0)
		rc = mdb_env_open(s->env, path, flags, 0600);
	(void)unlink(path);
	free(path);
	if (rc > 0)
		errno = rc;
	return txn_from_lmdb(rc);
}

enum err
scratch_open(struct store *store, struct scratch **sp)
{
	MDB_txn *txn;
	struct scratch *s = mem_zalloc(sizeof(*s));

	s->store = store;
	buf_init(&s->bytes, 0);
	enum err err = open_env(s);
	if (err == OK) {
		int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
		if (rc == 0) {
			rc = mdb_dbi_open(txn, NULL, 0, &s->dbi);
			if (rc == 0)
				rc = mdb_txn_commit(txn);
			else
				mdb_txn_abort(txn);
		}
		err = txn_from_lmdb(rc);
	}
	if (err != OK) {
		scratch_close(s);
		return err;
	}
	*sp = s;
	return OK;
}

void
scratch_close(struct scratch *s)
{
	if (s == NULL)
		return;
	if (s->cursor != NULL)
		mdb_cursor_close(s->cursor);
	if (s->peek != NULL)
		mdb_cursor_close(s->peek);
	if (s->txn != NULL)
		mdb_txn_abort(s->txn);
	if (s->env != NULL)
		mdb_env_close(s->env);
	buf_fini(&s->bytes);
	free(s->items);
	free(s);
}

/* -- writing -------------------------------------------------------------------------
 */

static int
compare_items(const void *pa, const void *pb, void *arg)
{
	const struct item *a = pa, *b = pb;
	const uint8_t *bytes = arg;
	size_t size = a->key_size < b->key_size ? a->key_size : b->key_size;
	int order = memcmp(bytes + a->at, bytes + b->at, size);

	if (order == 0)
		order = (a->key_size > b->key_size) - (a->key_size < b->key_size);
	/* Of one zone, the later put comes later and wins. */
	return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

static int
write_items(struct scratch *s, MDB_txn *txn)
{
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn, s->dbi, &cursor);

	if (rc != 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < s->n_items; i++) {
		const struct item *item = &s->items[i];
		uint8_t *key = s->bytes.data + item->at;
		MDB_val k = {.mv_data = key, .mv_size = item->key_size};
		MDB_val v = {.mv_data = key + item->key_size,
		    .mv_size = item->value_size};
		rc = mdb_cursor_put(cursor, &k, &v, 0);
	}
	mdb_cursor_close(cursor);
	return rc;
}

static void
flush(struct scratch *s)
{
	MDB_txn *txn;

	if (s->err != OK || s->n_items == 0)
		return;
	if (!store_has_room(s->store)) {
		s->err = ERR_FULL;
		return;
	}
	qsort_r(s->items, s->n_items, sizeof(*s->items), compare_items, s->bytes.data);
	int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
	if (rc == 0) {
		rc = write_items(s, txn);
		if (rc == 0)
			rc = mdb_txn_commit(txn);
		else
			mdb_txn_abort(txn);
	}
	s->err = txn_from_lmdb(rc);
	s->n_items = 0;
	buf_reset(&s->bytes);
}

/* A byte in front, as LMDB takes no empty key and the root has one. */
static void
zone_key(struct skey *key, const struct dname *zone)
{
	skey_init(key);
	skey_u8(key, 'z');
	skey_zone(key, zone);
}

void
scratch_put_raw(struct scratch *s, const void *key, size_t key_size, const void *value,
    size_t size)
{
	assert(s->txn == NULL && key_size > 0 && key_size <= SCRATCH_KEY_MAX);
	if (s->err != OK)
		return;
	s->items = mem_grow(s->items, s->n_items, &s->room, sizeof(*s->items));
	s->items[s->n_items] = (struct item){.at = s->bytes.size,
	    .key_size = (uint16_t)key_size,
	    .value_size = (uint32_t)size,
	    .n = (uint32_t)s->n_items};
	s->n_items++;
	buf_put(&s->bytes, key, key_size);
	buf_put(&s->bytes, value, size);
	if (s->n_items >= BATCH_MAX || s->bytes.size >= BATCH_BYTES)
		flush(s);
}

void
scratch_put(struct scratch *s, const struct dname *zone, const char *text)
{
	struct skey key;

	zone_key(&key, zone);
	scratch_put_raw(s, key.data, key.size, text, strlen(text) + 1);
}

enum err
scratch_sort(struct scratch *s)
{
	if (s->txn != NULL)
		return s->err;
	flush(s);
	buf_fini(&s->bytes);
	buf_init(&s->bytes, 0);
	free(s->items);
	s->items = NULL;
	s->n_items = s->room = 0;
	if (s->err != OK)
		return s->err;
	int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->txn);
	if (rc != 0)
		s->txn = NULL;
	if (rc == 0)
		rc = mdb_cursor_open(s->txn, s->dbi, &s->cursor);
	if (rc != 0)
		s->cursor = NULL;
	if (rc == 0)
		rc = mdb_cursor_open(s->txn, s->dbi, &s->peek);
	if (rc != 0)
		s->peek = NULL;
	s->err = txn_from_lmdb(rc);
	return s->err;
}

/* -- reading -------------------------------------------------------------------------
 */

/* Sets *text; ERR_CORRUPT: not a C string. */
static enum err
take_text(const MDB_val *v, const char **text)
{
	const char *data = v->mv_data;

	if (v->mv_size == 0 || data[v->mv_size - 1] != '\0')
		return ERR_CORRUPT;
	*text = data;
	return OK;
}

enum err
scratch_next(struct scratch *s, const struct dname *after, struct dname *zone,
    const char **text)
{
	MDB_val k, v;
	struct skey key;
	int rc;

	assert(s->err != OK || s->cursor != NULL);
	if (s->err != OK)
		return s->err;
	if (after == NULL)
		rc = mdb_cursor_get(s->cursor, &k, &v, MDB_FIRST);
	else {
		zone_key(&key, after);
		k = (MDB_val){.mv_data = key.data, .mv_size = key.size};
		rc = mdb_cursor_get(s->cursor, &k, &v, MDB_SET_RANGE);
		if (rc == 0 && k.mv_size == key.size &&
		    memcmp(k.mv_data, key.data, key.size) == 0)
			rc = mdb_cursor_get(s->cursor, &k, &v, MDB_NEXT);
	}
	if (rc != 0)
		return txn_from_lmdb(rc);
	if (dname_from_key((const uint8_t *)k.mv_data + 1, k.mv_size - 1, zone) != OK)
		return ERR_CORRUPT;
	return take_text(&v, text);
}

enum err
scratch_get(struct scratch *s, const struct dname *zone, const char **text)
{
	MDB_val k, v;
	struct skey key;

	assert(s->err != OK || s->txn != NULL);
	if (s->err != OK)
		return s->err;
	zone_key(&key, zone);
	k = (MDB_val){.mv_data = key.data, .mv_size = key.size};
	int rc = mdb_get(s->txn, s->dbi, &k, &v);
	return rc == 0 ? take_text(&v, text) : txn_from_lmdb(rc);
}

static enum err
take_entry(MDB_cursor *cursor, MDB_val *k, MDB_cursor_op op, struct scratch_entry *e)
{
	MDB_val v;
	int rc = mdb_cursor_get(cursor, k, &v, op);

	if (rc != 0)
		return txn_from_lmdb(rc);
	*e = (struct scratch_entry){.key = k->mv_data,
	    .key_size = k->mv_size,
	    .value = v.mv_data,
	    .size = v.mv_size};
	return OK;
}

enum err
scratch_seek(struct scratch *s, const void *key, size_t key_size,
    struct scratch_entry *entry)
{
	MDB_val k = {.mv_data = (void *)(uintptr_t)key, .mv_size = key_size};

	assert(s->err != OK || s->cursor != NULL);
	return s->err != OK ? s->err : take_entry(s->cursor, &k, MDB_SET_RANGE, entry);
}

enum err
scratch_peek(struct scratch *s, const void *key, size_t key_size,
    struct scratch_entry *entry)
{
	MDB_val k = {.mv_data = (void *)(uintptr_t)key, .mv_size = key_size};

	assert(s->err != OK || s->peek != NULL);
	return s->err != OK ? s->err : take_entry(s->peek, &k, MDB_SET_RANGE, entry);
}

enum err
scratch_step(struct scratch *s, struct scratch_entry *entry)
{
	MDB_val k;

	assert(s->err != OK || s->cursor != NULL);
	return s->err != OK ? s->err : take_entry(s->cursor, &k, MDB_NEXT, entry);
}
