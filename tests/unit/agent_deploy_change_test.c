/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <sys/stat.h>

#include "tests/unit/agent_deploy_fixture.h"

/* Another configuration while the back half runs, with the toy server. */

static size_t
count(const size_t *counter)
{
	pthread_mutex_lock(&toy.lock);
	size_t n = *counter;
	pthread_mutex_unlock(&toy.lock);
	return n;
}

/* In a thread, as the agent has it: the other one goes on meanwhile. */
static void *
finish(void *arg)
{
	deploy_finish(arg);
	return NULL;
}

struct change_under_way {
	pthread_t thread;
};

static struct change_under_way
begin_change(struct world *w, size_t n_backends)
{
	struct err_where where = {.line = 0};
	struct deploy_conf conf = {.store = w->store,
	    .patterns = w->patterns,
	    .backends = &w->backend,
	    .n_backends = n_backends};
	struct deploy_change *c;
	struct change_under_way u;
	assert_int_equal(deploy_prepare(w->deploy, &conf, &where, &c), OK);
	deploy_commit(c);
	assert_int_equal(pthread_create(&u.thread, NULL, finish, c), 0);
	return u;
}

static void
end_change(struct change_under_way u)
{
	assert_int_equal(pthread_join(u.thread, NULL), 0);
}

static void
change(struct world *w, size_t n_backends)
{
	end_change(begin_change(w, n_backends));
}

static struct world *
start_with(size_t n_catalogs)
{
	struct world *w = world_new(&toy_driver);
	w->backend.n_catalogs = n_catalogs;
	world_start(w);
	EVENTUALLY(is_backend(w, "up"));
	return w;
}

static bool
other_is(struct world *w, const char *zone, enum zone_state state)
{
	struct zone_status s;
	struct dname name = zone_of(zone);
	struct store_txn *txn = store_read(w->store, STORE_STATUS);
	enum err err = status_get(txn, w->catalogs[1].nr, &name, w->backend.nr, &s);
	store_end(&txn);
	return state == ZONE_PENDING ? err == ERR_NOTFOUND
				     : err == OK && s.state == state;
}

static void
change_other(struct world *w, int what, const char *zone, const char *id)
{
	struct change c = {what, zone, id, "primary", 1};
	change_many(w, &c, 1);
}

/* -- nothing, or not possible --------------------------------------------------- */

static void
change__the_same__nothing_is_opened_or_asked(void **state)
{
	(void)state;
	struct world *w = start_with(1);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	for (int i = 0; i < 20; i++)
		change(w, 1);
	add_zone(w, "b.test", "m2", "primary");
	EVENTUALLY(is_state(w, "b.test", ZONE_APPLIED));
	assert_int_equal(count(&toy.n_open), 1);
	assert_int_equal(count(&toy.n_inventory), 1);
	assert_int_equal(count(&toy.n_rekey), 0);
	assert_int_equal(toy_n_ops(), 2);
	world_free(w);
}

static void
prepare__driver_says_no__nothing_happens(void **state)
{
	(void)state;
	struct world *w = start_with(1);
	struct deploy_conf conf = {.store = w->store,
	    .patterns = w->patterns,
	    .backends = &w->backend,
	    .n_backends = 1};
	struct err_where where = {.line = 0};
	struct deploy_change *c;

	toy_set(&toy.bad_conf, true);
	w->backend.apply_rate = 7;
	assert_int_equal(deploy_prepare(w->deploy, &conf, &where, &c), ERR_INVALID);
	assert_int_equal(where.line, 7);
	toy_set(&toy.bad_conf, false);
	assert_int_equal(deploy_prepare(w->deploy, &conf, &where, &c), OK);
	deploy_cancel(c);
	deploy_cancel(NULL);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	assert_int_equal(count(&toy.n_open), 1);
	world_free(w);
}

/* -- backends --------------------------------------------------------------------- */

static void
change__backend_differs__opened_again_with_its_mark(void **state)
{
	(void)state;
	struct world *w = start_with(1);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED) && get_mark(w) > 0);
	uint64_t mark = get_mark(w);
	w->backend.backend.max_variants = 5;
	change(w, 1);
	EVENTUALLY(count(&toy.n_inventory) == 2);
	assert_int_equal(count(&toy.n_open), 2);
	assert_true(get_mark(w) >= mark);
	assert_true(is_state(w, "a.test", ZONE_APPLIED));
	add_zone(w, "b.test", "m2", "primary");
	EVENTUALLY(is_state(w, "b.test", ZONE_APPLIED));
	assert_string_equal(toy_ops(0), "add a.test, add b.test");
	world_free(w);
}

static bool
has_line(struct world *w)
{
	struct backend_status b;
	struct store_txn *txn = store_read(w->store, STORE_STATUS);
	enum err err = status_get_backend(txn, w->backend.nr, &b);
	store_end(&txn);
	return err == OK;
}

static void
change__backend_gone_and_back__zones_stay_and_it_catches_up(void **state)
{
	(void)state;
	struct world *w = start_with(1);
	add_zone(w, "a.test", "m1", "primary");
	add_zone(w, "b.test", "m2", "primary");
	EVENTUALLY(
	    is_state(w, "a.test", ZONE_APPLIED) && is_state(w, "b.test", ZONE_APPLIED));
	change(w, 0);
	assert_true(is_unknown(w, "a.test"));
	EVENTUALLY(!has_line(w));
	assert_true(toy_has("a.test") && in_ledger(w, "a.test"));
	del_zone(w, "b.test", "m2");
	add_zone(w, "c.test", "m3", "primary");
	nap(50);
	assert_int_equal(toy_n_ops(), 2);
	change(w, 1);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED) &&
		   is_state(w, "c.test", ZONE_APPLIED) && !toy_has("b.test"));
	assert_true(is_backend(w, "up"));
	world_free(w);
}

/* The commit does not wait, and who waits does not for long. */
static void
change__server_hangs__the_rest_goes_on(void **state)
{
	(void)state;
	struct world *w = start_with(1);
	struct timespec a, b;
	toy_set(&toy.hang, true);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(in_ledger(w, "a.test"));
	clock_gettime(CLOCK_MONOTONIC, &a);
	struct change_under_way u = begin_change(w, 0);
	end_change(u);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_in_range(b.tv_sec - a.tv_sec, 0, 5);
	toy_set(&toy.hang, false);
	change(w, 1);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	world_free(w);
}

static void
change__cannot_be_opened__is_tried_again(void **state)
{
	(void)state;
	struct world *w = start_with(1);
	change(w, 0);
	toy_set(&toy.no_open, true);
	change(w, 1);
	EVENTUALLY(is_backend(w, "down"));
	EVENTUALLY(count(&toy.n_open) >= 3);
	/* another change while it waits */
	w->backend.backend.max_variants = 5;
	change(w, 1);
	toy_set(&toy.no_open, false);
	EVENTUALLY(is_backend(w, "up"));
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	world_free(w);
}

static void
stop__in_the_midst__ends(void **state)
{
	(void)state;
	struct world *w = start_with(1);
	toy_set(&toy.hang, true);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(in_ledger(w, "a.test"));
	w->backend.backend.max_variants = 5;
	struct change_under_way u = begin_change(w, 1);
	deploy_hurry(w->deploy);
	end_change(u);
	world_free(w);
}

/* -- catalogs -----------------------------------------------------------------------
 */

static void
change__new_catalog__its_members_are_deployed(void **state)
{
	(void)state;
	struct world *w = start_with(1);
	change_other(w, CHANGE_ADD, "x.test", "o1");
	nap(50);
	assert_false(toy_has("x.test"));
	w->backend.n_catalogs = 2;
	change(w, 1);
	EVENTUALLY(other_is(w, "x.test", ZONE_APPLIED));
	change_other(w, CHANGE_ADD, "y.test", "o2");
	EVENTUALLY(other_is(w, "y.test", ZONE_APPLIED));
	assert_int_equal(count(&toy.n_open), 1);
	world_free(w);
}

static void
change__catalog_gone__zones_stay_until_it_is_back(void **state)
{
	(void)state;
	struct world *w = start_with(2);
	change_other(w, CHANGE_ADD, "x.test", "o1");
	change_other(w, CHANGE_ADD, "y.test", "o2");
	EVENTUALLY(
	    other_is(w, "x.test", ZONE_APPLIED) && other_is(w, "y.test", ZONE_APPLIED));
	w->backend.n_catalogs = 1;
	change(w, 1);
	assert_true(other_is(w, "x.test", ZONE_PENDING)); /* none on record */
	/* Nobody could change it meanwhile; what was not deployed yet may be so. */
	change_other(w, CHANGE_DEL, "y.test", "o2");
	deploy_reconcile(w->deploy, NULL);
	EVENTUALLY(count(&toy.n_inventory) == 2);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	assert_true(toy_has("x.test") && toy_has("y.test"));
	/* also when the agent is started so */
	world_stop(w);
	world_start(w);
	EVENTUALLY(count(&toy.n_inventory) == 3);
	add_zone(w, "b.test", "m2", "primary");
	EVENTUALLY(is_state(w, "b.test", ZONE_APPLIED));
	assert_true(toy_has("x.test") && toy_has("y.test"));
	w->backend.n_catalogs = 2;
	change(w, 1);
	EVENTUALLY(!toy_has("y.test") && other_is(w, "x.test", ZONE_APPLIED));
	assert_true(toy_has("x.test"));
	world_free(w);
}

static void
change__settings_of_a_catalog__take_effect(void **state)
{
	(void)state;
	struct world *w = start_with(1);
	struct dname accepted = zone_of("good.test");
	add_zone(w, "a.test", "m1", NULL);
	EVENTUALLY(is_state(w, "a.test", ZONE_UNASSIGNED));
	strcpy(w->catalogs[0].default_pattern, "primary");
	change(w, 1);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	w->catalogs[0].accept_zones = &accepted;
	w->catalogs[0].n_accept_zones = 1;
	change(w, 1);
	EVENTUALLY(is_error(w, "a.test", "not in accept-zones"));
	assert_true(toy_has("a.test"));
	world_free(w);
}

/* -- keys -----------------------------------------------------------------------------
 */

static struct keyring *
ring_of(const char *name)
{
	struct keyring *ring = keyring_new();
	struct dname dname = zone_of(name);
	struct key *key;
	assert_int_equal(key_generate(&dname, KEY_SHA256, &key), OK);
	assert_int_equal(keyring_add(ring, key), OK);
	key_unref(key);
	return ring;
}

/* The ring that the driver has lives as long as it has it. */
static bool
driver_has(const struct keyring *ring)
{
	pthread_mutex_lock(&toy.lock);
	bool has = toy.keys != NULL && keyring_equal(toy.keys, ring);
	pthread_mutex_unlock(&toy.lock);
	return has;
}

static void
change__other_keys__driver_has_them_at_once_and_the_server_when_it_can(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct keyring *ring = ring_of("k.test");
	w->backend.backend.keys = ring;
	world_start(w);
	EVENTUALLY(is_backend(w, "up"));
	keyring_unref(ring);
	for (unsigned i = 1; i <= 3; i++) {
		ring = ring_of("k.test");
		w->backend.backend.keys = ring;
		change(w, 1);
		EVENTUALLY(count(&toy.n_rekey) == i);
		assert_true(driver_has(ring));
		keyring_unref(ring);
	}
	toy_set(&toy.down, true);
	EVENTUALLY(is_backend(w, "down"));
	ring = ring_of("k.test");
	w->backend.backend.keys = ring;
	change(w, 1);
	EVENTUALLY(count(&toy.n_rekey) == 4);
	assert_true(driver_has(ring));
	toy_set(&toy.down, false);
	EVENTUALLY(count(&toy.n_rekey) >= 5);
	keyring_unref(ring);
	assert_int_equal(count(&toy.n_open), 1);
	world_free(w);
}

static void
change__other_probe_key__is_another_backend(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct keyring *rings[3];
	for (size_t i = 0; i < 3; i++)
		rings[i] = ring_of("k.test");
	w->backend.has_probe = true;
	assert_int_equal(addr_parse("127.0.0.1@9", 0, &w->backend.probe), OK);
	w->backend.probe_key = keyring_at(rings[0], 0);
	world_start(w);
	EVENTUALLY(is_backend(w, "up"));
	for (size_t i = 1; i < 3; i++) {
		w->backend.probe_key = keyring_at(rings[i], 0);
		change(w, 1);
		EVENTUALLY(count(&toy.n_open) == i + 1);
	}
	for (size_t i = 0; i < 3; i++)
		keyring_unref(rings[i]);
	world_free(w);
}

/* -- all at once
 * ------------------------------------------------------------------------ */

static void
change__many_while_zones_come__all_are_served(void **state)
{
	(void)state;
	struct world *w = start_with(1);
	char zone[32], id[32];
	for (unsigned i = 0; i < 200; i++) {
		snprintf(zone, sizeof(zone), "z%u.test", i);
		snprintf(id, sizeof(id), "m%u", i);
		add_zone(w, zone, id, "primary");
		w->backend.n_catalogs = 1 + i % 2;
		w->backend.backend.max_variants = 1 + i / 5 % 2;
		change(w, i % 7 != 0);
	}
	change(w, 1);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(zone, sizeof(zone), "z%u.test", i);
		EVENTUALLY(is_state(w, zone, ZONE_APPLIED));
		assert_true(toy_has(zone));
	}
	world_free(w);
}

/* -- the zone directory --------------------------------------------------------- */

static void
make_file(struct world *w, const char *dir, const char *file)
{
	char path[256];
	FILE *f;
	snprintf(path, sizeof(path), "%s/%s", w->dir, dir);
	(void)!mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%s/%s", w->dir, dir, file);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
}

static bool
says(struct world *w, const char *state, const char *part)
{
	struct backend_status b;
	struct store_txn *txn = store_read(w->store, STORE_STATUS);
	bool is = status_get_backend(txn, w->backend.nr, &b) == OK &&
		  strcmp(b.state, state) == 0 && strstr(b.error, part) != NULL;
	store_end(&txn);
	return is;
}

static void
zone_dir__changed_without_the_files__nothing_is_done_until_they_are_there(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	char dirs[2][128];
	for (size_t i = 0; i < 2; i++)
		snprintf(dirs[i], sizeof(dirs[i]), "%s/z%zu", w->dir, i);
	make_file(w, "z0", "a.test.zone");
	make_file(w, "z1", "other.zone");
	w->backend.backend.zone_dir = dirs[0];
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	world_stop(w);
	w->backend.backend.zone_dir = dirs[1];
	world_start(w);
	add_zone(w, "b.test", "m2", "primary");
	EVENTUALLY(says(w, "down", "a.test.zone is still there"));
	assert_int_equal(toy_n_ops(), 1);
	make_file(w, "z1", "a.test.zone");
	EVENTUALLY(says(w, "up", ""));
	EVENTUALLY(is_state(w, "b.test", ZONE_APPLIED));
	world_stop(w);
	/* now it is the one on record, and the other has its file, too */
	w->backend.backend.zone_dir = dirs[0];
	world_start(w);
	EVENTUALLY(says(w, "up", ""));
	world_free(w);
}

static void
zone_dir__changed_to_a_link_to_it_or_gone__is_taken(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	char dirs[3][128];
	for (size_t i = 0; i < 3; i++)
		snprintf(dirs[i], sizeof(dirs[i]), "%s/z%zu", w->dir, i);
	make_file(w, "z0", "a.test.zone");
	make_file(w, "z2", "other.zone");
	assert_int_equal(symlink(dirs[0], dirs[1]), 0);
	w->backend.backend.zone_dir = dirs[0];
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	for (size_t i = 1; i < 3; i++) {
		world_stop(w);
		w->backend.backend.zone_dir = dirs[i];
		toy_set(&toy.down, true);
		world_start(w);
		EVENTUALLY(says(w, "down", "refused"));
		toy_set(&toy.down, false);
		EVENTUALLY(says(w, "up", ""));
		assert_int_equal(unlink(dirs[1]), i == 1 ? 0 : -1);
	}
	world_free(w);
}

#define TEST(name) cmocka_unit_test(name)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(change__the_same__nothing_is_opened_or_asked),
	    TEST(prepare__driver_says_no__nothing_happens),
	    TEST(change__backend_differs__opened_again_with_its_mark),
	    TEST(change__backend_gone_and_back__zones_stay_and_it_catches_up),
	    TEST(change__server_hangs__the_rest_goes_on),
	    TEST(change__cannot_be_opened__is_tried_again),
	    TEST(stop__in_the_midst__ends),
	    TEST(change__new_catalog__its_members_are_deployed),
	    TEST(change__catalog_gone__zones_stay_until_it_is_back),
	    TEST(change__settings_of_a_catalog__take_effect),
	    TEST(
		change__other_keys__driver_has_them_at_once_and_the_server_when_it_can),
	    TEST(change__other_probe_key__is_another_backend),
	    TEST(
		zone_dir__changed_without_the_files__nothing_is_done_until_they_are_there),
	    TEST(zone_dir__changed_to_a_link_to_it_or_gone__is_taken),
	    TEST(change__many_while_zones_come__all_are_served),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
