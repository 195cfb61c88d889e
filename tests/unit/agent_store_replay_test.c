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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(replay__put_and_get__by_time_and_mac),
	    TEST(replay_prune__more_than_room__the_oldest_go_and_the_horizon_tells),
	    TEST(replay_prune__many_old__bounded_and_only_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
