/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/store/past.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/inside.h"
#include "agent/store/txn.h"
#include "lib/mem.h"

/*
 * Before a record is changed its key and value are noted in the transaction;
 * at its end the notes are appended under the next number, in chunks that
 * share a page. Reading goes through the notes since some number in order: of
 * several about one record the first says what it was then.
 *
 * A note: table, size of the key, key, 1 and size of the value and value, or 0:
 * it was not there.
 */

enum {
	CHUNK = 1900,            /* two of them fill a page */
	CHUNK_OVERHEAD = 64,     /* beside a value, about */
	NOTES_MAX = 16 << 20,    /* of one transaction: beyond it none are kept */
	NOTES_KEPT = 256 * 1024, /* memory that stays for the next one */
	PRUNE_MIN = 16,          /* chunks that one commit may prune, besides twice */
				 /* as many as it adds */
};

/* -- what is known of all --------------------------------------------------- */

struct past_meta {
	uint64_t number; /* of the last commit */
	uint64_t floor;  /* notes up to this one are not complete */
	uint64_t bytes;
};

static enum table
meta_table(const struct store_txn *txn)
{
	return txn->env == STORE_CATALOG ? TABLE_ROOT : TABLE_STATUS_META;
}

static enum table
past_table(const struct store_txn *txn)
{
	return txn->env == STORE_CATALOG ? TABLE_PAST : TABLE_STATUS_PAST;
}

/* As an earlier version has it in catalog.mdb, too. */
static void
text_key(struct skey *key)
{
	skey_init(key);
	skey_bytes(key, "past", 4);
}

static void
meta_key(const struct store_txn *txn, struct skey *key)
{
	if (txn->env == STORE_CATALOG)
		skey_root(key, 'p');
	else
		text_key(key);
}

static enum err
meta_find(struct store_txn *txn, MDB_val *v)
{
	struct skey key, text;

	text_key(&text);
	if (txn->env == STORE_STATUS)
		return txn_get(txn, TABLE_STATUS_META, &text, v);
	meta_key(txn, &key);
	return txn_get_root(txn, &key, TABLE_META, &text, v);
}

static enum err
meta_get(struct store_txn *txn, struct past_meta *meta)
{
	MDB_val v;
	struct wire_in in;

	*meta = (struct past_meta){0};
	enum err err = meta_find(txn, &v);
	if (err != OK)
		return err == ERR_NOTFOUND ? OK : err;
	wire_in_init(&in, v.mv_data, v.mv_size);
	meta->number = unpack_u64(&in);
	meta->floor = unpack_u64(&in);
	meta->bytes = unpack_u64(&in);
	err = unpack_end(&in);
	return err == OK ? OK : txn_fail(txn, err);
}

static void
meta_put(struct store_txn *txn, const struct past_meta *meta)
{
	struct skey key;

	meta_key(txn, &key);
	buf_reset(&txn->buf);
	buf_put_u64(&txn->buf, meta->number);
	buf_put_u64(&txn->buf, meta->floor);
	buf_put_u64(&txn->buf, meta->bytes);
	txn_put_buf(txn, meta_table(txn), &key);
}

enum err
past_number(struct store_txn *txn, uint64_t *number)
{
	struct past_meta meta;
	enum err err = meta_get(txn, &meta);

	if (err == OK)
		*number = meta.number;
	return err;
}

void
past_want(struct store *store, unsigned seconds)
{
	atomic_store(&store->past_until_ms, store_now_ms() + UINT64_C(1000) * seconds);
}

/* -- noting ----------------------------------------------------------------- */

void
past_note(struct store_txn *txn, enum table table, const struct skey *key,
    const MDB_val *old)
{
	struct buf *notes = &txn->notes;

	if (txn->err != OK || txn->notes_lost)
		return;
	if (notes->size > NOTES_MAX ||
	    txn->started_ms >= atomic_load(&txn->store->past_until_ms)) {
		txn->notes_lost = true;
		buf_reset(notes);
		return;
	}
	buf_put_u8(notes, (uint8_t)table);
	buf_put_u16(notes, (uint16_t)key->size);
	buf_put(notes, key->data, key->size);
	buf_put_u8(notes, old != NULL);
	if (old == NULL)
		return;
	buf_put_u32(notes, (uint32_t)old->mv_size);
	buf_put(notes, old->mv_data, old->mv_size);
}

struct note {
	enum table table;
	bool there;
	const uint8_t *key, *value;
	size_t key_size, value_size;
};

static bool
read_note(struct wire_in *in, struct note *n)
{
	n->table = (enum table)wire_get_u8(in);
	n->key_size = wire_get_u16(in);
	n->key = wire_get_bytes(in, n->key_size);
	n->there = wire_get_u8(in) != 0;
	n->value_size = n->there ? wire_get_u32(in) : 0;
	n->value = n->there ? wire_get_bytes(in, n->value_size) : NULL;
	return in->err == OK;
}

static void
chunk_key(struct skey *key, uint64_t number, uint32_t chunk)
{
	skey_init(key);
	skey_u64(key, number);
	skey_u32(key, chunk);
}

static void
put_chunk(struct store_txn *txn, struct past_meta *meta, uint32_t nr, size_t from,
    size_t end)
{
	struct skey key;

	chunk_key(&key, meta->number, nr);
	txn_append(txn, past_table(txn), &key, txn->notes.data + from, end - from);
	meta->bytes += end - from + CHUNK_OVERHEAD;
}

/* Returns how many chunks it came to. */
static uint32_t
put_chunks(struct store_txn *txn, struct past_meta *meta)
{
	struct wire_in in;
	struct note note;
	uint32_t n = 0;
	size_t from = 0;

	wire_in_init(&in, txn->notes.data, txn->notes.size);
	while (wire_left(&in) > 0) {
		size_t at = in.pos;
		if (!read_note(&in, &note)) {
			txn_fail(txn, ERR_CORRUPT);
			return n;
		}
		if (at > from && in.pos - from > CHUNK) {
			put_chunk(txn, meta, n++, from, at);
			from = at;
		}
	}
	put_chunk(txn, meta, n++, from, in.pos);
	return n;
}

struct oldest {
	struct skey key;
	uint64_t cost;
};

static enum err
take_oldest(void *arg, const MDB_val *key, const MDB_val *value)
{
	struct oldest *o = arg;

	skey_init(&o->key);
	skey_bytes(&o->key, key->mv_data, key->mv_size);
	o->cost = value->mv_size + CHUNK_OVERHEAD;
	return OK;
}

static void
prune(struct store_txn *txn, struct past_meta *meta, size_t max)
{
	struct skey first;
	struct oldest o;

	skey_init(&first);
	const struct walk walk = {.table = past_table(txn), .start = &first, .max = 1};
	for (size_t i = 0; i < max && meta->bytes > txn->store->past_bytes; i++) {
		o.key.size = 0;
		if (txn_walk(txn, &walk, take_oldest, &o) != OK || o.key.size == 0)
			return;
		meta->floor = skey_get_u64(o.key.data);
		meta->bytes -= o.cost < meta->bytes ? o.cost : meta->bytes;
		(void)txn_del(txn, past_table(txn), &o.key);
	}
}

void
past_flush(struct store_txn *txn)
{
	struct past_meta meta;

	if (txn->notes.err != OK)
		txn_fail(txn, txn->notes.err);
	if ((txn->notes.size == 0 && !txn->notes_lost) || meta_get(txn, &meta) != OK)
		return;
	meta.number++;
	uint32_t n = txn->notes_lost ? 0 : put_chunks(txn, &meta);
	if (txn->notes_lost)
		meta.floor = meta.number;
	prune(txn, &meta, PRUNE_MIN + 2 * (size_t)n);
	meta_put(txn, &meta);
	past_forget(txn);
}

void
past_forget(struct store_txn *txn)
{
	txn->notes_lost = false;
	if (txn->notes.room > NOTES_KEPT) {
		buf_fini(&txn->notes);
		buf_init(&txn->notes, 0);
	}
	buf_reset(&txn->notes);
}

/* -- reading ---------------------------------------------------------------- */

struct past {
	struct store_txn *txn;
	struct note *notes; /* one for each record: the first */
	size_t n, room, max;
	uint32_t *slots; /* hash table: index into notes + 1 */
	size_t n_slots;  /* a power of two */
};

static size_t
hash(enum table table, const uint8_t *key, size_t size)
{
	uint64_t h = UINT64_C(14695981039346656037) ^ (uint64_t)table;

	for (size_t i = 0; i < size; i++)
		h = (h ^ key[i]) * UINT64_C(1099511628211);
	return (size_t)(h ^ h >> 32);
}

/* Where it is, or the free place for it. */
static uint32_t *
slot_of(const struct past *past, enum table table, const uint8_t *key, size_t size)
{
	size_t mask = past->n_slots - 1;

	for (size_t i = hash(table, key, size) & mask;; i = (i + 1) & mask) {
		uint32_t at = past->slots[i];
		if (at == 0)
			return &past->slots[i];
		const struct note *n = &past->notes[at - 1];
		if (n->table == table && n->key_size == size &&
		    memcmp(n->key, key, size) == 0)
			return &past->slots[i];
	}
}

static void
grow_slots(struct past *past)
{
	if (past->n * 2 < past->n_slots)
		return;
	free(past->slots);
	past->n_slots = past->n_slots == 0 ? 64 : past->n_slots * 2;
	past->slots = mem_zalloc(past->n_slots * sizeof(*past->slots));
	for (size_t i = 0; i < past->n; i++) {
		const struct note *n = &past->notes[i];
		*slot_of(past, n->table, n->key, n->key_size) = (uint32_t)i + 1;
	}
}

static enum err
take_chunk(void *arg, const MDB_val *key, const MDB_val *value)
{
	struct wire_in in;
	struct note note;
	struct past *past = arg;

	(void)key;
	wire_in_init(&in, value->mv_data, value->mv_size);
	while (wire_left(&in) > 0) {
		if (!read_note(&in, &note))
			return txn_fail(past->txn, ERR_CORRUPT);
		grow_slots(past);
		uint32_t *slot = slot_of(past, note.table, note.key, note.key_size);
		if (*slot != 0)
			continue;
		if (past->n == past->max)
			return ERR_RANGE;
		past->notes =
		    mem_grow(past->notes, past->n, &past->room, sizeof(*past->notes));
		past->notes[past->n++] = note;
		*slot = (uint32_t)past->n;
	}
	return OK;
}

enum err
past_new(struct store_txn *txn, uint64_t since, size_t max, struct past **pastp)
{
	struct past_meta meta;
	struct skey start;
	const struct walk walk = {.table = past_table(txn),
	    .start = &start,
	    .after = true,
	    .max = SIZE_MAX};

	assert(!txn->write);
	enum err err = meta_get(txn, &meta);
	if (err != OK)
		return err;
	if (since < meta.floor || since > meta.number)
		return ERR_NOTFOUND;
	struct past *past = mem_zalloc(sizeof(*past));
	past->txn = txn;
	past->max = max;
	grow_slots(past);
	chunk_key(&start, since, UINT32_MAX);
	err = txn_walk(txn, &walk, take_chunk, past);
	if (err == OK)
		*pastp = past;
	else
		past_free(past);
	return err;
}

void
past_free(struct past *past)
{
	if (past == NULL)
		return;
	if (past->txn->past == past)
		past->txn->past = NULL;
	free(past->notes);
	free(past->slots);
	free(past);
}

void
past_use(struct store_txn *txn, const struct past *past)
{
	assert(past == NULL || past->txn == txn);
	txn->past = past;
}

bool
past_find(const struct past *past, enum table table, const struct skey *key,
    bool *there, MDB_val *value)
{
	union {
		const void *in;
		void *out;
	} p;
	uint32_t at = *slot_of(past, table, key->data, key->size);

	if (at == 0)
		return false;
	const struct note *n = &past->notes[at - 1];
	p.in = n->value;
	*there = n->there;
	*value = (MDB_val){.mv_data = p.out, .mv_size = n->value_size};
	return true;
}

/* The name in a key, behind so many octets and before so many. */
static enum err
zone_in_key(const struct note *n, size_t head, size_t tail, struct dname *zone)
{
	if (n->key_size < head + tail)
		return ERR_CORRUPT;
	return dname_from_key(n->key + head, n->key_size - head - tail, zone);
}

/* ERR_NOTFOUND: it is of another catalog, or of no zone. */
static enum err
zone_of(const struct note *n, uint8_t catalog, struct member *m, struct dname *zone)
{
	size_t at = n->table == TABLE_GUARD ? 1 : 0;

	if (n->key_size <= at || n->key[at] != catalog)
		return ERR_NOTFOUND;
	if (n->table == TABLE_STATES)
		return zone_in_key(n, 1, 3, zone);
	if (n->table == TABLE_ZONES)
		return zone_in_key(n, 1, 0, zone);
	if (n->table == TABLE_GUARD)
		return zone_in_key(n, 2, 0, zone);
	if (n->table != TABLE_MEMBERS || !n->there)
		return ERR_NOTFOUND; /* a new member has a new index entry */
	enum err err = member_unpack(n->value, n->value_size, m);
	if (err == OK)
		*zone = m->zone;
	return err;
}

enum err
past_each_zone(const struct past *past, uint8_t catalog, past_zone_fn *fn, void *arg)
{
	struct dname zone;
	struct member m;
	enum err err = OK;

	member_init(&m);
	for (size_t i = 0; i < past->n && err == OK; i++) {
		err = zone_of(&past->notes[i], catalog, &m, &zone);
		if (err == OK)
			err = fn(arg, &zone);
		else if (err == ERR_NOTFOUND)
			err = OK;
	}
	member_fini(&m);
	return err;
}
