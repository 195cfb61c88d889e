/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_store_fixture.h"

#include "agent/store/ledger.h"

static struct ledger_entry
entry_of(const char *zone, enum ledger_state state)
{
	struct ledger_entry e = {.zone = dn(zone),
	    .catalog = 4,
	    .id = label_of("a1"),
	    .state = state,
	    .mark = "nsherd-secondary.1",
	    .zonefile = "shop.example.zone"};

	return e;
}

static void
ledger__put_get_del__by_backend(void **state)
{
	struct fixture *f = *state;
	struct ledger_entry e = entry_of("shop.example.", LEDGER_INTENT), got;

	struct store_txn *txn = begin(f, STORE_CATALOG);
	ledger_put(txn, 1, &e);
	e.state = LEDGER_OWNED;
	ledger_put(txn, 1, &e);
	memset(e.mark, 'm', sizeof(e.mark) - 1);
	memset(e.zonefile, 'z', sizeof(e.zonefile) - 1);
	e.zone = longest_name(2);
	ledger_put(txn, 200, &e);
	commit(f);
	txn = store_read(f->store, STORE_CATALOG);
	assert_int_equal(ledger_get(txn, 200, &e.zone, &got), OK);
	assert_string_equal(got.mark, e.mark);
	assert_string_equal(got.zonefile, e.zonefile);
	struct dname zone = dn("shop.example.");
	assert_int_equal(ledger_get(txn, 1, &zone, &got), OK);
	assert_int_equal(got.state, LEDGER_OWNED);
	assert_int_equal(got.catalog, 4);
	assert_true(label_is(&got.id, "a1"));
	assert_true(dname_equal(&got.zone, &zone));
	assert_string_equal(got.mark, "nsherd-secondary.1");
	assert_int_equal(ledger_get(txn, 2, &zone, &got), ERR_NOTFOUND);
	store_end(&txn);
	txn = begin(f, STORE_CATALOG);
	ledger_del(txn, 1, &zone);
	ledger_del(txn, 1, &zone);
	assert_int_equal(ledger_get(txn, 1, &zone, &got), ERR_NOTFOUND);
	commit(f);
}

static enum err
list_entry(void *arg, const struct ledger_entry *e)
{
	char name[DNAME_TEXT_MAX], *text = arg;

	snprintf(text + strlen(text), 200 - strlen(text), "%s ",
	    dname_print(&e->zone, name));
	return OK;
}

static enum err
list_grave(void *arg, const struct grave *g)
{
	char name[DNAME_TEXT_MAX], *text = arg;

	snprintf(text + strlen(text), 200 - strlen(text), "%s ",
	    dname_print(&g->zone, name));
	return OK;
}

static void
ledger_each__pages__canonical_order_of_one_backend(void **state)
{
	struct fixture *f = *state;
	static const char *const zones[] = {"b.example.", "example.", "a.b.example.",
	    "a.example.", "."};
	char text[200] = "";

	struct store_txn *txn = begin(f, STORE_CATALOG);
	for (size_t i = 0; i < 5; i++) {
		struct ledger_entry e = entry_of(zones[i], LEDGER_OWNED);
		struct grave g = {.zone = e.zone, .id = e.id, .removed = i};
		ledger_put(txn, 7, &e);
		graveyard_put(txn, 7, &g);
	}
	struct ledger_entry other = entry_of("a.", LEDGER_REMOVING);
	ledger_put(txn, 8, &other);
	commit(f);
	txn = store_read(f->store, STORE_CATALOG);
	assert_int_equal(ledger_each(txn, 7, NULL, 99, list_entry, text), OK);
	assert_string_equal(text, ". example. a.example. b.example. a.b.example. ");
	text[0] = '\0';
	struct dname after = dn("a.example.");
	assert_int_equal(ledger_each(txn, 7, &after, 1, list_entry, text), OK);
	assert_string_equal(text, "b.example. ");
	text[0] = '\0';
	assert_int_equal(graveyard_each(txn, 7, &dname_root, 2, list_grave, text), OK);
	assert_string_equal(text, "example. a.example. ");
	store_end(&txn);
}

static void
graveyard__put_get_del__keeps_all(void **state)
{
	struct fixture *f = *state;
	struct grave g = {.zone = dn("gone.example."),
			 .id = label_of("x"),
			 .catalog = 3,
			 .removed = (uint64_t)1 << 35,
			 .zonefile = "gone.example.zone"},
		     got;

	struct store_txn *txn = begin(f, STORE_CATALOG);
	graveyard_put(txn, 1, &g);
	assert_int_equal(graveyard_get(txn, 1, &g.zone, &got), OK);
	assert_true(got.removed == g.removed && got.catalog == 3);
	assert_true(label_is(&got.id, "x"));
	assert_string_equal(got.zonefile, "gone.example.zone");
	graveyard_del(txn, 1, &g.zone);
	assert_int_equal(graveyard_get(txn, 1, &g.zone, &got), ERR_NOTFOUND);
	commit(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(ledger__put_get_del__by_backend),
	    TEST(ledger_each__pages__canonical_order_of_one_backend),
	    TEST(graveyard__put_get_del__keeps_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
