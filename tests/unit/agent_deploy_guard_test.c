/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include "tests/unit/agent_deploy_fixture.h"

#include "agent/catalog/catalog.h"
#include "agent/guard/guard.h"

/* What the guard holds, as a backend sees it: changes through the catalog, so that
 * they are weighed, and a limit that lets nothing through. */

static const struct limit none = {.window_s = 600}, off = {.off = true};

static struct world *
guarded_world(void)
{
	struct world *w = world_new(&toy_driver);
	w->catalogs[0].label = "main";
	w->catalogs[1].label = "other";
	return w;
}

static void
set_limit(struct world *w, struct limit limit)
{
	world_stop(w);
	w->catalogs[0].limit = w->catalogs[1].limit = limit;
	world_start(w);
}

/* -- changes ---------------------------------------------------------------- */

struct edit_job {
	struct store_job job;
	struct world *w;
	const struct change *changes;
	size_t n;
};

static enum err
apply(struct catalog_edit *edit, const struct catalog_head *head,
    const struct change *c)
{
	struct dname zone = zone_of(c->zone), node;
	char text[128], apex[DNAME_TEXT_MAX];
	struct catalog_refusal why;
	struct rr rr = {.type = RR_PTR,
	    .class = c->what == CHANGE_DEL ? CLASS_NONE : CLASS_IN,
	    .rdata = zone.wire,
	    .rdata_size = zone.size};
	snprintf(text, sizeof(text), "%s.zones.%s", c->id,
	    dname_print(&head->name, apex));
	rr.owner = node = zone_of(text);
	enum err err = OK;
	if (c->what != CHANGE_GROUP)
		err = catalog_edit_apply(edit, &rr, 1, &why);
	if (err != OK || c->what == CHANGE_DEL)
		return err;
	uint8_t group[64] = {(uint8_t)strlen(c->group)};
	memcpy(group + 1, c->group, group[0]);
	struct label label = label_of("group");
	rr = (struct rr){.type = RR_TXT, .class = CLASS_ANY, .rdata = group};
	assert_int_equal(dname_prepend(&label, &node, &rr.owner), OK);
	err = catalog_edit_apply(edit, &rr, 1, &why);
	rr.class = CLASS_IN;
	rr.rdata_size = (uint16_t)(group[0] + 1);
	return err == OK ? catalog_edit_apply(edit, &rr, 1, &why) : err;
}

static enum err
run_edit(struct store_txn *txn, struct store_job *job)
{
	struct edit_job *j = (struct edit_job *)job;
	struct catalog_head head;
	struct catalog_refusal why;
	struct deploy_catalog *c = &j->w->catalogs[j->changes[0].catalog];
	struct catalog_origin origin = {.by = "key",
	    .source = "test",
	    .now = (uint64_t)time(NULL),
	    .limit = &c->limit};
	uint32_t serial;
	bool changed;
	enum err err = catalogs_get(txn, c->nr, &head);
	if (err != OK)
		return err;
	struct catalog_edit *edit = catalog_edit_new(txn, &head, NULL, 0, 0);
	for (size_t i = 0; err == OK && i < j->n; i++)
		err = apply(edit, &head, &j->changes[i]);
	if (err == OK)
		err = catalog_edit_check(edit, &why);
	if (err == OK)
		err = catalog_edit_commit(edit, &origin, &serial, &changed);
	catalog_edit_free(edit);
	return err;
}

static void
edit_many(struct world *w, const struct change *changes, size_t n)
{
	struct edit_job job = {.job = {.run = run_edit},
	    .w = w,
	    .changes = changes,
	    .n = n};
	assert_int_equal(store_call(w->store, STORE_CATALOG, &job.job), OK);
}

#define EDIT(w, ...)                                       \
	edit_many(w, (const struct change[]){__VA_ARGS__}, \
	    sizeof((const struct change[]){__VA_ARGS__}) / sizeof(struct change))
#define ADD(zone, id, group)                   \
	{                                      \
		CHANGE_ADD, zone, id, group, 0 \
	}
#define DEL(zone, id)                         \
	{                                     \
		CHANGE_DEL, zone, id, NULL, 0 \
	}
#define GROUP(zone, id, group)                   \
	{                                        \
		CHANGE_GROUP, zone, id, group, 0 \
	}

struct release_job {
	struct store_job job;
	uint8_t catalog;
	uint64_t seq, n;
};

static enum err
run_release(struct store_txn *txn, struct store_job *job)
{
	struct release_job *j = (struct release_job *)job;
	struct guard_origin origin = {.by = "admin",
	    .source = "test",
	    .now = (uint64_t)time(NULL),
	    .serial = 1};
	return guard_release(txn, j->catalog, &origin, &j->seq, &j->n);
}

static uint64_t
release(struct world *w)
{
	struct release_job j = {.job = {.run = run_release},
	    .catalog = w->catalogs[0].nr};
	assert_int_equal(store_call(w->store, STORE_CATALOG, &j.job), OK);
	return j.n;
}

static uint64_t
n_held(struct world *w)
{
	struct guard_facts f;
	struct store_txn *txn = store_read(w->store, STORE_CATALOG);
	assert_int_equal(guard_get_facts(txn, w->catalogs[0].nr, &w->catalogs[0].limit,
			     0, (uint64_t)time(NULL), &f),
	    OK);
	store_end(&txn);
	return f.n_held;
}

static bool
is_idle(struct world *w)
{
	return get_mark(w) == store_log_seq(w->store);
}

static void
lose_everything(void)
{
	pthread_mutex_lock(&toy.lock);
	toy.process++;
	toy.n = 0;
	pthread_mutex_unlock(&toy.lock);
}

/* -- removals and ids --------------------------------------------------------- */

static void
removal__held__zone_is_kept_and_given_back_to_a_server_that_lost_it(void **state)
{
	(void)state;
	struct world *w = guarded_world();
	world_start(w);
	EDIT(w, ADD("a.test", "m1", "primary"), ADD("b.test", "m2", "primary"));
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	w->catalogs[0].limit = none;
	EDIT(w, DEL("a.test", "m1"), DEL("b.test", "m2"));
	assert_int_equal(n_held(w), 2);
	EVENTUALLY(is_idle(w));
	assert_string_equal(toy_ops(2), "");
	lose_everything();
	EVENTUALLY(toy_has("a.test") && toy_has("b.test"));
	/* patterns reach it, too */
	size_t n = toy_n_ops();
	write_pattern(w, "primary",
	    "[pattern]\nrole = primary\nzonefile = ${zone}.zone\n"
	    "notify = 127.0.0.1@5398\n");
	load_patterns(w);
	deploy_set_patterns(w->deploy, w->patterns);
	EVENTUALLY(toy_n_ops() == n + 2);
	assert_string_equal(toy_ops(n), "change a.test, change b.test");
	assert_int_equal(release(w), 2);
	EVENTUALLY(!toy_has("a.test") && !toy_has("b.test"));
	EVENTUALLY(!in_ledger(w, "a.test"));
	world_free(w);
}

static void
id__held_and_back__needs_no_operation(void **state)
{
	(void)state;
	struct world *w = guarded_world();
	world_start(w);
	EDIT(w, ADD("a.test", "m1", "primary"));
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	EVENTUALLY(is_idle(w));
	/* seen one by one, and at once after an outage */
	for (int away = 0; away < 2; away++) {
		if (away) {
			toy_set(&toy.down, true);
			EVENTUALLY(is_backend(w, "down"));
		}
		w->catalogs[0].limit = none;
		EDIT(w, DEL("a.test", "m1"), ADD("a.test", "m2", "primary"));
		EDIT(w, DEL("a.test", "m2"));
		EDIT(w, ADD("a.test", "m3", "primary"));
		EDIT(w, DEL("a.test", "m3"), ADD("a.test", "m1", "primary"));
		assert_int_equal(n_held(w), 0);
		toy_set(&toy.down, false);
		EVENTUALLY(is_idle(w));
	}
	assert_string_equal(toy_ops(1), "");
	world_free(w);
}

static void
id__released__is_reset(void **state)
{
	(void)state;
	struct world *w = guarded_world();
	world_start(w);
	EDIT(w, ADD("a.test", "m1", "primary"));
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	w->catalogs[0].limit = none;
	EDIT(w, DEL("a.test", "m1"), ADD("a.test", "m2", "primary"));
	EVENTUALLY(is_idle(w));
	assert_string_equal(toy_ops(1), "");
	assert_int_equal(release(w), 1);
	EVENTUALLY(toy_n_ops() == 4);
	assert_string_equal(toy_ops(1), "remove a.test, purge a.test, add a.test");
	/* released and then back: reset all the same */
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	EVENTUALLY(is_idle(w));
	toy_set(&toy.down, true);
	EVENTUALLY(is_backend(w, "down"));
	EDIT(w, DEL("a.test", "m2"), ADD("a.test", "m3", "primary"));
	assert_int_equal(release(w), 1);
	w->catalogs[0].limit.off = true;
	EDIT(w, DEL("a.test", "m3"), ADD("a.test", "m2", "primary"));
	toy_set(&toy.down, false);
	EVENTUALLY(toy_n_ops() == 7);
	assert_string_equal(toy_ops(4), "remove a.test, purge a.test, add a.test");
	world_free(w);
}

/* -- changes ------------------------------------------------------------------ */

static void
change__with_a_gap__is_held_and_one_without_is_not(void **state)
{
	(void)state;
	struct world *w = guarded_world();
	write_pattern(w, "other",
	    "[pattern]\nrole = primary\nzonefile = ${zone}.zone\n"
	    "notify = 127.0.0.1@5398\n");
	load_patterns(w);
	world_start(w);
	EDIT(w, ADD("a.test", "m1", "primary"), ADD("b.test", "m2", "primary"));
	EVENTUALLY(is_state(w, "b.test", ZONE_APPLIED));
	EVENTUALLY(is_idle(w));
	set_limit(w, none);
	EDIT(w, GROUP("a.test", "m1", "secondary"), GROUP("b.test", "m2", "other"));
	EVENTUALLY(toy_n_ops() == 3);
	assert_string_equal(toy_ops(2), "change b.test");
	EVENTUALLY(is_error(w, "a.test", "guard"));
	assert_true(is_state(w, "a.test", ZONE_APPLIED));
	assert_int_equal(n_held(w), 1);
	EVENTUALLY(is_idle(w));
	/* asked for no more */
	EDIT(w, GROUP("a.test", "m1", "primary"));
	EVENTUALLY(n_held(w) == 0);
	EVENTUALLY(is_error(w, "a.test", ""));
	EDIT(w, GROUP("a.test", "m1", "secondary"));
	EVENTUALLY(n_held(w) == 1);
	/* where it is not, there is nothing to interrupt */
	lose_everything();
	EVENTUALLY(toy_has("a.test"));
	struct ledger_entry entry;
	EVENTUALLY(get_ledger(w, "a.test", &entry) &&
		   strncmp(entry.mark, "toy-secondary.", 14) == 0);
	world_free(w);
}

static void
change__released__is_made(void **state)
{
	(void)state;
	struct world *w = guarded_world();
	world_start(w);
	EDIT(w, ADD("a.test", "m1", "primary"), ADD("b.test", "m2", "primary"));
	EVENTUALLY(is_state(w, "b.test", ZONE_APPLIED));
	EVENTUALLY(is_idle(w));
	set_limit(w, none);
	EDIT(w, GROUP("a.test", "m1", "secondary"));
	EVENTUALLY(n_held(w) == 1);
	EVENTUALLY(is_idle(w));
	assert_int_equal(release(w), 1);
	EVENTUALLY(toy_n_ops() == 3);
	assert_string_equal(toy_ops(2), "change a.test");
	EVENTUALLY(is_idle(w));
	/* that one, and no other */
	EDIT(w, GROUP("b.test", "m2", "secondary"));
	EVENTUALLY(n_held(w) == 1);
	world_free(w);
}

static void
patterns__changed_with_a_gap__are_one_step_across_a_restart(void **state)
{
	(void)state;
	struct world *w = guarded_world();
	char zone[32], id[32];
	world_start(w);
	for (unsigned i = 0; i < 12; i++) {
		snprintf(zone, sizeof(zone), "z%u.test", i);
		snprintf(id, sizeof(id), "m%u", i);
		EDIT(w, ADD(zone, id, "primary"));
	}
	EVENTUALLY(toy_n_ops() == 12);
	EVENTUALLY(is_idle(w));
	write_pattern(w, "primary",
	    "[pattern]\nrole = primary\nzonefile = new/${zone}.zone\n");
	load_patterns(w);
	deploy_set_patterns(w->deploy, w->patterns);
	EVENTUALLY(n_held(w) == 12); /* the least number is 10 */
	world_crash(w);
	world_start(w);
	EVENTUALLY(is_error(w, "z0.test", "guard"));
	nap(100);
	assert_string_equal(toy_ops(12), "");
	assert_int_equal(release(w), 12);
	EVENTUALLY(toy_n_ops() == 24);
	assert_int_equal(n_held(w), 0);
	world_free(w);
}

/* -- what came from elsewhere --------------------------------------------------- */

static void
stray__held__then_released(void **state)
{
	(void)state;
	struct world *w = guarded_world();
	struct dname a = zone_of("a.test"), b = zone_of("b.test");
	world_start(w);
	EDIT(w, ADD("a.test", "m1", "primary"), ADD("b.test", "m2", "primary"));
	EVENTUALLY(is_state(w, "b.test", ZONE_APPLIED));
	EDIT(w, DEL("a.test", "m1"), DEL("b.test", "m2"));
	EVENTUALLY(has_grave(w, "a.test") && has_grave(w, "b.test"));
	EVENTUALLY(is_idle(w));
	world_stop(w);
	toy_put(&a, "toy-primary.old.0"); /* they come back to life */
	toy_put(&b, "toy-primary.old.0");
	w->catalogs[0].limit = none;
	size_t n = toy_n_ops();
	world_start(w);
	EVENTUALLY(is_state(w, "a.test", ZONE_HELD));
	EVENTUALLY(is_state(w, "b.test", ZONE_HELD));
	assert_int_equal(n_held(w), 2);
	assert_string_equal(toy_ops(n), "");
	/* taken over as it is, under the id of its grave; but for its settings, which
	 * are another version's, and unknown */
	set_limit(w, off);
	EDIT(w, ADD("b.test", "m2", "primary"));
	assert_int_equal(n_held(w), 1);
	EVENTUALLY(is_state(w, "b.test", ZONE_APPLIED));
	EVENTUALLY(!has_grave(w, "b.test"));
	assert_int_equal(release(w), 1);
	EVENTUALLY(!toy_has("a.test"));
	EVENTUALLY(is_unknown(w, "a.test"));
	assert_true(toy_has("b.test"));
	world_free(w);
}

static void
grave__of_a_zone_that_is_there_again__its_data_is_not_used(void **state)
{
	(void)state;
	struct world *w = guarded_world();
	struct dname a = zone_of("a.test");
	struct ledger_entry entry;
	world_start(w);
	EDIT(w, ADD("a.test", "m1", "primary"));
	EVENTUALLY(get_ledger(w, "a.test", &entry));
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	EDIT(w, DEL("a.test", "m1"));
	EVENTUALLY(has_grave(w, "a.test"));
	EVENTUALLY(is_idle(w));
	world_stop(w);
	toy_put(&a, entry.mark);
	size_t n = toy_n_ops();
	EDIT(w, ADD("a.test", "m2", "primary"));
	world_start(w);
	EVENTUALLY(toy_n_ops() == n + 3);
	assert_string_equal(toy_ops(n), "remove a.test, purge a.test, add a.test");
	world_free(w);
}

static void
catalogs__another_one_with_another_id__waits_for_the_guard(void **state)
{
	(void)state;
	struct world *w = guarded_world();
	w->backend.n_catalogs = 2;
	world_start(w);
	struct change coo = {CHANGE_ADD | CHANGE_COO, "a.test", "m1", "primary", 0};
	struct change there = {CHANGE_ADD, "a.test", "x1", "primary", 1};
	change_many(w, &coo, 1);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	EVENTUALLY(is_idle(w));
	set_limit(w, none);
	change_many(w, &there, 1);
	EVENTUALLY(is_idle(w));
	nap(100);
	assert_string_equal(toy_ops(1), "");
	struct release_job j = {.job = {.run = run_release},
	    .catalog = w->catalogs[1].nr};
	assert_int_equal(store_call(w->store, STORE_CATALOG, &j.job), OK);
	assert_int_equal(j.n, 1);
	EVENTUALLY(toy_n_ops() == 4);
	assert_string_equal(toy_ops(1), "remove a.test, purge a.test, add a.test");
	world_free(w);
}

static void
catalogs__handed_over_to_an_heir__is_no_removal(void **state)
{
	(void)state;
	for (int heir = 0; heir < 2; heir++) {
		struct world *w = guarded_world();
		struct limit *limit = &w->catalogs[0].limit;
		uint8_t nr = w->catalogs[1].nr;
		struct change coo = {CHANGE_ADD | CHANGE_COO, "a.test", "m1", "primary",
		    0};
		struct change there = {CHANGE_ADD, "a.test", "m1", "primary", 1};
		w->backend.n_catalogs = 2;
		*limit = none;
		if (heir) /* all backends of the one serve it, too */
			limit->heirs[nr / 8] |= (uint8_t)(1u << nr % 8);
		world_start(w);
		change_many(w, &coo, 1);
		change_many(w, &there, 1);
		EVENTUALLY(toy_has("a.test"));
		EDIT(w, DEL("a.test", "m1"));
		assert_int_equal(n_held(w), heir ? 0 : 1);
		EVENTUALLY(is_idle(w));
		assert_int_equal(toy_n_ops(), 1);
		world_free(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		removal__held__zone_is_kept_and_given_back_to_a_server_that_lost_it),
	    cmocka_unit_test(id__held_and_back__needs_no_operation),
	    cmocka_unit_test(id__released__is_reset),
	    cmocka_unit_test(change__with_a_gap__is_held_and_one_without_is_not),
	    cmocka_unit_test(change__released__is_made),
	    cmocka_unit_test(
		patterns__changed_with_a_gap__are_one_step_across_a_restart),
	    cmocka_unit_test(stray__held__then_released),
	    cmocka_unit_test(
		grave__of_a_zone_that_is_there_again__its_data_is_not_used),
	    cmocka_unit_test(catalogs__handed_over_to_an_heir__is_no_removal),
	    cmocka_unit_test(
		catalogs__another_one_with_another_id__waits_for_the_guard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
