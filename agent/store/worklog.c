/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/store/worklog.h"

#include <string.h>

#include "agent/store/inside.h"
#include "agent/store/txn.h"

/*
 * An entry's key is its sequence, so appends fill pages and pruning empties
 * them from the other end. TABLE_SERIALS points from (catalog, serial) to the
 * entry by which the catalog left that serial; after a wrap, or a serial that
 * was set, the newest entry has it, so pruning takes away only what points to
 * the entry that goes.
 */

enum {
	HELD_FLAG = 0x80, /* in the octet of the kind */
	/* Entries that one append may prune: it works off a log of small entries
	 * faster than large ones can follow each other, and stays bounded. */
	PRUNE_MAX = 64,
	/* What LMDB puts beside a value; larger ones get pages of their own. */
	NODE_OVERHEAD = 64,
	NODE_MAX = 2000,
	PAGE = 4096,
};

/* -- records ------------------------------------------------------------------------
 */

void
work_rr_put(struct buf *out, const struct work_rr *rr)
{
	buf_put_u8(out, rr->prefix_size);
	buf_put(out, rr->prefix, rr->prefix_size);
	buf_put_u16(out, rr->type);
	buf_put_u32(out, rr->ttl);
	buf_put_u16(out, rr->rdata_size);
	buf_put(out, rr->rdata, rr->rdata_size);
}

bool
work_rr_next(const uint8_t *data, size_t size, size_t *pos, struct work_rr *rr)
{
	struct wire_in in;

	if (*pos >= size)
		return false;
	wire_in_init(&in, data + *pos, size - *pos);
	rr->prefix_size = wire_get_u8(&in);
	rr->prefix = wire_get_bytes(&in, rr->prefix_size);
	rr->type = wire_get_u16(&in);
	rr->ttl = wire_get_u32(&in);
	rr->rdata_size = wire_get_u16(&in);
	rr->rdata = wire_get_bytes(&in, rr->rdata_size);
	if (in.err != OK)
		return false;
	*pos += in.pos;
	return true;
}

/* -- entries ------------------------------------------------------------------------
 */

static void
pack(struct buf *out, const struct work *w)
{
	buf_reset(out);
	buf_put_u8(out, (uint8_t)((unsigned)w->kind | (w->held ? HELD_FLAG : 0u)));
	buf_put_u8(out, w->catalog);
	buf_put_u64(out, w->time);
	buf_put_u32(out, w->serial_from);
	buf_put_u32(out, w->serial_to);
	pack_text(out, w->by);
	pack_text(out, w->source);
	buf_put_u32(out, (uint32_t)w->del_size);
	buf_put_u32(out, (uint32_t)w->add_size);
	buf_put(out, w->del, w->del_size);
	buf_put(out, w->add, w->add_size);
	buf_puts(out, w->text != NULL ? w->text : "");
	buf_put_u8(out, '\0');
}

/* The head is enough for pruning. */
static void
unpack_head(struct wire_in *in, struct work *w)
{
	uint8_t kind = wire_get_u8(in);
	w->kind = (enum work_kind)(kind & ~HELD_FLAG);
	w->held = (kind & HELD_FLAG) != 0;
	w->catalog = wire_get_u8(in);
	w->time = unpack_u64(in);
	w->serial_from = wire_get_u32(in);
	w->serial_to = wire_get_u32(in);
}

static enum err
unpack(const MDB_val *key, const MDB_val *v, struct work *w)
{
	struct wire_in in;

	if (key->mv_size != 8)
		return ERR_CORRUPT;
	wire_in_init(&in, v->mv_data, v->mv_size);
	w->seq = skey_get_u64(key->mv_data);
	unpack_head(&in, w);
	unpack_text(&in, w->by, sizeof(w->by));
	unpack_text(&in, w->source, sizeof(w->source));
	w->del_size = wire_get_u32(&in);
	w->add_size = wire_get_u32(&in);
	w->del = wire_get_bytes(&in, w->del_size);
	w->add = wire_get_bytes(&in, w->add_size);
	size_t size = wire_left(&in);
	const uint8_t *text = wire_get_bytes(&in, size);
	if (in.err != OK || size == 0 || text[size - 1] != '\0')
		return ERR_CORRUPT;
	w->text = (const char *)text;
	return OK;
}

/* What an entry costs on disk, about; a function of its size alone, so that the
 * sum comes out even. */
static uint64_t
cost(size_t size)
{
	if (size <= NODE_MAX)
		return size + NODE_OVERHEAD;
	return (size + NODE_OVERHEAD + PAGE - 1) / PAGE * PAGE;
}

/* -- the tail -----------------------------------------------------------------------
 */

static void
tail_key_before(struct skey *key)
{
	skey_init(key);
	skey_bytes(key, "log", 3);
}

static enum err
tail_get(struct store_txn *txn, struct worklog_tail *tail)
{
	MDB_val v;
	struct skey key, before;
	struct wire_in in;

	if (txn->tail.loaded) {
		*tail = txn->tail;
		return txn->err;
	}
	*tail = (struct worklog_tail){.loaded = true};
	skey_root(&key, 'l');
	tail_key_before(&before);
	enum err err = txn_get_root(txn, &key, TABLE_META, &before, &v);
	if (err != OK)
		return err == ERR_NOTFOUND ? OK : err;
	wire_in_init(&in, v.mv_data, v.mv_size);
	tail->last = unpack_u64(&in);
	tail->bytes = unpack_u64(&in);
	tail->pruned = tail->last; /* for want of better knowledge */
	if (wire_left(&in) > 0) {  /* else as written by an earlier version */
		tail->pruned = unpack_u64(&in);
		tail->pruning = wire_get_u8(&in) != 0;
	}
	err = unpack_end(&in);
	return err == OK ? OK : txn_fail(txn, err);
}

void
worklog_flush(struct store_txn *txn)
{
	struct skey key;

	if (!txn->tail.dirty)
		return;
	skey_root(&key, 'l');
	buf_reset(&txn->buf);
	buf_put_u64(&txn->buf, txn->tail.last);
	buf_put_u64(&txn->buf, txn->tail.bytes);
	buf_put_u64(&txn->buf, txn->tail.pruned);
	buf_put_u8(&txn->buf, txn->tail.pruning);
	txn_put_buf(txn, TABLE_ROOT, &key);
}

enum err
worklog_last(struct store_txn *txn, uint64_t *last)
{
	struct worklog_tail tail;
	enum err err = tail_get(txn, &tail);

	if (err == OK)
		*last = tail.last;
	return err;
}

/* -- appending and pruning ------------------------------------------------------------
 */

static void
serial_key(struct skey *key, uint8_t catalog, uint32_t serial)
{
	skey_init(key);
	skey_u8(key, catalog);
	skey_u32(key, serial);
}

static bool
leaves_serial(const struct work *w)
{
	return w->kind == WORK_MEMBER && w->serial_from != w->serial_to;
}

struct oldest {
	struct store_txn *txn;
	struct work w;
	uint64_t cost;
};

static enum err
take_oldest(void *arg, const MDB_val *key, const MDB_val *value)
{
	struct wire_in in;
	struct oldest *o = arg;

	wire_in_init(&in, value->mv_data, value->mv_size);
	unpack_head(&in, &o->w);
	if (in.err != OK || key->mv_size != 8)
		return txn_fail(o->txn, ERR_CORRUPT);
	o->w.seq = skey_get_u64(key->mv_data);
	o->cost = cost(value->mv_size);
	return OK;
}

/* Returns whether it did anything; never takes the newest entry. */
static bool
prune_one(struct store_txn *txn)
{
	struct skey key, seq;
	struct oldest o = {.txn = txn, .cost = 0};

	skey_init(&key);
	const struct walk walk = {.table = TABLE_LOG, .start = &key, .max = 1};
	if (txn_walk(txn, &walk, take_oldest, &o) != OK || o.cost == 0 ||
	    o.w.seq == txn->tail.last)
		return false;
	skey_init(&seq);
	skey_u64(&seq, o.w.seq);
	(void)txn_del(txn, TABLE_LOG, &seq);
	if (leaves_serial(&o.w)) {
		serial_key(&key, o.w.catalog, o.w.serial_from);
		txn_del_if(txn, TABLE_SERIALS, &key, seq.data, seq.size);
	}
	txn->tail.bytes -= o.cost < txn->tail.bytes ? o.cost : txn->tail.bytes;
	return true;
}

/*
 * Beyond the bound a sixteenth of it is made free, and then nothing is pruned for
 * a while: who follows _log.C is told by IXFR what was added, and has to take all
 * of it only when something went.
 */
static void
prune(struct store_txn *txn)
{
	struct worklog_tail *tail = &txn->tail;
	uint64_t max = txn->store->log_bytes;

	if (tail->bytes > max)
		tail->pruning = true;
	for (size_t i = 0; i < PRUNE_MAX && tail->pruning; i++) {
		if (tail->bytes <= max - max / 16 || !prune_one(txn)) {
			tail->pruning = false;
			return;
		}
		tail->pruned = tail->last;
	}
}

void
worklog_append(struct store_txn *txn, struct work *w)
{
	struct skey key, seq;

	if (!txn->tail.loaded && tail_get(txn, &txn->tail) != OK)
		return;
	w->seq = ++txn->tail.last;
	txn->tail.dirty = true;
	pack(&txn->buf, w);
	if (txn->buf.err != OK)
		txn_fail(txn, txn->buf.err);
	skey_init(&seq);
	skey_u64(&seq, w->seq);
	txn_append(txn, TABLE_LOG, &seq, txn->buf.data, txn->buf.size);
	txn->tail.bytes += cost(txn->buf.size);
	if (leaves_serial(w)) {
		serial_key(&key, w->catalog, w->serial_from);
		txn_put(txn, TABLE_SERIALS, &key, seq.data, seq.size);
	}
	prune(txn);
}

enum err
worklog_pruned_at(struct store_txn *txn, uint64_t *seq)
{
	struct worklog_tail tail;
	enum err err = tail_get(txn, &tail);

	if (err == OK)
		*seq = tail.pruned;
	return err;
}

/* -- reading ------------------------------------------------------------------------
 */

enum err
worklog_range(struct store_txn *txn, uint64_t *first, uint64_t *last)
{
	struct skey start;
	struct worklog_tail tail;
	struct oldest o = {.txn = txn, .cost = 0};

	skey_init(&start);
	const struct walk walk = {.table = TABLE_LOG, .start = &start, .max = 1};
	enum err err = tail_get(txn, &tail);
	if (err == OK)
		err = txn_walk(txn, &walk, take_oldest, &o);
	if (err != OK)
		return err;
	*first = o.cost != 0 ? o.w.seq : 0;
	*last = o.cost != 0 ? tail.last : 0;
	return OK;
}

struct each {
	struct store_txn *txn;
	worklog_visit_fn *visit;
	void *arg;
};

static enum err
visit_entry(void *arg, const MDB_val *key, const MDB_val *value)
{
	struct work w;
	struct each *each = arg;
	enum err err = unpack(key, value, &w);

	return err == OK ? each->visit(each->arg, &w) : txn_fail(each->txn, err);
}

enum err
worklog_each(struct store_txn *txn, uint64_t after, size_t max, worklog_visit_fn *visit,
    void *arg)
{
	uint64_t first, last;
	struct skey start;
	struct each each = {.txn = txn, .visit = visit, .arg = arg};
	const struct walk walk = {.table = TABLE_LOG,
	    .start = &start,
	    .after = true,
	    .max = max};

	enum err err = worklog_last(txn, &last);
	if (err != OK || after == last)
		return err;
	err = worklog_range(txn, &first, &last);
	if (err != OK)
		return err;
	/* A mark beyond the end is of another log: as good as pruned. */
	if (first == 0 || after + 1 < first || after > last)
		return ERR_NOTFOUND;
	skey_init(&start);
	skey_u64(&start, after);
	return txn_walk(txn, &walk, visit_entry, &each);
}

enum err
worklog_find_serial(struct store_txn *txn, uint8_t catalog, uint32_t serial,
    uint64_t *seq)
{
	struct skey key;

	serial_key(&key, catalog, serial);
	return txn_get_u64(txn, TABLE_SERIALS, &key, seq);
}
