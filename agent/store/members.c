/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/store/members.h"

#include <string.h>

#include "agent/store/txn.h"

static void
id_key(struct skey *key, uint8_t catalog, const struct label *id)
{
	skey_init(key);
	skey_u8(key, catalog);
	if (id != NULL)
		skey_bytes(key, id->data, id->size);
}

static void
zone_key(struct skey *key, uint8_t catalog, const struct dname *zone)
{
	skey_init(key);
	skey_u8(key, catalog);
	if (zone != NULL)
		skey_zone(key, zone);
}

static bool
label_set(struct label *label, const uint8_t *data, size_t size)
{
	if (size == 0 || size > DNAME_LABEL_MAX)
		return false;
	label->size = (uint8_t)size;
	memcpy(label->data, data, size);
	return true;
}

static enum err
unpack(struct store_txn *txn, const struct label *id, const MDB_val *v,
    struct member *m)
{
	if (member_unpack(v->mv_data, v->mv_size, m) != OK)
		return txn_fail(txn, ERR_CORRUPT);
	m->id = *id;
	return OK;
}

/* -- one member ---------------------------------------------------------------------
 */

enum err
members_get(struct store_txn *txn, uint8_t catalog, const struct label *id,
    struct member *m)
{
	MDB_val v;
	struct skey key;

	id_key(&key, catalog, id);
	enum err err = txn_get(txn, TABLE_MEMBERS, &key, &v);
	return err == OK ? unpack(txn, id, &v, m) : err;
}

enum err
members_find_zone(struct store_txn *txn, uint8_t catalog, const struct dname *zone,
    struct label *id)
{
	MDB_val v;
	struct skey key;

	zone_key(&key, catalog, zone);
	enum err err = txn_get(txn, TABLE_ZONES, &key, &v);
	if (err != OK)
		return err;
	return label_set(id, v.mv_data, v.mv_size) ? OK : txn_fail(txn, ERR_CORRUPT);
}

/*
 * The index names one id for a zone. While two members swap zones, or one takes
 * over another's, the entry may already be the other's: then it stays.
 */
static void
index_del(struct store_txn *txn, uint8_t catalog, const struct dname *zone,
    const struct label *id)
{
	MDB_val v;
	struct skey key;

	zone_key(&key, catalog, zone);
	if (txn_get(txn, TABLE_ZONES, &key, &v) != OK || v.mv_size != id->size ||
	    memcmp(v.mv_data, id->data, id->size) != 0)
		return;
	past_note(txn, TABLE_ZONES, &key, &v);
	(void)txn_del(txn, TABLE_ZONES, &key);
}

static void
index_put(struct store_txn *txn, uint8_t catalog, const struct member *m)
{
	MDB_val old;
	struct skey key;

	zone_key(&key, catalog, &m->zone);
	enum err err = txn_insert(txn, TABLE_ZONES, &key, m->id.data, m->id.size, &old);
	past_note(txn, TABLE_ZONES, &key, err == ERR_EXISTS ? &old : NULL);
	if (err == ERR_EXISTS)
		txn_put(txn, TABLE_ZONES, &key, m->id.data, m->id.size);
}

/* Returns whether the index has m already. */
static bool
replace(struct store_txn *txn, uint8_t catalog, const struct member *m,
    const struct skey *key, const MDB_val *stored)
{
	bool indexed = false;

	if (unpack(txn, &m->id, stored, &txn->old) != OK)
		return true;
	const struct dname zone = txn->old.zone;
	past_note(txn, TABLE_MEMBERS, key, stored);
	txn_put_buf(txn, TABLE_MEMBERS, key);
	if (dname_equal(&zone, &m->zone))
		indexed = true;
	else
		index_del(txn, catalog, &zone, &m->id);
	return indexed;
}

void
members_put(struct store_txn *txn, uint8_t catalog, const struct member *m)
{
	MDB_val old;
	struct skey key;

	id_key(&key, catalog, &m->id);
	buf_reset(&txn->buf);
	member_pack(m, &txn->buf);
	if (txn->buf.err != OK)
		txn_fail(txn, txn->buf.err);
	/* Most are new: the insert finds out about the others by itself. */
	enum err err =
	    txn_insert(txn, TABLE_MEMBERS, &key, txn->buf.data, txn->buf.size, &old);
	if (err == ERR_EXISTS && replace(txn, catalog, m, &key, &old))
		return;
	/* A new one needs no note: it is found by the index alone. */
	index_put(txn, catalog, m);
}

void
members_del(struct store_txn *txn, uint8_t catalog, const struct member *m)
{
	MDB_val old;
	struct skey key;

	id_key(&key, catalog, &m->id);
	if (txn_get(txn, TABLE_MEMBERS, &key, &old) == OK) {
		past_note(txn, TABLE_MEMBERS, &key, &old);
		(void)txn_del(txn, TABLE_MEMBERS, &key);
	}
	index_del(txn, catalog, &m->zone, &m->id);
}

/* -- walks --------------------------------------------------------------------------
 */

struct each {
	struct store_txn *txn;
	uint8_t catalog;
	struct member *m;
	members_visit_fn *visit;
	void *arg;
};

static enum err
visit_member(void *arg, const MDB_val *key, const MDB_val *value)
{
	struct label id;
	struct each *each = arg;

	if (!label_set(&id, (const uint8_t *)key->mv_data + 1, key->mv_size - 1))
		return txn_fail(each->txn, ERR_CORRUPT);
	enum err err = unpack(each->txn, &id, value, each->m);
	return err == OK ? each->visit(each->arg, each->m) : err;
}

enum err
members_each(struct store_txn *txn, uint8_t catalog, const struct label *after,
    size_t max, members_visit_fn *visit, void *arg)
{
	struct skey start;
	struct member m;
	struct each each = {.txn = txn,
	    .catalog = catalog,
	    .m = &m,
	    .visit = visit,
	    .arg = arg};
	const struct walk walk = {.table = TABLE_MEMBERS,
	    .start = &start,
	    .after = after != NULL,
	    .prefix_size = 1,
	    .max = max};

	id_key(&start, catalog, after);
	member_init(&m);
	enum err err = txn_walk(txn, &walk, visit_member, &each);
	member_fini(&m);
	return err;
}

static enum err
visit_zone(void *arg, const MDB_val *key, const MDB_val *value)
{
	struct label id;
	struct each *each = arg;

	(void)key;
	if (!label_set(&id, value->mv_data, value->mv_size))
		return txn_fail(each->txn, ERR_CORRUPT);
	enum err err = members_get(each->txn, each->catalog, &id, each->m);
	if (err == ERR_NOTFOUND)
		return txn_fail(each->txn, ERR_CORRUPT);
	return err == OK ? each->visit(each->arg, each->m) : err;
}

enum err
members_each_by_zone(struct store_txn *txn, uint8_t catalog, const struct dname *after,
    size_t max, members_visit_fn *visit, void *arg)
{
	struct skey start;
	struct member m;
	struct each each = {.txn = txn,
	    .catalog = catalog,
	    .m = &m,
	    .visit = visit,
	    .arg = arg};
	const struct walk walk = {.table = TABLE_ZONES,
	    .start = &start,
	    .after = after != NULL,
	    .prefix_size = 1,
	    .max = max};

	zone_key(&start, catalog, after);
	member_init(&m);
	enum err err = txn_walk(txn, &walk, visit_zone, &each);
	member_fini(&m);
	return err;
}

static enum err
take_zone(void *arg, const MDB_val *key, const MDB_val *value)
{
	struct dname *zone = arg;
	const uint8_t *sort = key->mv_data;

	(void)value;
	return dname_from_key(sort + 1, key->mv_size - 1, zone) == OK ? OK
								      : ERR_CORRUPT;
}

enum err
members_next_zone(struct store_txn *txn, uint8_t catalog, const struct dname *after,
    struct dname *zone)
{
	struct skey start;
	struct dname found = {.size = 0};
	const struct walk walk = {.table = TABLE_ZONES,
	    .start = &start,
	    .after = after != NULL,
	    .prefix_size = 1,
	    .max = 1};

	zone_key(&start, catalog, after);
	enum err err = txn_walk(txn, &walk, take_zone, &found);
	if (err != OK)
		return txn_fail(txn, err);
	if (found.size == 0)
		return ERR_NOTFOUND;
	*zone = found;
	return OK;
}
