/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/store/holds.h"

#include <assert.h>
#include <string.h>

#include "agent/store/txn.h"

/* One table: 'r' catalog -> record, 'h' catalog zone -> hold, 'a' catalog zone ->
 * admission. */

const char *
hold_kind_str(enum hold_kind kind)
{
	switch (kind) {
	case HOLD_REMOVAL: return "removal";
	case HOLD_RESET: return "reset";
	case HOLD_CHANGE: return "change";
	case HOLD_STRAY: return "stray";
	case HOLD_KINDS: break;
	}
	return "unknown";
}

static void
row_key(struct skey *key, char what, uint8_t catalog, const struct dname *zone)
{
	skey_init(key);
	skey_u8(key, (uint8_t)what);
	skey_u8(key, catalog);
	if (zone != NULL)
		skey_zone(key, zone);
}

static enum hold_kind
unpack_kind(struct wire_in *in)
{
	uint8_t kind = wire_get_u8(in);
	if (in->err == OK && (kind < HOLD_REMOVAL || kind >= HOLD_KINDS))
		in->err = ERR_CORRUPT;
	return (enum hold_kind)kind;
}

/* -- what is held ----------------------------------------------------------- */

static enum err
unpack_hold(const MDB_val *v, struct hold *h, struct member *m)
{
	struct wire_in in;
	struct label id;

	wire_in_init(&in, v->mv_data, v->mv_size);
	h->kind = unpack_kind(&in);
	unpack_dname(&in, &h->zone);
	h->step = unpack_u64(&in);
	h->time = unpack_u64(&in);
	unpack_text(&in, h->by, sizeof(h->by));
	h->target = wire_get_u32(&in);
	bool member = h->kind == HOLD_REMOVAL || h->kind == HOLD_RESET;
	if (in.err != OK || !member)
		return unpack_end(&in);
	unpack_label(&in, &id);
	size_t size = wire_left(&in);
	const uint8_t *data = wire_get_bytes(&in, size);
	if (in.err != OK || m == NULL)
		return in.err;
	enum err err = member_unpack(data, size, m);
	if (err == OK)
		m->id = id;
	return err;
}

enum err
holds_get(struct store_txn *txn, uint8_t catalog, const struct dname *zone,
    struct hold *h, struct member *m)
{
	MDB_val v;
	struct skey key;

	row_key(&key, 'h', catalog, zone);
	enum err err = txn_get(txn, TABLE_GUARD, &key, &v);
	if (err != OK)
		return err;
	return unpack_hold(&v, h, m) == OK ? OK : txn_fail(txn, ERR_CORRUPT);
}

/* Returns whether there is one. */
static bool
note_hold(struct store_txn *txn, const struct skey *key)
{
	MDB_val old;
	enum err err = txn_get(txn, TABLE_GUARD, key, &old);

	past_note(txn, TABLE_GUARD, key, err == OK ? &old : NULL);
	return err == OK;
}

void
holds_put(struct store_txn *txn, uint8_t catalog, const struct hold *h,
    const struct member *m)
{
	struct skey key;

	assert((m != NULL) == (h->kind == HOLD_REMOVAL || h->kind == HOLD_RESET));
	row_key(&key, 'h', catalog, &h->zone);
	buf_reset(&txn->buf);
	buf_put_u8(&txn->buf, (uint8_t)h->kind);
	pack_dname(&txn->buf, &h->zone);
	buf_put_u64(&txn->buf, h->step);
	buf_put_u64(&txn->buf, h->time);
	pack_text(&txn->buf, h->by);
	buf_put_u32(&txn->buf, h->target);
	if (m != NULL) {
		pack_label(&txn->buf, &m->id);
		member_pack(m, &txn->buf);
	}
	(void)note_hold(txn, &key);
	txn_put_buf(txn, TABLE_GUARD, &key);
}

void
holds_del(struct store_txn *txn, uint8_t catalog, const struct dname *zone)
{
	struct skey key;

	row_key(&key, 'h', catalog, zone);
	if (note_hold(txn, &key))
		(void)txn_del(txn, TABLE_GUARD, &key);
}

struct holds_walk {
	struct store_txn *txn;
	struct member member;
	hold_visit_fn *visit;
	void *arg;
};

static enum err
visit_hold(void *arg, const MDB_val *key, const MDB_val *value)
{
	struct hold h;
	struct holds_walk *w = arg;

	(void)key;
	if (unpack_hold(value, &h, &w->member) != OK)
		return txn_fail(w->txn, ERR_CORRUPT);
	bool member = h.kind == HOLD_REMOVAL || h.kind == HOLD_RESET;
	return w->visit(w->arg, &h, member ? &w->member : NULL);
}

enum err
holds_each(struct store_txn *txn, uint8_t catalog, const struct dname *after,
    size_t max, hold_visit_fn *visit, void *arg)
{
	struct skey start;
	struct holds_walk w = {.txn = txn, .visit = visit, .arg = arg};
	const struct walk walk = {.table = TABLE_GUARD,
	    .start = &start,
	    .after = after != NULL,
	    .prefix_size = 2,
	    .max = max};

	member_init(&w.member);
	row_key(&start, 'h', catalog, after);
	enum err err = txn_walk(txn, &walk, visit_hold, &w);
	member_fini(&w.member);
	return err;
}

/* -- what was admitted ------------------------------------------------------ */

static enum err
unpack_admission(const MDB_val *v, struct admission *a)
{
	struct wire_in in;

	wire_in_init(&in, v->mv_data, v->mv_size);
	a->kind = unpack_kind(&in);
	unpack_dname(&in, &a->zone);
	a->target = wire_get_u32(&in);
	a->until = unpack_u64(&in);
	return unpack_end(&in);
}

enum err
admissions_get(struct store_txn *txn, uint8_t catalog, const struct dname *zone,
    struct admission *a)
{
	MDB_val v;
	struct skey key;

	row_key(&key, 'a', catalog, zone);
	enum err err = txn_get(txn, TABLE_GUARD, &key, &v);
	if (err != OK)
		return err;
	return unpack_admission(&v, a) == OK ? OK : txn_fail(txn, ERR_CORRUPT);
}

void
admissions_put(struct store_txn *txn, uint8_t catalog, const struct admission *a)
{
	struct skey key;

	row_key(&key, 'a', catalog, &a->zone);
	buf_reset(&txn->buf);
	buf_put_u8(&txn->buf, (uint8_t)a->kind);
	pack_dname(&txn->buf, &a->zone);
	buf_put_u32(&txn->buf, a->target);
	buf_put_u64(&txn->buf, a->until);
	txn_put_buf(txn, TABLE_GUARD, &key);
}

bool
admissions_del(struct store_txn *txn, uint8_t catalog, const struct dname *zone)
{
	struct skey key;

	row_key(&key, 'a', catalog, zone);
	return txn_del(txn, TABLE_GUARD, &key);
}

struct admissions_walk {
	struct store_txn *txn;
	uint8_t catalog;
	uint64_t now;
	size_t n;
};

static enum err
prune_one(void *arg, const MDB_val *key, const MDB_val *value)
{
	struct admission a;
	struct admissions_walk *w = arg;

	(void)key;
	if (unpack_admission(value, &a) != OK)
		return txn_fail(w->txn, ERR_CORRUPT);
	if (a.until < w->now)
		w->n += admissions_del(w->txn, w->catalog, &a.zone);
	return OK;
}

size_t
admissions_prune(struct store_txn *txn, uint8_t catalog, uint64_t now)
{
	struct skey start;
	struct admissions_walk w = {.txn = txn, .catalog = catalog, .now = now};
	const struct walk walk = {.table = TABLE_GUARD,
	    .start = &start,
	    .prefix_size = 2,
	    .max = SIZE_MAX};

	row_key(&start, 'a', catalog, NULL);
	(void)txn_fail(txn, txn_walk(txn, &walk, prune_one, &w));
	return w.n;
}

/* -- the record ------------------------------------------------------------- */

static void
unpack_record(struct wire_in *in, struct guard_record *r)
{
	r->n_slots = wire_get_u8(in);
	if (r->n_slots > GUARD_SLOTS) {
		in->err = ERR_CORRUPT;
		return;
	}
	for (size_t i = 0; i < r->n_slots; i++) {
		r->slots[i].start = unpack_u64(in);
		r->slots[i].n = unpack_u64(in);
		r->slots[i].members = unpack_u64(in);
	}
	r->latched = wire_get_u8(in) != 0;
	r->since = unpack_u64(in);
	r->step = unpack_u64(in);
	for (size_t i = HOLD_REMOVAL; i < HOLD_KINDS; i++)
		r->n_held[i] = unpack_u64(in);
	r->n_admitted = unpack_u64(in);
	r->pruned = unpack_u64(in);
}

enum err
guard_record_get(struct store_txn *txn, uint8_t catalog, struct guard_record *r)
{
	MDB_val v;
	struct skey key;
	struct wire_in in;

	*r = (struct guard_record){0};
	row_key(&key, 'r', catalog, NULL);
	enum err err = txn_get(txn, TABLE_GUARD, &key, &v);
	if (err != OK)
		return err == ERR_NOTFOUND ? OK : err;
	wire_in_init(&in, v.mv_data, v.mv_size);
	unpack_record(&in, r);
	return unpack_end(&in) == OK ? OK : txn_fail(txn, ERR_CORRUPT);
}

void
guard_record_put(struct store_txn *txn, uint8_t catalog, const struct guard_record *r)
{
	struct skey key;

	row_key(&key, 'r', catalog, NULL);
	buf_reset(&txn->buf);
	buf_put_u8(&txn->buf, (uint8_t)r->n_slots);
	for (size_t i = 0; i < r->n_slots; i++) {
		buf_put_u64(&txn->buf, r->slots[i].start);
		buf_put_u64(&txn->buf, r->slots[i].n);
		buf_put_u64(&txn->buf, r->slots[i].members);
	}
	buf_put_u8(&txn->buf, r->latched);
	buf_put_u64(&txn->buf, r->since);
	buf_put_u64(&txn->buf, r->step);
	for (size_t i = HOLD_REMOVAL; i < HOLD_KINDS; i++)
		buf_put_u64(&txn->buf, r->n_held[i]);
	buf_put_u64(&txn->buf, r->n_admitted);
	buf_put_u64(&txn->buf, r->pruned);
	txn_put_buf(txn, TABLE_GUARD, &key);
}
