/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_proto_calls_fixture.h"

#include "agent/store/catalogs.h"

/* A catalog whose changes are told to others, with a real store; the test is those. */

enum { TARGETS = 20 };

static struct proto_remote targets[TARGETS];
static struct proto_remote primaries[1];

static int
setup(void **state)
{
	int rc = calls_setup(state);
	struct world *w = *state;
	memset(targets, 0, sizeof(targets));
	for (unsigned i = 0; i < TARGETS; i++) {
		char text[32];
		snprintf(text, sizeof(text), "192.0.2.%u@53", i + 1);
		assert_int_equal(addr_parse(text, 0, &targets[i].addr), OK);
	}
	memset(primaries, 0, sizeof(primaries));
	assert_int_equal(addr_parse("198.51.100.1@53", 0, &primaries[0].addr), OK);
	w->catalogs[0].notify = targets;
	w->catalogs[0].n_notify = 1;
	return rc;
}

static void
start(struct world *w)
{
	world_open_proto(w);
	proto_go_out(w->proto, &outward, NULL);
}

static void
reply(struct line *l, unsigned rcode)
{
	uint8_t wire[512];
	struct wire_out out;
	struct msg q;
	read_sent(l, &q);
	assert_int_equal(msg_opcode(&q), OPCODE_NOTIFY);
	assert_true(q.flags & FLAG_AA);
	wire_out_init(&out, wire, sizeof(wire));
	msg_start_reply(&out, &q, rcode, true);
	l->call->message(l->call, wire, out.size);
}

/* The target hears of it at once. */
static void
tell(void)
{
	up();
	reply(last_line(), RCODE_NOERROR);
	assert_false(last_line()->open);
}

static uint32_t
told_serial(const struct line *l)
{
	struct msg msg;
	read_sent(l, &msg);
	return serial_in(&msg);
}

static void
add(struct world *w, const char *line)
{
	assert_int_equal(update_as(w, KEY_FULL, (const char *const[]){line, NULL}),
	    RCODE_NOERROR);
}

/* -- at the start ------------------------------------------------------------------ */

static void
start__many_targets__are_told_one_after_the_other(void **state)
{
	struct world *w = *state;
	w->catalogs[0].n_notify = TARGETS;
	start(w);
	tick();
	assert_true(net.n < TARGETS / 2);
	for (int i = 0; i < TARGETS && net.n < TARGETS; i++)
		tick();
	assert_int_equal(net.n, TARGETS);
	assert_true(net.now <= 1000000 + 2000);
	/* and not all within a moment */
	assert_true(net.now > 1000000 + 500);
}

static void
start__of_a_follower_with_nothing__tells_nobody(void **state)
{
	struct world *w = *state;
	w->catalogs[0].primary = false;
	w->catalogs[0].primaries = primaries;
	w->catalogs[0].n_primaries = 1;
	start(w);
	while (net.at <= 1000000 + 2000)
		tick();
	for (size_t i = 0; i < net.n; i++)
		assert_true(addr_equal(&net.lines[i].server, &primaries[0].addr));
}

/* -- changes ----------------------------------------------------------------------- */

static void
change__told_with_its_serial(void **state)
{
	struct world *w = *state;
	start(w);
	tick();
	tell();
	assert_int_equal(told_serial(last_line()), 1);
	add(w, "add a.zones PTR a.");
	tick();
	assert_int_equal(net.n, 2);
	tell();
	assert_int_equal(told_serial(last_line()), 2);
}

static void
change__while_one_is_told__is_told_next(void **state)
{
	struct world *w = *state;
	start(w);
	tick();
	up();
	add(w, "add a.zones PTR a.");
	add(w, "add b.zones PTR b.");
	assert_int_equal(net.n, 1);
	reply(last_line(), RCODE_NOERROR);
	tick();
	assert_int_equal(net.n, 2);
	tell();
	assert_int_equal(told_serial(last_line()), 3);
	assert_true(net.at > net.now + 1000000);
}

static void
target__away__is_tried_ever_less_often(void **state)
{
	struct world *w = *state;
	uint64_t pause = 1000;
	start(w);
	for (int i = 0; i < 6; i++, pause *= 2) {
		tick();
		down("gone");
		assert_in_range(net.at - net.now, pause - pause / 10, pause);
	}
	/* news is no reason to hurry */
	add(w, "add a.zones PTR a.");
	assert_true(net.at > net.now + 1000);
	tick();
	tell();
	assert_true(net.at > net.now + 1000000);
}

static void
target__refuses_or_is_silent__is_tried_again(void **state)
{
	struct world *w = *state;
	start(w);
	tick();
	up();
	reply(last_line(), RCODE_REFUSED);
	assert_false(last_line()->open);
	tick();
	assert_int_equal(net.n, 2);
	up();
	tick(); /* no answer */
	assert_false(last_line()->open);
	tick();
	assert_int_equal(net.n, 3);
}

/* -- by UDP ------------------------------------------------------------------------ */

static void
start_udp(struct world *w)
{
	static struct proto_outward with_udp;
	with_udp = outward;
	with_udp.call_udp = on_call_udp;
	world_open_proto(w);
	proto_go_out(w->proto, &with_udp, NULL);
	tick();
	assert_true(last_line()->is_udp);
	up();
}

static void
udp__answered__is_told(void **state)
{
	struct world *w = *state;
	start_udp(w);
	assert_int_equal(told_serial(last_line()), 1);
	reply(last_line(), RCODE_NOERROR);
	assert_int_equal(net.n, 1);
	assert_true(net.at > net.now + 1000000);
}

static void
udp__silent__again_and_then_by_tcp(void **state)
{
	struct world *w = *state;
	start_udp(w);
	tick();
	assert_false(net.lines[0].open);
	assert_int_equal(net.n, 2);
	assert_true(last_line()->is_udp);
	up();
	tick();
	assert_int_equal(net.n, 3);
	assert_false(last_line()->is_udp);
	tell();
	assert_int_equal(told_serial(last_line()), 1);
	/* the next begins by UDP again */
	add(w, "add a.zones PTR a.");
	tick();
	assert_int_equal(net.n, 4);
	assert_true(last_line()->is_udp);
	assert_true(net.at - net.now <= 1000);
}

static void
udp__port_closed__by_tcp_at_once(void **state)
{
	struct world *w = *state;
	start_udp(w);
	uint64_t now = net.now;
	down("connection refused");
	assert_int_equal(net.n, 2);
	assert_false(last_line()->is_udp);
	assert_int_equal(net.now, now);
	down("connection refused");
	assert_int_equal(net.n, 2);
	assert_in_range(net.at - net.now, 900, 1000);
}

static void
udp__of_another__is_not_heard(void **state)
{
	struct world *w = *state;
	start_udp(w);
	struct line *l = last_line();
	uint8_t wire[512];
	struct wire_out out;
	struct msg q;
	read_sent(l, &q);
	q.id ^= 1;
	wire_out_init(&out, wire, sizeof(wire));
	msg_start_reply(&out, &q, RCODE_NOERROR, true);
	l->call->message(l->call, wire, out.size);
	l->call->message(l->call, wire, 0);
	l->call->message(l->call, l->sent, l->sent_size);
	assert_true(l->open);
	reply(l, RCODE_NOERROR);
	assert_false(l->open);
}

static void
udp__refused__is_a_failure(void **state)
{
	struct world *w = *state;
	start_udp(w);
	reply(last_line(), RCODE_REFUSED);
	assert_int_equal(net.n, 1);
	assert_in_range(net.at - net.now, 900, 1000);
}

static void
udp__tls_is_wanted__never(void **state)
{
	struct world *w = *state;
	snprintf(targets[0].tls, sizeof(targets[0].tls), "a.example");
	static struct proto_outward with_udp;
	with_udp = outward;
	with_udp.call_udp = on_call_udp;
	world_open_proto(w);
	proto_go_out(w->proto, &with_udp, NULL);
	tick();
	assert_false(last_line()->is_udp);
	assert_string_equal(last_line()->tls, "a.example");
	tell();
}

/* -- a follower ----------------------------------------------------------------------
 */

static enum err
run_old(struct store_txn *txn, struct store_job *job)
{
	struct catalog_upstream up = {.loaded = true, .checked = 1};
	struct catalog_head head;
	struct world *w = ((struct setup_job *)job)->w;
	enum err err = catalogs_get(txn, w->catalogs[0].nr, &head);
	if (err != OK)
		return err;
	head.soa.expire = 1000;
	head.soa.refresh = 100;
	catalogs_put(txn, &head);
	catalogs_put_upstream(txn, head.nr, &up);
	return store_err(txn);
}

static void
follower__no_longer_expired__tells_those_behind_it(void **state)
{
	struct world *w = *state;
	struct setup_job old = {.job = {.run = run_old}, .w = w};
	uint8_t wire[512];
	struct wire_out out;
	struct buf rdata;
	struct msg q;
	struct rr rr;
	w->catalogs[0].primary = false;
	w->catalogs[0].primaries = primaries;
	w->catalogs[0].n_primaries = 1;
	assert_int_equal(store_call(w->store, STORE_CATALOG, &old.job), OK);
	start(w);
	tick();
	struct line *l = &net.lines[0];
	assert_true(addr_equal(&l->server, &primaries[0].addr));
	while (net.at <= 1000000 + 2000)
		tick(); /* the time of the start passes, and there is nothing to tell */
	assert_int_equal(net.n, 1);
	l->call->up(l->call);
	read_sent(l, &q);
	wire_out_init(&out, wire, sizeof(wire));
	msg_start_reply(&out, &q, RCODE_NOERROR, true);
	buf_init(&rdata, 0);
	assert_int_equal(rr_parse("catalog.example. 0 SOA a. b. 1 100 10 1000 0",
			     &rdata, &rr),
	    OK);
	msg_put_rr(&out, MSG_ANSWER, &rr);
	buf_fini(&rdata);
	l->call->message(l->call, wire, out.size);
	tick();
	assert_int_equal(net.n, 2);
	assert_true(addr_equal(&last_line()->server, &targets[0].addr));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, calls_teardown)
	const struct CMUnitTest tests[] = {
	    T(start__many_targets__are_told_one_after_the_other),
	    T(start__of_a_follower_with_nothing__tells_nobody),
	    T(change__told_with_its_serial),
	    T(change__while_one_is_told__is_told_next),
	    T(target__away__is_tried_ever_less_often),
	    T(target__refuses_or_is_silent__is_tried_again),
	    T(udp__answered__is_told),
	    T(udp__silent__again_and_then_by_tcp),
	    T(udp__port_closed__by_tcp_at_once),
	    T(udp__of_another__is_not_heard),
	    T(udp__refused__is_a_failure),
	    T(udp__tls_is_wanted__never),
	    T(follower__no_longer_expired__tells_those_behind_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
