/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_proto_calls_fixture.h"

#include "agent/store/catalogs.h"

/*
 * A follower with a real store, a recorder in place of its connections, and a clock of
 * the test's. The test is the primary.
 */

/* -- the world --------------------------------------------------------------- */

static struct proto_remote primaries[2];

static int
setup(void **state)
{
	int rc = calls_setup(state);
	struct world *w = *state;
	memset(primaries, 0, sizeof(primaries));
	assert_int_equal(addr_parse("192.0.2.1@53", 0, &primaries[0].addr), OK);
	assert_int_equal(addr_parse("192.0.2.2@5300", 0, &primaries[1].addr), OK);
	w->catalogs[0].primary = false;
	w->catalogs[0].primaries = primaries;
	w->catalogs[0].n_primaries = 2;
	w->catalogs[0].max_records = 100;
	world_open_proto(w);
	proto_go_out(w->proto, &outward, NULL);
	return rc;
}

static void
assert_asks(uint16_t type)
{
	struct msg msg;
	assert_true(last_line()->open);
	read_sent(last_line(), &msg);
	assert_int_equal(msg.qtype, type);
}

static struct key *
find_key_of(void *arg, const struct dname *name)
{
	struct world *w = arg;
	return dname_equal(name, key_name(w->keys[KEY_FULL])) ? w->keys[KEY_FULL]
							      : NULL;
}

static bool answer_is_cut;

/* Records one to a line, absolute; signed as the question was. */
static void
answer(struct world *w, unsigned rcode, const char *const *lines, bool sign)
{
	static uint8_t wire[MSG_MAX];
	struct line *l = last_line();
	struct wire_out out;
	struct msg q;
	read_sent(l, &q);
	wire_out_init(&out, wire, sizeof(wire) - TSIG_SIZE_MAX);
	msg_start_reply(&out, &q, rcode, true);
	for (; lines && *lines; lines++) {
		struct buf rdata;
		struct rr rr;
		buf_init(&rdata, 0);
		assert_int_equal(rr_parse(*lines, &rdata, &rr), OK);
		msg_put_rr(&out, MSG_ANSWER, &rr);
		buf_fini(&rdata);
	}
	if (answer_is_cut)
		wire[2] |= FLAG_TC >> 8;
	out.room = sizeof(wire);
	if (sign) {
		struct tsig tsig;
		assert_int_equal(tsig_verify_request(&q, find_key_of, w,
				     (uint64_t)time(NULL), &tsig),
		    TSIG_GOOD);
		assert_int_equal(tsig_sign_reply(&tsig, &out, (uint64_t)time(NULL)),
		    OK);
	}
	l->call->message(l->call, wire, out.size);
}

#define ANSWER(...)   answer(w, 0, (const char *const[]){__VA_ARGS__, NULL}, false)
#define SOA(n)        "catalog.example. 0 SOA a. b. " #n " 100 10 1000 0"
#define NS            "catalog.example. 0 NS invalid."
#define VER           "version.catalog.example. 0 TXT \"2\""
#define PTR(id, zone) #id ".zones.catalog.example. 0 PTR " zone

static enum err
run_nothing(struct store_txn *txn, struct store_job *job)
{
	(void)txn;
	(void)job;
	return OK;
}

/* The writer takes its time, and what it wrote is there before we are told. */
static void
settle(struct world *w, unsigned want)
{
	struct store_job job = {.run = run_nothing};

	for (int i = 0; i < 20000; i++) {
		store_reap(w->store);
		if (query(w, "@", RR_SOA) == RCODE_NOERROR &&
		    serial_of(w, "@") == want) {
			assert_int_equal(store_call(w->store, STORE_CATALOG, &job), OK);
			store_reap(w->store);
			return;
		}
		usleep(500);
	}
	fail_msg("never serial %u", want);
}

/* Until it calls again. */
static void
reap_until(struct world *w, size_t n_calls)
{
	for (int i = 0; i < 20000 && net.n < n_calls; i++) {
		store_reap(w->store);
		usleep(500);
	}
}

/* Until the writer is done with what came. */
static void
reap_until_due(struct world *w, uint64_t at)
{
	for (int i = 0; i < 20000 && net.at == at; i++) {
		store_reap(w->store);
		usleep(500);
	}
}

static void
load(struct world *w)
{
	tick();
	up();
	assert_asks(RR_AXFR);
	ANSWER(SOA(5), NS, VER, PTR(a, "one.example."), PTR(b, "two.example."), SOA(5));
	settle(w, 5);
}

/* To where the next question comes. */
static void
next_attempt(void)
{
	size_t n = net.n;
	for (int i = 0; i < 10 && net.n == n; i++)
		tick();
	assert_int_equal(net.n, n + 1);
	up();
}

/* -- what it asks -------------------------------------------------------------- */

static void
start__nothing_yet__axfr_and_servfail_until_then(void **state)
{
	struct world *w = *state;
	assert_int_equal(query(w, "@", RR_SOA), RCODE_SERVFAIL);
	load(w);
	assert_false(last_line()->open);
	assert_int_equal(query(w, "a.zones", RR_PTR), RCODE_NOERROR);
	/* the next is due at REFRESH, up to a tenth earlier */
	assert_in_range(net.at, net.now + 90000, net.now + 100000);
}

static void
refresh__same_serial__soa_alone(void **state)
{
	struct world *w = *state;
	load(w);
	next_attempt();
	assert_asks(RR_SOA);
	ANSWER(SOA(5));
	assert_false(last_line()->open);
	assert_in_range(net.at, net.now + 90000, net.now + 100000);
}

static void
refresh__newer__ixfr_on_the_same_line(void **state)
{
	struct world *w = *state;
	load(w);
	next_attempt();
	ANSWER(SOA(7));
	assert_asks(RR_IXFR);
	assert_int_equal(last_line()->n_sent, 2);
	ANSWER(SOA(7), SOA(5), PTR(a, "one.example."), SOA(6),
	    PTR(c, "three.example."));
	assert_true(last_line()->open); /* it may come in pieces */
	ANSWER(SOA(6), SOA(7), PTR(d, "four.example."), SOA(7));
	settle(w, 7);
	assert_int_equal(query(w, "a.zones", RR_PTR), RCODE_NXDOMAIN);
	assert_int_equal(query(w, "d.zones", RR_PTR), RCODE_NOERROR);
	/* and goes on to those that follow us */
	ixfr(w, "@", 5);
	assert_has(w, "four.example.");
	assert_has_not(w, "two.example.");
}

static void
ixfr__out_of_step__then_axfr(void **state)
{
	struct world *w = *state;
	load(w);
	next_attempt();
	ANSWER(SOA(6));
	size_t n = net.n;
	ANSWER(SOA(6), SOA(5), PTR(z, "other.example."), SOA(6), SOA(6));
	reap_until(w, n + 1);
	assert_int_equal(net.n, n + 1);
	up();
	assert_asks(RR_AXFR);
	ANSWER(SOA(6), NS, VER, PTR(b, "two.example."), SOA(6));
	settle(w, 6);
}

static void
ixfr__refused__then_axfr(void **state)
{
	struct world *w = *state;
	load(w);
	next_attempt();
	ANSWER(SOA(6));
	answer(w, RCODE_NOTIMP, NULL, false);
	up();
	assert_asks(RR_AXFR);
	ANSWER(SOA(6), NS, VER, SOA(6));
	settle(w, 6);
}

static void
ixfr__answered_as_axfr__is_taken(void **state)
{
	struct world *w = *state;
	load(w);
	next_attempt();
	ANSWER(SOA(6));
	ANSWER(SOA(6), NS, VER, PTR(x, "x.example."), SOA(6));
	settle(w, 6);
	assert_int_equal(query(w, "a.zones", RR_PTR), RCODE_NXDOMAIN);
}

/* Nothing between the two: it is a whole zone of nothing, not a step of nothing. */
static void
ixfr__two_soas_alone__is_no_new_version(void **state)
{
	struct world *w = *state;
	load(w);
	next_attempt();
	ANSWER(SOA(6));
	uint64_t at = net.at;
	ANSWER(SOA(6), SOA(6));
	reap_until_due(w, at);
	assert_int_equal(serial_of(w, "@"), 5);
}

static void
ixfr__a_lone_soa_that_is_older__is_not_ours(void **state)
{
	struct world *w = *state;
	load(w);
	next_attempt();
	ANSWER(SOA(6));
	size_t n = net.n;
	ANSWER(SOA(4));
	assert_int_equal(net.n, n + 1); /* the other primary */
	assert_true(addr_equal(&last_line()->server, &primaries[1].addr));
	up();
	ANSWER(SOA(5));
}

/* RFC 1982: past the largest number comes 0, which is a serial like any other. */
static void
serial__wraps_past_zero__is_newer(void **state)
{
	struct world *w = *state;
	tick();
	up();
	ANSWER(SOA(4294967295), NS, VER, PTR(a, "one.example."), SOA(4294967295));
	settle(w, 4294967295);
	next_attempt();
	ANSWER(SOA(0));
	assert_asks(RR_IXFR);
	ANSWER(SOA(0), SOA(4294967295), SOA(0), PTR(b, "two.example."), SOA(0));
	settle(w, 0);
	ixfr(w, "@", 4294967295);
	assert_has(w, "two.example.");
	assert_has_not(w, "one.example.");
	next_attempt();
	ANSWER(SOA(4294967295));
	up(); /* older, so the other primary */
	ANSWER(SOA(2));
	ANSWER(SOA(2), SOA(0), PTR(b, "two.example."), SOA(2), SOA(2));
	settle(w, 2);
}

/* Each step must begin where the last one ended, and the first with what we have. */
static void
ixfr__steps_that_do_not_join__then_axfr(void **state)
{
	struct world *w = *state;
	load(w);
	next_attempt();
	ANSWER(SOA(8));
	ANSWER(SOA(8), SOA(5), SOA(6), SOA(7), SOA(8), SOA(8));
	up();
	assert_asks(RR_AXFR);
	ANSWER(SOA(8), NS, VER, SOA(8));
	settle(w, 8);
}

/* -- what goes wrong --------------------------------------------------------------- */

static void
primaries__down__each_is_tried_then_a_growing_pause(void **state)
{
	(void)state;
	uint64_t pause = 1000;
	for (int i = 0; i < 5; i++, pause *= 2) {
		size_t n = net.n;
		tick();
		assert_int_equal(net.n, n + 1);
		assert_true(addr_equal(&last_line()->server, &primaries[0].addr));
		down("gone");
		assert_true(addr_equal(&last_line()->server, &primaries[1].addr));
		down("gone");
		assert_in_range(net.at - net.now, pause - pause / 10, pause);
	}
}

static void
primary__silent__is_given_up(void **state)
{
	(void)state;
	tick();
	up();
	size_t n = net.n;
	tick();
	assert_int_equal(net.n, n + 1);
	assert_false(net.lines[n - 1].open);
}

static void
transfer__too_many_records__is_given_up(void **state)
{
	struct world *w = *state;
	tick();
	up();
	ANSWER(SOA(5), NS, VER);
	size_t n = net.n;
	for (int i = 0; i < 100 && net.n == n; i++)
		ANSWER(PTR(a, "one.example."));
	assert_int_equal(net.n, n + 1);
	assert_int_equal(query(w, "@", RR_SOA), RCODE_SERVFAIL);
}

static void
transfer__messages_with_nothing_in_them__are_counted(void **state)
{
	struct world *w = *state;
	tick();
	up();
	ANSWER(SOA(5), NS, VER);
	size_t n = net.n;
	for (int i = 0; i < 100 && net.n == n; i++)
		answer(w, 0, NULL, false);
	assert_int_equal(net.n, n + 1);
}

static void
transfer__differences_with_nothing_in_them__are_counted(void **state)
{
	struct world *w = *state;
	load(w);
	next_attempt();
	ANSWER(SOA(6));
	size_t n = net.n;
	ANSWER(SOA(6), SOA(5));
	for (int i = 0; i < 100 && net.n == n; i++)
		ANSWER(SOA(5), SOA(5));
	assert_int_equal(net.n, n + 1);
}

/* Never silent for long, and yet no end of it. */
static void
transfer__trickles__is_given_up(void **state)
{
	struct world *w = *state;
	w->catalogs[0].max_records = 0;
	proto_reload(w->proto, &w->conf);
	load(w);
	next_attempt();
	ANSWER(SOA(6));
	uint64_t begun = net.now;
	size_t n = net.n;
	ANSWER(SOA(6), SOA(5), PTR(a, "one.example."), SOA(6));
	while (net.n == n && net.now < begun + 3600000) {
		net.now += 10000;
		if (net.at <= net.now)
			net.fn(net.arg);
		else
			ANSWER(PTR(c, "three.example."));
	}
	assert_int_equal(net.n, n + 1); /* the whole, from the same one */
	assert_in_range(net.now, begun + 60000, begun + 1000000);
	assert_int_equal(serial_of(w, "@"), 5);
}

static void
reply__truncated__is_none(void **state)
{
	struct world *w = *state;
	tick();
	up();
	size_t n = net.n;
	answer_is_cut = true;
	ANSWER(SOA(5), NS, VER, SOA(5));
	answer_is_cut = false;
	assert_int_equal(net.n, n + 1);
	assert_int_equal(query(w, "@", RR_SOA), RCODE_SERVFAIL);
}

/* RFC 1982. */
static void
serial__wraps__is_newer(void **state)
{
	struct world *w = *state;
	tick();
	up();
	ANSWER(SOA(4294967290), NS, VER, PTR(a, "one.example."), SOA(4294967290));
	settle(w, 4294967290);
	next_attempt();
	ANSWER(SOA(3));
	assert_asks(RR_IXFR);
	ANSWER(SOA(3), SOA(4294967290), SOA(3), PTR(c, "three.example."), SOA(3));
	settle(w, 3);
	assert_int_equal(query(w, "c.zones", RR_PTR), RCODE_NOERROR);
	ixfr(w, "@", 4294967290);
	assert_has(w, "three.example.");
	assert_has_not(w, "one.example.");
	/* and back is older */
	next_attempt();
	ANSWER(SOA(4294967290));
	up();
	ANSWER(SOA(4294967291));
	assert_int_equal(serial_of(w, "@"), 3);
}

static void
serial__older__stays_and_says_so(void **state)
{
	struct world *w = *state;
	load(w);
	next_attempt();
	ANSWER(SOA(4));
	up(); /* the other primary */
	ANSWER(SOA(3));
	assert_int_equal(serial_of(w, "@"), 5);
	assert_in_range(net.at, net.now + 90000, net.now + 100000);
}

static void
version__broken__last_valid_stays_and_is_not_fetched_again(void **state)
{
	struct world *w = *state;
	load(w);
	next_attempt();
	ANSWER(SOA(6));
	uint64_t at = net.at;
	ANSWER(SOA(6), SOA(5), SOA(6), PTR(c, "one.example."), SOA(6));
	reap_until_due(w, at);
	assert_int_equal(serial_of(w, "@"), 5);
	next_attempt();
	assert_asks(RR_SOA);
	/* nor is it the end: the other primary may have a better one */
	ANSWER(SOA(6));
	up();
	assert_asks(RR_SOA);
	assert_true(addr_equal(&last_line()->server, &primaries[1].addr));
	ANSWER(SOA(6));
	assert_false(last_line()->open);
	next_attempt();
	ANSWER(SOA(7));
	assert_asks(RR_IXFR);
	ANSWER(SOA(7), SOA(5), SOA(7), PTR(c, "three.example."), SOA(7));
	settle(w, 7);
}

static void
expire__shorter_than_refresh__leaves_time_to_ask(void **state)
{
	static const char soa[] = "catalog.example. 0 SOA a. b. 5 100 10 0 0";
	struct world *w = *state;
	tick();
	up();
	ANSWER(soa, NS, VER, PTR(a, "one.example."), soa);
	settle(w, 5);
	net.fn(net.arg);
	assert_int_equal(query(w, "@", RR_SOA), RCODE_NOERROR);
	assert_in_range(net.at, net.now + 90000, net.now + 100000);
}

/* What makes it broken may be our configuration. */
static void
version__broken__is_fetched_again_after_a_reload(void **state)
{
	struct world *w = *state;
	load(w);
	next_attempt();
	ANSWER(SOA(6));
	uint64_t at = net.at;
	ANSWER(SOA(6), SOA(5), SOA(6), PTR(c, "a.other.test."), SOA(6));
	reap_until_due(w, at);
	assert_int_equal(serial_of(w, "@"), 5);
	w->conf.n_catalogs = 1;
	proto_reload(w->proto, &w->conf);
	next_attempt();
	ANSWER(SOA(6));
	assert_asks(RR_IXFR);
	ANSWER(SOA(6), SOA(5), SOA(6), PTR(c, "a.other.test."), SOA(6));
	settle(w, 6);
}

/* The version is the writer's. */
static void
stop__while_a_version_is_stored__is_clean(void **state)
{
	struct world *w = *state;
	load(w);
	next_attempt();
	ANSWER(SOA(6));
	answer(w, RCODE_NOTIMP, NULL, false);
	up();
	ANSWER(SOA(6), NS, VER);
	ANSWER(SOA(6));
}

static void
stop__in_the_midst_of_a_transfer__is_clean(void **state)
{
	struct world *w = *state;
	tick();
	up();
	ANSWER(SOA(6), NS, VER);
	assert_true(last_line()->open);
}

/* What it became as a primary is none of the other's versions. */
static void
role__follower_then_gone_then_primary_then_follower__begins_anew(void **state)
{
	struct world *w = *state;
	load(w);
	w->conf.catalogs = &w->catalogs[1];
	w->conf.n_catalogs = 1;
	proto_reload(w->proto, &w->conf);
	w->conf.catalogs = w->catalogs;
	w->conf.n_catalogs = 2;
	w->catalogs[0].primary = true;
	proto_reload(w->proto, &w->conf);
	assert_int_equal(update_as(w, KEY_FULL,
			     (const char *const[]){"add c.zones PTR c.", NULL}),
	    RCODE_NOERROR);
	w->catalogs[0].primary = false;
	proto_reload(w->proto, &w->conf);
	next_attempt();
	assert_asks(RR_AXFR);
}

/* -- signatures ----------------------------------------------------------------------
 */

static void
reply__not_signed__is_refused(void **state)
{
	struct world *w = *state;
	primaries[0].key = primaries[1].key = w->keys[KEY_FULL];
	proto_reload(w->proto, &w->conf);
	tick();
	up();
	struct msg q;
	read_sent(last_line(), &q);
	assert_int_not_equal(q.tsig_at, 0);
	size_t n = net.n;
	ANSWER(SOA(5), NS, VER, SOA(5));
	assert_int_equal(net.n, n + 1);
	up();
	answer(w, 0, (const char *const[]){SOA(5), NS, VER, SOA(5), NULL}, true);
	settle(w, 5);
}

static void
transfer__last_message_not_signed__is_given_up(void **state)
{
	struct world *w = *state;
	primaries[0].key = primaries[1].key = w->keys[KEY_FULL];
	proto_reload(w->proto, &w->conf);
	tick();
	up();
	size_t n = net.n;
	answer(w, 0, (const char *const[]){SOA(5), NS, NULL}, true);
	ANSWER(VER);
	assert_int_equal(net.n, n);
	ANSWER(SOA(5));
	assert_int_equal(net.n, n + 1);
	assert_int_equal(query(w, "@", RR_SOA), RCODE_SERVFAIL);
}

/* -- NOTIFY
 * ------------------------------------------------------------------------------ */

static unsigned
notify_of(struct world *w, const char *from, const char *soa)
{
	struct wire_out out;
	struct dname name = owner_of("@");
	struct msg msg;
	assert_int_equal(addr_parse(from, 0, &w->peer), OK);
	wire_out_init(&out, w->wire, sizeof(w->wire));
	msg_start(&out, 9, OPCODE_NOTIFY << 11);
	msg_put_question(&out, &name, RR_SOA, CLASS_IN);
	if (soa) {
		struct buf rdata;
		struct rr rr;
		buf_init(&rdata, 0);
		assert_int_equal(rr_parse(soa, &rdata, &rr), OK);
		msg_put_rr(&out, MSG_ANSWER, &rr);
		buf_fini(&rdata);
	}
	w->wire_size = out.size;
	return world_exchange(w, w->udp, false, &msg);
}

static unsigned
notify(struct world *w, const char *from)
{
	return notify_of(w, from, NULL);
}

static void
notify__of_a_primary__has_that_one_asked(void **state)
{
	struct world *w = *state;
	load(w);
	net.now += 5000;
	assert_int_equal(notify(w, "192.0.2.9@999"), RCODE_REFUSED);
	assert_true(net.at > net.now + 1000);
	assert_int_equal(notify(w, "192.0.2.2@999"), RCODE_NOERROR);
	assert_int_equal(net.at, net.now);
	next_attempt();
	assert_true(addr_equal(&last_line()->server, &primaries[1].addr));
	assert_asks(RR_SOA);
	/* another meanwhile: once more, but not at once */
	assert_int_equal(notify(w, "192.0.2.1@999"), RCODE_NOERROR);
	ANSWER(SOA(5));
	assert_in_range(net.at, net.now + 1, net.now + 200);
}

static void
notify__of_what_we_have_after_failures__is_taken(void **state)
{
	struct world *w = *state;
	load(w);
	next_attempt();
	for (int i = 0; i < 2; i++)
		down("gone");
	net.now += 500;
	assert_true(net.at > net.now);
	/* it is there again */
	assert_int_equal(notify_of(w, "192.0.2.2@999", SOA(5)), RCODE_NOERROR);
	assert_int_equal(net.at, net.now);
	next_attempt();
	ANSWER(SOA(5));
	net.now += 5000;
	uint64_t at = net.at;
	assert_int_equal(notify_of(w, "192.0.2.2@999", SOA(5)), RCODE_NOERROR);
	assert_int_equal(net.at, at);
}

static void
notify__forged_while_all_are_down__does_not_hurry(void **state)
{
	struct world *w = *state;
	for (int i = 0; i < 5; i++) {
		tick();
		for (int k = 0; k < 2; k++)
			down("gone");
	}
	uint64_t begun = net.now;
	assert_true(net.at > begun + 10000);
	net.now += 300;
	assert_int_equal(notify(w, "192.0.2.2@999"), RCODE_NOERROR);
	assert_in_range(net.at, begun + 1000, begun + 5000);
	/* but it is tried */
	net.now = begun + 6000;
	assert_int_equal(notify(w, "192.0.2.2@999"), RCODE_NOERROR);
	assert_true(net.at <= net.now);
}

static void
update__at_a_follower__names_the_primary(void **state)
{
	struct world *w = *state;
	load(w);
	assert_int_equal(update_as(w, KEY_FULL,
			     (const char *const[]){"add a.zones PTR a.", NULL}),
	    RCODE_REFUSED);
	assert_ede(w, "reason=not-primary primary=192.0.2.1@53");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, calls_teardown)
	const struct CMUnitTest tests[] = {
	    T(start__nothing_yet__axfr_and_servfail_until_then),
	    T(refresh__same_serial__soa_alone),
	    T(refresh__newer__ixfr_on_the_same_line),
	    T(ixfr__out_of_step__then_axfr),
	    T(ixfr__refused__then_axfr),
	    T(ixfr__answered_as_axfr__is_taken),
	    T(ixfr__two_soas_alone__is_no_new_version),
	    T(ixfr__steps_that_do_not_join__then_axfr),
	    T(serial__wraps_past_zero__is_newer),
	    T(ixfr__a_lone_soa_that_is_older__is_not_ours),
	    T(primaries__down__each_is_tried_then_a_growing_pause),
	    T(primary__silent__is_given_up),
	    T(transfer__too_many_records__is_given_up),
	    T(transfer__messages_with_nothing_in_them__are_counted),
	    T(transfer__differences_with_nothing_in_them__are_counted),
	    T(transfer__trickles__is_given_up),
	    T(reply__truncated__is_none),
	    T(serial__wraps__is_newer),
	    T(serial__older__stays_and_says_so),
	    T(version__broken__last_valid_stays_and_is_not_fetched_again),
	    T(expire__shorter_than_refresh__leaves_time_to_ask),
	    T(version__broken__is_fetched_again_after_a_reload),
	    T(stop__while_a_version_is_stored__is_clean),
	    T(stop__in_the_midst_of_a_transfer__is_clean),
	    T(role__follower_then_gone_then_primary_then_follower__begins_anew),
	    T(reply__not_signed__is_refused),
	    T(transfer__last_message_not_signed__is_given_up),
	    T(notify__of_a_primary__has_that_one_asked),
	    T(notify__of_what_we_have_after_failures__is_taken),
	    T(notify__forged_while_all_are_down__does_not_hurry),
	    T(update__at_a_follower__names_the_primary),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
