/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/store/catalogs.h"

#include <assert.h>
#include <string.h>

#include "agent/store/txn.h"

static void
name_key(struct skey *key, const struct dname *name)
{
	skey_init(key);
	skey_u8(key, 'n');
	skey_zone(key, name);
}

static void
nr_key(struct skey *key, char kind, uint8_t nr)
{
	skey_init(key);
	skey_u8(key, (uint8_t)kind);
	skey_u8(key, nr);
}

/* In TABLE_ROOT. */
static void
root_key(struct skey *key, char kind, uint8_t nr)
{
	skey_root(key, kind);
	skey_u8(key, nr);
}

/* -- numbers ---------------------------------------------------------------------- */

static enum err
get_nr(struct store_txn *txn, enum table table, const struct skey *key, uint8_t *nr)
{
	MDB_val v;
	enum err err = txn_get(txn, table, key, &v);

	if (err != OK)
		return err;
	if (v.mv_size != 1)
		return txn_fail(txn, ERR_CORRUPT);
	*nr = *(const uint8_t *)v.mv_data;
	return OK;
}

static enum err
count_one(void *arg, const MDB_val *key, const MDB_val *value)
{
	unsigned *n = arg;

	(void)key;
	(void)value;
	++*n;
	return OK;
}

/* Numbers start at 1 and are never given again, as nothing is ever removed. */
static enum err
next_nr(struct store_txn *txn, enum table table, unsigned max, uint8_t *nr)
{
	unsigned n = 0;
	struct skey start;

	skey_init(&start);
	skey_u8(&start, 'n');
	const struct walk walk = {.table = table,
	    .start = &start,
	    .prefix_size = 1,
	    .max = SIZE_MAX};
	enum err err = txn_walk(txn, &walk, count_one, &n);
	if (err != OK)
		return err;
	if (n >= max)
		return ERR_RANGE;
	*nr = (uint8_t)(n + 1);
	return OK;
}

/* -- heads ------------------------------------------------------------------------ */

static enum err
head_load(struct store_txn *txn, uint8_t nr, struct catalog_head *head)
{
	MDB_val v;
	struct skey key, before;
	struct wire_in in;

	root_key(&key, 'h', nr);
	nr_key(&before, 'h', nr);
	enum err err = txn_get_root(txn, &key, TABLE_CATALOGS, &before, &v);
	if (err != OK)
		return err;
	wire_in_init(&in, v.mv_data, v.mv_size);
	head->nr = nr;
	unpack_dname(&in, &head->name);
	head->soa_ttl = wire_get_u32(&in);
	head->n_members = unpack_u64(&in);
	head->seq = unpack_u64(&in);
	head->soa_seq = unpack_u64(&in);
	size_t size = wire_left(&in);
	const uint8_t *rdata = wire_get_bytes(&in, size);
	if (in.err != OK || soa_read(rdata, size, &head->soa) != OK)
		return txn_fail(txn, ERR_CORRUPT);
	return OK;
}

enum err
catalogs_get(struct store_txn *txn, uint8_t nr, struct catalog_head *head)
{
	struct head_cache *cache = &txn->head;

	if (!txn->write)
		return head_load(txn, nr, head);
	if (txn->err != OK)
		return txn->err;
	if (!cache->loaded || cache->head.nr != nr) {
		catalogs_flush(txn);
		cache->loaded = false;
		enum err err = head_load(txn, nr, &cache->head);
		if (err != OK)
			return err;
		cache->loaded = true;
	}
	*head = cache->head;
	return OK;
}

enum err
catalogs_find(struct store_txn *txn, const struct dname *name,
    struct catalog_head *head)
{
	uint8_t nr = 0;
	struct skey key;

	name_key(&key, name);
	enum err err = get_nr(txn, TABLE_CATALOGS, &key, &nr);
	if (err != OK)
		return err;
	err = catalogs_get(txn, nr, head);
	return err == ERR_NOTFOUND ? txn_fail(txn, ERR_CORRUPT) : err;
}

void
catalogs_put(struct store_txn *txn, const struct catalog_head *head)
{
	if (txn->head.loaded && txn->head.head.nr != head->nr)
		catalogs_flush(txn);
	txn->head = (struct head_cache){.loaded = true, .dirty = true, .head = *head};
	txn->n_writes++;
}

void
catalogs_flush(struct store_txn *txn)
{
	struct skey key;
	const struct catalog_head *head = &txn->head.head;

	if (!txn->head.dirty)
		return;
	txn->head.dirty = false;
	root_key(&key, 'h', head->nr);
	buf_reset(&txn->buf);
	pack_dname(&txn->buf, &head->name);
	buf_put_u32(&txn->buf, head->soa_ttl);
	buf_put_u64(&txn->buf, head->n_members);
	buf_put_u64(&txn->buf, head->seq);
	buf_put_u64(&txn->buf, head->soa_seq);
	soa_write(&head->soa, &txn->buf);
	txn_put_buf(txn, TABLE_ROOT, &key);
}

enum err
catalogs_add(struct store_txn *txn, struct catalog_head *head)
{
	MDB_val old;
	struct skey key;

	name_key(&key, &head->name);
	enum err err = txn_get(txn, TABLE_CATALOGS, &key, &old);
	if (err != ERR_NOTFOUND)
		return err == OK ? ERR_EXISTS : err;
	err = next_nr(txn, TABLE_CATALOGS, CATALOGS_MAX, &head->nr);
	if (err != OK)
		return err;
	txn_put(txn, TABLE_CATALOGS, &key, &head->nr, 1);
	catalogs_put(txn, head);
	return txn->err;
}

/* -- upstream ---------------------------------------------------------------------- */

enum err
catalogs_get_upstream(struct store_txn *txn, uint8_t nr, struct catalog_upstream *up)
{
	MDB_val v;
	struct skey key;
	struct wire_in in;

	nr_key(&key, 'u', nr);
	enum err err = txn_get(txn, TABLE_CATALOGS, &key, &v);
	if (err != OK)
		return err;
	wire_in_init(&in, v.mv_data, v.mv_size);
	bool loaded = wire_get_u8(&in) != 0;
	uint64_t checked = unpack_u64(&in);
	err = unpack_end(&in);
	if (err != OK)
		return txn_fail(txn, err);
	*up = (struct catalog_upstream){.loaded = loaded, .checked = checked};
	return OK;
}

void
catalogs_put_upstream(struct store_txn *txn, uint8_t nr,
    const struct catalog_upstream *up)
{
	struct skey key;

	nr_key(&key, 'u', nr);
	buf_reset(&txn->buf);
	buf_put_u8(&txn->buf, up->loaded);
	buf_put_u64(&txn->buf, up->checked);
	txn_put_buf(txn, TABLE_CATALOGS, &key);
}

void
catalogs_del_upstream(struct store_txn *txn, uint8_t nr)
{
	struct skey key;

	nr_key(&key, 'u', nr);
	(void)txn_del(txn, TABLE_CATALOGS, &key);
}

/* -- backends and marks ------------------------------------------------------------ */

enum err
backends_number(struct store_txn *txn, const char *name, uint8_t *nr)
{
	struct skey key;
	size_t size = strlen(name);

	if (size > SKEY_MAX - 1)
		return ERR_RANGE;
	skey_init(&key);
	skey_u8(&key, 'n');
	skey_bytes(&key, name, size);
	enum err err = get_nr(txn, TABLE_BACKENDS, &key, nr);
	if (err != ERR_NOTFOUND || !txn->write)
		return err;
	err = next_nr(txn, TABLE_BACKENDS, BACKENDS_MAX, nr);
	if (err != OK)
		return err;
	txn_put(txn, TABLE_BACKENDS, &key, nr, 1);
	return txn->err;
}

enum err
backends_get_dir(struct store_txn *txn, uint8_t nr, char dir[static PATH_MAX])
{
	struct skey key;
	MDB_val v;

	root_key(&key, 'd', nr);
	enum err err = txn_get(txn, TABLE_ROOT, &key, &v);
	if (err != OK)
		return err;
	if (v.mv_size >= PATH_MAX)
		return txn_fail(txn, ERR_FORM);
	memcpy(dir, v.mv_data, v.mv_size);
	dir[v.mv_size] = '\0';
	return OK;
}

void
backends_put_dir(struct store_txn *txn, uint8_t nr, const char *dir)
{
	struct skey key;

	root_key(&key, 'd', nr);
	txn_put(txn, TABLE_ROOT, &key, dir, strlen(dir));
}

enum err
marks_get(struct store_txn *txn, uint8_t backend, uint64_t *seq)
{
	struct skey key;

	root_key(&key, 'm', backend);
	enum err err = txn_get_u64(txn, TABLE_ROOT, &key, seq);
	if (err == ERR_NOTFOUND) { /* as written by an earlier version */
		nr_key(&key, 'm', backend);
		err = txn_get_u64(txn, TABLE_BACKENDS, &key, seq);
	}
	if (err != ERR_NOTFOUND)
		return err;
	*seq = 0;
	return OK;
}

void
marks_put(struct store_txn *txn, uint8_t backend, uint64_t seq)
{
	struct skey key;

	root_key(&key, 'm', backend);
	txn_put_u64(txn, TABLE_ROOT, &key, seq);
}
