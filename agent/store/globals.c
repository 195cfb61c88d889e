/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "agent/store/members.h"
#include "agent/store/txn.h"

/* type, TTL, RDLENGTH, RDATA; one after the other. */
void
globals_pack(struct buf *out, const struct global_rr *rr)
{
	buf_put_u16(out, rr->type);
	buf_put_u32(out, rr->ttl);
	buf_put_u16(out, rr->rdata_size);
	buf_put(out, rr->rdata, rr->rdata_size);
}

bool
globals_next(const uint8_t *data, size_t size, size_t *pos, struct global_rr *rr)
{
	struct wire_in in;

	if (*pos >= size)
		return false;
	wire_in_init(&in, data + *pos, size - *pos);
	rr->type = wire_get_u16(&in);
	rr->ttl = wire_get_u32(&in);
	rr->rdata_size = wire_get_u16(&in);
	rr->rdata = wire_get_bytes(&in, rr->rdata_size);
	if (in.err != OK)
		return false;
	*pos += in.pos;
	return true;
}

/* A relative owner sorts as if it stood below the root. */
static enum err
owner_key(struct skey *key, uint8_t catalog, const uint8_t *prefix, size_t size)
{
	struct dname owner;
	enum err err = dname_join(prefix, size, &dname_root, &owner);

	if (err != OK)
		return err;
	skey_init(key);
	skey_u8(key, catalog);
	skey_zone(key, &owner);
	return OK;
}

enum err
globals_get(struct store_txn *txn, uint8_t catalog, const uint8_t *prefix,
    size_t prefix_size, const uint8_t **data, size_t *size)
{
	MDB_val v;
	struct skey key;
	enum err err = owner_key(&key, catalog, prefix, prefix_size);

	if (err == OK)
		err = txn_get(txn, TABLE_GLOBALS, &key, &v);
	if (err != OK)
		return err;
	*data = v.mv_data;
	*size = v.mv_size;
	return OK;
}

void
globals_put(struct store_txn *txn, uint8_t catalog, const uint8_t *prefix,
    size_t prefix_size, const uint8_t *data, size_t size)
{
	struct skey key;
	enum err err = owner_key(&key, catalog, prefix, prefix_size);

	if (err != OK)
		txn_fail(txn, err);
	else if (size == 0)
		(void)txn_del(txn, TABLE_GLOBALS, &key);
	else
		txn_put(txn, TABLE_GLOBALS, &key, data, size);
}

struct each {
	struct store_txn *txn;
	globals_visit_fn *visit;
	void *arg;
};

static enum err
visit_owner(void *arg, const MDB_val *key, const MDB_val *value)
{
	struct dname owner;
	struct each *each = arg;
	const uint8_t *sort = key->mv_data;

	if (dname_from_key(sort + 1, key->mv_size - 1, &owner) != OK)
		return txn_fail(each->txn, ERR_CORRUPT);
	return each->visit(each->arg, owner.wire, owner.size - 1u, value->mv_data,
	    value->mv_size);
}

enum err
globals_each(struct store_txn *txn, uint8_t catalog, const uint8_t *after,
    size_t after_size, size_t max, globals_visit_fn *visit, void *arg)
{
	struct skey start;
	struct each each = {.txn = txn, .visit = visit, .arg = arg};
	struct walk walk = {.table = TABLE_GLOBALS,
	    .start = &start,
	    .prefix_size = 1,
	    .max = max};

	skey_init(&start);
	skey_u8(&start, catalog);
	if (after_size != SIZE_MAX) {
		enum err err = owner_key(&start, catalog, after, after_size);
		if (err != OK)
			return err;
		walk.after = true;
	}
	return txn_walk(txn, &walk, visit_owner, &each);
}
