/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_store_fixture.h"

#include "agent/store/status.h"

static struct zone_status
status_of(const char *zone, uint8_t backend, enum zone_state state)
{
	struct zone_status s = {.catalog = 1,
	    .backend = backend,
	    .zone = dn(zone),
	    .id = label_of("a1"),
	    .state = state,
	    .seq = 5,
	    .has_serial = true,
	    .serial = 2024010101,
	    .seen = 1700000000,
	    .since = 1600000000,
	    .tries = 2,
	    .pattern = "secondary",
	    .command = "refresh: ok",
	    .error = ""};

	return s;
}

static uint64_t
version_of(struct fixture *f)
{
	uint64_t version;
	struct store_txn *txn = store_read(f->store, STORE_STATUS);

	assert_int_equal(status_version(txn, &version), OK);
	store_end(&txn);
	return version;
}

static void
status_put__read_back__all_of_it(void **state)
{
	struct fixture *f = *state;
	struct zone_status s = status_of("shop.example.", 1, ZONE_FAILED), got;

	s.retry_at = 1700000000123;
	memset(s.error, 'e', sizeof(s.error) - 1);
	memset(s.pattern, 'p', sizeof(s.pattern) - 1);
	status_put(begin(f, STORE_STATUS), &s);
	commit(f);
	struct store_txn *txn = store_read(f->store, STORE_STATUS);
	assert_int_equal(status_get(txn, 1, &s.zone, 1, &got), OK);
	assert_true(got.catalog == 1 && got.backend == 1 && got.state == ZONE_FAILED);
	assert_true(dname_equal(&got.zone, &s.zone) && label_is(&got.id, "a1"));
	assert_true(got.seq == 5 && got.has_serial && got.serial == 2024010101);
	assert_true(got.seen == s.seen && got.since == s.since && got.tries == 2);
	assert_true(got.retry_at == s.retry_at);
	assert_string_equal(got.pattern, s.pattern);
	assert_string_equal(got.command, s.command);
	assert_string_equal(got.error, s.error);
	assert_int_equal(status_get(txn, 1, &s.zone, 2, &got), ERR_NOTFOUND);
	assert_int_equal(status_get(txn, 2, &s.zone, 1, &got), ERR_NOTFOUND);
	store_end(&txn);
}

/* Each has a pattern of its own: there are more of them than are kept in memory. */
static void
status_put__a_count_is_spoilt__fails_and_no_more(void **state)
{
	struct fixture *f = *state;
	struct store_txn *txn = begin(f, STORE_STATUS);
	const uint8_t serving[] = {'s', 1, 1, ZONE_SERVING};
	struct skey key;
	char zone[32];

	skey_init(&key);
	skey_bytes(&key, serving, sizeof(serving));
	txn_put(txn, TABLE_COUNTS, &key, "?", 1);
	for (unsigned i = 0; i < 2 * STATUS_DELTAS_MAX; i++) {
		snprintf(zone, sizeof(zone), "z%u.example.", i);
		struct zone_status s = status_of(zone, 1, ZONE_SERVING);
		snprintf(s.pattern, sizeof(s.pattern), "p%u", i);
		status_put(txn, &s);
		assert_true(txn->pending.n <= STATUS_DELTAS_MAX);
	}
	assert_int_equal(store_err(txn), ERR_CORRUPT);
	txn_abort(txn);
	txn_fini(txn);
}

static enum err
list(void *arg, const struct zone_status *s)
{
	char name[DNAME_TEXT_MAX], *text = arg;

	snprintf(text + strlen(text), 300 - strlen(text), "%s%u ",
	    dname_print(&s->zone, name), s->backend);
	return OK;
}

static void
status_each__parents_and_children__zone_then_backend(void **state)
{
	struct fixture *f = *state;
	static const char *const zones[] = {"b.example.", "a.b.example.", "example.",
	    "b-.example.", "\\001.b.example."};
	char text[300] = "";

	struct store_txn *txn = begin(f, STORE_STATUS);
	for (size_t i = 0; i < 5; i++) {
		struct zone_status s = status_of(zones[i], 200, ZONE_SERVING);
		status_put(txn, &s);
		s.backend = 1;
		status_put(txn, &s);
	}
	commit(f);
	txn = store_read(f->store, STORE_STATUS);
	assert_int_equal(status_each(txn, 1, NULL, 0, 99, list, text), OK);
	assert_string_equal(text,
	    "example.1 example.200 b.example.1 b.example.200 "
	    "\\001.b.example.1 \\001.b.example.200 a.b.example.1 a.b.example.200 "
	    "b-.example.1 b-.example.200 ");
	text[0] = '\0';
	struct dname after = dn("b.example.");
	assert_int_equal(status_each(txn, 1, &after, 1, 2, list, text), OK);
	assert_string_equal(text, "b.example.200 \\001.b.example.1 ");
	text[0] = '\0';
	assert_int_equal(status_each(txn, 2, NULL, 0, 2, list, text), OK);
	assert_string_equal(text, "");
	store_end(&txn);
}

static void
status_put__longest_name__fits_the_keys(void **state)
{
	struct fixture *f = *state;
	struct zone_status s = status_of(".", 255, ZONE_FAILED), got;

	s.catalog = 255;
	s.retry_at = UINT64_MAX;
	s.zone = longest_name(1);
	struct store_txn *txn = begin(f, STORE_STATUS);
	status_put(txn, &s);
	assert_int_equal(status_get(txn, 255, &s.zone, 255, &got), OK);
	assert_true(dname_equal(&got.zone, &s.zone));
	s.zone = dname_root;
	status_put(txn, &s);
	assert_int_equal(status_get(txn, 255, &dname_root, 255, &got), OK);
	commit(f);
}

static void
status_each_due__retries__earliest_first_and_only_due(void **state)
{
	struct fixture *f = *state;
	char text[300] = "";
	uint64_t at;

	struct store_txn *txn = begin(f, STORE_STATUS);
	assert_int_equal(status_next_due(txn, 1, &at), ERR_NOTFOUND);
	static const struct {
		const char *zone;
		uint8_t backend;
		uint64_t at;
	} due[] = {{"c.", 1, 300}, {"a.", 1, 100}, {"b.", 1, 200}, {"d.", 2, 50},
	    {"e.", 1, 200}, {"f.", 1, 0}};
	for (size_t i = 0; i < 6; i++) {
		struct zone_status s =
		    status_of(due[i].zone, due[i].backend, ZONE_FAILED);
		s.retry_at = due[i].at;
		status_put(txn, &s);
	}
	assert_int_equal(status_each_due(txn, 1, 200, 99, list, text), OK);
	assert_string_equal(text, "a.1 b.1 e.1 ");
	text[0] = '\0';
	assert_int_equal(status_each_due(txn, 1, 1000, 2, list, text), OK);
	assert_string_equal(text, "a.1 b.1 ");
	text[0] = '\0';
	assert_int_equal(status_each_later(txn, 1, 100, 99, list, text), OK);
	assert_string_equal(text, "b.1 e.1 c.1 ");
	text[0] = '\0';
	assert_int_equal(status_each_later(txn, 1, 199, 1, list, text), OK);
	assert_string_equal(text, "b.1 ");
	text[0] = '\0';
	assert_int_equal(status_each_later(txn, 1, UINT64_MAX, 99, list, text), OK);
	assert_string_equal(text, "");
	assert_int_equal(status_next_due(txn, 1, &at), OK);
	assert_true(at == 100);
	/* moved, cleared, deleted */
	struct zone_status s = status_of("a.", 1, ZONE_FAILED);
	s.retry_at = 400;
	status_put(txn, &s);
	s = status_of("b.", 1, ZONE_SERVING);
	status_put(txn, &s);
	s = status_of("e.", 1, ZONE_FAILED);
	status_del(txn, 1, &s.zone, 1);
	text[0] = '\0';
	assert_int_equal(status_each_due(txn, 1, 1000, 99, list, text), OK);
	assert_string_equal(text, "c.1 a.1 ");
	commit(f);
}

struct rescheduling {
	struct store_txn *txn;
	unsigned n;
};

static enum err
reschedule(void *arg, const struct zone_status *s)
{
	struct rescheduling *r = arg;
	struct zone_status later = *s;

	later.retry_at += 1000;
	status_put(r->txn, &later);
	r->n++;
	return OK;
}

static void
status_each_due__visit_reschedules__each_once(void **state)
{
	struct fixture *f = *state;
	struct rescheduling r = {.n = 0};
	char zone[32];
	uint64_t at;

	r.txn = begin(f, STORE_STATUS);
	for (unsigned i = 0; i < 500; i++) {
		snprintf(zone, sizeof(zone), "z%u.", i);
		struct zone_status s = status_of(zone, 1, ZONE_FAILED);
		s.retry_at = 1 + i % 100;
		status_put(r.txn, &s);
	}
	assert_int_equal(status_each_due(r.txn, 1, 100, SIZE_MAX, reschedule, &r), OK);
	assert_int_equal(r.n, 500);
	assert_int_equal(status_next_due(r.txn, 1, &at), OK);
	assert_true(at == 1001);
	commit(f);
}

static void
status_count__random_changes__equals_a_recount(void **state)
{
	enum { ZONES = 50, BACKENDS = 3, PATTERNS = 40 };
	struct fixture *f = *state;
	unsigned model[ZONES][BACKENDS] = {{0}}, pattern[ZONES][BACKENDS] = {{0}};
	char name[32];

	srand(2);
	for (int round = 0; round < 30; round++) {
		struct store_txn *txn = begin(f, STORE_STATUS);
		for (int i = 0; i < 200; i++) {
			unsigned z = (unsigned)rand() % ZONES;
			unsigned b = (unsigned)rand() % BACKENDS;
			snprintf(name, sizeof(name), "z%u.", z);
			model[z][b] = (unsigned)rand() % (ZONE_REMOVING + 1);
			pattern[z][b] = (unsigned)rand() % PATTERNS;
			struct zone_status s =
			    status_of(name, (uint8_t)b, (enum zone_state)model[z][b]);
			snprintf(s.pattern, sizeof(s.pattern), "p%u", pattern[z][b]);
			if (pattern[z][b] == 0)
				s.pattern[0] = '\0';
			if (s.state == ZONE_PENDING)
				status_del(txn, 1, &s.zone, s.backend);
			else
				status_put(txn, &s);
		}
		for (unsigned b = 0; b < BACKENDS; b++) {
			struct status_counts c, mine = {.by_state = {0}};
			uint64_t n, p7 = 0;
			for (unsigned z = 0; z < ZONES; z++) {
				mine.by_state[model[z][b]]++;
				p7 += model[z][b] != 0 && pattern[z][b] == 7;
			}
			mine.by_state[ZONE_PENDING] = 0;
			assert_int_equal(status_count(txn, (uint8_t)b, 1, &c), OK);
			assert_memory_equal(&c, &mine, sizeof(c));
			assert_int_equal(status_count_pattern(txn, (uint8_t)b, "p7",
					     &n),
			    OK);
			assert_true(n == p7);
		}
		commit(f);
	}
}

static void
status_version__only_what_changes__makes_it_grow(void **state)
{
	struct fixture *f = *state;
	struct zone_status s = status_of("a.", 1, ZONE_APPLIED);
	uint64_t before = version_of(f), inside;

	struct store_txn *txn = begin(f, STORE_STATUS);
	status_put(txn, &s);
	assert_int_equal(status_version(txn, &inside), OK);
	assert_true(inside == before + 1);
	commit(f);
	assert_true(version_of(f) == before + 1);
	status_put(begin(f, STORE_STATUS), &s); /* says nothing new */
	status_del(&f->w, 1, &dname_root, 1);
	commit(f);
	assert_true(version_of(f) == before + 1);
	s.seen++;
	status_put(begin(f, STORE_STATUS), &s);
	commit(f);
	assert_true(version_of(f) == before + 2);
	status_del(begin(f, STORE_STATUS), 1, &s.zone, 1);
	commit(f);
	assert_true(version_of(f) == before + 3);
	/* persists over a clean stop, after which it is a new one */
	fixture_close(f);
	fixture_open(f);
	assert_false(store_was_unclean(f->store));
	assert_true(version_of(f) == before + 4);
}

static enum err
list_pattern(void *arg, const struct pattern_status *p)
{
	char *text = arg;

	snprintf(text + strlen(text), 300 - strlen(text), "%s:%s:%s:%s ", p->name,
	    p->hash, p->usable, p->error);
	return OK;
}

static void
status_lines__backends_and_patterns__read_back(void **state)
{
	struct fixture *f = *state;
	struct backend_status b = {.backend = 3,
				  .name = "nsd1",
				  .driver = "nsd",
				  .server = "NSD 4.6.1",
				  .state = "up",
				  .error = "",
				  .seq = (uint64_t)1 << 50},
			      got;
	struct pattern_status p = {.name = "two",
	    .hash = "0123456789abcdef",
	    .usable = "nsd1:yes"};
	char text[300] = "";
	uint64_t before = version_of(f);

	struct store_txn *txn = begin(f, STORE_STATUS);
	status_put_backend(txn, &b);
	status_put_pattern(txn, &p);
	strcpy(p.name, "one");
	strcpy(p.error, "no such key");
	status_put_pattern(txn, &p);
	strcpy(p.name, "zero");
	status_put_pattern(txn, &p);
	status_del_pattern(txn, "zero");
	commit(f);
	assert_true(version_of(f) == before + 1);
	status_put_backend(begin(f, STORE_STATUS), &b);
	status_put_pattern(&f->w, &(struct pattern_status){.name = "two",
				      .hash = "0123456789abcdef",
				      .usable = "nsd1:yes"});
	commit(f);
	assert_true(version_of(f) == before + 1);

	txn = store_read(f->store, STORE_STATUS);
	assert_int_equal(status_get_backend(txn, 3, &got), OK);
	assert_string_equal(got.server, "NSD 4.6.1");
	assert_string_equal(got.state, "up");
	assert_true(got.seq == b.seq && got.backend == 3);
	assert_int_equal(status_get_backend(txn, 4, &got), ERR_NOTFOUND);
	assert_int_equal(status_each_pattern(txn, list_pattern, text), OK);
	assert_string_equal(text, "one:0123456789abcdef:nsd1:yes:no such key "
				  "two:0123456789abcdef:nsd1:yes: ");
	store_end(&txn);
}

static void
zone_state_str__each__has_a_word(void **state)
{
	(void)state;
	assert_string_equal(zone_state_str(ZONE_PENDING), "pending");
	assert_string_equal(zone_state_str(ZONE_REMOVING), "removing");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(status_put__read_back__all_of_it),
	    TEST(status_each__parents_and_children__zone_then_backend),
	    TEST(status_put__longest_name__fits_the_keys),
	    TEST(status_each_due__retries__earliest_first_and_only_due),
	    TEST(status_each_due__visit_reschedules__each_once),
	    TEST(status_count__random_changes__equals_a_recount),
	    TEST(status_version__only_what_changes__makes_it_grow),
	    TEST(status_lines__backends_and_patterns__read_back),
	    TEST(status_put__a_count_is_spoilt__fails_and_no_more),
	    cmocka_unit_test(zone_state_str__each__has_a_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
