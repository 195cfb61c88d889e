/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "agent/store/status.h"
#include "agent/store/txn.h"

/* The lines of the status about backends, catalogs and patterns. */

/* A line that says the same as before changes nothing, the version neither. */
static void
put_line(struct store_txn *txn, enum table table, const struct skey *key)
{
	MDB_val old;
	enum err err = txn_get(txn, table, key, &old);

	if (err == OK && old.mv_size == txn->buf.size &&
	    memcmp(old.mv_data, txn->buf.data, old.mv_size) == 0)
		return;
	txn_put_buf(txn, table, key);
	txn->pending.dirty = true;
}

/* -- backends ------------------------------------------------------------------------
 */

enum err
status_get_backend(struct store_txn *txn, uint8_t backend, struct backend_status *b)
{
	MDB_val v;
	struct skey key;
	struct wire_in in;

	skey_init(&key);
	skey_u8(&key, backend);
	enum err err = txn_get(txn, TABLE_BACKEND_STATES, &key, &v);
	if (err != OK)
		return err;
	wire_in_init(&in, v.mv_data, v.mv_size);
	b->backend = backend;
	unpack_text(&in, b->name, sizeof(b->name));
	unpack_text(&in, b->driver, sizeof(b->driver));
	unpack_text(&in, b->server, sizeof(b->server));
	unpack_text(&in, b->state, sizeof(b->state));
	unpack_text(&in, b->error, sizeof(b->error));
	b->seq = unpack_u64(&in);
	b->command[0] = '\0';
	if (wire_left(&in) > 0) /* else as written before there were verbs */
		unpack_text(&in, b->command, sizeof(b->command));
	err = unpack_end(&in);
	return err == OK ? OK : txn_fail(txn, err);
}

void
status_put_backend(struct store_txn *txn, const struct backend_status *b)
{
	struct skey key;

	skey_init(&key);
	skey_u8(&key, b->backend);
	buf_reset(&txn->buf);
	pack_text(&txn->buf, b->name);
	pack_text(&txn->buf, b->driver);
	pack_text(&txn->buf, b->server);
	pack_text(&txn->buf, b->state);
	pack_text(&txn->buf, b->error);
	buf_put_u64(&txn->buf, b->seq);
	pack_text(&txn->buf, b->command);
	put_line(txn, TABLE_BACKEND_STATES, &key);
}

void
status_del_backend(struct store_txn *txn, uint8_t backend)
{
	struct skey key;

	skey_init(&key);
	skey_u8(&key, backend);
	if (txn_del(txn, TABLE_BACKEND_STATES, &key))
		txn->pending.dirty = true;
}

/* -- catalogs that are followed ------------------------------------------------------
 */

/* Beside the backends, whose keys have one octet. */
static void
upstream_key(struct skey *key, uint8_t catalog)
{
	skey_init(key);
	skey_u8(key, 0);
	skey_u8(key, catalog);
}

enum err
status_get_upstream(struct store_txn *txn, uint8_t catalog, struct upstream_status *u)
{
	MDB_val v;
	struct skey key;
	struct wire_in in;

	upstream_key(&key, catalog);
	enum err err = txn_get(txn, TABLE_BACKEND_STATES, &key, &v);
	if (err != OK)
		return err;
	wire_in_init(&in, v.mv_data, v.mv_size);
	unpack_text(&in, u->state, sizeof(u->state));
	unpack_text(&in, u->primary, sizeof(u->primary));
	u->refreshed = unpack_u64(&in);
	unpack_text(&in, u->error, sizeof(u->error));
	err = unpack_end(&in);
	return err == OK ? OK : txn_fail(txn, err);
}

void
status_put_upstream(struct store_txn *txn, uint8_t catalog,
    const struct upstream_status *u)
{
	struct skey key;

	upstream_key(&key, catalog);
	buf_reset(&txn->buf);
	pack_text(&txn->buf, u->state);
	pack_text(&txn->buf, u->primary);
	buf_put_u64(&txn->buf, u->refreshed);
	pack_text(&txn->buf, u->error);
	put_line(txn, TABLE_BACKEND_STATES, &key);
}

/* -- the agent -----------------------------------------------------------------------
 */

static void
health_key(struct skey *key)
{
	skey_init(key);
	skey_bytes(key, "health", 6);
}

enum err
status_get_health(struct store_txn *txn, struct health_status *h)
{
	MDB_val v;
	struct skey key;
	struct wire_in in;

	health_key(&key);
	enum err err = txn_get(txn, TABLE_BACKEND_STATES, &key, &v);
	if (err != OK)
		return err;
	wire_in_init(&in, v.mv_data, v.mv_size);
	unpack_text(&in, h->state, sizeof(h->state));
	h->since = unpack_u64(&in);
	unpack_text(&in, h->reason, sizeof(h->reason));
	err = unpack_end(&in);
	return err == OK ? OK : txn_fail(txn, err);
}

void
status_put_health(struct store_txn *txn, const struct health_status *h)
{
	struct skey key;

	health_key(&key);
	buf_reset(&txn->buf);
	pack_text(&txn->buf, h->state);
	buf_put_u64(&txn->buf, h->since);
	pack_text(&txn->buf, h->reason);
	put_line(txn, TABLE_BACKEND_STATES, &key);
}

/* -- patterns ------------------------------------------------------------------------
 */

static void
pattern_key(struct skey *key, const char *name)
{
	skey_init(key);
	skey_u8(key, 'p');
	skey_bytes(key, name,
	    strnlen(name, sizeof(((struct pattern_status *)0)->name)));
}

void
status_put_pattern(struct store_txn *txn, const struct pattern_status *p)
{
	struct skey key;

	pattern_key(&key, p->name);
	buf_reset(&txn->buf);
	pack_text(&txn->buf, p->name);
	pack_text(&txn->buf, p->hash);
	pack_text(&txn->buf, p->usable);
	pack_text(&txn->buf, p->error);
	pack_text(&txn->buf, p->service);
	put_line(txn, TABLE_PATTERN_STATES, &key);
}

void
status_del_pattern(struct store_txn *txn, const char *name)
{
	struct skey key;

	pattern_key(&key, name);
	if (txn_del(txn, TABLE_PATTERN_STATES, &key))
		txn->pending.dirty = true;
}

struct each {
	struct store_txn *txn;
	status_pattern_fn *visit;
	void *arg;
};

static enum err
visit_pattern(void *arg, const MDB_val *key, const MDB_val *value)
{
	struct wire_in in;
	struct pattern_status p;
	struct each *each = arg;

	(void)key;
	wire_in_init(&in, value->mv_data, value->mv_size);
	unpack_text(&in, p.name, sizeof(p.name));
	unpack_text(&in, p.hash, sizeof(p.hash));
	unpack_text(&in, p.usable, sizeof(p.usable));
	unpack_text(&in, p.error, sizeof(p.error));
	unpack_text(&in, p.service, sizeof(p.service));
	enum err err = unpack_end(&in);
	return err == OK ? each->visit(each->arg, &p) : txn_fail(each->txn, err);
}

enum err
status_each_pattern(struct store_txn *txn, status_pattern_fn *visit, void *arg)
{
	struct skey start;
	struct each each = {.txn = txn, .visit = visit, .arg = arg};
	const struct walk walk = {.table = TABLE_PATTERN_STATES,
	    .start = &start,
	    .max = SIZE_MAX};

	skey_init(&start);
	return txn_walk(txn, &walk, visit_pattern, &each);
}
