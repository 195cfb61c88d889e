/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include "tests/unit/agent_deploy_fixture.h"

/* A zone of two catalogs: whose it is, and when its data goes (RFC 9432 sections
 * 4.3.1, 5.2 to 5.5). The first one's coo names the other. */

static bool
owner_is(struct world *w, const char *zone, size_t catalog)
{
	struct dname name = zone_of(zone);
	struct ledger_entry entry;
	struct store_txn *txn = store_read(w->store, STORE_CATALOG);
	bool is = ledger_get(txn, w->backend.nr, &name, &entry) == OK &&
		  entry.state == LEDGER_OWNED &&
		  entry.catalog == w->catalogs[catalog].nr;
	store_end(&txn);
	return is;
}

static bool
other_is_state(struct world *w, const char *zone, enum zone_state state)
{
	struct dname name = zone_of(zone);
	struct zone_status s;
	struct store_txn *txn = store_read(w->store, STORE_STATUS);
	bool is = status_get(txn, w->catalogs[1].nr, &name, w->backend.nr, &s) == OK &&
		  s.state == state;
	store_end(&txn);
	return is;
}

static bool
is_idle(struct world *w)
{
	return get_mark(w) == store_log_seq(w->store);
}

/* With a.test in the first catalog, applied. */
static struct world *
world_of_two(int what)
{
	struct world *w = world_new(&toy_driver);
	const struct change add = {CHANGE_ADD | what, "a.test", "m1", "primary", 0};
	w->backend.n_catalogs = 2;
	world_start(w);
	change_many(w, &add, 1);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	EVENTUALLY(is_idle(w));
	return w;
}

#define CHANGE(w, ...) change_many((w), &(const struct change){__VA_ARGS__}, 1)

static void
let_go__same_id_in_another__is_reset(void **state)
{
	(void)state;
	/* one by one, and all together after a stop */
	for (int stop = 0; stop < 2; stop++) {
		struct world *w = world_of_two(0);
		CHANGE(w, CHANGE_ADD, "a.test", "m1", "primary", 1);
		EVENTUALLY(other_is_state(w, "a.test", ZONE_CONFLICT));
		EVENTUALLY(is_idle(w));
		if (stop)
			world_stop(w);
		CHANGE(w, CHANGE_DEL, "a.test", "m1", NULL, 0);
		if (stop)
			world_start(w);
		EVENTUALLY(owner_is(w, "a.test", 1));
		EVENTUALLY(other_is_state(w, "a.test", ZONE_APPLIED));
		assert_true(is_unknown(w, "a.test"));
		assert_string_equal(toy_ops(0),
		    "add a.test, remove a.test, purge a.test, add a.test");
		world_free(w);
	}
}

static void
let_go__other_one_has_no_usable_pattern__is_removed(void **state)
{
	(void)state;
	struct world *w = world_of_two(0);
	CHANGE(w, CHANGE_ADD, "a.test", "m1", "absent", 1);
	CHANGE(w, CHANGE_DEL, "a.test", "m1", NULL, 0);
	EVENTUALLY(other_is_state(w, "a.test", ZONE_UNASSIGNED));
	EVENTUALLY(is_idle(w));
	assert_false(toy_has("a.test"));
	world_free(w);
}

static void
coo__all_of_it_at_once__needs_no_operation(void **state)
{
	(void)state;
	struct world *w = world_of_two(0);
	world_stop(w);
	CHANGE(w, CHANGE_GROUP | CHANGE_COO, "a.test", "m1", "primary", 0);
	CHANGE(w, CHANGE_ADD, "a.test", "m1", "primary", 1);
	CHANGE(w, CHANGE_DEL | CHANGE_DEL_COO, "a.test", "m1", NULL, 0);
	world_start(w);
	EVENTUALLY(owner_is(w, "a.test", 1));
	EVENTUALLY(other_is_state(w, "a.test", ZONE_APPLIED));
	EVENTUALLY(is_idle(w));
	assert_string_equal(toy_ops(0), "add a.test");
	world_free(w);
}

static void
coo__gone_before_the_other_has_it__is_reset(void **state)
{
	(void)state;
	struct world *w = world_of_two(CHANGE_COO);
	world_stop(w);
	CHANGE(w, CHANGE_DEL | CHANGE_DEL_COO, "a.test", "m1", NULL, 0);
	CHANGE(w, CHANGE_ADD, "a.test", "m1", "primary", 1);
	world_start(w);
	EVENTUALLY(owner_is(w, "a.test", 1));
	EVENTUALLY(other_is_state(w, "a.test", ZONE_APPLIED));
	assert_string_equal(toy_ops(0),
	    "add a.test, remove a.test, purge a.test, add a.test");
	world_free(w);
}

static void
coo__the_other_had_it_already__moves(void **state)
{
	(void)state;
	struct world *w = world_of_two(0);
	CHANGE(w, CHANGE_ADD, "a.test", "m1", "primary", 1);
	EVENTUALLY(other_is_state(w, "a.test", ZONE_CONFLICT));
	CHANGE(w, CHANGE_GROUP | CHANGE_COO, "a.test", "m1", "primary", 0);
	EVENTUALLY(owner_is(w, "a.test", 1));
	EVENTUALLY(other_is_state(w, "a.test", ZONE_APPLIED));
	EVENTUALLY(is_state(w, "a.test", ZONE_CONFLICT));
	assert_string_equal(toy_ops(0), "add a.test");
	world_free(w);
}

static void
coo__of_the_one_that_does_not_have_it__means_nothing(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	w->backend.n_catalogs = 2;
	world_start(w);
	CHANGE(w, CHANGE_ADD, "a.test", "x1", "primary", 1);
	EVENTUALLY(other_is_state(w, "a.test", ZONE_APPLIED));
	CHANGE(w, CHANGE_ADD | CHANGE_COO, "a.test", "x1", "primary", 0);
	EVENTUALLY(is_state(w, "a.test", ZONE_CONFLICT));
	CHANGE(w, CHANGE_DEL | CHANGE_DEL_COO, "a.test", "x1", NULL, 0);
	EVENTUALLY(is_unknown(w, "a.test"));
	EVENTUALLY(is_idle(w));
	assert_true(owner_is(w, "a.test", 1));
	assert_string_equal(toy_ops(0), "add a.test");
	world_free(w);
}

/* What the old one does with its ids later is not about the zone that has moved. */
static void
moved__old_one_takes_another_id__zone_is_not_touched(void **state)
{
	(void)state;
	struct world *w = world_of_two(CHANGE_COO);
	CHANGE(w, CHANGE_ADD, "a.test", "m1", "primary", 1);
	EVENTUALLY(owner_is(w, "a.test", 1));
	EVENTUALLY(is_idle(w));
	world_stop(w);
	CHANGE(w, CHANGE_DEL | CHANGE_DEL_COO, "a.test", "m1", NULL, 0);
	CHANGE(w, CHANGE_ADD, "a.test", "m9", "primary", 0);
	world_start(w);
	EVENTUALLY(is_state(w, "a.test", ZONE_CONFLICT));
	EVENTUALLY(is_idle(w));
	assert_true(owner_is(w, "a.test", 1));
	assert_true(other_is_state(w, "a.test", ZONE_APPLIED));
	assert_string_equal(toy_ops(0), "add a.test");
	world_free(w);
}

/* Data that is kept of a zone is for the catalog alone that removed it. */
static void
grave__another_catalog_with_that_id__data_is_not_used(void **state)
{
	(void)state;
	struct world *w = world_of_two(0);
	CHANGE(w, CHANGE_DEL, "a.test", "m1", NULL, 0);
	EVENTUALLY(has_grave(w, "a.test"));
	CHANGE(w, CHANGE_ADD, "a.test", "m1", "primary", 1);
	EVENTUALLY(other_is_state(w, "a.test", ZONE_APPLIED));
	assert_string_equal(toy_ops(0),
	    "add a.test, remove a.test, purge a.test, add a.test");
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(let_go__same_id_in_another__is_reset),
	    cmocka_unit_test(let_go__other_one_has_no_usable_pattern__is_removed),
	    cmocka_unit_test(coo__all_of_it_at_once__needs_no_operation),
	    cmocka_unit_test(coo__gone_before_the_other_has_it__is_reset),
	    cmocka_unit_test(coo__the_other_had_it_already__moves),
	    cmocka_unit_test(coo__of_the_one_that_does_not_have_it__means_nothing),
	    cmocka_unit_test(moved__old_one_takes_another_id__zone_is_not_touched),
	    cmocka_unit_test(grave__another_catalog_with_that_id__data_is_not_used),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
