/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/store/status.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/inside.h"
#include "agent/store/txn.h"
#include "lib/mem.h"

/*
 * A state's key is (catalog, zone, 0 0, backend): two zero bytes sort before
 * anything that continues a zone's sort key, so that all backends of a zone
 * stand before its children. The retry table's key is (backend, time, catalog,
 * zone in wire format). Both, and the counts, change with the state, in its
 * transaction; the counts are summed up in memory until its end.
 */

const char *
zone_state_str(enum zone_state state)
{
	switch (state) {
	case ZONE_PENDING: return "pending";
	case ZONE_APPLIED: return "applied";
	case ZONE_SERVING: return "serving";
	case ZONE_FAILED: return "failed";
	case ZONE_CONFLICT: return "conflict";
	case ZONE_UNASSIGNED: return "unassigned";
	case ZONE_HELD: return "held";
	case ZONE_REMOVING: return "removing";
	}
	return "unknown";
}

/* -- version and counts ---------------------------------------------------------------
 */

static void
version_key(struct skey *key)
{
	skey_init(key);
	skey_bytes(key, "version", 7);
}

static void
touches_key(struct skey *key)
{
	skey_init(key);
	skey_bytes(key, "touches", 7);
}

enum err
status_touches(struct store_txn *txn, uint64_t *touches)
{
	struct skey key;
	uint64_t n = 0;

	touches_key(&key);
	enum err err = txn_get_u64(txn, TABLE_STATUS_META, &key, &n);
	if (err != OK && err != ERR_NOTFOUND)
		return err;
	*touches = n;
	return OK;
}

/* Stored, with each commit and each touch recorded; those asked for and not
 * recorded yet count as well. */
enum err
status_version(struct store_txn *txn, uint64_t *version)
{
	struct skey key;
	uint64_t stored = 0, touches;

	version_key(&key);
	enum err err = txn_get_u64(txn, TABLE_STATUS_META, &key, &stored);
	if (err == OK || err == ERR_NOTFOUND)
		err = status_touches(txn, &touches);
	if (err != OK)
		return err;
	*version = stored + (txn->pending.dirty ? 1 : 0) +
		   (atomic_load(&txn->store->touches) - touches);
	return OK;
}

static enum err
run_touch(struct store_txn *txn, struct store_job *job)
{
	(void)job;
	txn->pending.dirty = true;
	txn->pending.touches++;
	return store_err(txn);
}

static void
done_touch(struct store_job *job, enum err err)
{
	(void)err;
	free(job);
}

void
status_touch(struct store *store)
{
	struct store_job *job = mem_zalloc(sizeof(*job));

	job->run = run_touch;
	job->done = done_touch;
	atomic_fetch_add(&store->touches, 1);
	store_submit(store, STORE_STATUS, job);
}

void
status_put_version(struct store_txn *txn, uint64_t version)
{
	struct skey key;

	version_key(&key);
	txn_put_u64(txn, TABLE_STATUS_META, &key, version);
}

static void
flush_counts(struct store_txn *txn)
{
	struct skey key;
	struct status_pending *p = &txn->pending;

	for (size_t i = 0; i < p->n; i++) {
		uint64_t count = 0;
		const struct status_delta *d = &p->deltas[i];
		if (d->change == 0)
			continue;
		skey_init(&key);
		skey_bytes(&key, d->key, d->key_size);
		enum err err = txn_get_u64(txn, TABLE_COUNTS, &key, &count);
		if (err != OK && err != ERR_NOTFOUND)
			break; /* stuck: none of them will count */
		if (d->change < 0 && count < (uint64_t)-d->change)
			txn_fail(txn, ERR_CORRUPT);
		count += (uint64_t)d->change;
		if (count == 0)
			(void)txn_del(txn, TABLE_COUNTS, &key);
		else
			txn_put_u64(txn, TABLE_COUNTS, &key, count);
	}
	p->n = 0;
}

void
status_flush(struct store_txn *txn)
{
	struct skey key;
	uint64_t version = 0, touches;

	flush_counts(txn);
	version_key(&key);
	enum err err = txn_get_u64(txn, TABLE_STATUS_META, &key, &version);
	if (!txn->pending.dirty || (err != OK && err != ERR_NOTFOUND))
		return;
	version += 1 + txn->pending.touches;
	status_put_version(txn, version);
	if (txn->pending.touches > 0 && status_touches(txn, &touches) == OK) {
		touches_key(&key);
		txn_put_u64(txn, TABLE_STATUS_META, &key,
		    touches + txn->pending.touches);
	}
	txn->pending.version = version;
}

static void
count_change(struct store_txn *txn, const struct skey *key, int64_t change)
{
	struct status_pending *p = &txn->pending;

	for (size_t i = 0; i < p->n; i++) {
		struct status_delta *d = &p->deltas[i];
		if (d->key_size == key->size && !memcmp(d->key, key->data, key->size)) {
			d->change += change;
			return;
		}
	}
	if (p->n == STATUS_DELTAS_MAX)
		flush_counts(txn);
	struct status_delta *d = &p->deltas[p->n++];
	assert(key->size <= sizeof(d->key));
	memcpy(d->key, key->data, key->size);
	d->key_size = (uint8_t)key->size;
	d->change = change;
}

static void
state_count_key(struct skey *key, uint8_t backend, uint8_t catalog, unsigned state)
{
	skey_init(key);
	skey_u8(key, 's');
	skey_u8(key, backend);
	skey_u8(key, catalog);
	skey_u8(key, (uint8_t)state);
}

static void
pattern_count_key(struct skey *key, uint8_t backend, const char *pattern)
{
	size_t size = strnlen(pattern, sizeof(((struct zone_status *)0)->pattern));

	skey_init(key);
	skey_u8(key, 'p');
	skey_u8(key, backend);
	skey_bytes(key, pattern, size);
}

static void
fault_count_key(struct skey *key, uint8_t backend, uint8_t catalog, unsigned fault)
{
	skey_init(key);
	skey_u8(key, 'f');
	skey_u8(key, backend);
	skey_u8(key, catalog);
	skey_u8(key, (uint8_t)fault);
}

static void
count(struct store_txn *txn, const struct zone_status *s, int64_t change)
{
	struct skey key;

	state_count_key(&key, s->backend, s->catalog, s->state);
	count_change(txn, &key, change);
	if (s->fault != FAULT_NONE) {
		fault_count_key(&key, s->backend, s->catalog, s->fault);
		count_change(txn, &key, change);
	}
	if (s->pattern[0] == '\0')
		return;
	pattern_count_key(&key, s->backend, s->pattern);
	count_change(txn, &key, change);
}

static enum err
get_count(struct store_txn *txn, const struct skey *key, uint64_t *n)
{
	enum err err = txn_get_u64(txn, TABLE_COUNTS, key, n);

	if (err == ERR_NOTFOUND)
		*n = 0;
	return err == ERR_NOTFOUND ? OK : err;
}

enum err
status_count(struct store_txn *txn, uint8_t backend, uint8_t catalog,
    struct status_counts *c)
{
	struct skey key;
	struct status_counts counts = {.by_state = {0}};

	if (txn->write)
		flush_counts(txn);
	for (unsigned state = ZONE_APPLIED; state <= ZONE_REMOVING; state++) {
		state_count_key(&key, backend, catalog, state);
		enum err err = get_count(txn, &key, &counts.by_state[state]);
		if (err != OK)
			return err;
	}
	for (unsigned fault = FAULT_LOST; fault <= FAULT_EXPIRED; fault++) {
		fault_count_key(&key, backend, catalog, fault);
		enum err err = get_count(txn, &key, &counts.by_fault[fault]);
		if (err != OK)
			return err;
	}
	*c = counts;
	return OK;
}

enum err
status_count_pattern(struct store_txn *txn, uint8_t backend, const char *pattern,
    uint64_t *n)
{
	struct skey key;

	if (txn->write)
		flush_counts(txn);
	pattern_count_key(&key, backend, pattern);
	return get_count(txn, &key, n);
}

/* -- the state of a zone
 * ----------------------------------------------------------------- */

static void
state_key(struct skey *key, uint8_t catalog, const struct dname *zone, uint8_t backend)
{
	skey_init(key);
	skey_u8(key, catalog);
	skey_zone(key, zone);
	skey_u8(key, 0);
	skey_u8(key, 0);
	skey_u8(key, backend);
}

static void
due_key(struct skey *key, const struct zone_status *s)
{
	skey_init(key);
	skey_u8(key, s->backend);
	skey_u64(key, s->retry_at);
	skey_u8(key, s->catalog);
	skey_bytes(key, s->zone.wire, s->zone.size);
}

static void
pack_state(struct buf *out, const struct zone_status *s)
{
	buf_reset(out);
	buf_put_u8(out, s->catalog);
	buf_put_u8(out, s->backend);
	pack_dname(out, &s->zone);
	pack_label(out, &s->id);
	buf_put_u8(out, (uint8_t)s->state);
	buf_put_u64(out, s->seq);
	buf_put_u8(out, s->has_serial);
	buf_put_u32(out, s->serial);
	buf_put_u64(out, s->seen);
	buf_put_u64(out, s->since);
	buf_put_u64(out, s->retry_at);
	buf_put_u32(out, s->tries);
	pack_text(out, s->pattern);
	pack_text(out, s->command);
	pack_text(out, s->error);
	if (s->fault != FAULT_NONE)
		buf_put_u8(out, (uint8_t)s->fault);
}

static enum err
unpack_state(struct store_txn *txn, const MDB_val *v, struct zone_status *s)
{
	struct wire_in in;

	wire_in_init(&in, v->mv_data, v->mv_size);
	s->catalog = wire_get_u8(&in);
	s->backend = wire_get_u8(&in);
	unpack_dname(&in, &s->zone);
	unpack_label(&in, &s->id);
	s->state = (enum zone_state)wire_get_u8(&in);
	s->seq = unpack_u64(&in);
	s->has_serial = wire_get_u8(&in) != 0;
	s->serial = wire_get_u32(&in);
	s->seen = unpack_u64(&in);
	s->since = unpack_u64(&in);
	s->retry_at = unpack_u64(&in);
	s->tries = wire_get_u32(&in);
	unpack_text(&in, s->pattern, sizeof(s->pattern));
	unpack_text(&in, s->command, sizeof(s->command));
	unpack_text(&in, s->error, sizeof(s->error));
	s->fault = FAULT_NONE;
	if (wire_left(&in) > 0)
		s->fault = (enum zone_fault)wire_get_u8(&in);
	enum err err = unpack_end(&in);
	if (err == OK && (s->state > ZONE_REMOVING || s->fault > FAULT_EXPIRED))
		err = ERR_CORRUPT;
	return err == OK ? OK : txn_fail(txn, err);
}

static enum err
get_state(struct store_txn *txn, const struct skey *key, struct zone_status *s)
{
	MDB_val v;
	enum err err = txn_get(txn, TABLE_STATES, key, &v);

	return err == OK ? unpack_state(txn, &v, s) : err;
}

enum err
status_get(struct store_txn *txn, uint8_t catalog, const struct dname *zone,
    uint8_t backend, struct zone_status *s)
{
	struct skey key;

	state_key(&key, catalog, zone, backend);
	return get_state(txn, &key, s);
}

static void
due_put(struct store_txn *txn, const struct zone_status *s)
{
	struct skey key;

	due_key(&key, s);
	txn_put(txn, TABLE_DUE, &key, "", 0);
}

static void
due_del(struct store_txn *txn, const struct zone_status *s)
{
	struct skey key;

	due_key(&key, s);
	(void)txn_del(txn, TABLE_DUE, &key);
}

void
status_put(struct store_txn *txn, const struct zone_status *s)
{
	MDB_val v;
	struct skey key;
	struct zone_status old;
	bool had = false;

	assert(s->state != ZONE_PENDING && s->state <= ZONE_REMOVING);
	state_key(&key, s->catalog, &s->zone, s->backend);
	pack_state(&txn->buf, s);
	enum err err =
	    txn_insert(txn, TABLE_STATES, &key, txn->buf.data, txn->buf.size, &v);
	if (err == ERR_EXISTS) {
		if (v.mv_size == txn->buf.size &&
		    memcmp(v.mv_data, txn->buf.data, v.mv_size) == 0)
			return;
		had = true;
		past_note(txn, TABLE_STATES, &key, &v);
		err = unpack_state(txn, &v, &old);
		txn_put_buf(txn, TABLE_STATES, &key);
	}
	if (err != OK)
		return;
	if (!had)
		past_note(txn, TABLE_STATES, &key, NULL);
	txn->pending.dirty = true;
	if (had)
		count(txn, &old, -1);
	count(txn, s, 1);
	if (had && old.retry_at != 0 && old.retry_at != s->retry_at)
		due_del(txn, &old);
	if (s->retry_at != 0 && !(had && old.retry_at == s->retry_at))
		due_put(txn, s);
}

void
status_del(struct store_txn *txn, uint8_t catalog, const struct dname *zone,
    uint8_t backend)
{
	MDB_val v;
	struct skey key;
	struct zone_status old;

	state_key(&key, catalog, zone, backend);
	if (txn_get(txn, TABLE_STATES, &key, &v) != OK ||
	    unpack_state(txn, &v, &old) != OK)
		return;
	past_note(txn, TABLE_STATES, &key, &v);
	(void)txn_del(txn, TABLE_STATES, &key);
	txn->pending.dirty = true;
	count(txn, &old, -1);
	if (old.retry_at != 0)
		due_del(txn, &old);
}

/* -- walks
 * -------------------------------------------------------------------------------- */

struct each {
	struct store_txn *txn;
	status_visit_fn *visit;
	void *arg;
	/* of the due ones */
	uint64_t until_ms, first_ms;
	bool over; /* the next is not due yet */
};

static enum err
visit_state(void *arg, const MDB_val *key, const MDB_val *value)
{
	struct zone_status s;
	struct each *each = arg;
	enum err err = unpack_state(each->txn, value, &s);

	(void)key;
	return err == OK ? each->visit(each->arg, &s) : err;
}

enum err
status_each(struct store_txn *txn, uint8_t catalog, const struct dname *after,
    uint8_t after_backend, size_t max, status_visit_fn *visit, void *arg)
{
	struct skey start;
	struct each each = {.txn = txn, .visit = visit, .arg = arg};
	const struct walk walk = {.table = TABLE_STATES,
	    .start = &start,
	    .after = after != NULL,
	    .prefix_size = 1,
	    .max = max};

	if (after != NULL)
		state_key(&start, catalog, after, after_backend);
	else {
		skey_init(&start);
		skey_u8(&start, catalog);
	}
	return txn_walk(txn, &walk, visit_state, &each);
}

enum { DUE_HEAD = 10 }; /* backend, time, catalog */

static enum err
visit_due(void *arg, const MDB_val *key, const MDB_val *value)
{
	struct dname zone;
	struct zone_status s;
	struct each *each = arg;
	const uint8_t *data = key->mv_data;

	(void)value;
	if (key->mv_size < DUE_HEAD ||
	    dname_from_wire(data + DUE_HEAD, key->mv_size - DUE_HEAD, &zone) != OK)
		return txn_fail(each->txn, ERR_CORRUPT);
	if (skey_get_u64(data + 1) > each->until_ms) {
		each->over = true;
		return ERR_NOTFOUND;
	}
	enum err err = status_get(each->txn, data[9], &zone, data[0], &s);
	if (err == ERR_NOTFOUND)
		return txn_fail(each->txn, ERR_CORRUPT);
	return err == OK ? each->visit(each->arg, &s) : err;
}

static enum err
each_from(struct each *each, uint8_t backend, uint64_t from_ms, size_t max)
{
	struct skey start;
	const struct walk walk = {.table = TABLE_DUE,
	    .start = &start,
	    .prefix_size = 1,
	    .max = max};

	skey_init(&start);
	skey_u8(&start, backend);
	skey_u64(&start, from_ms);
	enum err err = txn_walk(each->txn, &walk, visit_due, each);
	return each->over ? OK : err;
}

enum err
status_each_due(struct store_txn *txn, uint8_t backend, uint64_t now_ms, size_t max,
    status_visit_fn *visit, void *arg)
{
	struct each each = {.txn = txn, .visit = visit, .arg = arg, .until_ms = now_ms};

	return each_from(&each, backend, 0, max);
}

enum err
status_each_later(struct store_txn *txn, uint8_t backend, uint64_t after_ms, size_t max,
    status_visit_fn *visit, void *arg)
{
	struct each each = {.txn = txn,
	    .visit = visit,
	    .arg = arg,
	    .until_ms = UINT64_MAX};

	return after_ms < UINT64_MAX ? each_from(&each, backend, after_ms + 1, max)
				     : OK;
}

static enum err
take_due(void *arg, const MDB_val *key, const MDB_val *value)
{
	struct each *each = arg;

	(void)value;
	if (key->mv_size < DUE_HEAD)
		return txn_fail(each->txn, ERR_CORRUPT);
	each->first_ms = skey_get_u64((const uint8_t *)key->mv_data + 1);
	each->over = true;
	return OK;
}

enum err
status_next_due(struct store_txn *txn, uint8_t backend, uint64_t *at_ms)
{
	struct skey start;
	struct each each = {.txn = txn};
	const struct walk walk = {.table = TABLE_DUE,
	    .start = &start,
	    .prefix_size = 1,
	    .max = 1};

	skey_init(&start);
	skey_u8(&start, backend);
	enum err err = txn_walk(txn, &walk, take_due, &each);
	if (err != OK)
		return err;
	if (!each.over)
		return ERR_NOTFOUND;
	*at_ms = each.first_ms;
	return OK;
}
