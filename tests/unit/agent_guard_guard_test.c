/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_store_fixture.h"

#include "agent/guard/guard.h"
#include "agent/guard/window.h"
#include "agent/store/holds.h"
#include "agent/store/worklog.h"
#include "lib/rr.h"

/* Steps as a catalog has them, against a real store. */

enum { CATALOG = 3, START = 1000000 };

static struct {
	uint64_t now, members;
	struct limit limit;
} now;

static void
reset(uint64_t members)
{
	now.now = START;
	now.members = members;
	now.limit = (struct limit){0};
}

static struct dname
zone(unsigned n)
{
	char text[32];
	snprintf(text, sizeof(text), "z%u.example.", n);
	return dn(text);
}

static struct label
id(char kind, unsigned n)
{
	struct label label;
	label.size =
	    (uint8_t)snprintf((char *)label.data, sizeof(label.data), "%c%u", kind, n);
	return label;
}

static void
start(struct fixture *f, struct guard *g)
{
	guard_begin(g, begin(f, STORE_CATALOG), CATALOG, &now.limit, now.members,
	    now.now, "key.example");
}

static struct guard_verdict
finish(struct fixture *f, struct guard *g)
{
	guard_end(g);
	commit(f);
	return g->verdict;
}

/* Members kind<first>.. leave; those of `to` (0: none) come in their place. */
static struct guard_verdict
leave(struct fixture *f, unsigned first, unsigned n, char kind, char to)
{
	struct guard g;
	bool counted[20000] = {false};
	start(f, &g);
	for (unsigned i = 0; i < n; i++) {
		struct dname z = zone(first + i);
		counted[i] = guard_count(&g, &z);
	}
	for (unsigned i = 0; to != 0 && i < n; i++) {
		struct dname z = zone(first + i);
		struct label label = id(to, first + i);
		guard_came(&g, &z, &label);
	}
	(void)guard_weigh(&g);
	for (unsigned i = 0; i < n; i++) {
		struct member m;
		if (!counted[i])
			continue;
		member_init(&m);
		m.zone = zone(first + i);
		m.id = id(kind, first + i);
		m.seq = 7;
		guard_settle(&g, &m, to != 0 ? HOLD_RESET : HOLD_REMOVAL);
		member_fini(&m);
	}
	now.members -= to != 0 ? 0 : n;
	return finish(f, &g);
}

static struct guard_verdict
drop(struct fixture *f, unsigned first, unsigned n)
{
	return leave(f, first, n, 'a', 0);
}

static struct guard_verdict
come(struct fixture *f, unsigned first, unsigned n, char kind)
{
	struct guard g;
	start(f, &g);
	for (unsigned i = 0; i < n; i++) {
		struct dname z = zone(first + i);
		struct label label = id(kind, first + i);
		guard_came(&g, &z, &label);
	}
	(void)guard_weigh(&g);
	now.members += n;
	return finish(f, &g);
}

static struct guard_facts
facts(struct fixture *f)
{
	struct guard_facts facts;
	struct store_txn *txn = store_read(f->store, STORE_CATALOG);
	assert_int_equal(guard_get_facts(txn, CATALOG, &now.limit, now.members, now.now,
			     &facts),
	    OK);
	store_end(&txn);
	return facts;
}

/* How the backends are shown the zone: its id, or "" where the guard has no say. */
static const char *
shown(struct fixture *f, unsigned n)
{
	static char text[64];
	struct dname z = zone(n);
	struct hold h;
	struct member m;
	struct store_txn *txn = store_read(f->store, STORE_CATALOG);
	member_init(&m);
	text[0] = '\0';
	if (guard_member(txn, CATALOG, &z, &h, &m) == OK)
		snprintf(text, sizeof(text), "%.*s %s", m.id.size, m.id.data,
		    hold_kind_str(h.kind));
	member_fini(&m);
	store_end(&txn);
	return text;
}

static uint64_t
release(struct fixture *f)
{
	uint64_t seq, n;
	struct guard_origin origin = {.by = "admin.example",
	    .source = "test",
	    .now = now.now,
	    .serial = 5};
	assert_int_equal(guard_release(begin(f, STORE_CATALOG), CATALOG, &origin, &seq,
			     &n),
	    OK);
	commit(f);
	return n;
}

/* -- the limit -------------------------------------------------------------- */

static void
limit__of_small_catalogs__is_the_least_number(void **state)
{
	struct fixture *f = *state;
	reset(100); /* 5 % are 5 */
	for (unsigned i = 0; i < 10; i++)
		assert_false(drop(f, i, 1).held);
	struct guard_verdict v = drop(f, 10, 1);
	assert_true(v.held && v.latched);
	assert_int_equal(v.used, 10);
	assert_int_equal(v.limit, 10);
	assert_string_equal(shown(f, 10), "a10 removal");
	assert_string_equal(shown(f, 9), "");
}

static void
limit__of_large_catalogs__is_the_percentage_rounded_down(void **state)
{
	struct fixture *f = *state;
	reset(1039);
	assert_int_equal(facts(f).limit, 51);
	assert_true(drop(f, 0, 52).held);
	assert_int_equal(facts(f).used, 0);
	struct limit huge = {.percent = 99, .window_s = 600};
	struct guard_record r = {0};
	assert_int_equal(window_limit(&r, &huge, UINT64_MAX / 2),
	    UINT64_MAX / 200 * 99 + (UINT64_MAX / 2) % 100 * 99 / 100);
}

static void
limit__base__is_the_members_at_the_first_removal_of_the_window(void **state)
{
	struct fixture *f = *state;
	reset(1000);
	assert_false(drop(f, 0, 30).held);
	/* neither what was added since, nor what is gone since */
	now.members = 1000000;
	assert_int_equal(facts(f).limit, 50);
	now.members = 10;
	assert_int_equal(facts(f).limit, 50);
	assert_true(drop(f, 30, 21).held);
}

static void
limit__off__nothing_is_held(void **state)
{
	struct fixture *f = *state;
	reset(1000);
	now.limit.off = true;
	assert_false(drop(f, 0, 1000).held);
	assert_true(facts(f).off);
	assert_false(facts(f).holding);
}

static void
limit__none_at_all__each_removal_is_held(void **state)
{
	struct fixture *f = *state;
	reset(1000);
	now.limit = (struct limit){.window_s = 600};
	assert_true(drop(f, 0, 1).held);
}

/* -- the window ------------------------------------------------------------- */

static void
window__its_edge__lets_no_more_through(void **state)
{
	struct fixture *f = *state;
	reset(1000);
	assert_false(drop(f, 0, 25).held);
	now.now = START + 590;
	assert_false(drop(f, 25, 25).held);
	now.now = START + 600;
	assert_int_equal(facts(f).used, 50);
	now.now = START + 659;
	assert_int_equal(facts(f).used, 50);
	now.now = START + 660;
	assert_int_equal(facts(f).used, 25);
	now.now = START + 590 + 660;
	assert_int_equal(facts(f).used, 0);
	assert_int_equal(facts(f).limit, 47); /* of 950 */
}

/* As fast as it lets them go, for hours, at odd times. */
static void
window__greedy_for_hours__never_more_than_the_limit_in_any_window(void **state)
{
	struct fixture *f = *state;
	static struct {
		uint64_t at;
		unsigned n;
	} gone[20000];
	size_t n_gone = 0;
	uint64_t total = 0;
	uint32_t seed = 4711;
	reset(1000);
	for (unsigned step = 0; step < 4000; step++) {
		struct guard_facts now_facts = facts(f);
		seed = seed * 1664525 + 1013904223;
		unsigned n = (seed >> 16) % 7;
		if (n > 0 && now_facts.used + n <= now_facts.limit) {
			assert_false(drop(f, step * 8, n).held);
			gone[n_gone].at = now.now;
			gone[n_gone++].n = n;
			total += n;
		}
		now.members = 1000;
		now.now += (seed >> 24) % 5;
	}
	for (size_t i = 0; i < n_gone; i++) {
		unsigned sum = 0;
		for (size_t j = i; j < n_gone && gone[j].at < gone[i].at + 600; j++)
			sum += gone[j].n;
		assert_true(sum <= 50);
	}
	/* and it is no standstill */
	assert_true(total > (now.now - START) / 660 * 45);
}

static void
window__clock_set_back_or_ahead__keeps_or_loses_no_more_than_it_says(void **state)
{
	struct fixture *f = *state;
	reset(1000);
	assert_false(drop(f, 0, 20).held);
	now.now += 300;
	assert_false(drop(f, 20, 20).held);
	now.now = 1000; /* before everything that was counted */
	assert_int_equal(facts(f).used, 40);
	assert_true(drop(f, 40, 11).held);
	now.now = 1000 + 660 - 300;
	assert_int_equal(facts(f).used, 20);
	now.now = 5; /* earlier than the counted are old */
	assert_int_equal(facts(f).used, 40);
}

static void
window__made_longer_or_shorter__loses_nothing(void **state)
{
	struct fixture *f = *state;
	reset(100000);
	for (unsigned i = 0; i < 11; i++, now.now += 60)
		assert_false(drop(f, 10 * i, 10).held);
	now.limit = (struct limit){.percent = 5, .min = 10, .window_s = 86400};
	assert_int_equal(facts(f).used, 110);
	for (unsigned i = 0; i < 15; i++, now.now += 8000)
		(void)drop(f, 1000 + 10 * i, 10);
	assert_true(facts(f).used >= 110);
	now.limit = (struct limit){.percent = 5, .min = 10, .window_s = 1};
	assert_true(facts(f).used <= 10);
}

/* -- the latch -------------------------------------------------------------- */

static void
step__beyond_the_limit__is_held_whole_and_latches(void **state)
{
	struct fixture *f = *state;
	reset(1000);
	assert_false(drop(f, 0, 40).held);
	struct guard_verdict v = drop(f, 40, 11);
	assert_true(v.held && v.latched);
	assert_int_equal(v.n, 11);
	assert_int_equal(v.n_held, 11);
	for (unsigned i = 40; i < 51; i++)
		assert_true(shown(f, i)[0] != '\0');
	/* one that would fit, and one much later */
	v = drop(f, 60, 1);
	assert_true(v.held && !v.latched);
	assert_int_equal(v.step, 2);
	now.now += 100000;
	v = drop(f, 61, 1);
	assert_true(v.held && !v.latched);
	assert_true(facts(f).holding);
	assert_int_equal(facts(f).since, START);
	assert_int_equal(facts(f).n_held, 13);
	assert_int_equal(facts(f).n_removals, 13);
}

static void
ids__reset__count_as_removals(void **state)
{
	struct fixture *f = *state;
	reset(1000);
	assert_false(leave(f, 0, 50, 'a', 'b').held);
	assert_true(leave(f, 50, 1, 'a', 'b').held);
	assert_string_equal(shown(f, 50), "a50 reset");
}

static void
zones__back_under_their_ids__end_the_latch(void **state)
{
	struct fixture *f = *state;
	reset(1000);
	assert_true(drop(f, 0, 60).held);
	struct guard_verdict v = come(f, 0, 59, 'a');
	assert_false(v.opened);
	assert_string_equal(shown(f, 0), "");
	assert_true(drop(f, 70, 1).held);
	v = come(f, 59, 1, 'a');
	assert_false(v.opened);
	v = come(f, 70, 1, 'a');
	assert_true(v.opened);
	assert_int_equal(v.n_held, 0);
	/* what was held is not used up */
	assert_int_equal(facts(f).used, 0);
	assert_false(drop(f, 0, 50).held);
}

static void
zones__back_and_others_gone_in_one_step__latch_anew(void **state)
{
	struct fixture *f = *state;
	struct guard g;
	reset(1000);
	assert_true(drop(f, 0, 60).held);
	start(f, &g);
	for (unsigned i = 100; i < 160; i++) {
		struct dname z = zone(i);
		assert_true(guard_count(&g, &z));
	}
	for (unsigned i = 0; i < 60; i++) {
		struct dname z = zone(i);
		struct label label = id('a', i);
		guard_came(&g, &z, &label);
	}
	assert_true(guard_weigh(&g));
	struct member m;
	member_init(&m);
	m.zone = zone(100);
	m.id = id('a', 100);
	guard_settle(&g, &m, HOLD_REMOVAL);
	member_fini(&m);
	struct guard_verdict v = finish(f, &g);
	assert_true(v.latched && !v.opened);
}

static void
zones__back_under_other_ids__stay_as_they_were(void **state)
{
	struct fixture *f = *state;
	reset(1000);
	assert_true(drop(f, 0, 60).held);
	assert_false(come(f, 0, 60, 'b').opened);
	assert_string_equal(shown(f, 0), "a0 reset");
	assert_int_equal(facts(f).n_held, 60);
	/* gone again, and another id again: still the first one is shown */
	assert_int_equal(leave(f, 0, 1, 'b', 0).n, 0);
	assert_string_equal(shown(f, 0), "a0 removal");
	assert_int_equal(facts(f).n_removals, 1);
	(void)come(f, 0, 1, 'c');
	assert_int_equal(leave(f, 0, 1, 'c', 'd').n, 0);
	assert_string_equal(shown(f, 0), "a0 reset");
	/* and back to the first: as if nothing had been */
	assert_int_equal(leave(f, 0, 60, 'b', 'a').n, 0);
	assert_string_equal(shown(f, 0), "");
	assert_false(facts(f).holding);
}

/* -- release ---------------------------------------------------------------- */

struct entries {
	unsigned n_release, n_del, n_add, n_strays;
	char first[64];
};

static enum err
take_entry(void *arg, const struct work *w)
{
	struct entries *e = arg;
	struct work_rr rr;
	size_t pos = 0;
	if (w->kind != WORK_RELEASE)
		return OK;
	assert_int_equal(w->catalog, CATALOG);
	assert_int_equal(w->serial_from, w->serial_to);
	assert_string_equal(w->by, "admin.example");
	e->n_release++;
	while (work_rr_next(w->del, w->del_size, &pos, &rr)) {
		struct dname z;
		assert_int_equal(rr.type, RR_PTR);
		assert_int_equal(dname_from_wire(rr.rdata, rr.rdata_size, &z), OK);
		if (e->n_del++ == 0)
			snprintf(e->first, sizeof(e->first), "%.*s", rr.prefix[0],
			    rr.prefix + 1);
	}
	for (pos = 0; work_rr_next(w->add, w->add_size, &pos, &rr);) {
		e->n_add++;
		e->n_strays += memcmp(rr.prefix, "\5stray\5zones", 12) == 0;
	}
	return OK;
}

static struct entries
entries(struct fixture *f)
{
	struct entries e = {0};
	struct store_txn *txn = store_read(f->store, STORE_CATALOG);
	assert_int_equal(worklog_each(txn, 0, 1000, take_entry, &e), OK);
	store_end(&txn);
	return e;
}

static void
release__what_is_held__goes_and_what_comes_later_does_not(void **state)
{
	struct fixture *f = *state;
	reset(1000);
	assert_true(drop(f, 0, 60).held);
	assert_true(drop(f, 60, 1).held);
	assert_int_equal(release(f), 61);
	assert_false(facts(f).holding);
	assert_int_equal(facts(f).n_held, 0);
	assert_int_equal(facts(f).used, 0);
	assert_string_equal(shown(f, 0), "");
	struct entries e = entries(f);
	assert_int_equal(e.n_release, 1);
	assert_int_equal(e.n_del, 61);
	assert_int_equal(e.first[0], 'a');
	/* of the 939 there are now */
	assert_int_equal(facts(f).limit, 46);
	struct guard_verdict v = drop(f, 100, 47);
	assert_true(v.held && v.latched);
	assert_int_equal(v.step, 3);
}

static void
release__of_nothing__is_in_the_log_and_frees_no_window(void **state)
{
	struct fixture *f = *state;
	reset(1000);
	assert_false(drop(f, 0, 50).held);
	assert_int_equal(release(f), 0);
	assert_int_equal(entries(f).n_release, 1);
	assert_true(drop(f, 50, 1).held);
}

static void
release__of_very_many__comes_in_parts(void **state)
{
	struct fixture *f = *state;
	reset(20000);
	assert_true(drop(f, 0, 12000).held);
	assert_int_equal(release(f), 12000);
	struct entries e = entries(f);
	assert_int_equal(e.n_release, 3);
	assert_int_equal(e.n_del, 12000);
	assert_int_equal(facts(f).n_held, 0);
}

/* -- what the back half asks ------------------------------------------------- */

static struct guard_verdict
ask(struct fixture *f, enum hold_kind kind, unsigned first, unsigned n, uint32_t target)
{
	struct guard g;
	struct guard_ask *asks = calloc(n, sizeof(*asks));
	for (unsigned i = 0; i < n; i++)
		asks[i] = (struct guard_ask){.kind = kind,
		    .zone = zone(first + i),
		    .target = target};
	start(f, &g);
	guard_take_asks(&g, asks, n);
	free(asks);
	return finish(f, &g);
}

static enum guard_gate
gate(struct fixture *f, enum hold_kind kind, unsigned n, uint32_t target)
{
	struct guard_view v;
	struct dname z = zone(n);
	struct store_txn *txn = store_read(f->store, STORE_CATALOG);
	guard_look(txn, CATALOG, &now.limit, &z, kind, target, now.now, &v);
	store_end(&txn);
	return v.gate;
}

static void
asks__of_several_backends__count_once_in_a_window(void **state)
{
	struct fixture *f = *state;
	reset(1000);
	assert_int_equal(gate(f, HOLD_CHANGE, 0, 1), GATE_ASK);
	assert_int_equal(ask(f, HOLD_CHANGE, 0, 30, 1).n, 30);
	assert_int_equal(gate(f, HOLD_CHANGE, 0, 1), GATE_OPEN);
	assert_int_equal(ask(f, HOLD_CHANGE, 0, 30, 1).n, 0);
	assert_int_equal(facts(f).used, 30);
	/* to become something else is another matter */
	assert_int_equal(gate(f, HOLD_CHANGE, 0, 2), GATE_ASK);
	now.now += 661;
	assert_int_equal(gate(f, HOLD_CHANGE, 0, 1), GATE_ASK);
	assert_int_equal(ask(f, HOLD_CHANGE, 0, 30, 1).n, 30);
}

static void
asks__too_many__are_held_and_share_the_window_with_removals(void **state)
{
	struct fixture *f = *state;
	reset(1000);
	assert_false(drop(f, 500, 30).held);
	struct guard_verdict v = ask(f, HOLD_CHANGE, 0, 21, 1);
	assert_true(v.held && v.latched);
	assert_int_equal(gate(f, HOLD_CHANGE, 0, 1), GATE_SHUT);
	assert_string_equal(shown(f, 0), ""); /* the member is the catalog's own */
	assert_true(drop(f, 600, 1).held);
	/* the other backend's turn */
	v = ask(f, HOLD_CHANGE, 0, 21, 1);
	assert_false(v.held);
	assert_int_equal(facts(f).n_held, 22);
}

static void
asks__moot__drop_what_was_held_for_another_target(void **state)
{
	struct fixture *f = *state;
	struct guard g;
	reset(1000);
	assert_true(ask(f, HOLD_CHANGE, 0, 51, 1).held);
	for (unsigned i = 0; i < 51; i++) {
		struct guard_ask a = {.kind = HOLD_CHANGE,
		    .zone = zone(i),
		    .target = 9,
		    .moot = true};
		start(f, &g);
		guard_take_asks(&g, &a, 1);
		assert_int_equal(finish(f, &g).opened, i == 50);
	}
	assert_int_equal(facts(f).n_held, 0);
}

static void
asks__held__are_admitted_by_release(void **state)
{
	struct fixture *f = *state;
	reset(100);
	assert_true(ask(f, HOLD_CHANGE, 0, 11, 1).held);
	assert_true(ask(f, HOLD_STRAY, 50, 2, 0).held);
	assert_int_equal(release(f), 13);
	assert_int_equal(gate(f, HOLD_CHANGE, 0, 1), GATE_OPEN);
	assert_int_equal(gate(f, HOLD_STRAY, 50, 0), GATE_OPEN);
	struct entries e = entries(f);
	assert_int_equal(e.n_add, 13);
	assert_int_equal(e.n_strays, 2);
	/* long enough for a server that is away, and not for ever */
	now.now += 5 * 86400;
	(void)drop(f, 90, 1);
	assert_int_equal(gate(f, HOLD_STRAY, 50, 0), GATE_OPEN);
	now.now += 5 * 86400;
	(void)drop(f, 91, 1);
	assert_int_equal(gate(f, HOLD_STRAY, 50, 0), GATE_ASK);
	struct guard_record r;
	struct store_txn *txn = store_read(f->store, STORE_CATALOG);
	assert_int_equal(guard_record_get(txn, CATALOG, &r), OK);
	store_end(&txn);
	assert_int_equal(r.n_admitted, 0);
}

static void
strays__that_become_members__are_no_strays(void **state)
{
	struct fixture *f = *state;
	reset(100);
	assert_true(ask(f, HOLD_STRAY, 0, 11, 0).held);
	struct guard_verdict v = come(f, 0, 11, 'x');
	assert_true(v.opened);
	assert_int_equal(gate(f, HOLD_STRAY, 0, 0), GATE_ASK);
	/* nor does an admission outlive that */
	assert_false(ask(f, HOLD_STRAY, 20, 1, 0).held);
	assert_int_equal(gate(f, HOLD_STRAY, 20, 0), GATE_OPEN);
	(void)come(f, 20, 1, 'x');
	assert_int_equal(gate(f, HOLD_STRAY, 20, 0), GATE_ASK);
}

static void
change__held_and_then_removed__is_held_as_a_removal(void **state)
{
	struct fixture *f = *state;
	reset(100);
	assert_true(ask(f, HOLD_CHANGE, 0, 11, 1).held);
	assert_true(drop(f, 0, 1).held);
	assert_string_equal(shown(f, 0), "a0 removal");
	assert_int_equal(facts(f).n_held, 11);
	assert_int_equal(facts(f).n_removals, 1);
}

/* -- durable ---------------------------------------------------------------- */

static void
state__of_the_guard__survives_a_restart(void **state)
{
	struct fixture *f = *state;
	reset(1000);
	assert_false(drop(f, 0, 40).held);
	assert_true(drop(f, 40, 11).held);
	fixture_close(f);
	fixture_open(f);
	assert_true(facts(f).holding);
	assert_int_equal(facts(f).n_held, 11);
	assert_int_equal(facts(f).used, 40);
	assert_string_equal(shown(f, 45), "a45 removal");
	assert_true(drop(f, 51, 1).held);
}

static void
state__of_catalogs__is_their_own(void **state)
{
	struct fixture *f = *state;
	struct guard g;
	struct dname z = zone(0);
	struct label label = id('a', 0);
	reset(1000);
	assert_true(drop(f, 0, 60).held);
	guard_begin(&g, begin(f, STORE_CATALOG), CATALOG + 1, &now.limit, 1000, now.now,
	    "key.example");
	assert_true(guard_is_idle(&g));
	guard_came(&g, &z, &label);
	assert_true(guard_count(&g, &z));
	assert_false(guard_weigh(&g));
	(void)finish(f, &g);
	assert_string_equal(shown(f, 0), "a0 removal");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(limit__of_small_catalogs__is_the_least_number),
	    TEST(limit__of_large_catalogs__is_the_percentage_rounded_down),
	    TEST(limit__base__is_the_members_at_the_first_removal_of_the_window),
	    TEST(limit__off__nothing_is_held),
	    TEST(limit__none_at_all__each_removal_is_held),
	    TEST(window__its_edge__lets_no_more_through),
	    TEST(window__greedy_for_hours__never_more_than_the_limit_in_any_window),
	    TEST(window__clock_set_back_or_ahead__keeps_or_loses_no_more_than_it_says),
	    TEST(window__made_longer_or_shorter__loses_nothing),
	    TEST(step__beyond_the_limit__is_held_whole_and_latches),
	    TEST(ids__reset__count_as_removals),
	    TEST(zones__back_under_their_ids__end_the_latch),
	    TEST(zones__back_and_others_gone_in_one_step__latch_anew),
	    TEST(zones__back_under_other_ids__stay_as_they_were),
	    TEST(release__what_is_held__goes_and_what_comes_later_does_not),
	    TEST(release__of_nothing__is_in_the_log_and_frees_no_window),
	    TEST(release__of_very_many__comes_in_parts),
	    TEST(asks__of_several_backends__count_once_in_a_window),
	    TEST(asks__too_many__are_held_and_share_the_window_with_removals),
	    TEST(asks__moot__drop_what_was_held_for_another_target),
	    TEST(asks__held__are_admitted_by_release),
	    TEST(strays__that_become_members__are_no_strays),
	    TEST(change__held_and_then_removed__is_held_as_a_removal),
	    TEST(state__of_the_guard__survives_a_restart),
	    TEST(state__of_catalogs__is_their_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
