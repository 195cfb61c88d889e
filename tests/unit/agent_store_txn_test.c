/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_store_fixture.h"

#include "agent/store/pack.h"

/*
 * The write cursors that stay open between puts, deletes and walks, against a
 * plain array: keys of all sizes up to the limit, values from nothing to
 * several pages.
 */

enum { KEYS = 600 };

struct model {
	bool there[KEYS];
	uint32_t size[KEYS];
	uint8_t fill[KEYS];
	unsigned next, n_seen;
	struct store_txn *txn;
	bool del_on_the_way;
};

/* In order of i, and some of the longest possible. */
static void
key_of(unsigned i, struct skey *key)
{
	skey_init(key);
	skey_u32(key, i);
	size_t pad = i % 5 == 0 ? SKEY_MAX - 4 : i * 37 % 100;
	while (pad-- > 0)
		skey_u8(key, (uint8_t)i);
}

static enum err
check_one(void *arg, const MDB_val *k, const MDB_val *v)
{
	struct skey key;
	struct model *m = arg;

	while (m->next < KEYS && !m->there[m->next])
		m->next++;
	assert_true(m->next < KEYS);
	unsigned i = m->next++;
	key_of(i, &key);
	assert_int_equal(k->mv_size, key.size);
	assert_memory_equal(k->mv_data, key.data, key.size);
	assert_int_equal(v->mv_size, m->size[i]);
	for (size_t at = 0; at < v->mv_size; at += 97)
		assert_int_equal(((const uint8_t *)v->mv_data)[at], m->fill[i]);
	m->n_seen++;
	if (m->del_on_the_way && rand() % 4 == 0) {
		assert_true(txn_del(m->txn, TABLE_GLOBALS, &key));
		m->there[i] = false;
	}
	return OK;
}

static void
check_all(struct store_txn *txn, struct model *m, bool del)
{
	unsigned n = 0;
	struct skey start;
	const struct walk walk = {.table = TABLE_GLOBALS,
	    .start = &start,
	    .max = SIZE_MAX};

	for (unsigned i = 0; i < KEYS; i++)
		n += m->there[i];
	skey_init(&start);
	m->next = m->n_seen = 0;
	m->txn = txn;
	m->del_on_the_way = del;
	assert_int_equal(txn_walk(txn, &walk, check_one, m), OK);
	assert_int_equal(m->n_seen, n);
}

static void
change(struct store_txn *txn, struct model *m, unsigned i)
{
	static uint8_t data[9000];
	struct skey key;
	MDB_val v;

	key_of(i, &key);
	unsigned what = (unsigned)rand() % 8;
	if (what < 3) {
		assert_int_equal(txn_del(txn, TABLE_GLOBALS, &key), m->there[i]);
		m->there[i] = false;
		return;
	}
	if (what == 3) {
		enum err err = txn_get(txn, TABLE_GLOBALS, &key, &v);
		assert_int_equal(err, m->there[i] ? OK : ERR_NOTFOUND);
		return;
	}
	uint32_t size = (uint32_t)rand() % (what == 4 ? sizeof(data) : 200);
	uint8_t fill = (uint8_t)rand();
	memset(data, fill, size);
	if (what == 5) {
		enum err err = txn_insert(txn, TABLE_GLOBALS, &key, data, size, &v);
		assert_int_equal(err, m->there[i] ? ERR_EXISTS : OK);
		if (err != OK)
			return;
	} else
		txn_put(txn, TABLE_GLOBALS, &key, data, size);
	m->there[i] = true;
	m->size[i] = size;
	m->fill[i] = fill;
}

static void
txn__random_puts_and_deletes__equal_a_model(void **state)
{
	struct fixture *f = *state;
	struct model *m = calloc(1, sizeof(*m)), *before = calloc(1, sizeof(*m));

	srand(3);
	for (unsigned round = 0; round < 120; round++) {
		*before = *m;
		struct store_txn *txn = begin(f, STORE_CATALOG);
		unsigned run = (unsigned)rand() % KEYS, n = (unsigned)rand() % 400;
		for (unsigned i = 0; i < n; i++) /* neighbours, and anywhere */
			change(txn, m,
			    round % 2 ? (run + i) % KEYS : (unsigned)rand() % KEYS);
		check_all(txn, m, round % 3 == 0);
		check_all(txn, m, false);
		if (round % 7 == 6) {
			txn_abort(txn);
			txn_fini(txn);
			*m = *before;
		} else
			commit(f);
		struct store_txn *reader = store_read(f->store, STORE_CATALOG);
		check_all(reader, m, false);
		store_end(&reader);
	}
	free(m);
	free(before);
}

static void
txn_del_if__other_value__stays(void **state)
{
	struct fixture *f = *state;
	struct skey key;
	MDB_val v;

	key_of(1, &key);
	struct store_txn *txn = begin(f, STORE_CATALOG);
	txn_put(txn, TABLE_ZONES, &key, "abc", 3);
	txn_del_if(txn, TABLE_ZONES, &key, "abd", 3);
	txn_del_if(txn, TABLE_ZONES, &key, "ab", 2);
	assert_int_equal(txn_get(txn, TABLE_ZONES, &key, &v), OK);
	txn_del_if(txn, TABLE_ZONES, &key, "abc", 3);
	assert_int_equal(txn_get(txn, TABLE_ZONES, &key, &v), ERR_NOTFOUND);
	commit(f);
}

static void
txn_append__not_the_largest__is_corrupt_and_sticks(void **state)
{
	struct fixture *f = *state;
	struct skey key;
	MDB_val v;

	struct store_txn *txn = begin(f, STORE_CATALOG);
	skey_init(&key);
	skey_u64(&key, 7);
	txn_append(txn, TABLE_LOG, &key, "x", 1);
	txn_append(txn, TABLE_LOG, &key, "x", 1);
	assert_int_equal(store_err(txn), ERR_CORRUPT);
	assert_int_equal(txn_get(txn, TABLE_LOG, &key, &v), ERR_CORRUPT);
	assert_int_equal(txn_commit(txn), ERR_CORRUPT);
	txn_fini(txn);
	txn = store_read(f->store, STORE_CATALOG);
	assert_int_equal(txn_get(txn, TABLE_LOG, &key, &v), ERR_NOTFOUND);
	store_end(&txn);
}

static void
unpack__cut_anywhere__is_corrupt(void **state)
{
	struct buf buf;
	struct wire_in in;
	struct dname name;
	struct label label, id = label_of("id");
	struct dname zone = dn("a.example.");
	char text[4];

	(void)state;
	buf_init(&buf, 0);
	pack_dname(&buf, &zone);
	pack_label(&buf, &id);
	pack_text(&buf, "abc");
	buf_put_u64(&buf, 5);
	for (size_t size = 0; size <= buf.size; size++) {
		uint8_t *exact = malloc(size + 1);
		memcpy(exact, buf.data, size);
		wire_in_init(&in, exact, size);
		unpack_dname(&in, &name);
		unpack_label(&in, &label);
		unpack_text(&in, text, sizeof(text));
		(void)unpack_u64(&in);
		assert_int_equal(unpack_end(&in), size == buf.size ? OK : ERR_CORRUPT);
		free(exact);
	}
	wire_in_init(&in, buf.data, buf.size);
	unpack_dname(&in, &name);
	unpack_label(&in, &label);
	unpack_text(&in, text, 3); /* does not fit */
	assert_int_equal(unpack_end(&in), ERR_CORRUPT);
	buf_fini(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(txn__random_puts_and_deletes__equal_a_model),
	    TEST(txn_del_if__other_value__stays),
	    TEST(txn_append__not_the_largest__is_corrupt_and_sticks),
	    cmocka_unit_test(unpack__cut_anywhere__is_corrupt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
