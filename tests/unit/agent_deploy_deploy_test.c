/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <assert.h>

#include "agent/backend/backend.h"
#include "tests/unit/agent_deploy_fixture.h"

/* Additions, removals and changes through a driver, to `applied`. */

static void
add__null_driver__is_applied_and_marked(void **state)
{
	(void)state;
	const struct backend_driver *null = backend_find("null");
	struct world *w = world_new(null);
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	EVENTUALLY(get_mark(w) == 1);
	assert_true(in_ledger(w, "a.test"));
	del_zone(w, "a.test", "m1");
	EVENTUALLY(is_unknown(w, "a.test"));
	EVENTUALLY(!in_ledger(w, "a.test"));
	assert_true(has_grave(w, "a.test"));
	EVENTUALLY(get_mark(w) == 2);
	world_free(w);
}

static void
add__while_running__one_lookup_one_add(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct ledger_entry entry;
	world_start(w);
	EVENTUALLY(is_backend(w, "up"));
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	assert_string_equal(toy_ops(0), "add a.test");
	EVENTUALLY(get_ledger(w, "a.test", &entry) && entry.state == LEDGER_OWNED);
	assert_string_equal(entry.zonefile, "a.test.zone");
	assert_non_null(strstr(entry.mark, "toy-primary."));
	world_free(w);
}

/* Or the file would be removed with this zone. */
static void
add__zone_whose_name_is_in_a_shared_file__has_no_file_of_its_own(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct ledger_entry entry;
	write_pattern(w, "parked", "[pattern]\nrole = primary\nzonefile = a.zone\n");
	load_patterns(w);
	world_start(w);
	add_zone(w, "zone", "m1", "parked");
	EVENTUALLY(is_state(w, "zone", ZONE_APPLIED));
	EVENTUALLY(get_ledger(w, "zone", &entry) && entry.state == LEDGER_OWNED);
	assert_string_equal(entry.zonefile, "/");
	del_zone(w, "zone", "m1");
	EVENTUALLY(has_grave(w, "zone"));
	world_free(w);
}

/* With it would go the file of all the others. */
static void
add__zone_whose_file_others_share__is_unassigned(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct ledger_entry entry;
	write_pattern(w, "parked",
	    "[pattern]\nrole = primary\nzonefile = data/shared.zone\n");
	write_pattern(w, "data",
	    "[pattern]\nrole = primary\nzonefile = data/${zone}.zone\n");
	load_patterns(w);
	world_start(w);
	add_zone(w, "shared", "m1", "data");
	EVENTUALLY(is_state(w, "shared", ZONE_UNASSIGNED));
	assert_true(is_error(w, "shared", "data/shared.zone"));
	assert_string_equal(toy_ops(0), "");
	add_zone(w, "a", "m2", "data");
	EVENTUALLY(is_state(w, "a", ZONE_APPLIED));
	EVENTUALLY(get_ledger(w, "a", &entry) && entry.state == LEDGER_OWNED);
	assert_string_equal(entry.zonefile, "data/a.zone");
	world_free(w);
}

/* The pattern came after the zone. */
static void
purge__file_that_others_share_now__stays(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	w->catalogs[0].purge_after_s = 1;
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	write_pattern(w, "parked",
	    "[pattern]\nrole = primary\nzonefile = a.test.zone\n");
	load_patterns(w);
	deploy_set_patterns(w->deploy, w->patterns);
	EVENTUALLY(is_error(w, "a.test", "parked"));
	assert_true(is_state(w, "a.test", ZONE_APPLIED));
	del_zone(w, "a.test", "m1");
	EVENTUALLY(has_grave(w, "a.test"));
	EVENTUALLY(!has_grave(w, "a.test"));
	assert_string_equal(toy_ops(1), "remove a.test, purge a.test (no file)");
	world_free(w);
}

static void
change__group__is_one_change(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct ledger_entry entry;
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	set_group(w, "a.test", "m1", "secondary");
	EVENTUALLY(toy_n_ops() == 2);
	assert_string_equal(toy_ops(0), "add a.test, change a.test");
	EVENTUALLY(get_ledger(w, "a.test", &entry) &&
		   strstr(entry.mark, "toy-secondary.") != NULL);
	assert_string_equal(entry.zonefile, "s/a.test.zone");
	world_free(w);
}

/* The driver cannot do it in place. */
static void
change__role_without_type_change__is_removed_and_added(void **state)
{
	(void)state;
	struct backend_driver rigid = toy_driver;
	rigid.caps &= ~(unsigned)CAP_TYPE_CHANGE;
	struct world *w = world_new(&rigid);
	struct ledger_entry entry;
	write_pattern(w, "listed",
	    "[pattern]\nrole = primary\nzonefile = ${zone}.zone\nnotify = 192.0.2.1\n");
	load_patterns(w);
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	set_group(w, "a.test", "m1", "listed");
	EVENTUALLY(toy_n_ops() == 2);
	assert_string_equal(toy_ops(0), "add a.test, change a.test");
	EVENTUALLY(get_ledger(w, "a.test", &entry) &&
		   strstr(entry.mark, "toy-listed.") != NULL);
	set_group(w, "a.test", "m1", "secondary");
	EVENTUALLY(toy_n_ops() == 4);
	/* with the data it has: nothing is purged */
	assert_string_equal(toy_ops(2), "remove a.test, add a.test");
	EVENTUALLY(get_ledger(w, "a.test", &entry) && entry.state == LEDGER_OWNED &&
		   strstr(entry.mark, "toy-secondary.") != NULL);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	assert_false(has_grave(w, "a.test"));
	world_free(w);
}

static void
remove_and_add_again__same_id__uses_the_data_again(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	del_zone(w, "a.test", "m1");
	EVENTUALLY(has_grave(w, "a.test"));
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(!has_grave(w, "a.test"));
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	assert_string_equal(toy_ops(0), "add a.test, remove a.test, add a.test");
	world_free(w);
}

static void
remove_and_add_again__other_id__purges_first(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	del_zone(w, "a.test", "m1");
	EVENTUALLY(has_grave(w, "a.test"));
	add_zone(w, "a.test", "m2", "primary");
	EVENTUALLY(toy_n_ops() == 4);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	assert_string_equal(toy_ops(0),
	    "add a.test, remove a.test, purge a.test, add a.test");
	EVENTUALLY(!has_grave(w, "a.test"));
	world_free(w);
}

static void
id_change__in_one_update__is_a_reset(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct zone_status s;
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	const struct change changes[] = {{CHANGE_DEL, "a.test", "m1", NULL, 0},
	    {CHANGE_ADD, "a.test", "m2", "primary", 0}};
	change_many(w, changes, 2);
	EVENTUALLY(toy_n_ops() == 4);
	EVENTUALLY(get_status(w, "a.test", &s) && s.state == ZONE_APPLIED &&
		   label_is(&s.id, "m2"));
	assert_string_equal(toy_ops(1), "remove a.test, purge a.test, add a.test");
	world_free(w);
}

static void
id_change__there_and_back_while_down__is_a_reset(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	EVENTUALLY(get_mark(w) == 1);
	toy_set(&toy.down, true);
	EVENTUALLY(is_backend(w, "down"));
	del_zone(w, "a.test", "m1");
	add_zone(w, "a.test", "m2", "primary");
	del_zone(w, "a.test", "m2");
	add_zone(w, "a.test", "m1", "primary");
	toy_set(&toy.down, false);
	EVENTUALLY(toy_n_ops() == 4);
	assert_string_equal(toy_ops(1), "remove a.test, purge a.test, add a.test");
	EVENTUALLY(get_mark(w) == 5);
	EVENTUALLY(!has_grave(w, "a.test"));
	world_free(w);
}

static void
id_kept__removed_and_added_while_down__is_nothing(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	EVENTUALLY(get_mark(w) == 1);
	toy_set(&toy.down, true);
	EVENTUALLY(is_backend(w, "down"));
	del_zone(w, "a.test", "m1");
	add_zone(w, "a.test", "m1", "primary");
	toy_set(&toy.down, false);
	EVENTUALLY(get_mark(w) == 3);
	assert_string_equal(toy_ops(1), "");
	world_free(w);
}

static void
batch__of_many__removals_then_changes_then_additions(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	write_pattern(w, "other", /* no gap in service: nothing to ask the guard */
	    "[pattern]\nrole = primary\nzonefile = ${zone}.zone\n"
	    "notify = 127.0.0.1@5398\n");
	load_patterns(w);
	world_start(w);
	const struct change first[] = {{CHANGE_ADD, "a.test", "m1", "primary", 0},
	    {CHANGE_ADD, "b.test", "m2", "primary", 0}};
	change_many(w, first, 2);
	EVENTUALLY(toy_n_ops() == 2);
	EVENTUALLY(get_mark(w) == 1);
	const struct change then[] = {{CHANGE_ADD, "c.test", "m3", "primary", 0},
	    {CHANGE_GROUP, "b.test", "m2", "other", 0},
	    {CHANGE_DEL, "a.test", "m1", NULL, 0}};
	EVENTUALLY(is_state(w, "b.test", ZONE_APPLIED));
	nap(300); /* their outcome is on record, so they are free */
	change_many(w, then, 3);
	EVENTUALLY(toy_n_ops() == 5);
	assert_string_equal(toy_ops(2), "remove a.test, change b.test, add c.test");
	world_free(w);
}

static void
unassigned__no_such_pattern__says_so_and_is_taken_up_by_a_new_one(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	world_start(w);
	add_zone(w, "a.test", "m1", "nosuch");
	EVENTUALLY(is_state(w, "a.test", ZONE_UNASSIGNED));
	assert_true(is_error(w, "a.test", "nosuch"));
	write_pattern(w, "nosuch", "[pattern]\nrole = primary\n");
	load_patterns(w);
	deploy_set_patterns(w->deploy, w->patterns);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	assert_string_equal(toy_ops(0), "add a.test");
	world_free(w);
}

static void
served__pattern_becomes_unusable__is_kept_with_its_reason(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	set_group(w, "a.test", "m1", "nosuch");
	EVENTUALLY(is_error(w, "a.test", "nosuch"));
	assert_true(is_state(w, "a.test", ZONE_APPLIED));
	assert_string_equal(toy_ops(0), "add a.test");
	set_group(w, "a.test", "m1", "primary");
	EVENTUALLY(!is_error(w, "a.test", "nosuch"));
	assert_string_equal(toy_ops(0), "add a.test");
	world_free(w);
}

/* The walk that follows a change of patterns is the only one. */
static void
patterns__changed_while_zones_are_under_way__last_ones_count(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct ledger_entry entry;
	char text[64], mark[128];
	/* Another file is a gap in service: more of them than it lets pass by itself.
	 */
	w->catalogs[0].limit = (struct limit){.min = 1000, .window_s = 600};
	world_start(w);
	add_zone(w, "a.test", "m1", "quick");
	for (int i = 0; i < 20; i++) {
		snprintf(text, sizeof(text),
		    "[pattern]\nrole = primary\nzonefile = q%d.zone\n", i);
		write_pattern(w, "quick", text);
		load_patterns(w);
		deploy_set_patterns(w->deploy, w->patterns);
		/* as long as an operation takes, and its record */
		nap(i * 7 % 40);
	}
	const struct pattern *p = pattern_find(w->patterns, "quick");
	assert_non_null(p);
	snprintf(mark, sizeof(mark), "toy-quick.%s.0", pattern_hash(p));
	EVENTUALLY(get_ledger(w, "a.test", &entry) && strcmp(entry.mark, mark) == 0);
	world_free(w);
}

static void
accept_zones__other_zone__is_unassigned(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct dname suffix = zone_of("good.test");
	w->catalogs[0].accept_zones = &suffix;
	w->catalogs[0].n_accept_zones = 1;
	world_start(w);
	add_zone(w, "a.bad.test", "m1", "primary");
	add_zone(w, "a.good.test", "m2", "primary");
	EVENTUALLY(is_state(w, "a.bad.test", ZONE_UNASSIGNED));
	assert_true(is_error(w, "a.bad.test", "accept-zones"));
	EVENTUALLY(is_state(w, "a.good.test", ZONE_APPLIED));
	world_free(w);
}

static void
conflict__operators_zone__is_never_touched(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct dname zone = zone_of("a.test");
	struct zone_status s;
	toy_put(&zone, NULL);
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_CONFLICT));
	assert_false(in_ledger(w, "a.test"));
	assert_true(get_status(w, "a.test", &s));
	assert_true(s.retry_at > (uint64_t)time(NULL) * 1000 + 3000000);
	del_zone(w, "a.test", "m1");
	EVENTUALLY(is_unknown(w, "a.test"));
	assert_string_equal(toy_ops(0), "");
	assert_true(toy_has("a.test"));
	world_free(w);
}

static void
retry__server_busy__comes_back_when_it_said(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	toy.retry_s = 1;
	toy_script(RESULT_RETRY, 1, false);
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_FAILED));
	assert_true(is_error(w, "a.test", "as the script says"));
	EVENTUALLY(get_mark(w) == 1);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	assert_true(is_error(w, "a.test", ""));
	world_free(w);
}

static void
rejected__is_failed_and_not_in_the_ledger(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct zone_status s;
	toy_script(RESULT_REJECTED, 1, false);
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_FAILED));
	EVENTUALLY(!in_ledger(w, "a.test"));
	assert_true(get_status(w, "a.test", &s));
	assert_true(s.retry_at > (uint64_t)time(NULL) * 1000 + 30000);
	/* Another change of it is tried at once. */
	set_group(w, "a.test", "m1", "secondary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	world_free(w);
}

struct put_off {
	struct store_job job; /* first */
	struct zone_status s;
};

static enum err
put_off(struct store_txn *txn, struct store_job *job)
{
	status_put(txn, &((struct put_off *)job)->s);
	return OK;
}

static bool
is_due_within_s(struct world *w, const char *zone, uint64_t seconds)
{
	struct zone_status s;
	return get_status(w, zone, &s) &&
	       s.retry_at <= ((uint64_t)time(NULL) + seconds) * 1000;
}

/* As it was written by a run whose clock was ahead by a day. */
static void
restart__retry_is_a_day_off__comes_at_once(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct put_off p = {.job.run = put_off};
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	world_stop(w);
	assert_true(get_status(w, "a.test", &p.s));
	p.s.retry_at = ((uint64_t)time(NULL) + 86400) * 1000;
	assert_int_equal(store_call(w->store, STORE_STATUS, &p.job), OK);
	assert_false(is_due_within_s(w, "a.test", 3600));
	world_start(w);
	EVENTUALLY(is_due_within_s(w, "a.test", 3600));
	world_free(w);
}

/* Or it would be a stray, once its member goes. */
static void
rejected__it_is_there__stays_in_the_ledger_and_goes_with_its_member(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	toy_script(RESULT_REJECTED, 1, true);
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_FAILED));
	assert_true(in_ledger(w, "a.test"));
	del_zone(w, "a.test", "m1");
	EVENTUALLY(!toy_has("a.test"));
	EVENTUALLY(!in_ledger(w, "a.test"));
	world_free(w);
}

static void
unknown__it_happened__is_found_and_not_sent_again(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	toy_script(RESULT_UNKNOWN, 1, true);
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_FAILED));
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	assert_string_equal(toy_ops(0), "add a.test");
	world_free(w);
}

static void
unknown__it_did_not_happen__is_sent_again(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	toy_script(RESULT_UNKNOWN, 1, false);
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	assert_string_equal(toy_ops(0), "add a.test, add a.test");
	world_free(w);
}

static void
prepare__rejects_the_pattern__zone_and_pattern_say_so(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	snprintf(toy.reject_pattern, sizeof(toy.reject_pattern), "secondary");
	world_start(w);
	add_zone(w, "a.test", "m1", "secondary");
	add_zone(w, "b.test", "m2", "primary");
	EVENTUALLY(is_error(w, "a.test", "cannot be printed"));
	EVENTUALLY(is_state(w, "b.test", ZONE_APPLIED));
	assert_false(toy_has("a.test"));
	world_free(w);
}

static void
down__at_the_time_of_the_update__is_caught_up(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	toy.down = true;
	world_start(w);
	EVENTUALLY(is_backend(w, "down"));
	add_zone(w, "a.test", "m1", "primary");
	nap(100);
	assert_true(is_unknown(w, "a.test"));
	toy_set(&toy.down, false);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	assert_true(is_backend(w, "up"));
	world_free(w);
}

static void
starting__list_not_there_yet__waits(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	toy.no_inventory = true;
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_backend(w, "starting"));
	nap(100);
	assert_true(is_unknown(w, "a.test"));
	toy_set(&toy.no_inventory, false);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	world_free(w);
}

static void
stop__driver_hangs__ends_in_time_and_nothing_is_lost(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	toy.hang = true;
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(in_ledger(w, "a.test"));
	world_stop(w);
	assert_int_equal(get_mark(w), 0);
	toy_set(&toy.hang, false);
	world_start(w);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	world_free(w);
}

static void
rate__of_secondaries__does_not_hold_up_primaries(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct change changes[40];
	char zones[40][32], ids[40][8];
	w->backend.apply_rate = 10;
	world_start(w);
	EVENTUALLY(is_backend(w, "up"));
	for (size_t i = 0; i < 40; i++) {
		snprintf(zones[i], sizeof(zones[i]), "s%02zu.test", i);
		snprintf(ids[i], sizeof(ids[i]), "m%02zu", i);
		changes[i] =
		    (struct change){CHANGE_ADD, zones[i], ids[i], "secondary", 0};
	}
	change_many(w, changes, 40);
	add_zone(w, "p.test", "p", "primary");
	EVENTUALLY(is_state(w, "p.test", ZONE_APPLIED));
	assert_true(toy_n_ops() < 35);
	assert_true(get_mark(w) < 2);
	EVENTUALLY(toy_n_ops() == 41);
	EVENTUALLY(get_mark(w) == 2);
	world_free(w);
}

static void
id_change__unusable_pattern__keeps_what_is_served_until_it_is_usable(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	struct ledger_entry entry;
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	const struct change changes[] = {{CHANGE_DEL, "a.test", "m1", NULL, 0},
	    {CHANGE_ADD, "a.test", "m2", "nosuch", 0}};
	change_many(w, changes, 2);
	EVENTUALLY(is_error(w, "a.test", "nosuch"));
	EVENTUALLY(get_mark(w) == 2);
	assert_string_equal(toy_ops(0), "add a.test");
	assert_true(get_ledger(w, "a.test", &entry));
	assert_true(label_is(&entry.id, "m1"));
	set_group(w, "a.test", "m2", "primary");
	EVENTUALLY(toy_n_ops() == 4);
	assert_string_equal(toy_ops(1), "remove a.test, purge a.test, add a.test");
	world_free(w);
}

static void
apply_delay__of_a_catalog__is_waited_for(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	w->backend.n_catalogs = 2;
	w->catalogs[0].apply_delay_s = 3;
	world_start(w);
	EVENTUALLY(is_backend(w, "up"));
	add_zone(w, "a.test", "m1", "primary");
	const struct change other = {CHANGE_ADD, "o.test", "m1", "primary", 1};
	change_many(w, &other, 1);
	EVENTUALLY(toy_has("o.test"));
	assert_false(toy_has("a.test"));
	assert_int_equal(get_mark(w), 0);
	nap(1000);
	assert_false(toy_has("a.test"));
	EVENTUALLY(toy_has("a.test"));
	EVENTUALLY(get_mark(w) == 2);
	world_free(w);
}

static void
down__in_the_middle__nothing_is_lost(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	char zone[24], id[24];
	world_start(w);
	EVENTUALLY(is_backend(w, "up"));
	for (unsigned i = 0; i < 300; i++) {
		snprintf(zone, sizeof(zone), "z%u.test", i);
		snprintf(id, sizeof(id), "m%u", i);
		add_zone(w, zone, id, "primary");
		if (i % 50 == 25)
			toy_set(&toy.down, true);
		if (i % 50 == 45)
			toy_set(&toy.down, false);
	}
	EVENTUALLY(get_mark(w) == 300);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(zone, sizeof(zone), "z%u.test", i);
		EVENTUALLY(is_state(w, zone, ZONE_APPLIED));
	}
	world_free(w);
}

static void
purge__after_its_time__data_goes(void **state)
{
	(void)state;
	struct world *w = world_new(&toy_driver);
	w->catalogs[0].purge_after_s = 1;
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	del_zone(w, "a.test", "m1");
	EVENTUALLY(has_grave(w, "a.test"));
	EVENTUALLY(!has_grave(w, "a.test"));
	assert_string_equal(toy_ops(1), "remove a.test, purge a.test");
	world_free(w);
}

static void
many__in_one_update__go_in_batches(void **state)
{
	(void)state;
	enum { N = 1000 };
	struct world *w = world_new(&toy_driver);
	struct change *changes = mem_zalloc(N * sizeof(*changes));
	char(*names)[2][24] = mem_zalloc(N * sizeof(*names));
	for (size_t i = 0; i < N; i++) {
		snprintf(names[i][0], 24, "z%zu.test", i);
		snprintf(names[i][1], 24, "m%zu", i);
		changes[i] =
		    (struct change){CHANGE_ADD, names[i][0], names[i][1], "primary", 0};
	}
	world_start(w);
	EVENTUALLY(is_backend(w, "up"));
	change_many(w, changes, N);
	EVENTUALLY(get_mark(w) == 1);
	assert_int_equal(toy_n_ops(), N);
	assert_int_equal(toy.n_max_batch, TOY_MAX);
	for (size_t i = 0; i < N; i++)
		changes[i].what = CHANGE_DEL;
	change_many(w, changes, N);
	EVENTUALLY(get_mark(w) == 2);
	EVENTUALLY(is_unknown(w, "z999.test") && !in_ledger(w, "z0.test"));
	assert_int_equal(toy.n, 0);
	free(changes);
	free(names);
	world_free(w);
}

/* -- the end ------------------------------------------------------------------- */

enum { CLOSING = 4 };

static pthread_cond_t all_closing = PTHREAD_COND_INITIALIZER;
static unsigned n_closing;

/* Takes until the others are at it, too. */
static void
close_together(void *ctx)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	pthread_mutex_lock(&toy.lock);
	n_closing++;
	pthread_cond_broadcast(&all_closing);
	while (n_closing < CLOSING &&
	       pthread_cond_timedwait(&all_closing, &toy.lock, &until) == 0)
		;
	assert(n_closing == CLOSING);
	pthread_mutex_unlock(&toy.lock);
	toy_close(ctx);
}

static void
stop__drivers_take_their_time__all_at_the_same(void **state)
{
	(void)state;
	struct backend_driver driver = toy_driver;
	driver.close = close_together;
	struct world *w = world_new(&driver);
	struct deploy_backend_conf backends[CLOSING];
	char names[CLOSING][8];
	for (uint8_t i = 0; i < CLOSING; i++) {
		backends[i] = w->backend;
		backends[i].nr = (uint8_t)(w->backend.nr + i);
		snprintf(names[i], sizeof(names[i]), "toy%d", i);
		backends[i].backend.name = names[i];
	}
	struct err_where where = {.line = 0};
	struct deploy_conf conf = {.store = w->store,
	    .patterns = w->patterns,
	    .backends = backends,
	    .n_backends = CLOSING};
	assert_int_equal(deploy_start(&conf, &where, &w->deploy), OK);
	deploy_stop(w->deploy);
	w->deploy = NULL;
	assert_int_equal(n_closing, CLOSING);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(add__null_driver__is_applied_and_marked),
	    cmocka_unit_test(add__while_running__one_lookup_one_add),
	    cmocka_unit_test(
		add__zone_whose_name_is_in_a_shared_file__has_no_file_of_its_own),
	    cmocka_unit_test(add__zone_whose_file_others_share__is_unassigned),
	    cmocka_unit_test(purge__file_that_others_share_now__stays),
	    cmocka_unit_test(change__group__is_one_change),
	    cmocka_unit_test(change__role_without_type_change__is_removed_and_added),
	    cmocka_unit_test(remove_and_add_again__same_id__uses_the_data_again),
	    cmocka_unit_test(remove_and_add_again__other_id__purges_first),
	    cmocka_unit_test(id_change__in_one_update__is_a_reset),
	    cmocka_unit_test(id_change__there_and_back_while_down__is_a_reset),
	    cmocka_unit_test(id_kept__removed_and_added_while_down__is_nothing),
	    cmocka_unit_test(batch__of_many__removals_then_changes_then_additions),
	    cmocka_unit_test(
		unassigned__no_such_pattern__says_so_and_is_taken_up_by_a_new_one),
	    cmocka_unit_test(served__pattern_becomes_unusable__is_kept_with_its_reason),
	    cmocka_unit_test(
		patterns__changed_while_zones_are_under_way__last_ones_count),
	    cmocka_unit_test(accept_zones__other_zone__is_unassigned),
	    cmocka_unit_test(conflict__operators_zone__is_never_touched),
	    cmocka_unit_test(retry__server_busy__comes_back_when_it_said),
	    cmocka_unit_test(rejected__is_failed_and_not_in_the_ledger),
	    cmocka_unit_test(restart__retry_is_a_day_off__comes_at_once),
	    cmocka_unit_test(
		rejected__it_is_there__stays_in_the_ledger_and_goes_with_its_member),
	    cmocka_unit_test(unknown__it_happened__is_found_and_not_sent_again),
	    cmocka_unit_test(unknown__it_did_not_happen__is_sent_again),
	    cmocka_unit_test(prepare__rejects_the_pattern__zone_and_pattern_say_so),
	    cmocka_unit_test(down__at_the_time_of_the_update__is_caught_up),
	    cmocka_unit_test(starting__list_not_there_yet__waits),
	    cmocka_unit_test(stop__driver_hangs__ends_in_time_and_nothing_is_lost),
	    cmocka_unit_test(rate__of_secondaries__does_not_hold_up_primaries),
	    cmocka_unit_test(
		id_change__unusable_pattern__keeps_what_is_served_until_it_is_usable),
	    cmocka_unit_test(apply_delay__of_a_catalog__is_waited_for),
	    cmocka_unit_test(stop__drivers_take_their_time__all_at_the_same),
	    cmocka_unit_test(down__in_the_middle__nothing_is_lost),
	    cmocka_unit_test(purge__after_its_time__data_goes),
	    cmocka_unit_test(many__in_one_update__go_in_batches),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
