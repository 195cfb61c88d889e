/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdarg.h>

#include "agent/backend/backend.h"
#include "agent/deploy/verbs.h"
#include "agent/store/verb.h"
#include "tests/unit/agent_deploy_fixture.h"

/* Verbs: when they are carried out, in which order, and what is said of them. */

static struct {
	char done[4096]; /* "refresh a.test, ..." */
	size_t n;
	enum err err; /* of the next n_err */
	unsigned n_err;
	char only[80]; /* err is for that zone alone */
} script;

static enum err
script_command(void *ctx, enum backend_verb verb, const struct dname *zone,
    struct backend_error *why)
{
	static const char *const names[] = {"refresh", "retransfer", "reload", "notify",
	    "flush", "freeze", "thaw"};
	char text[DNAME_TEXT_MAX];
	enum err err = OK;
	(void)ctx;
	pthread_mutex_lock(&toy.lock);
	if (toy.down) {
		err = toy_down(why);
	} else {
		size_t at = strlen(script.done);
		dname_print_short(zone, text);
		snprintf(script.done + at, sizeof(script.done) - at, "%s%s %s",
		    at > 0 ? ", " : "", names[verb], text);
		script.n++;
		if (script.n_err > 0 &&
		    (script.only[0] == '\0' || strcmp(script.only, text) == 0)) {
			script.n_err--;
			err = script.err;
			snprintf(why->text, sizeof(why->text), "as the script says");
		}
	}
	pthread_mutex_unlock(&toy.lock);
	return err;
}

static struct backend_driver driver;

static struct world *
new_world(void)
{
	driver = toy_driver;
	driver.command = script_command;
	struct world *w = world_new(&driver);
	pthread_mutex_lock(&toy.lock);
	memset(&script, 0, sizeof(script));
	pthread_mutex_unlock(&toy.lock);
	return w;
}

static void
fail_next(enum err err, unsigned n, const char *only)
{
	pthread_mutex_lock(&toy.lock);
	script.err = err;
	script.n_err = n;
	snprintf(script.only, sizeof(script.only), "%s", only);
	pthread_mutex_unlock(&toy.lock);
}

static bool
is_done(const char *what)
{
	pthread_mutex_lock(&toy.lock);
	bool is = strcmp(script.done, what) == 0;
	pthread_mutex_unlock(&toy.lock);
	return is;
}

static size_t
n_done(void)
{
	pthread_mutex_lock(&toy.lock);
	size_t n = script.n;
	pthread_mutex_unlock(&toy.lock);
	return n;
}

static void
assert_done(const char *what)
{
	if (!is_done(what))
		fail_msg("\"%s\", not \"%s\"", script.done, what);
}

/* -- commands in the log ------------------------------------------------------ */

struct command_job {
	struct store_job job;
	struct work work;
};

static enum err
append_command(struct store_txn *txn, struct store_job *job)
{
	struct command_job *c = (struct command_job *)job;
	worklog_append(txn, &c->work);
	return store_err(txn);
}

static uint64_t
say_of(struct world *w, uint8_t catalog, uint64_t age_s, const char *text)
{
	struct command_job c = {.job = {.run = append_command},
	    .work = {.kind = WORK_COMMAND,
		.catalog = catalog,
		.time = (uint64_t)time(NULL) - age_s,
		.text = text}};
	assert_int_equal(store_call(w->store, STORE_CATALOG, &c.job), OK);
	return c.work.seq;
}

/* age_s: how long ago it was accepted. Returns its sequence. */
static uint64_t
say(struct world *w, uint64_t age_s, const char *text)
{
	return say_of(w, w->catalogs[0].nr, age_s, text);
}

static bool
has_outcome(struct world *w, const char *zone, uint64_t seq, const char *result)
{
	struct zone_status s;
	char mark[32];
	snprintf(mark, sizeof(mark), " seq=%llu", (unsigned long long)seq);
	return get_status(w, zone, &s) && strstr(s.command, mark) != NULL &&
	       strncmp(s.command, result, strlen(result)) == 0;
}

static bool
says(struct world *w, const char *zone, const char *part)
{
	struct zone_status s;
	return get_status(w, zone, &s) && strstr(s.command, part) != NULL;
}

static bool
backend_says(struct world *w, uint64_t seq, const char *result, const char *part)
{
	struct backend_status b;
	char mark[32];
	struct store_txn *txn = store_read(w->store, STORE_STATUS);
	bool is = status_get_backend(txn, w->backend.nr, &b) == OK;
	store_end(&txn);
	snprintf(mark, sizeof(mark), " seq=%llu", (unsigned long long)seq);
	return is && strstr(b.command, mark) != NULL &&
	       strncmp(b.command, result, strlen(result)) == 0 &&
	       strstr(b.command, part) != NULL;
}

/* -- one zone ----------------------------------------------------------------- */

static void
verb__zone_is_applied__is_done_and_on_record(void **state)
{
	(void)state;
	struct world *w = new_world();
	struct zone_status s;
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	uint64_t seq = say(w, 0, "verb=refresh zone=a.test id=m1\n");
	EVENTUALLY(has_outcome(w, "a.test", seq, "refresh:ok@"));
	assert_done("refresh a.test");
	assert_string_equal(toy_ops(0), "add a.test");
	EVENTUALLY(get_mark(w) == seq);
	/* It stays while other things are noted of the zone. */
	set_group(w, "a.test", "m1", "secondary");
	EVENTUALLY(
	    get_status(w, "a.test", &s) && s.seq == seq + 1 && s.state == ZONE_APPLIED);
	assert_true(has_outcome(w, "a.test", seq, "refresh:ok@"));
	world_free(w);
}

static void
verbs__of_one_entry__are_done_in_order(void **state)
{
	(void)state;
	struct world *w = new_world();
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	add_zone(w, "b.test", "m2", "primary");
	/* A verb of a zone that is not there yet does not keep others waiting. */
	EVENTUALLY(
	    is_state(w, "a.test", ZONE_APPLIED) && is_state(w, "b.test", ZONE_APPLIED));
	uint64_t seq = say(w, 0,
	    "verb=freeze zone=a.test id=m1\n"
	    "verb=flush zone=b.test id=m2 backend=toy1\n"
	    "verb=notify zone=b.test id=m2 backend=toy2\n"
	    "verb=reconfigure\n"
	    "verb=thaw zone=a.test id=m1\n");
	EVENTUALLY(has_outcome(w, "a.test", seq, "thaw:ok@"));
	EVENTUALLY(has_outcome(w, "b.test", seq, "flush:ok@"));
	assert_done("freeze a.test, flush b.test, thaw a.test");
	EVENTUALLY(get_mark(w) == seq);
	world_free(w);
}

static void
verb__for_another_backend_or_catalog__is_passed_over(void **state)
{
	(void)state;
	struct world *w = new_world();
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	say(w, 0, "verb=refresh zone=a.test id=m1 backend=other\n");
	uint64_t seq =
	    say_of(w, w->catalogs[1].nr, 0, "verb=refresh zone=a.test id=m1\n");
	EVENTUALLY(get_mark(w) == seq);
	assert_done("");
	world_free(w);
}

static void
verb__server_says_no__is_told(void **state)
{
	(void)state;
	struct world *w = new_world();
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	fail_next(ERR_UNSUPPORTED, 1, "");
	uint64_t seq = say(w, 0, "verb=freeze zone=a.test id=m1\n");
	EVENTUALLY(has_outcome(w, "a.test", seq, "freeze:unsupported@"));
	assert_true(says(w, "a.test", " as the script says"));
	fail_next(ERR_INVALID, 1, "");
	seq = say(w, 0, "verb=retransfer zone=a.test id=m1\n");
	EVENTUALLY(has_outcome(w, "a.test", seq, "retransfer:failed@"));
	assert_true(says(w, "a.test", " as the script says"));
	assert_true(is_state(w, "a.test", ZONE_APPLIED));
	assert_false(is_error(w, "a.test", "script"));
	world_free(w);
}

static void
verb__server_is_busy__is_tried_again(void **state)
{
	(void)state;
	struct world *w = new_world();
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	fail_next(ERR_BUSY, 1, "");
	uint64_t seq =
	    say(w, 0, "verb=reload zone=a.test id=m1\nverb=notify zone=a.test id=m1\n");
	EVENTUALLY(has_outcome(w, "a.test", seq, "notify:ok@"));
	assert_done("reload a.test, reload a.test, notify a.test");
	world_free(w);
}

static void
verb__member_is_gone_or_another__is_not_done(void **state)
{
	(void)state;
	struct world *w = new_world();
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	say(w, 0, "verb=reload zone=a.test id=m2\n");
	uint64_t seq = say(w, 0, "verb=reload zone=b.test id=m1\n");
	EVENTUALLY(get_mark(w) == seq);
	assert_done("");
	world_free(w);
}

static void
verb__zone_is_not_ours_there__is_not_done(void **state)
{
	(void)state;
	struct world *w = new_world();
	struct dname zone = zone_of("a.test");
	toy_put(&zone, NULL);
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	uint64_t seq = say(w, 0, "verb=reload zone=a.test id=m1\n");
	EVENTUALLY(has_outcome(w, "a.test", seq, "reload:failed@"));
	assert_true(says(w, "a.test", "conflict"));
	assert_done("");
	world_free(w);
}

/* -- waiting ------------------------------------------------------------------ */

static void
verb__zone_is_not_applied_yet__waits_for_it(void **state)
{
	(void)state;
	struct world *w = new_world();
	world_start(w);
	toy_script(RESULT_RETRY, 1, false);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_FAILED));
	uint64_t seq = say(w, 0, "verb=reload zone=a.test id=m1\n");
	nap(300);
	assert_done("");
	EVENTUALLY(has_outcome(w, "a.test", seq, "reload:ok@"));
	assert_string_equal(toy_ops(0), "add a.test, add a.test");
	world_free(w);
}

static void
verb__backend_is_down__is_kept_and_the_mark_stays(void **state)
{
	(void)state;
	struct world *w = new_world();
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	EVENTUALLY(get_mark(w) == 1);
	toy_set(&toy.down, true);
	EVENTUALLY(is_backend(w, "down"));
	uint64_t seq = say(w, 0, "verb=refresh zone=a.test id=m1\n");
	nap(200);
	assert_int_equal(get_mark(w), 1);
	/* An agent that was restarted meanwhile has not forgotten it. */
	world_stop(w);
	world_start(w);
	EVENTUALLY(is_backend(w, "down"));
	assert_int_equal(get_mark(w), 1);
	toy_set(&toy.down, false);
	EVENTUALLY(has_outcome(w, "a.test", seq, "refresh:ok@"));
	assert_done("refresh a.test");
	EVENTUALLY(get_mark(w) == seq);
	world_free(w);
}

static void
verb__older_than_its_time__is_given_up(void **state)
{
	(void)state;
	struct world *w = new_world();
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(get_mark(w) == 1);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	toy_set(&toy.down, true);
	EVENTUALLY(is_backend(w, "down"));
	uint64_t seq = say(w, VERBS_AGE_MAX_S + 1,
	    "verb=refresh zone=a.test id=m1\nverb=reload\n");
	EVENTUALLY(has_outcome(w, "a.test", seq, "refresh:failed@"));
	assert_true(says(w, "a.test", "not done in 10 min: connection refused"));
	EVENTUALLY(backend_says(w, seq, "reload:failed@", "not done in 10 min"));
	toy_set(&toy.down, false);
	EVENTUALLY(get_mark(w) == seq);
	assert_done("");
	world_free(w);
}

static void
verb__of_a_time_before_the_backend__leaves_no_trace(void **state)
{
	(void)state;
	struct world *w = new_world();
	struct zone_status s;
	add_zone(w, "a.test", "m1", "primary");
	uint64_t seq = say(w, VERBS_AGE_MAX_S + 1, "verb=refresh zone=a.test id=m1\n");
	world_start(w);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	EVENTUALLY(get_mark(w) == seq);
	assert_true(get_status(w, "a.test", &s));
	assert_string_equal(s.command, "");
	assert_done("");
	world_free(w);
}

static void
verb__connection_is_lost_each_time__is_given_up(void **state)
{
	(void)state;
	struct world *w = new_world();
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	fail_next(ERR_CLOSED, 100, "");
	uint64_t seq = say(w, 0, "verb=refresh zone=a.test id=m1\n");
	EVENTUALLY(has_outcome(w, "a.test", seq, "refresh:failed@"));
	assert_int_equal(n_done(), VERBS_TRIES_MAX);
	EVENTUALLY(get_mark(w) == seq);
	world_free(w);
}

/* -- all zones ---------------------------------------------------------------- */

static void
verb__for_all__takes_ours_and_sums_up(void **state)
{
	(void)state;
	struct world *w = new_world();
	struct dname other = zone_of("b.test");
	toy_put(&other, NULL);
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	add_zone(w, "b.test", "m2", "primary");
	add_zone(w, "c.test", "m3", "primary");
	EVENTUALLY(is_state(w, "b.test", ZONE_CONFLICT));
	EVENTUALLY(is_state(w, "c.test", ZONE_APPLIED));
	EVENTUALLY(get_mark(w) == 3);
	uint64_t seq = say(w, 0, "verb=reload\nverb=notify zone=c.test id=m3\n");
	EVENTUALLY(
	    backend_says(w, seq, "reload:ok@", "zones=2 failed=0 unsupported=0"));
	EVENTUALLY(has_outcome(w, "c.test", seq, "notify:ok@"));
	assert_done("reload a.test, reload c.test, notify c.test");
	assert_true(has_outcome(w, "a.test", seq, "reload:ok@"));
	assert_false(says(w, "b.test", "reload"));
	fail_next(ERR_INVALID, 1, "c.test");
	seq = say(w, 0, "verb=flush backend=toy1\n");
	EVENTUALLY(backend_says(w, seq, "flush:failed@",
	    "zones=2 failed=1 unsupported=0 c.test: as the script says"));
	fail_next(ERR_UNSUPPORTED, 2, "");
	seq = say(w, 0, "verb=freeze\n");
	EVENTUALLY(backend_says(w, seq, "freeze:unsupported@",
	    "zones=2 failed=0 unsupported=2"));
	EVENTUALLY(get_mark(w) == seq);
	/* It is still there after a restart. */
	world_stop(w);
	world_start(w);
	EVENTUALLY(is_backend(w, "up"));
	assert_true(backend_says(w, seq, "freeze:unsupported@", ""));
	world_free(w);
}

static void
add_numbered(struct world *w, unsigned from, unsigned to)
{
	enum { N = 50 };
	char zones[N][32], ids[N][16];
	struct change changes[N];
	assert_true(to - from == N);
	for (unsigned i = 0; i < N; i++) {
		snprintf(zones[i], sizeof(zones[i]), "z%03u.test", from + i);
		snprintf(ids[i], sizeof(ids[i]), "z%u", from + i);
		changes[i] =
		    (struct change){CHANGE_ADD, zones[i], ids[i], "secondary", 0};
	}
	change_many(w, changes, N);
}

static void
verb__for_all_of_many__each_once_and_goes_on_after_an_outage(void **state)
{
	(void)state;
	struct world *w = new_world();
	world_start(w);
	for (unsigned i = 0; i < 200; i += 50)
		add_numbered(w, i, i + 50);
	EVENTUALLY(toy_n_ops() == 200);
	EVENTUALLY(get_mark(w) == 4);
	fail_next(ERR_IO, 1, "z130.test");
	uint64_t seq = say(w, 0, "verb=retransfer\n");
	EVENTUALLY(
	    backend_says(w, seq, "retransfer:ok@", "zones=200 failed=0 unsupported=0"));
	assert_int_equal(n_done(), 201);
	world_free(w);
}

static void
verb__for_all__follows_the_rate(void **state)
{
	(void)state;
	struct world *w = new_world();
	w->backend.apply_rate = 50;
	world_start(w);
	add_numbered(w, 0, 50);
	EVENTUALLY(toy_n_ops() == 50);
	EVENTUALLY(get_mark(w) == 1);
	struct timespec a, b;
	clock_gettime(CLOCK_MONOTONIC, &a);
	say(w, 0, "verb=refresh\n");
	uint64_t seq = say(w, 0, "verb=refresh\n");
	EVENTUALLY(backend_says(w, seq, "refresh:ok@", "zones=50"));
	clock_gettime(CLOCK_MONOTONIC, &b);
	/* 100 at 50 a second, less a burst of 50 */
	assert_true(
	    (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 >= 900);
	seq = say(w, 0, "verb=reload\n");
	EVENTUALLY(backend_says(w, seq, "reload:ok@", "zones=50"));
	world_free(w);
}

static void
verb__behind_a_long_one_for_all__need_not_wait(void **state)
{
	(void)state;
	struct world *w = new_world();
	w->backend.apply_rate = 25;
	world_start(w);
	add_numbered(w, 0, 50);
	EVENTUALLY(toy_n_ops() == 50);
	EVENTUALLY(get_mark(w) == 1);
	uint64_t all = say(w, 0, "verb=refresh\nverb=flush\n");
	uint64_t one = say(w, 0, "verb=reload zone=z049.test id=z49\n");
	EVENTUALLY(has_outcome(w, "z049.test", one, "reload:ok@"));
	assert_false(backend_says(w, all, "refresh:", ""));
	assert_true(n_done() < 50);
	assert_int_equal(get_mark(w), 1);
	EVENTUALLY(backend_says(w, all, "flush:ok@", "zones=50"));
	assert_int_equal(n_done(), 101);
	EVENTUALLY(get_mark(w) == one);
	world_free(w);
}

static void
verbs__that_undo_each_other__keep_their_order(void **state)
{
	(void)state;
	struct world *w = new_world();
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(get_mark(w) == 1);
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	fail_next(ERR_BUSY, 1, "");
	uint64_t seq =
	    say(w, 0, "verb=freeze\nverb=thaw zone=a.test id=m1\nverb=thaw\n");
	EVENTUALLY(backend_says(w, seq, "thaw:ok@", "zones=1"));
	assert_done("freeze a.test, freeze a.test, thaw a.test, thaw a.test");
	world_free(w);
}

static void
verb__queue_is_longer_than_it_may_be__all_are_done(void **state)
{
	(void)state;
	struct world *w = new_world();
	enum { N = VERBS_QUEUE_MAX * 2 + 7 };
	struct buf text;
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	buf_init(&text, 0);
	for (unsigned i = 0; i < N; i++)
		buf_puts(&text, "verb=flush zone=a.test id=m1\n");
	say(w, 0, buf_text(&text));
	uint64_t seq = say(w, 0, "verb=notify zone=a.test id=m1\n");
	EVENTUALLY(has_outcome(w, "a.test", seq, "notify:ok@"));
	assert_int_equal(n_done(), N + 1);
	EVENTUALLY(get_mark(w) == seq);
	buf_fini(&text);
	world_free(w);
}

static void
reconcile__asked_for__is_done_and_on_record(void **state)
{
	(void)state;
	struct world *w = new_world();
	struct dname zone = zone_of("a.test");
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_APPLIED));
	EVENTUALLY(get_mark(w) == 1);
	pthread_mutex_lock(&toy.lock);
	size_t before = toy.n_inventory, pardons = toy.n_pardon;
	toy_drop(&zone);
	pthread_mutex_unlock(&toy.lock);
	uint64_t seq = say(w, 0, "verb=reconcile\nverb=reconcile\n");
	EVENTUALLY(backend_says(w, seq, "reconcile:ok@", ""));
	assert_true(toy_has("a.test"));
	EVENTUALLY(get_mark(w) == seq);
	pthread_mutex_lock(&toy.lock);
	/* One for both, but on a machine that takes its time between the two. */
	assert_in_range(toy.n_inventory, before + 1, before + 2);
	assert_int_equal(toy.n_pardon, pardons + 2);
	pthread_mutex_unlock(&toy.lock);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(verb__zone_is_applied__is_done_and_on_record),
	    cmocka_unit_test(verbs__of_one_entry__are_done_in_order),
	    cmocka_unit_test(verb__for_another_backend_or_catalog__is_passed_over),
	    cmocka_unit_test(verb__server_says_no__is_told),
	    cmocka_unit_test(verb__server_is_busy__is_tried_again),
	    cmocka_unit_test(verb__member_is_gone_or_another__is_not_done),
	    cmocka_unit_test(verb__zone_is_not_ours_there__is_not_done),
	    cmocka_unit_test(verb__zone_is_not_applied_yet__waits_for_it),
	    cmocka_unit_test(verb__backend_is_down__is_kept_and_the_mark_stays),
	    cmocka_unit_test(verb__older_than_its_time__is_given_up),
	    cmocka_unit_test(verb__of_a_time_before_the_backend__leaves_no_trace),
	    cmocka_unit_test(verb__connection_is_lost_each_time__is_given_up),
	    cmocka_unit_test(verb__for_all__takes_ours_and_sums_up),
	    cmocka_unit_test(
		verb__for_all_of_many__each_once_and_goes_on_after_an_outage),
	    cmocka_unit_test(verb__for_all__follows_the_rate),
	    cmocka_unit_test(verb__behind_a_long_one_for_all__need_not_wait),
	    cmocka_unit_test(verbs__that_undo_each_other__keep_their_order),
	    cmocka_unit_test(verb__queue_is_longer_than_it_may_be__all_are_done),
	    cmocka_unit_test(reconcile__asked_for__is_done_and_on_record),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
