/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include "tests/unit/agent_deploy_fixture.h"

/* Reconcile, pattern changes, and moves between catalogs, with the toy server. */

static void
add_three(struct world *w)
{
	const struct change three[] = {{CHANGE_ADD, "a.test", "m1", "primary", 0},
	    {CHANGE_ADD, "b.test", "m2", "primary", 0},
	    {CHANGE_ADD, "c.test", "m3", "secondary", 0}};
	change_many(w, three, 3);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	EVENTUALLY(is_state(w, "b.test", ZONE_APPLIED));
	EVENTUALLY(is_state(w, "c.test", ZONE_APPLIED));
	EVENTUALLY(get_mark(w) > 0);
}

static size_t
n_inventories(void)
{
	pthread_mutex_lock(&toy.lock);
	size_t n = toy.n_inventory;
	pthread_mutex_unlock(&toy.lock);
	return n;
}

static size_t
n_retires(void)
{
	pthread_mutex_lock(&toy.lock);
	size_t n = toy.n_retire;
	pthread_mutex_unlock(&toy.lock);
	return n;
}

static void
start__status_lost__is_rebuilt_without_an_operation(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	world_start(w);
	add_three(w);
	world_crash(w);
	assert_true(store_was_unclean(w->store));
	assert_true(is_unknown(w, "a.test"));
	world_start(w);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	EVENTUALLY(is_state(w, "b.test", ZONE_APPLIED));
	EVENTUALLY(is_state(w, "c.test", ZONE_APPLIED));
	assert_int_equal(toy_n_ops(), 3);
	world_free(w);
}

static void
start__server_differs__is_put_right(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct dname a = zone_of("a.test"), b = zone_of("b.test");
	struct dname stray = zone_of("stray.test"), op = zone_of("operator.test");
	world_start(w);
	add_three(w);
	add_zone(w, "stray.test", "m9", "primary");
	EVENTUALLY(is_state(w, "stray.test", ZONE_APPLIED));
	del_zone(w, "stray.test", "m9");
	EVENTUALLY(is_unknown(w, "stray.test"));
	world_stop(w);
	(void)toy_drop(&a);
	toy_put(&b, "toy-primary.old.0");
	toy_put(&stray, "toy-primary.old.0");
	toy_put(&op, NULL);
	del_zone(w, "c.test", "m3");
	add_zone(w, "d.test", "m4", "primary");
	world_start(w);
	EVENTUALLY(is_state(w, "d.test", ZONE_APPLIED));
	EVENTUALLY(toy_has("a.test"));
	EVENTUALLY(!toy_has("stray.test"));
	EVENTUALLY(!toy_has("c.test"));
	EVENTUALLY(is_unknown(w, "c.test"));
	EVENTUALLY(toy_n_ops() == 10);
	assert_true(toy_has("operator.test"));
	assert_true(toy_has("b.test"));
	assert_non_null(strstr(toy_ops(5), "change b.test"));
	assert_null(strstr(toy_ops(5), "operator.test"));
	world_free(w);
}

static void
start__ledger_lost__adopts_the_marked_and_leaves_strays(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	char command[128];
	struct dname other = zone_of("other.zone.test");
	world_start(w);
	add_three(w);
	world_stop(w);
	store_close(w->store);
	snprintf(command, sizeof(command), "rm -rf %s/state", w->dir);
	assert_int_equal(system(command), 0);
	world_open_store(w);
	toy_put(&other, NULL);
	/* The catalog comes back before the agent sees the server. */
	const struct change back[] = {{CHANGE_ADD, "a.test", "m1", "primary", 0},
	    {CHANGE_ADD, "other.zone.test", "m9", "primary", 0}};
	change_many(w, back, 2);
	size_t before = toy_n_ops();
	world_start(w);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	EVENTUALLY(is_state(w, "other.zone.test", ZONE_CONFLICT));
	EVENTUALLY(in_ledger(w, "a.test"));
	/* Nor later, when there is a ledger again. */
	world_stop(w);
	world_start(w);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	nap(100);
	assert_true(toy_has("b.test"));
	assert_true(toy_has("c.test"));
	assert_int_equal(toy_n_ops(), before);
	world_free(w);
}

static void
process__changed__is_noticed_and_reconciled(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	world_start(w);
	add_three(w);
	size_t before = n_inventories();
	pthread_mutex_lock(&toy.lock);
	toy.process++;
	toy.n = 0;
	pthread_mutex_unlock(&toy.lock);
	EVENTUALLY(toy_has("a.test") && toy_has("b.test") && toy_has("c.test"));
	assert_int_equal(n_inventories(), before + 1);
	world_free(w);
}

static void
request__reconcile__is_done_once(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct dname b = zone_of("b.test");
	world_start(w);
	add_three(w);
	pthread_mutex_lock(&toy.lock);
	(void)toy_drop(&b);
	pthread_mutex_unlock(&toy.lock);
	deploy_reconcile(w->deploy, "nobody");
	deploy_reconcile(w->deploy, "toy1");
	EVENTUALLY(toy_has("b.test"));
	assert_string_equal(toy_ops(3), "add b.test");
	world_free(w);
}

static void
mark__older_than_the_log__is_reconciled(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	char zone[32], id[32];
	store_close(w->store);
	w->log_bytes = 4096;
	world_open_store(w);
	toy.down = true;
	world_start(w);
	EVENTUALLY(is_backend(w, "down"));
	for (unsigned i = 0; i < 300; i++) {
		snprintf(zone, sizeof(zone), "z%u.test", i);
		snprintf(id, sizeof(id), "m%u", i);
		add_zone(w, zone, id, "primary");
	}
	struct store_txn *txn = store_read(w->store, STORE_CATALOG);
	uint64_t first, last;
	assert_int_equal(worklog_range(txn, &first, &last), OK);
	store_end(&txn);
	assert_true(first > 1);
	toy_set(&toy.down, false);
	EVENTUALLY(toy_n_ops() >= 300);
	EVENTUALLY(is_state(w, "z0.test", ZONE_APPLIED));
	EVENTUALLY(get_mark(w) == 300);
	assert_int_equal(toy_n_ops(), 300);
	world_free(w);
}

static void
patterns__changed__every_member_of_it_is_changed_and_the_old_retired(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct ledger_entry before, after;
	world_start(w);
	add_three(w);
	assert_true(get_ledger(w, "a.test", &before));
	write_pattern(w, "primary",
	    "[pattern]\nrole = primary\nzonefile = new/${zone}.zone\n");
	load_patterns(w);
	size_t before_retire = n_retires();
	deploy_set_patterns(w->deploy, w->patterns);
	EVENTUALLY(toy_n_ops() == 5);
	assert_string_equal(toy_ops(3), "change a.test, change b.test");
	EVENTUALLY(
	    get_ledger(w, "a.test", &after) && strcmp(before.mark, after.mark) != 0);
	EVENTUALLY(n_retires() > before_retire);
	pthread_mutex_lock(&toy.lock);
	assert_non_null(strstr(toy.retired, after.mark));
	assert_non_null(strstr(toy.retired, "toy-secondary."));
	assert_null(strstr(toy.retired, before.mark));
	pthread_mutex_unlock(&toy.lock);
	world_free(w);
}

static enum err
find_pattern(void *arg, const struct pattern_status *p)
{
	struct pattern_status *want = arg;
	if (strcmp(want->name, p->name) == 0)
		*want = *p;
	return OK;
}

static bool
get_pattern(struct world *w, const char *name, struct pattern_status *p)
{
	*p = (struct pattern_status){0};
	snprintf(p->name, sizeof(p->name), "%s", name);
	struct store_txn *txn = store_read(w->store, STORE_STATUS);
	enum err err = status_each_pattern(txn, find_pattern, p);
	store_end(&txn);
	return err == OK && p->usable[0] != '\0';
}

static void
patterns__status__follows(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct pattern_status p;
	snprintf(toy.reject_pattern, sizeof(toy.reject_pattern), "secondary");
	world_start(w);
	EVENTUALLY(get_pattern(w, "primary", &p));
	assert_string_equal(p.usable, "toy1:yes");
	add_zone(w, "a.test", "m1", "secondary");
	EVENTUALLY(get_pattern(w, "secondary", &p) && strcmp(p.usable, "toy1:no") == 0);
	assert_non_null(strstr(p.error, "cannot be printed"));
	write_pattern(w, "primary", "[pattern]\nrole = nonsense\n");
	char path[160];
	snprintf(path, sizeof(path), "%s/secondary.ini", w->patterns_dir);
	unlink(path);
	load_patterns(w);
	deploy_set_patterns(w->deploy, w->patterns);
	EVENTUALLY(!get_pattern(w, "secondary", &p));
	assert_true(get_pattern(w, "primary", &p));
	assert_string_equal(p.usable, "toy1:no");
	assert_non_null(strstr(p.error, "primary.ini"));
	world_free(w);
}

static bool
owner_is(struct world *w, const char *zone, size_t catalog)
{
	struct ledger_entry entry;
	return get_ledger(w, zone, &entry) && entry.catalog == w->catalogs[catalog].nr;
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

static void
coo__same_id__moves_without_an_operation(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	w->backend.n_catalogs = 2;
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	const struct change coo = {CHANGE_GROUP | CHANGE_COO, "a.test", "m1", "primary",
	    0};
	change_many(w, &coo, 1);
	nap(200);
	assert_true(owner_is(w, "a.test", 0));
	const struct change add = {CHANGE_ADD, "a.test", "m1", "primary", 1};
	change_many(w, &add, 1);
	EVENTUALLY(owner_is(w, "a.test", 1));
	EVENTUALLY(other_is_state(w, "a.test", ZONE_APPLIED));
	del_zone(w, "a.test", "m1");
	EVENTUALLY(get_mark(w) == 4);
	EVENTUALLY(is_unknown(w, "a.test"));
	assert_true(other_is_state(w, "a.test", ZONE_APPLIED));
	assert_true(owner_is(w, "a.test", 1));
	assert_string_equal(toy_ops(0), "add a.test");
	world_free(w);
}

static void
two_catalogs__same_zone__the_first_keeps_it(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	w->backend.n_catalogs = 2;
	world_start(w);
	const struct change add = {CHANGE_ADD, "a.test", "x1", "primary", 1};
	change_many(w, &add, 1);
	EVENTUALLY(other_is_state(w, "a.test", ZONE_APPLIED));
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_CONFLICT));
	assert_true(is_error(w, "a.test", "another catalog"));
	assert_true(owner_is(w, "a.test", 1));
	/* The one that has it lets it go: the other one's turn, with data of its own.
	 */
	const struct change del = {CHANGE_DEL, "a.test", "x1", NULL, 1};
	change_many(w, &del, 1);
	EVENTUALLY(owner_is(w, "a.test", 0));
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	assert_string_equal(toy_ops(0),
	    "add a.test, remove a.test, purge a.test, add a.test");
	world_free(w);
}

static void
catalog__not_of_this_backend_any_more__its_zones_stay(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	w->backend.n_catalogs = 2;
	world_start(w);
	const struct change add = {CHANGE_ADD, "a.test", "x1", "primary", 1};
	change_many(w, &add, 1);
	EVENTUALLY(other_is_state(w, "a.test", ZONE_APPLIED));
	world_stop(w);
	w->backend.n_catalogs = 1;
	world_start(w);
	EVENTUALLY(is_backend(w, "up"));
	add_zone(w, "b.test", "m1", "primary");
	EVENTUALLY(is_state(w, "b.test", ZONE_APPLIED));
	nap(100);
	assert_true(toy_has("a.test"));
	assert_string_equal(toy_ops(0), "add a.test, add b.test");
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(start__status_lost__is_rebuilt_without_an_operation),
	    cmocka_unit_test(start__server_differs__is_put_right),
	    cmocka_unit_test(start__ledger_lost__adopts_the_marked_and_leaves_strays),
	    cmocka_unit_test(process__changed__is_noticed_and_reconciled),
	    cmocka_unit_test(request__reconcile__is_done_once),
	    cmocka_unit_test(mark__older_than_the_log__is_reconciled),
	    cmocka_unit_test(
		patterns__changed__every_member_of_it_is_changed_and_the_old_retired),
	    cmocka_unit_test(patterns__status__follows),
	    cmocka_unit_test(coo__same_id__moves_without_an_operation),
	    cmocka_unit_test(two_catalogs__same_zone__the_first_keeps_it),
	    cmocka_unit_test(catalog__not_of_this_backend_any_more__its_zones_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
