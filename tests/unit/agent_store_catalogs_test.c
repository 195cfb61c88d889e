/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_store_fixture.h"

#include "agent/store/catalogs.h"
#include "agent/store/worklog.h"

static struct catalog_head
head_of(const char *name)
{
	struct catalog_head head = {.name = dn(name), .soa_ttl = 300};

	head.soa.mname = dn("ns.example.");
	head.soa.rname = dn("host.example.");
	head.soa.serial = 1;
	head.soa.minimum = 60;
	return head;
}

static void
catalogs_add__then_find__gives_the_head(void **state)
{
	struct fixture *f = *state;
	struct catalog_head a = head_of("a.example."), b = head_of("B.example."), got;

	struct store_txn *txn = begin(f, STORE_CATALOG);
	assert_int_equal(catalogs_add(txn, &a), OK);
	assert_int_equal(catalogs_add(txn, &b), OK);
	assert_int_equal(a.nr, 1);
	assert_int_equal(b.nr, 2);
	assert_int_equal(catalogs_add(txn, &a), ERR_EXISTS);
	b.soa.serial = UINT32_MAX;
	b.n_members = (uint64_t)1 << 33;
	b.seq = 77;
	catalogs_put(txn, &b);
	commit(f);

	fixture_close(f);
	fixture_open(f);
	txn = store_read(f->store, STORE_CATALOG);
	struct dname name = dn("b.EXAMPLE.");
	assert_int_equal(catalogs_find(txn, &name, &got), OK);
	assert_int_equal(got.nr, 2);
	assert_true(dname_equal(&got.name, &b.name));
	assert_true(got.soa.serial == UINT32_MAX && got.soa.minimum == 60);
	assert_true(dname_equal(&got.soa.rname, &b.soa.rname));
	assert_true(
	    got.soa_ttl == 300 && got.n_members == b.n_members && got.seq == 77);
	assert_int_equal(catalogs_get(txn, 1, &got), OK);
	assert_true(dname_equal(&got.name, &a.name));
	assert_int_equal(catalogs_get(txn, 3, &got), ERR_NOTFOUND);
	name = dn("c.example.");
	assert_int_equal(catalogs_find(txn, &name, &got), ERR_NOTFOUND);
	store_end(&txn);
}

static void
catalogs_add__beyond_the_limit__is_range(void **state)
{
	struct fixture *f = *state;
	char name[64];

	struct store_txn *txn = begin(f, STORE_CATALOG);
	for (unsigned i = 1; i <= CATALOGS_MAX; i++) {
		snprintf(name, sizeof(name), "c%u.example.", i);
		struct catalog_head head = head_of(name);
		assert_int_equal(catalogs_add(txn, &head), OK);
		assert_int_equal(head.nr, i);
	}
	struct catalog_head head = head_of("more.example.");
	assert_int_equal(catalogs_add(txn, &head), ERR_RANGE);
	assert_int_equal(store_err(txn), OK);
	commit(f);
}

static void
catalogs_put__of_several_in_turn__each_is_as_last_put(void **state)
{
	struct fixture *f = *state;
	struct catalog_head a = head_of("a.example."), b = head_of("b.example."), got;

	struct store_txn *txn = begin(f, STORE_CATALOG);
	assert_int_equal(catalogs_add(txn, &a), OK);
	assert_int_equal(catalogs_add(txn, &b), OK);
	for (uint32_t i = 2; i < 9; i++) {
		a.soa.serial = i;
		catalogs_put(txn, &a);
		b.soa.serial = 100 * i;
		if (i % 2 == 0)
			catalogs_put(txn, &b);
		assert_int_equal(catalogs_get(txn, a.nr, &got), OK);
		assert_int_equal(got.soa.serial, i);
		assert_int_equal(catalogs_get(txn, b.nr, &got), OK);
		assert_int_equal(got.soa.serial, i / 2 * 200);
	}
	assert_int_equal(catalogs_get(txn, 3, &got), ERR_NOTFOUND);
	commit(f);
	txn = begin(f, STORE_CATALOG);
	a.soa.serial = 77;
	catalogs_put(txn, &a);
	txn_abort(txn);
	txn_fini(txn);

	txn = begin(f, STORE_CATALOG);
	assert_int_equal(catalogs_get(txn, a.nr, &got), OK);
	assert_int_equal(got.soa.serial, 8);
	assert_int_equal(catalogs_get(txn, b.nr, &got), OK);
	assert_int_equal(got.soa.serial, 800);
	commit(f);
}

/* To where it was before TABLE_ROOT. */
static void
move_back(struct store_txn *txn, const struct skey *from, enum table table,
    const char *kind, const uint8_t *nr)
{
	MDB_val v;
	uint8_t value[1024];
	struct skey key;

	assert_int_equal(txn_get(txn, TABLE_ROOT, from, &v), OK);
	assert_true(v.mv_size <= sizeof(value));
	memcpy(value, v.mv_data, v.mv_size);
	size_t size = v.mv_size;
	assert_true(txn_del(txn, TABLE_ROOT, from));
	skey_init(&key);
	skey_bytes(&key, kind, strlen(kind));
	if (nr != NULL)
		skey_u8(&key, *nr);
	txn_put(txn, table, &key, value, size);
}

static void
catalogs_get__written_by_an_earlier_version__is_read(void **state)
{
	struct fixture *f = *state;
	struct catalog_head a = head_of("a.example."), got;
	struct work w = {.kind = WORK_RESYNC};
	struct skey key;
	uint64_t last, seq;

	struct store_txn *txn = begin(f, STORE_CATALOG);
	assert_int_equal(catalogs_add(txn, &a), OK);
	marks_put(txn, 1, 5);
	worklog_append(txn, &w);
	commit(f);
	txn = begin(f, STORE_CATALOG);
	skey_root(&key, 'h');
	skey_u8(&key, a.nr);
	move_back(txn, &key, TABLE_CATALOGS, "h", &a.nr);
	skey_root(&key, 'm');
	skey_u8(&key, 1);
	move_back(txn, &key, TABLE_BACKENDS, "m", &(uint8_t){1});
	skey_root(&key, 'l');
	move_back(txn, &key, TABLE_META, "log", NULL);
	commit(f);

	fixture_close(f);
	fixture_open(f);
	assert_int_equal(store_log_seq(f->store), 1);
	txn = begin(f, STORE_CATALOG);
	assert_int_equal(catalogs_get(txn, a.nr, &got), OK);
	assert_int_equal(marks_get(txn, 1, &seq), OK);
	assert_int_equal(seq, 5);
	got.soa.serial = 2;
	catalogs_put(txn, &got);
	marks_put(txn, 1, 6);
	worklog_append(txn, &w);
	commit(f);

	txn = store_read(f->store, STORE_CATALOG);
	assert_int_equal(catalogs_get(txn, a.nr, &got), OK);
	assert_int_equal(got.soa.serial, 2);
	assert_int_equal(worklog_last(txn, &last), OK);
	assert_int_equal(last, 2);
	assert_int_equal(marks_get(txn, 1, &seq), OK);
	assert_int_equal(seq, 6);
	store_end(&txn);
}

static void
backends_number__same_name__same_number(void **state)
{
	struct fixture *f = *state;
	uint8_t nr;
	char name[600];

	struct store_txn *txn = begin(f, STORE_CATALOG);
	assert_int_equal(backends_number(txn, "nsd1", &nr), OK);
	assert_int_equal(nr, 1);
	assert_int_equal(backends_number(txn, "nsd2", &nr), OK);
	assert_int_equal(nr, 2);
	assert_int_equal(backends_number(txn, "nsd1", &nr), OK);
	assert_int_equal(nr, 1);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(backends_number(txn, name, &nr), ERR_RANGE);
	for (unsigned i = 3; i <= BACKENDS_MAX; i++) {
		snprintf(name, sizeof(name), "b%u", i);
		assert_int_equal(backends_number(txn, name, &nr), OK);
	}
	assert_int_equal(backends_number(txn, "more", &nr), ERR_RANGE);
	commit(f);

	txn = store_read(f->store, STORE_CATALOG);
	assert_int_equal(backends_number(txn, "nsd2", &nr), OK);
	assert_int_equal(nr, 2);
	assert_int_equal(backends_number(txn, "more", &nr), ERR_NOTFOUND);
	store_end(&txn);
}

static void
marks__new_backend__stands_at_zero(void **state)
{
	struct fixture *f = *state;
	uint64_t seq = 1;

	struct store_txn *txn = begin(f, STORE_CATALOG);
	assert_int_equal(marks_get(txn, 1, &seq), OK);
	assert_true(seq == 0);
	marks_put(txn, 1, UINT64_MAX);
	marks_put(txn, 2, 5);
	assert_int_equal(marks_get(txn, 1, &seq), OK);
	assert_true(seq == UINT64_MAX);
	commit(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(catalogs_add__then_find__gives_the_head),
	    TEST(catalogs_add__beyond_the_limit__is_range),
	    TEST(catalogs_put__of_several_in_turn__each_is_as_last_put),
	    TEST(catalogs_get__written_by_an_earlier_version__is_read),
	    TEST(backends_number__same_name__same_number),
	    TEST(marks__new_backend__stands_at_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
