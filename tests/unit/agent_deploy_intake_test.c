/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdatomic.h>

#include "agent/store/txn.h"
#include "tests/unit/agent_deploy_fixture.h"

/*
 * Where a batch costs as much as a zone, a large one waits for what follows in the
 * log: what follows may say otherwise of the zones that it has already.
 */

enum { MANY = 150, ROUNDS = 8 };

static struct backend_driver costly;
static char zones[MANY][16], ids[MANY][16];

enum { PORTION = 40 };

static struct world *observed;
static atomic_uint n_calls, n_large, n_unwritten;

static unsigned
portion_size(const void *ctx)
{
	(void)ctx;
	return PORTION;
}

static enum err
portion_apply(void *ctx, struct backend_op *ops, size_t n, struct backend_error *why)
{
	atomic_fetch_add(&n_calls, 1);
	if (n > PORTION)
		atomic_fetch_add(&n_large, 1);
	for (size_t i = 0; i < n; i++) {
		struct ledger_entry entry;
		char zone[DNAME_TEXT_MAX];
		dname_print(&ops[i].zone, zone);
		enum ledger_state state =
		    ops[i].kind == OP_ADD ? LEDGER_INTENT : LEDGER_REMOVING;
		bool is_command = ops[i].kind == OP_ADD || ops[i].kind == OP_REMOVE;
		if (is_command &&
		    (!get_ledger(observed, zone, &entry) || entry.state != state))
			atomic_fetch_add(&n_unwritten, 1);
	}
	return toy_apply(ctx, ops, n, why);
}

static struct world *
costly_world(bool in_portions)
{
	costly = toy_driver;
	costly.batch_max = 20000;
	costly.caps |= CAP_BATCH_COSTS;
	if (in_portions) {
		costly.apply_size = portion_size;
		costly.apply = portion_apply;
	}
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(zones[i], sizeof(zones[i]), "z%u.test", i);
		snprintf(ids[i], sizeof(ids[i]), "i%u", i);
	}
	struct world *w = world_new(&costly);
	world_start(w);
	EVENTUALLY(is_backend(w, "up"));
	return w;
}

static void
change_all(struct world *w, int what, const char *group)
{
	struct change changes[MANY];
	for (unsigned i = 0; i < MANY; i++)
		changes[i] = (struct change){what, zones[i], ids[i], group, 0};
	change_many(w, changes, MANY);
}

static bool
is_at_rest(struct world *w)
{
	return get_mark(w) == store_log_seq(w->store);
}

static unsigned
n_there(struct world *w, const char *mark)
{
	unsigned n = 0;
	for (unsigned i = 0; i < MANY; i++) {
		struct ledger_entry entry;
		n += toy_has(zones[i]) && get_ledger(w, zones[i], &entry) &&
		     is_state(w, zones[i], ZONE_APPLIED) &&
		     strstr(entry.mark, mark) != NULL;
	}
	return n;
}

static unsigned
n_left(struct world *w)
{
	unsigned n = 0;
	for (unsigned i = 0; i < MANY; i++)
		n += toy_has(zones[i]) || in_ledger(w, zones[i]) ||
		     !is_unknown(w, zones[i]);
	return n;
}

static void
batch__removed_while_it_grows__not_added(void **state)
{
	(void)state;
	struct world *w = costly_world(false);
	for (unsigned i = 0; i < ROUNDS; i++) {
		change_all(w, CHANGE_ADD, "primary");
		nap(2 * i);
		change_all(w, CHANGE_DEL, NULL);
		EVENTUALLY(is_at_rest(w));
		EVENTUALLY(n_left(w) == 0);
	}
	world_free(w);
}

static void
batch__added_again_while_it_grows__stays(void **state)
{
	(void)state;
	struct world *w = costly_world(false);
	change_all(w, CHANGE_ADD, "primary");
	EVENTUALLY(n_there(w, "primary") == MANY);
	for (unsigned i = 0; i < ROUNDS; i++) {
		change_all(w, CHANGE_DEL, NULL);
		nap(2 * i);
		change_all(w, CHANGE_ADD, "primary");
		EVENTUALLY(is_at_rest(w));
		EVENTUALLY(n_there(w, "primary") == MANY);
	}
	world_free(w);
}

static void
batch__changed_while_it_grows__has_the_last_pattern(void **state)
{
	(void)state;
	struct world *w = costly_world(false);
	write_pattern(w, "other",
	    "[pattern]\nrole = primary\nnotify = 127.0.0.1\nzonefile = ${zone}.zone\n");
	load_patterns(w);
	deploy_set_patterns(w->deploy, w->patterns);
	for (unsigned i = 0; i < ROUNDS; i++) {
		change_all(w, CHANGE_ADD, "primary");
		nap(2 * i);
		change_all(w, CHANGE_GROUP, "other");
		EVENTUALLY(is_at_rest(w));
		EVENTUALLY(n_there(w, "other") == MANY);
		change_all(w, CHANGE_DEL, NULL);
		EVENTUALLY(n_left(w) == 0);
	}
	world_free(w);
}

static void
batch__larger_than_a_portion__each_is_on_record_before_it_is_sent(void **state)
{
	(void)state;
	struct world *w = costly_world(true);
	observed = w;
	change_all(w, CHANGE_ADD, "primary");
	EVENTUALLY(n_there(w, "primary") == MANY);
	change_all(w, CHANGE_DEL, NULL);
	EVENTUALLY(n_left(w) == 0);
	EVENTUALLY(is_at_rest(w));
	assert_true(atomic_load(&n_calls) >= 2 * (MANY / PORTION));
	assert_int_equal(atomic_load(&n_large), 0);
	assert_int_equal(atomic_load(&n_unwritten), 0);
	world_free(w);
}

/* The changes, and an entry that makes no sense. */
static enum err
change_and_spoil(struct store_txn *txn, struct store_job *job)
{
	struct work w = {.kind = WORK_RESYNC};
	struct skey key;
	enum err err = change_run(txn, job);
	if (err != OK)
		return err;
	worklog_append(txn, &w);
	skey_init(&key);
	skey_u64(&key, w.seq);
	txn_put(txn, TABLE_LOG, &key, "?", 1);
	return OK;
}

/* The entry becomes a copy of the first one. */
static enum err
mend(struct store_txn *txn, struct store_job *job)
{
	uint64_t first, last;
	struct skey key;
	MDB_val v;
	(void)job;
	assert_int_equal(worklog_range(txn, &first, &last), OK);
	skey_init(&key);
	skey_u64(&key, first);
	assert_int_equal(txn_get(txn, TABLE_LOG, &key, &v), OK);
	uint8_t *copy = mem_dup(v.mv_data, v.mv_size);
	skey_init(&key);
	skey_u64(&key, last);
	txn_put(txn, TABLE_LOG, &key, copy, v.mv_size);
	free(copy);
	return OK;
}

/* There are enough to look whether more follows, and what does cannot be read. */
static void
batch__log_ends_in_what_is_unreadable__goes_all_the_same(void **state)
{
	(void)state;
	struct world *w = costly_world(false);
	struct change changes[MANY];
	struct change_job job = {.job = {.run = change_and_spoil},
	    .w = w,
	    .changes = changes,
	    .n = MANY};
	for (unsigned i = 0; i < MANY; i++)
		changes[i] =
		    (struct change){CHANGE_ADD, zones[i], ids[i], "primary", 0};
	assert_int_equal(store_call(w->store, STORE_CATALOG, &job.job), OK);
	EVENTUALLY(n_there(w, "primary") == MANY);
	EVENTUALLY(
	    strcmp(backend_error_text(w), "the work log of the agent cannot be read: "
					  "stored data is corrupt") == 0);
	assert_true(is_backend(w, "up"));
	job.job = (struct store_job){.run = mend};
	assert_int_equal(store_call(w->store, STORE_CATALOG, &job.job), OK);
	EVENTUALLY(backend_error_text(w)[0] == '\0');
	EVENTUALLY(get_mark(w) == store_log_seq(w->store));
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(batch__removed_while_it_grows__not_added),
	    cmocka_unit_test(batch__added_again_while_it_grows__stays),
	    cmocka_unit_test(batch__changed_while_it_grows__has_the_last_pattern),
	    cmocka_unit_test(batch__log_ends_in_what_is_unreadable__goes_all_the_same),
	    cmocka_unit_test(
		batch__larger_than_a_portion__each_is_on_record_before_it_is_sent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
