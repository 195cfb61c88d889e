/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/store/replay.h"

#include <stdlib.h>
#include <string.h>

#include "agent/store/inside.h"
#include "agent/store/txn.h"
#include "lib/mem.h"

/*
 * MACs have no order. Keyed by them, the records of a second would be spread over
 * all pages of that second, and every commit would write most of these again. So
 * they are numbered and appended, and an index in memory tells the number.
 *
 * The index has an entry for every record, and entries of records that are gone: what
 * it finds is looked up and compared. It is made from the table when it is first
 * needed, when it is full of what is gone, and after a transaction that was undone.
 */

enum {
	/* One UPDATE adds one record, so that this many keep up with any rate. */
	PRUNE_MAX = 64,
	MAC_MAX = 64,
	KEY_SIZE = 12,
	SLOTS_MIN = 1024,
};

struct entry {
	uint32_t print; /* of time and MAC */
	uint32_t nr;    /* of the record; 0: free */
};

/* Of the write transaction alone. */
struct replay_index {
	struct entry *slots; /* NULL: to be made */
	size_t n_slots;      /* a power of two */
	size_t n_used;
	uint32_t last;   /* number given */
	uint64_t oldest; /* no record is of an earlier time */
	bool has_horizon;
	uint64_t horizon; /* as recorded */
};

/* -- the index --------------------------------------------------------------------- */

static uint32_t
print_of(uint64_t time_signed, const uint8_t *mac, size_t mac_size)
{
	uint64_t h = 0;

	/* The octets of a MAC are as good as random. */
	memcpy(&h, mac, mac_size < sizeof(h) ? mac_size : sizeof(h));
	h = (h ^ time_signed) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(h >> 32);
}

/* The print tells the place, too: so the index grows without a look at the table. */
static void
index_add(struct replay_index *index, uint32_t print, uint32_t nr)
{
	size_t at = print & (index->n_slots - 1);

	while (index->slots[at].nr != 0)
		at = (at + 1) & (index->n_slots - 1);
	index->slots[at] = (struct entry){.print = print, .nr = nr};
	index->n_used++;
}

static bool
read_record(const MDB_val *v, struct replay *r, const uint8_t **mac, size_t *mac_size)
{
	struct wire_in in;

	wire_in_init(&in, v->mv_data, v->mv_size);
	r->rcode = wire_get_u16(&in);
	r->serial = wire_get_u32(&in);
	*mac_size = wire_left(&in);
	*mac = wire_get_bytes(&in, *mac_size);
	return in.err == OK && *mac_size > 0;
}

static enum err
index_record(void *arg, const MDB_val *k, const MDB_val *v)
{
	struct replay_index *index = arg;
	struct replay r;
	const uint8_t *mac, *key = k->mv_data;
	size_t mac_size;

	/* Earlier versions had another key; what they wrote is before the start. */
	if (k->mv_size != KEY_SIZE)
		return OK;
	if (!read_record(v, &r, &mac, &mac_size))
		return ERR_CORRUPT;
	uint64_t time = skey_get_u64(key);
	uint32_t nr = skey_get_u32(key + 8);
	if (nr > index->last)
		index->last = nr;
	index_add(index, print_of(time, mac, mac_size), nr);
	return OK;
}

static bool
is_full(const struct replay_index *index)
{
	return index->n_used >= index->n_slots / 4 * 3;
}

static void
index_grow(struct replay_index *index)
{
	struct entry *slots = index->slots;
	size_t n = index->n_slots;

	index->n_used = 0;
	index->n_slots = 2 * n;
	index->slots = mem_zalloc(index->n_slots * sizeof(*index->slots));
	for (size_t i = 0; i < n; i++)
		if (slots[i].nr != 0)
			index_add(index, slots[i].print, slots[i].nr);
	free(slots);
}

/* NULL: it failed. */
static struct replay_index *
index_get(struct store_txn *txn)
{
	struct skey start;
	struct store *store = txn->store;

	if (store->replays == NULL)
		store->replays = mem_zalloc(sizeof(*store->replays));
	struct replay_index *index = store->replays;
	if (index->slots != NULL && !is_full(index))
		return index;
	if (index->slots != NULL && txn_count(txn, TABLE_REPLAY) >= index->n_used / 2) {
		index_grow(index);
		return index;
	}
	free(index->slots);
	index->n_used = index->oldest = 0;
	index->n_slots = SLOTS_MIN;
	while (index->n_slots < 2 * txn_count(txn, TABLE_REPLAY))
		index->n_slots *= 2;
	index->slots = mem_zalloc(index->n_slots * sizeof(*index->slots));
	skey_init(&start);
	const struct walk walk = {.table = TABLE_REPLAY,
	    .start = &start,
	    .max = SIZE_MAX};
	enum err err = txn_walk(txn, &walk, index_record, index);
	if (err == OK)
		return index;
	txn_fail(txn, err);
	return NULL;
}

void
replay_forget_index(struct store *store)
{
	if (store->replays == NULL)
		return;
	free(store->replays->slots);
	free(store->replays);
	store->replays = NULL;
}

/* -- records ----------------------------------------------------------------------- */

static void
time_key(struct skey *key, uint64_t time_signed)
{
	skey_init(key);
	skey_u64(key, time_signed);
}

struct sought {
	const uint8_t *mac;
	size_t mac_size;
	struct replay *r;
	bool found;
};

static enum err
compare(void *arg, const MDB_val *k, const MDB_val *v)
{
	struct sought *s = arg;
	struct replay r;
	const uint8_t *mac;
	size_t mac_size;

	if (k->mv_size != KEY_SIZE)
		return OK;
	if (!read_record(v, &r, &mac, &mac_size))
		return ERR_CORRUPT;
	if (mac_size != s->mac_size || memcmp(mac, s->mac, mac_size) != 0)
		return OK;
	*s->r = r;
	s->found = true;
	return ERR_EXISTS; /* ends the walk */
}

/* A reader looks at all of that second: only the verbs of a connection do. */
static enum err
find_by_walk(struct store_txn *txn, const struct skey *start, struct sought *s)
{
	const struct walk walk = {.table = TABLE_REPLAY,
	    .start = start,
	    .prefix_size = start->size,
	    .max = SIZE_MAX};
	enum err err = txn_walk(txn, &walk, compare, s);

	return err == ERR_EXISTS ? OK : err;
}

static enum err
find_by_index(struct store_txn *txn, const struct skey *start, uint32_t print,
    struct sought *s)
{
	const struct replay_index *index = index_get(txn);
	enum err err = index != NULL ? OK : txn->err;

	for (size_t at = print; err == OK; at++) {
		MDB_val k, v;
		struct skey key = *start;
		const struct entry *e = &index->slots[at & (index->n_slots - 1)];
		if (e->nr == 0)
			break;
		if (e->print != print)
			continue;
		skey_u32(&key, e->nr);
		err = txn_get(txn, TABLE_REPLAY, &key, &v);
		k = (MDB_val){.mv_size = key.size, .mv_data = key.data};
		if (err == OK)
			err = compare(s, &k, &v);
		else if (err == ERR_NOTFOUND)
			err = OK;
	}
	return err == ERR_EXISTS ? OK : err;
}

enum err
replay_get(struct store_txn *txn, uint64_t time_signed, const uint8_t *mac,
    size_t mac_size, struct replay *r)
{
	struct skey start;
	struct sought s = {.mac = mac, .mac_size = mac_size, .r = r};

	if (mac_size > MAC_MAX)
		return ERR_RANGE;
	time_key(&start, time_signed);
	enum err err = txn->write ? find_by_index(txn, &start,
					print_of(time_signed, mac, mac_size), &s)
				  : find_by_walk(txn, &start, &s);
	if (err != OK)
		return txn_fail(txn, err);
	return s.found ? OK : ERR_NOTFOUND;
}

void
replay_put(struct store_txn *txn, uint64_t time_signed, const uint8_t *mac,
    size_t mac_size, const struct replay *r)
{
	struct skey key;

	if (mac_size == 0 || mac_size > MAC_MAX) {
		txn_fail(txn, ERR_RANGE);
		return;
	}
	struct replay_index *index = index_get(txn);
	if (index == NULL)
		return;
	if (++index->last == 0)
		index->last = 1;
	if (time_signed < index->oldest)
		index->oldest = time_signed;
	time_key(&key, time_signed);
	skey_u32(&key, index->last);
	buf_reset(&txn->buf);
	buf_put_u16(&txn->buf, r->rcode);
	buf_put_u32(&txn->buf, r->serial);
	buf_put(&txn->buf, mac, mac_size);
	txn_put_buf(txn, TABLE_REPLAY, &key);
	index_add(index, print_of(time_signed, mac, mac_size), index->last);
}

/* -- forgetting -------------------------------------------------------------------- */

struct old_keys {
	struct store_txn *txn;
	uint64_t before;
	uint64_t n_over;  /* how many are too many */
	uint64_t horizon; /* time of the last that went for want of room */
	uint64_t oldest;  /* of the last that was looked at */
};

static void
horizon_key(struct skey *key)
{
	skey_init(key);
	skey_bytes(key, "replay-horizon", strlen("replay-horizon"));
}

static enum err
horizon_load(struct store_txn *txn, uint64_t *time)
{
	struct skey key;

	horizon_key(&key);
	enum err err = txn_get_u64(txn, TABLE_META, &key, time);
	if (err == ERR_NOTFOUND)
		*time = 0;
	return err == ERR_NOTFOUND ? OK : err;
}

enum err
replay_horizon(struct store_txn *txn, uint64_t *time)
{
	struct replay_index *index = txn->write ? index_get(txn) : NULL;

	if (index == NULL)
		return txn->write ? txn->err : horizon_load(txn, time);
	if (!index->has_horizon) {
		enum err err = horizon_load(txn, &index->horizon);
		if (err != OK)
			return err;
		index->has_horizon = true;
	}
	*time = index->horizon;
	return OK;
}

/* The walk finds its place again after each deletion. */
static enum err
forget(void *arg, const MDB_val *k, const MDB_val *value)
{
	struct skey key;
	struct old_keys *old = arg;

	(void)value;
	if (k->mv_size < 8)
		return txn_fail(old->txn, ERR_CORRUPT);
	uint64_t time = skey_get_u64(k->mv_data);
	old->oldest = time;
	if (time >= old->before && old->n_over == 0)
		return ERR_NOTFOUND; /* ends the walk */
	if (time >= old->before)
		old->horizon = time;
	old->n_over -= old->n_over > 0;
	skey_init(&key);
	skey_bytes(&key, k->mv_data, k->mv_size);
	(void)txn_del(old->txn, TABLE_REPLAY, &key);
	return OK;
}

void
replay_prune(struct store_txn *txn, uint64_t before, uint64_t max)
{
	struct skey start, key;
	struct old_keys old = {.txn = txn, .before = before, .oldest = UINT64_MAX};
	uint64_t n = txn_count(txn, TABLE_REPLAY);
	struct replay_index *index = index_get(txn);
	const struct walk walk = {.table = TABLE_REPLAY,
	    .start = &start,
	    .max = PRUNE_MAX};

	if (index == NULL || (n <= max && index->oldest >= before))
		return;
	old.n_over = n > max ? n - max : 0;
	skey_init(&start);
	enum err err = txn_walk(txn, &walk, forget, &old);
	if (err != OK && err != ERR_NOTFOUND)
		txn_fail(txn, err);
	index->oldest = old.oldest;
	if (old.horizon == 0)
		return;
	horizon_key(&key);
	txn_put_u64(txn, TABLE_META, &key, old.horizon);
	index->horizon = old.horizon;
	index->has_horizon = true;
}
