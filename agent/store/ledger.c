/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/store/ledger.h"

#include "agent/store/txn.h"

static void
zone_key(struct skey *key, uint8_t backend, const struct dname *zone)
{
	skey_init(key);
	skey_u8(key, backend);
	if (zone != NULL)
		skey_zone(key, zone);
}

/* -- ledger -------------------------------------------------------------------------
 */

static enum err
unpack_entry(const MDB_val *v, struct ledger_entry *e)
{
	struct wire_in in;

	wire_in_init(&in, v->mv_data, v->mv_size);
	unpack_dname(&in, &e->zone);
	e->catalog = wire_get_u8(&in);
	unpack_label(&in, &e->id);
	e->state = (enum ledger_state)wire_get_u8(&in);
	unpack_text(&in, e->mark, sizeof(e->mark));
	unpack_text(&in, e->zonefile, sizeof(e->zonefile));
	e->shape = wire_left(&in) > 0 ? wire_get_u32(&in) : 0;
	if (e->state < LEDGER_INTENT || e->state > LEDGER_REMOVING)
		return ERR_CORRUPT;
	return unpack_end(&in);
}

enum err
ledger_get(struct store_txn *txn, uint8_t backend, const struct dname *zone,
    struct ledger_entry *e)
{
	MDB_val v;
	struct skey key;

	zone_key(&key, backend, zone);
	enum err err = txn_get(txn, TABLE_LEDGER, &key, &v);
	if (err != OK)
		return err;
	err = unpack_entry(&v, e);
	return err == OK ? OK : txn_fail(txn, err);
}

void
ledger_put(struct store_txn *txn, uint8_t backend, const struct ledger_entry *e)
{
	struct skey key;

	zone_key(&key, backend, &e->zone);
	buf_reset(&txn->buf);
	pack_dname(&txn->buf, &e->zone);
	buf_put_u8(&txn->buf, e->catalog);
	pack_label(&txn->buf, &e->id);
	buf_put_u8(&txn->buf, (uint8_t)e->state);
	pack_text(&txn->buf, e->mark);
	pack_text(&txn->buf, e->zonefile);
	buf_put_u32(&txn->buf, e->shape);
	txn_put_buf(txn, TABLE_LEDGER, &key);
}

void
ledger_del(struct store_txn *txn, uint8_t backend, const struct dname *zone)
{
	struct skey key;

	zone_key(&key, backend, zone);
	(void)txn_del(txn, TABLE_LEDGER, &key);
}

struct ledger_walk {
	struct store_txn *txn;
	ledger_visit_fn *visit;
	void *arg;
};

static enum err
visit_entry(void *arg, const MDB_val *key, const MDB_val *value)
{
	struct ledger_entry e;
	struct ledger_walk *each = arg;
	enum err err = unpack_entry(value, &e);

	(void)key;
	return err == OK ? each->visit(each->arg, &e) : txn_fail(each->txn, err);
}

enum err
ledger_each(struct store_txn *txn, uint8_t backend, const struct dname *after,
    size_t max, ledger_visit_fn *visit, void *arg)
{
	struct skey start;
	struct ledger_walk each = {.txn = txn, .visit = visit, .arg = arg};
	const struct walk walk = {.table = TABLE_LEDGER,
	    .start = &start,
	    .after = after != NULL,
	    .prefix_size = 1,
	    .max = max};

	zone_key(&start, backend, after);
	return txn_walk(txn, &walk, visit_entry, &each);
}

/* -- graveyard ----------------------------------------------------------------------
 */

static enum err
unpack_grave(const MDB_val *v, struct grave *g)
{
	struct wire_in in;

	wire_in_init(&in, v->mv_data, v->mv_size);
	unpack_dname(&in, &g->zone);
	g->catalog = wire_get_u8(&in);
	unpack_label(&in, &g->id);
	g->removed = unpack_u64(&in);
	unpack_text(&in, g->zonefile, sizeof(g->zonefile));
	return unpack_end(&in);
}

enum err
graveyard_get(struct store_txn *txn, uint8_t backend, const struct dname *zone,
    struct grave *g)
{
	MDB_val v;
	struct skey key;

	zone_key(&key, backend, zone);
	enum err err = txn_get(txn, TABLE_GRAVES, &key, &v);
	if (err != OK)
		return err;
	err = unpack_grave(&v, g);
	return err == OK ? OK : txn_fail(txn, err);
}

void
graveyard_put(struct store_txn *txn, uint8_t backend, const struct grave *g)
{
	struct skey key;

	zone_key(&key, backend, &g->zone);
	buf_reset(&txn->buf);
	pack_dname(&txn->buf, &g->zone);
	buf_put_u8(&txn->buf, g->catalog);
	pack_label(&txn->buf, &g->id);
	buf_put_u64(&txn->buf, g->removed);
	pack_text(&txn->buf, g->zonefile);
	txn_put_buf(txn, TABLE_GRAVES, &key);
}

void
graveyard_del(struct store_txn *txn, uint8_t backend, const struct dname *zone)
{
	struct skey key;

	zone_key(&key, backend, zone);
	(void)txn_del(txn, TABLE_GRAVES, &key);
}

struct graveyard_walk {
	struct store_txn *txn;
	graveyard_visit_fn *visit;
	void *arg;
};

static enum err
visit_grave(void *arg, const MDB_val *key, const MDB_val *value)
{
	struct grave g;
	struct graveyard_walk *each = arg;
	enum err err = unpack_grave(value, &g);

	(void)key;
	return err == OK ? each->visit(each->arg, &g) : txn_fail(each->txn, err);
}

enum err
graveyard_each(struct store_txn *txn, uint8_t backend, const struct dname *after,
    size_t max, graveyard_visit_fn *visit, void *arg)
{
	struct skey start;
	struct graveyard_walk each = {.txn = txn, .visit = visit, .arg = arg};
	const struct walk walk = {.table = TABLE_GRAVES,
	    .start = &start,
	    .after = after != NULL,
	    .prefix_size = 1,
	    .max = max};

	zone_key(&start, backend, after);
	return txn_walk(txn, &walk, visit_grave, &each);
}
