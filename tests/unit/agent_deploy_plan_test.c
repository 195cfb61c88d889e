/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include "agent/deploy/ages.h"
#include "agent/deploy/plan.h"
#include "agent/deploy/watch.h"
#include "tests/unit/agent_deploy_fixture.h"

/* The log as touches, and the table of zones under way. */

struct seen {
	char text[4096];
	size_t n, stop_at; /* stops before the stop_at-th; 0: never */
};

static enum err
take(void *arg, const struct touch *t)
{
	struct seen *seen = arg;
	static const char *const kinds[] = {"del", "add", "set", "resync"};
	char zone[DNAME_TEXT_MAX];
	if (seen->stop_at != 0 && seen->n == seen->stop_at)
		return ERR_BUSY;
	seen->n++;
	size_t at = strlen(seen->text);
	snprintf(seen->text + at, sizeof(seen->text) - at, "%s%s %s/%.*s",
	    at ? ", " : "", kinds[t->kind], dname_print_short(&t->zone, zone),
	    (int)t->id.size, (const char *)t->id.data);
	return OK;
}

static enum err
read_plan(struct world *w, struct plan_cursor *cursor, struct seen *seen)
{
	bool catalogs[256] = {false};
	catalogs[w->catalogs[0].nr] = true;
	struct store_txn *txn = store_read(w->store, STORE_CATALOG);
	enum err err = plan_read(txn, cursor, catalogs, 1000, take, seen);
	store_end(&txn);
	return err;
}

static void
plan_read__changes__are_touches_in_order(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct plan_cursor cursor = {0};
	struct seen seen = {.n = 0};
	const struct change changes[] = {{CHANGE_DEL, "a.test", "m1", NULL, 0},
	    {CHANGE_ADD, "a.test", "m2", "primary", 0}};
	add_zone(w, "a.test", "m1", "primary");
	change_many(w, changes, 2);
	set_group(w, "a.test", "m2", "secondary");
	/* Of another catalog: passed over, and yet read. */
	const struct change other = {CHANGE_ADD, "o.test", "m1", NULL, 1};
	change_many(w, &other, 1);
	assert_int_equal(read_plan(w, &cursor, &seen), OK);
	/* The group of m1 says nothing, for m1 is gone. */
	assert_string_equal(seen.text, "add a.test/m1, del a.test/m1, add a.test/m2, "
				       "set a.test/m2, set a.test/m2");
	assert_int_equal(cursor.seq, 4);
	world_free(w);
}

static void
plan_read__stopped_anywhere__goes_on_from_there(void **state)
{
	(void)state;
	enum { N = 30 };
	struct world *w = world_new(&toy_driver);
	struct change changes[N];
	char names[N][2][16];
	struct seen whole = {.n = 0};
	for (size_t i = 0; i < N; i++) {
		snprintf(names[i][0], 16, "z%zu.test", i);
		snprintf(names[i][1], 16, "m%zu", i);
		changes[i] =
		    (struct change){CHANGE_ADD, names[i][0], names[i][1], NULL, 0};
	}
	change_many(w, changes, N);
	for (size_t i = 0; i < N; i += 2)
		changes[i].what = CHANGE_DEL;
	for (size_t i = 1; i < N; i += 2) {
		changes[i].what = CHANGE_GROUP;
		changes[i].group = "primary";
	}
	change_many(w, changes, N);
	struct plan_cursor cursor = {0};
	assert_int_equal(read_plan(w, &cursor, &whole), OK);
	assert_int_equal(whole.n, 2 * N);
	for (size_t step = 1; step < 2 * N; step += 3) {
		struct seen pieces = {.text = ""};
		cursor = (struct plan_cursor){0};
		enum err err = ERR_BUSY;
		for (size_t i = 0; err == ERR_BUSY && i < 100; i++) {
			pieces.stop_at = pieces.n + step;
			err = read_plan(w, &cursor, &pieces);
		}
		assert_int_equal(err, OK);
		assert_string_equal(pieces.text, whole.text);
		assert_int_equal(cursor.seq, 2);
	}
	world_free(w);
}

static void
plan_read__odd_owners__touch_nothing(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct plan_cursor cursor = {0};
	struct seen seen = {.n = 0};
	/* ids that look like the end of other names: \005zones inside a label */
	const struct change odd[] = {{CHANGE_ADD, "a.test", "x\005zones", NULL, 0},
	    {CHANGE_ADD, "b.test", "zones", NULL, 0}};
	change_many(w, odd, 2);
	assert_int_equal(read_plan(w, &cursor, &seen), OK);
	assert_string_equal(seen.text, "add a.test/x\005zones, add b.test/zones");
	world_free(w);
}

static void
watch__added_found_deleted__over_a_growing_table(void **state)
{
	(void)state;
	enum { N = 3000 };
	struct watch_table t;
	char text[24];
	watch_init(&t);
	for (unsigned i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "z%u.test", i);
		struct dname zone = zone_of(text);
		assert_null(watch_find(&t, &zone));
		watch_add(&t, &zone, WATCH_BATCH)->seq = i;
	}
	assert_int_equal(t.n, N);
	for (unsigned i = 0; i < N; i += 2) {
		snprintf(text, sizeof(text), "z%u.test", i);
		struct dname zone = zone_of(text);
		struct watch *w = watch_find(&t, &zone);
		assert_non_null(w);
		assert_int_equal(w->seq, i);
		watch_del(&t, w);
	}
	assert_int_equal(t.n, N / 2);
	watch_fini(&t);
}

static void
watch_settle__in_order_of_jobs__and_counts(void **state)
{
	(void)state;
	struct watch_table t;
	struct dname a = zone_of("a.test"), b = zone_of("b.test");
	watch_init(&t);
	struct watch *wa = watch_add(&t, &a, WATCH_BATCH);
	struct watch *wb = watch_add(&t, &b, WATCH_BATCH);
	watch_ask(&t, wa, WATCH_SERVE);
	assert_int_equal(t.n_asked, 1);
	assert_int_equal(watch_again_seq(&t), UINT64_MAX);
	watch_again(&t, wa, 9);
	watch_again(&t, wa, 7);
	watch_again(&t, wb, 0);
	assert_int_equal(watch_again_seq(&t), 7);
	watch_settle(&t, wa, 2, 5);
	watch_settle(&t, wb, 1, 5);
	assert_int_equal(t.n_asked, 0);
	assert_null(watch_settled(&t, 2, 4));
	assert_null(watch_settled(&t, 1, 5));
	assert_ptr_equal(watch_settled(&t, 2, 5), wa);
	watch_del(&t, wa);
	assert_int_equal(watch_again_seq(&t), UINT64_MAX);
	assert_ptr_equal(watch_settled(&t, 2, 5), wb);
	watch_del(&t, wb);
	assert_null(watch_settled(&t, 9, 9));
	watch_fini(&t);
}

/* -- ages ---------------------------------------------------------------------- */

enum { S = 1000000 };

static void
ages__clock_is_right__is_what_it_says(void **state)
{
	(void)state;
	struct ages a = {.n = 0};
	assert_int_equal(ages_of(&a, 1, 5 * S, 100 * S), 5 * S);
	ages_note(&a, 7, 100 * S, 60 * S);
	ages_note(&a, 7, 109 * S, 60 * S);
	ages_note(&a, 8, 110 * S, 60 * S);
	/* There before the start: nobody knows better. */
	assert_int_equal(ages_of(&a, 7, 3600u * S, 120 * S), 3600u * S);
	assert_int_equal(ages_of(&a, 8, 10 * S, 120 * S), 10 * S);
	assert_int_equal(ages_of(&a, 9, S, 120 * S), S);
}

static void
ages__clock_was_set__is_as_it_was_seen(void **state)
{
	(void)state;
	struct ages a = {.n = 0};
	ages_note(&a, 7, 100 * S, 60 * S);
	ages_note(&a, 7, 109 * S, 60 * S);
	ages_note(&a, 8, 110 * S, 60 * S);
	ages_note(&a, 8, 130 * S, 60 * S);
	/* It was ahead: the entry is of a time that is yet to come. */
	assert_int_equal(ages_of(&a, 7, 0, 120 * S), 20 * S);
	assert_int_equal(ages_of(&a, 8, 0, 120 * S), 10 * S);
	/* It is ahead now. */
	assert_int_equal(ages_of(&a, 8, 86400u * (uint64_t)S, 120 * S), 11 * S);
	assert_int_equal(ages_of(&a, 9, 86400u * (uint64_t)S, 131 * S), S);
}

/* One each second, for ten times as long as matters: off by a thirtieth of that. */
static void
ages__many_entries__are_known_near_enough(void **state)
{
	(void)state;
	enum { SPAN = 3600, MANY = 10 * SPAN };
	struct ages a = {.n = 0};
	uint64_t now = MANY * (uint64_t)S;
	for (uint64_t i = 1; i <= MANY; i++)
		ages_note(&a, i, i * S, SPAN * (uint64_t)S);
	assert_true(a.n <= AGES_MAX);
	for (uint64_t i = MANY; i > MANY - SPAN; i--) {
		uint64_t age = now - i * S, off = SPAN / 30 * (uint64_t)S;
		uint64_t least = ages_of(&a, i, 0, now);
		uint64_t most = ages_of(&a, i, UINT64_MAX, now);
		assert_true(least <= age && age <= most);
		assert_true(age - least <= off && most - age <= off);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ages__clock_is_right__is_what_it_says),
	    cmocka_unit_test(ages__clock_was_set__is_as_it_was_seen),
	    cmocka_unit_test(ages__many_entries__are_known_near_enough),
	    cmocka_unit_test(plan_read__changes__are_touches_in_order),
	    cmocka_unit_test(plan_read__stopped_anywhere__goes_on_from_there),
	    cmocka_unit_test(plan_read__odd_owners__touch_nothing),
	    cmocka_unit_test(watch__added_found_deleted__over_a_growing_table),
	    cmocka_unit_test(watch_settle__in_order_of_jobs__and_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
