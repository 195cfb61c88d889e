/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_store_fixture.h"

#include "agent/store/catalogs.h"

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
	    TEST(backends_number__same_name__same_number),
	    TEST(marks__new_backend__stands_at_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
