/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_store_fixture.h"

#include "agent/store/replay.h"

static void
replay__put_and_get__by_time_and_mac(void **state)
{
	struct fixture *f = *state;
	uint8_t mac[65];
	struct replay r = {.rcode = 5, .serial = 77}, got;

	memset(mac, 0xaa, sizeof(mac));
	struct store_txn *txn = begin(f, STORE_CATALOG);
	assert_int_equal(replay_get(txn, 1000, mac, 64, &got), ERR_NOTFOUND);
	replay_put(txn, 1000, mac, 64, &r);
	assert_int_equal(replay_get(txn, 1000, mac, 64, &got), OK);
	assert_true(got.rcode == 5 && got.serial == 77);
	assert_int_equal(replay_get(txn, 1001, mac, 64, &got), ERR_NOTFOUND);
	assert_int_equal(replay_get(txn, 1000, mac, 32, &got), ERR_NOTFOUND);
	assert_int_equal(replay_get(txn, 1000, mac, 65, &got), ERR_RANGE);
	commit(f);
}

static void
replay_prune__many_old__bounded_and_only_old(void **state)
{
	struct fixture *f = *state;
	uint8_t mac[32] = {0};
	struct replay r = {.rcode = 0, .serial = 1}, got;
	unsigned left = 0;

	struct store_txn *txn = begin(f, STORE_CATALOG);
	for (unsigned i = 0; i < 200; i++) {
		mac[0] = (uint8_t)i;
		replay_put(txn, 100 + i, mac, sizeof(mac), &r);
	}
	replay_prune(txn, 250, 1000);
	for (unsigned i = 0; i < 200; i++) {
		mac[0] = (uint8_t)i;
		left += replay_get(txn, 100 + i, mac, sizeof(mac), &got) == OK;
	}
	assert_int_equal(left, 200 - 64);
	for (unsigned i = 0; i < 5; i++)
		replay_prune(txn, 250, 1000);
	for (unsigned i = 0; i < 200; i++) {
		mac[0] = (uint8_t)i;
		enum err err = replay_get(txn, 100 + i, mac, sizeof(mac), &got);
		assert_int_equal(err, 100 + i < 250 ? ERR_NOTFOUND : OK);
	}
	assert_int_equal(store_err(txn), OK);
	commit(f);
}

static void
replay_prune__more_than_room__the_oldest_go_and_the_horizon_tells(void **state)
{
	struct fixture *f = *state;
	uint8_t mac[32] = {0};
	struct replay r = {.rcode = 0, .serial = 1}, got;
	uint64_t horizon;

	struct store_txn *txn = begin(f, STORE_CATALOG);
	assert_int_equal(replay_horizon(txn, &horizon), OK);
	assert_int_equal(horizon, 0);
	for (unsigned i = 0; i < 50; i++)
		replay_put(txn, 100 + i, mac, sizeof(mac), &r);
	replay_prune(txn, 50, 50);
	assert_int_equal(replay_get(txn, 100, mac, sizeof(mac), &got), OK);
	replay_prune(txn, 50, 40);
	assert_int_equal(replay_get(txn, 109, mac, sizeof(mac), &got), ERR_NOTFOUND);
	assert_int_equal(replay_get(txn, 110, mac, sizeof(mac), &got), OK);
	assert_int_equal(replay_horizon(txn, &horizon), OK);
	assert_int_equal(horizon, 109);
	/* Those past their time take nothing from the others. */
	replay_prune(txn, 130, 40);
	assert_int_equal(replay_get(txn, 130, mac, sizeof(mac), &got), OK);
	assert_int_equal(replay_horizon(txn, &horizon), OK);
	assert_int_equal(horizon, 109);
	commit(f);
}

static void
make_mac(unsigned n, uint8_t mac[static 32])
{
	memset(mac, 0, 32);
	for (size_t i = 0; i < 4; i++)
		mac[i] = (uint8_t)((n * 2654435761u) >> (8 * i));
	mac[31] = (uint8_t)n;
}

static void
put_range(struct store_txn *txn, unsigned from, unsigned to)
{
	uint8_t mac[32];

	for (unsigned i = from; i < to; i++) {
		const struct replay r = {.rcode = 0, .serial = i};
		make_mac(i, mac);
		replay_put(txn, 1000 + i / 1000, mac, sizeof(mac), &r);
	}
}

static unsigned
count_range(struct store_txn *txn, unsigned from, unsigned to)
{
	uint8_t mac[32];
	unsigned n = 0;

	for (unsigned i = from; i < to; i++) {
		struct replay r;
		make_mac(i, mac);
		n += replay_get(txn, 1000 + i / 1000, mac, sizeof(mac), &r) == OK &&
		     r.serial == i;
	}
	return n;
}

static void
replay__many__all_are_known_also_to_readers_and_after_a_restart(void **state)
{
	struct fixture *f = *state;
	enum { N = 10000 };

	struct store_txn *txn = begin(f, STORE_CATALOG);
	put_range(txn, 0, N);
	assert_int_equal(count_range(txn, 0, N), N);
	assert_int_equal(count_range(txn, N, 2 * N), 0);
	commit(f);
	fixture_close(f);
	fixture_open(f);
	txn = store_read(f->store, STORE_CATALOG);
	assert_int_equal(count_range(txn, 0, 50), 50);
	assert_int_equal(count_range(txn, N, N + 50), 0);
	store_end(&txn);
	txn = begin(f, STORE_CATALOG);
	put_range(txn, N, N + 1000);
	assert_int_equal(count_range(txn, 0, N + 2000), N + 1000);
	commit(f);
}

static void
replay__transaction_undone__what_it_put_and_pruned_is_undone(void **state)
{
	struct fixture *f = *state;

	struct store_txn *txn = begin(f, STORE_CATALOG);
	put_range(txn, 0, 2000);
	commit(f);
	txn = begin(f, STORE_CATALOG);
	put_range(txn, 2000, 5000);
	for (unsigned i = 0; i < 10; i++)
		replay_prune(txn, 1001, 100000);
	assert_int_equal(count_range(txn, 0, 1000), 1000 - 10 * 64);
	assert_int_equal(count_range(txn, 1000, 5000), 4000);
	txn_abort(txn);
	txn_fini(txn);
	txn = begin(f, STORE_CATALOG);
	assert_int_equal(count_range(txn, 0, 5000), 2000);
	put_range(txn, 2000, 3000);
	for (unsigned i = 0; i < 16; i++)
		replay_prune(txn, 1001, 100000);
	assert_int_equal(count_range(txn, 0, 5000), 2000);
	/* One that is older than all that are left goes as well. */
	uint8_t mac[32] = {1};
	const struct replay r = {.rcode = 0};
	struct replay got;
	replay_put(txn, 5, mac, sizeof(mac), &r);
	assert_int_equal(replay_get(txn, 5, mac, sizeof(mac), &got), OK);
	replay_prune(txn, 1001, 100000);
	assert_int_equal(replay_get(txn, 5, mac, sizeof(mac), &got), ERR_NOTFOUND);
	commit(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(replay__put_and_get__by_time_and_mac),
	    TEST(replay_prune__more_than_room__the_oldest_go_and_the_horizon_tells),
	    TEST(replay_prune__many_old__bounded_and_only_old),
	    TEST(replay__many__all_are_known_also_to_readers_and_after_a_restart),
	    TEST(replay__transaction_undone__what_it_put_and_pruned_is_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
