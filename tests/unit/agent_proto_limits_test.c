/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_proto_fixture.h"

#include "agent/store/worklog.h"

/* What one key may take: requests, connections, transfers, lines of history. */

static unsigned
soa_on(struct world *w, int key, struct proto_session *session)
{
	struct msg msg;
	return query_as(w, key, session, "@", RR_SOA, &msg);
}

static void
rate__passed__then_servfail_until_later(void **state)
{
	struct world *w = *state;
	unsigned n_good = 0, rcode = RCODE_SERVFAIL;
	w->proto_keys[KEY_READ].max_rate = 2;
	proto_reload(w->proto, &w->conf);
	for (int i = 0; i < 60; i++) {
		unsigned one = soa_on(w, KEY_READ, w->tcp);
		if (one != RCODE_NOERROR)
			assert_string_equal(w->ede, "reason=rate-limit");
		n_good += one == RCODE_NOERROR;
	}
	assert_true(n_good >= 2 && n_good < 60);
	/* Nobody else suffers; a reload makes no new credit. */
	assert_int_equal(soa_on(w, KEY_FULL, w->tcp), RCODE_NOERROR);
	for (int i = 0; i < 500 && rcode != RCODE_NOERROR; i++) {
		usleep(10000);
		rcode = soa_on(w, KEY_READ, w->tcp);
	}
	assert_int_equal(rcode, RCODE_NOERROR);
}

static void
connections__one_too_many__is_refused_until_one_ends(void **state)
{
	struct world *w = *state;
	struct proto_session *a = proto_open(w->proto, w, TRANSPORT_TCP);
	struct proto_session *b = proto_open(w->proto, w, TRANSPORT_TCP);
	w->proto_keys[KEY_READ].max_connections = 1;
	proto_reload(w->proto, &w->conf);
	assert_int_equal(soa_on(w, KEY_READ, a), RCODE_NOERROR);
	assert_int_equal(soa_on(w, KEY_READ, a), RCODE_NOERROR);
	assert_int_equal(soa_on(w, KEY_READ, b), RCODE_REFUSED);
	assert_string_equal(w->ede, "reason=too-many-connections");
	assert_int_equal(soa_on(w, KEY_READ, w->udp), RCODE_NOERROR);
	proto_reload(w->proto, &w->conf);
	assert_int_equal(soa_on(w, KEY_READ, b), RCODE_REFUSED);
	proto_close(a);
	assert_int_equal(soa_on(w, KEY_READ, b), RCODE_NOERROR);
	proto_close(b);
}

static void
transfers__one_too_many__is_servfail_until_one_ends(void **state)
{
	struct world *w = *state;
	struct msg msg;
	w->proto_keys[KEY_READ].max_transfers = 1;
	proto_reload(w->proto, &w->conf);
	transfer_ask(w, KEY_READ, "@", NULL, w->tcp);
	struct tsig tsig = w->tsig;
	unsigned n = w->n_replies;
	transfer_ask(w, KEY_READ, "@", NULL, w->tcp);
	world_wait(w, n + 1);
	assert_int_equal(world_read_reply(w, true, &msg), RCODE_SERVFAIL);
	assert_string_equal(w->ede, "reason=too-many-transfers");
	w->tsig = tsig;
	transfer_read(w, MSG_MAX);
	transfer_ask(w, KEY_READ, "@", NULL, w->tcp);
	transfer_read(w, MSG_MAX);
}

static enum err
count_refused(void *arg, const struct work *work)
{
	*(unsigned *)arg += work->kind == WORK_REFUSED;
	return OK;
}

static void
refusals__many__do_not_fill_the_history(void **state)
{
	struct world *w = *state;
	unsigned n = 0;
	for (int i = 0; i < 400; i++)
		assert_int_equal(UPDATE_AS(w, KEY_READ, "add b.zones PTR b.example."),
		    RCODE_REFUSED);
	struct store_txn *txn = store_read(w->store, STORE_CATALOG);
	assert_int_equal(worklog_each(txn, 0, 10000, count_refused, &n), OK);
	store_end(&txn);
	assert_true(n >= 200 && n < 400);
	assert_int_equal(UPDATE(w, "add b.zones A 192.0.2.1"), RCODE_REFUSED);
	txn = store_read(w->store, STORE_CATALOG);
	unsigned more = 0;
	assert_int_equal(worklog_each(txn, 0, 10000, count_refused, &more), OK);
	store_end(&txn);
	assert_int_equal(more, n + 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(rate__passed__then_servfail_until_later),
	    T(connections__one_too_many__is_refused_until_one_ends),
	    T(transfers__one_too_many__is_servfail_until_one_ends),
	    T(refusals__many__do_not_fill_the_history),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
