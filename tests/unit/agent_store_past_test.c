/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_store_fixture.h"

#include "agent/store/members.h"
#include "agent/store/past.h"
#include "agent/store/status.h"

static struct zone_status
state_of(unsigned nr, uint32_t serial)
{
	char name[64];
	snprintf(name, sizeof(name), "z%u.example.", nr);
	struct zone_status s = {.catalog = 1,
	    .backend = 2,
	    .zone = dn(name),
	    .id = label_of("a1"),
	    .state = ZONE_SERVING,
	    .has_serial = true,
	    .serial = serial};
	return s;
}

static int
setup(void **state)
{
	int rc = fixture_setup(state);
	past_want(((struct fixture *)*state)->store, 3600);
	return rc;
}

static void
put(struct fixture *f, unsigned first, unsigned n, uint32_t serial)
{
	struct store_txn *txn = begin(f, STORE_STATUS);
	for (unsigned i = first; i < first + n; i++) {
		struct zone_status s = state_of(i, serial);
		status_put(txn, &s);
	}
	commit(f);
}

static uint64_t
number_of(struct fixture *f, enum store_env env)
{
	uint64_t n;
	struct store_txn *txn = store_read(f->store, env);
	assert_int_equal(past_number(txn, &n), OK);
	store_end(&txn);
	return n;
}

/* 0: there is none. */
static uint32_t
serial_of(struct store_txn *txn, unsigned nr)
{
	struct zone_status s = state_of(nr, 0);
	enum err err = status_get(txn, 1, &s.zone, 2, &s);
	assert_true(err == OK || err == ERR_NOTFOUND);
	return err == OK ? s.serial : 0;
}

static enum err
count_zone(void *arg, const struct dname *zone)
{
	(void)zone;
	++*(size_t *)arg;
	return OK;
}

static void
past_use__some_commits_ago__reads_what_was_then(void **state)
{
	struct fixture *f = *state;
	struct past *past;
	uint64_t at[4];
	size_t n = 0;

	at[0] = number_of(f, STORE_STATUS);
	put(f, 0, 1, 1);
	at[1] = number_of(f, STORE_STATUS);
	put(f, 0, 2, 2);
	at[2] = number_of(f, STORE_STATUS);
	struct store_txn *txn = begin(f, STORE_STATUS);
	struct zone_status s = state_of(0, 9);
	status_put(txn, &s); /* changed twice in one */
	status_del(txn, 1, &s.zone, 2);
	commit(f);
	at[3] = number_of(f, STORE_STATUS);
	put(f, 1, 1, 2); /* nothing new */
	assert_true(number_of(f, STORE_STATUS) == at[3]);

	static const uint32_t then[4][2] = {{0, 0}, {1, 0}, {2, 2}, {0, 2}};
	txn = store_read(f->store, STORE_STATUS);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(past_new(txn, at[i], 100, &past), OK);
		past_use(txn, past);
		assert_int_equal(serial_of(txn, 0), then[i][0]);
		assert_int_equal(serial_of(txn, 1), then[i][1]);
		past_use(txn, NULL);
		assert_int_equal(serial_of(txn, 0), 0);
		assert_int_equal(serial_of(txn, 1), 2);
		past_free(past);
	}
	assert_int_equal(past_new(txn, at[3] + 1, 100, &past), ERR_NOTFOUND);
	assert_int_equal(past_new(txn, at[0], 1, &past), ERR_RANGE);
	assert_int_equal(past_new(txn, at[0], 2, &past), OK);
	assert_int_equal(past_each_zone(past, 1, count_zone, &n), OK);
	assert_int_equal(n, 2);
	assert_int_equal(past_each_zone(past, 2, count_zone, &n), OK);
	assert_int_equal(n, 2);
	past_use(txn, past);
	past_free(past); /* and is not used any more */
	assert_int_equal(serial_of(txn, 0), 0);
	store_end(&txn);
}

static void
past_new__beyond_the_bytes__oldest_are_pruned(void **state)
{
	struct fixture *f = *state;
	struct past *past;
	uint64_t last;
	unsigned n_known = 0;

	fixture_close(f);
	f->conf.past_bytes = 100000;
	fixture_open(f);
	past_want(f->store, 3600);
	for (uint32_t i = 1; i <= 300; i++)
		put(f, 0, 20, i);
	last = number_of(f, STORE_STATUS);
	struct store_txn *txn = store_read(f->store, STORE_STATUS);
	for (uint64_t at = 0; at <= last; at++) {
		enum err err = past_new(txn, at, 1000, &past);
		if (err == ERR_NOTFOUND) {
			assert_int_equal(n_known, 0); /* no gap */
			continue;
		}
		assert_int_equal(err, OK);
		n_known++;
		past_use(txn, past);
		assert_int_equal(serial_of(txn, 19), 300 - (last - at));
		past_free(past);
	}
	store_end(&txn);
	assert_true(n_known > 20 && n_known < 100);
	struct store_space space;
	store_get_space(f->store, &space);
	assert_true(space.status_used < 1 << 20);
}

static void
past_new__commit_too_large_to_note__begins_anew(void **state)
{
	struct fixture *f = *state;
	struct past *past;

	put(f, 0, 1, 1);
	uint64_t before = number_of(f, STORE_STATUS);
	put(f, 0, 200000, 2); /* new ones take little */
	put(f, 0, 200000, 3);
	uint64_t after = number_of(f, STORE_STATUS);
	put(f, 0, 1, 4);
	struct store_txn *txn = store_read(f->store, STORE_STATUS);
	assert_int_equal(past_new(txn, before, SIZE_MAX, &past), ERR_NOTFOUND);
	assert_int_equal(past_new(txn, after, 10, &past), OK);
	past_use(txn, past);
	assert_int_equal(serial_of(txn, 0), 3);
	past_free(past);
	store_end(&txn);
}

static void
past_use__members_change_zones__index_and_members_as_they_were(void **state)
{
	struct fixture *f = *state;
	struct past *past;
	struct label id;
	struct member a, b, got;
	struct dname one = dn("one.example."), two = dn("two.example.");
	size_t n = 0;

	member_init(&a);
	member_init(&b);
	member_init(&got);
	a.id = label_of("a");
	a.zone = one;
	a.seq = 1;
	b.id = label_of("b");
	b.zone = two;
	members_put(begin(f, STORE_CATALOG), 1, &a);
	members_put(&f->w, 1, &b);
	commit(f);
	uint64_t at = number_of(f, STORE_CATALOG);
	begin(f, STORE_CATALOG);
	members_del(&f->w, 1, &a);
	members_del(&f->w, 1, &b);
	a.zone = two;
	a.seq = 2;
	members_put(&f->w, 1, &a);
	commit(f);

	struct store_txn *txn = store_read(f->store, STORE_CATALOG);
	assert_int_equal(past_new(txn, at, 100, &past), OK);
	past_use(txn, past);
	assert_int_equal(members_find_zone(txn, 1, &one, &id), OK);
	assert_true(label_is(&id, "a"));
	assert_int_equal(members_get(txn, 1, &id, &got), OK);
	assert_true(got.seq == 1 && dname_equal(&got.zone, &one));
	assert_int_equal(members_find_zone(txn, 1, &two, &id), OK);
	assert_true(label_is(&id, "b"));
	past_use(txn, NULL);
	assert_int_equal(members_find_zone(txn, 1, &one, &id), ERR_NOTFOUND);
	assert_int_equal(members_find_zone(txn, 1, &two, &id), OK);
	assert_true(label_is(&id, "a"));
	assert_int_equal(past_each_zone(past, 1, count_zone, &n), OK);
	assert_true(n >= 2);
	past_free(past);
	store_end(&txn);
	member_fini(&a);
	member_fini(&b);
	member_fini(&got);
}

static void
status_touch__asked_for__version_grows_at_once_and_stays_grown(void **state)
{
	struct fixture *f = *state;
	uint64_t before, after, again;

	struct store_txn *txn = store_read(f->store, STORE_STATUS);
	assert_int_equal(status_version(txn, &before), OK);
	status_touch(f->store);
	assert_int_equal(status_version(txn, &after), OK);
	assert_true(after == before + 1);
	store_end(&txn);
	for (int i = 0; i < 3; i++)
		status_touch(f->store);
	fixture_close(f);
	fixture_open(f);
	assert_false(store_was_unclean(f->store));
	txn = store_read(f->store, STORE_STATUS);
	assert_int_equal(status_version(txn, &again), OK);
	assert_true(again > before + 4);
	store_end(&txn);
}

static void
past_new__nobody_wanted_it__begins_when_someone_does(void **state)
{
	struct fixture *f = *state;
	struct past *past;

	past_want(f->store, 0);
	uint64_t before = number_of(f, STORE_STATUS);
	put(f, 0, 10, 1);
	uint64_t at = number_of(f, STORE_STATUS);
	assert_true(at == before + 1); /* it is told that something changed */
	past_want(f->store, 3600);
	put(f, 0, 10, 2);
	struct store_txn *txn = store_read(f->store, STORE_STATUS);
	assert_int_equal(past_new(txn, before, 100, &past), ERR_NOTFOUND);
	assert_int_equal(past_new(txn, at, 100, &past), OK);
	past_use(txn, past);
	assert_int_equal(serial_of(txn, 5), 1);
	past_free(past);
	store_end(&txn);
}

int
main(void)
{
#define PAST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
	    PAST(past_use__some_commits_ago__reads_what_was_then),
	    PAST(past_new__beyond_the_bytes__oldest_are_pruned),
	    PAST(past_new__commit_too_large_to_note__begins_anew),
	    PAST(past_use__members_change_zones__index_and_members_as_they_were),
	    PAST(past_new__nobody_wanted_it__begins_when_someone_does),
	    PAST(status_touch__asked_for__version_grows_at_once_and_stays_grown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
