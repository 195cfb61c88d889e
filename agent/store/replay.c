/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/store/replay.h"

#include <string.h>

#include "agent/store/txn.h"

/* One UPDATE adds one record, so that this many keep up with any rate. */
enum { PRUNE_MAX = 64, MAC_MAX = 64 };

static bool
replay_key(struct skey *key, uint64_t time_signed, const uint8_t *mac, size_t mac_size)
{
	if (mac_size > MAC_MAX)
		return false;
	skey_init(key);
	skey_u64(key, time_signed);
	skey_bytes(key, mac, mac_size);
	return true;
}

enum err
replay_get(struct store_txn *txn, uint64_t time_signed, const uint8_t *mac,
    size_t mac_size, struct replay *r)
{
	MDB_val v;
	struct skey key;
	struct wire_in in;

	if (!replay_key(&key, time_signed, mac, mac_size))
		return ERR_RANGE;
	enum err err = txn_get(txn, TABLE_REPLAY, &key, &v);
	if (err != OK)
		return err;
	wire_in_init(&in, v.mv_data, v.mv_size);
	r->rcode = wire_get_u16(&in);
	r->serial = wire_get_u32(&in);
	err = unpack_end(&in);
	return err == OK ? OK : txn_fail(txn, err);
}

void
replay_put(struct store_txn *txn, uint64_t time_signed, const uint8_t *mac,
    size_t mac_size, const struct replay *r)
{
	struct skey key;

	if (!replay_key(&key, time_signed, mac, mac_size)) {
		txn_fail(txn, ERR_RANGE);
		return;
	}
	buf_reset(&txn->buf);
	buf_put_u16(&txn->buf, r->rcode);
	buf_put_u32(&txn->buf, r->serial);
	txn_put_buf(txn, TABLE_REPLAY, &key);
}

struct old_keys {
	struct store_txn *txn;
	uint64_t before;
	uint64_t n_over;  /* how many are too many */
	uint64_t horizon; /* time of the last that went for want of room */
};

static void
horizon_key(struct skey *key)
{
	skey_init(key);
	skey_bytes(key, "replay-horizon", strlen("replay-horizon"));
}

enum err
replay_horizon(struct store_txn *txn, uint64_t *time)
{
	struct skey key;

	horizon_key(&key);
	enum err err = txn_get_u64(txn, TABLE_META, &key, time);
	if (err == ERR_NOTFOUND)
		*time = 0;
	return err == ERR_NOTFOUND ? OK : err;
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
	struct old_keys old = {.txn = txn, .before = before};
	uint64_t n = txn_count(txn, TABLE_REPLAY);
	const struct walk walk = {.table = TABLE_REPLAY,
	    .start = &start,
	    .max = PRUNE_MAX};

	old.n_over = n > max ? n - max : 0;
	skey_init(&start);
	enum err err = txn_walk(txn, &walk, forget, &old);
	if (err != OK && err != ERR_NOTFOUND)
		txn_fail(txn, err);
	horizon_key(&key);
	if (old.horizon != 0)
		txn_put_u64(txn, TABLE_META, &key, old.horizon);
}
