/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_proto_fixture.h"

static void
add_members(struct world *w, int first, int n)
{
	struct wire_out out;
	struct msg msg;
	char line[100];
	update_begin(w, &out, "catalog.example.");
	for (int i = first; i < first + n; i++) {
		snprintf(line, sizeof(line), "add m%06d.zones PTR z%06d.example.", i,
		    i);
		put_line(&out, line);
		snprintf(line, sizeof(line), "add group.m%06d.zones TXT secondary", i);
		put_line(&out, line);
	}
	world_sign(w, &out, KEY_FULL);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), 0);
}

/* -- AXFR ------------------------------------------------------------------- */

static void
axfr__many_members__then_all_of_them_between_two_soas(void **state)
{
	struct world *w = *state;
	for (int i = 0; i < 10; i++)
		add_members(w, i * 500, 500);
	assert_int_equal(UPDATE(w, "add a.ext TXT x", "add b.ext TXT y"), 0);
	axfr(w, "@");
	assert_int_equal(w->n_rrs, 10000 + 6);
	assert_true(w->n_messages > 1);
	assert_has(w, "z000000.example.");
	assert_has(w, "z004999.example.");

	/* Small messages hold the same. */
	char *all = mem_strdup(buf_text(&w->text));
	transfer_ask(w, KEY_FULL, "@", NULL, w->tcp);
	transfer_read(w, 2048);
	assert_int_equal(w->n_rrs, 10000 + 6);
	assert_string_equal(all, buf_text(&w->text));
	free(all);
}

static void
axfr__member_changes_under_way__then_the_snapshot_holds(void **state)
{
	struct world *w = *state;
	uint8_t wire[2048];
	size_t size;
	bool last;
	struct msg msg;
	unsigned rcode;
	add_members(w, 0, 500);
	transfer_ask(w, KEY_FULL, "@", NULL, w->tcp);
	struct tsig tsig = w->tsig;
	assert_int_equal(proto_transfer_next(w->transfer, wire, sizeof(wire), &size,
			     &last),
	    OK);
	assert_int_equal(msg_frame(wire, size, &msg), OK);
	assert_int_equal(tsig_verify_reply(&tsig, &msg, (uint64_t)time(NULL), &rcode),
	    OK);
	assert_int_equal(UPDATE(w, "delset m000499.zones ANY"), 0);
	w->tsig = tsig;
	transfer_read(w, 2048);
	assert_has(w, "z000499.example.");
}

static void
axfr__who_may_not__then_refused(void **state)
{
	struct world *w = *state;
	struct msg msg;
	for (int key = KEY_ZONES; key <= KEY_PATTERNS; key++) {
		transfer_ask(w, key, "@", NULL, w->tcp);
		assert_int_equal(world_read_reply(w, true, &msg), RCODE_REFUSED);
	}
	transfer_ask(w, KEY_FULL, "zones", NULL, w->tcp);
	assert_int_equal(world_read_reply(w, true, &msg), RCODE_NOTAUTH);
	transfer_ask(w, KEY_FULL, "_command", NULL, w->tcp);
	assert_int_equal(world_read_reply(w, true, &msg), RCODE_REFUSED);
	transfer_ask(w, KEY_FULL, "@", NULL, w->udp);
	assert_int_equal(world_read_reply(w, true, &msg), RCODE_FORMERR);
	transfer_ask(w, KEY_READ, "@", NULL, w->tcp);
	transfer_read(w, MSG_MAX);
}

static void
axfr__several_on_one_connection__then_one_after_the_other(void **state)
{
	struct world *w = *state;
	add_members(w, 0, 10);
	for (int i = 0; i < 3; i++) {
		axfr(w, "@");
		assert_int_equal(w->n_rrs, 24);
	}
	assert_int_equal(proto_outstanding(w->tcp), 0);
}

/* -- IXFR ------------------------------------------------------------------- */

static void
ixfr__one_change__then_the_difference_alone(void **state)
{
	struct world *w = *state;
	add_members(w, 0, 100);
	uint32_t serial = serial_of(w, "@");
	assert_int_equal(UPDATE(w, "delset m000001.zones ANY",
			     "add n.zones PTR new.example."),
	    0);
	ixfr(w, "@", serial);
	assert_int_equal(w->n_rrs, 7);
	assert_has(w, "z000001.example.");
	assert_has(w, "new.example.");
	const char *text = buf_text(&w->text);
	const char *gone = strstr(text, "z000001"), *new = strstr(text, "new.example");
	assert_true(gone < new);
}

static void
ixfr__several_changes__then_each_step_is_framed(void **state)
{
	struct world *w = *state;
	add_members(w, 0, 100);
	uint32_t serial = serial_of(w, "@");
	for (int i = 200; i < 210; i++)
		add_members(w, i, 1);
	ixfr(w, "@", serial);
	assert_int_equal(w->n_rrs, 2 + 10 * 4);
	transfer_ask(w, KEY_FULL, "@", &serial, w->tcp);
	transfer_read(w, 2048);
	assert_int_equal(w->n_rrs, 2 + 10 * 4);
}

static void
ixfr__client_has_it_or_newer__then_the_soa_alone(void **state)
{
	struct world *w = *state;
	add_members(w, 0, 3);
	uint32_t serial = serial_of(w, "@");
	ixfr(w, "@", serial);
	assert_int_equal(w->n_rrs, 1);
	ixfr(w, "@", serial + 5);
	assert_int_equal(w->n_rrs, 1);
}

static void
ixfr__serial_unknown__then_all_of_it(void **state)
{
	struct world *w = *state;
	add_members(w, 0, 3);
	ixfr(w, "@", 3000000000u);
	assert_int_equal(w->n_rrs, 10);
	assert_has(w, "version.");
}

static void
ixfr__larger_than_an_axfr__then_that(void **state)
{
	struct world *w = *state;
	add_members(w, 0, 3);
	uint32_t serial = serial_of(w, "@");
	for (int i = 0; i < 100; i++) {
		assert_int_equal(UPDATE(w, "add n.zones PTR new.example."), 0);
		assert_int_equal(UPDATE(w, "delset n.zones ANY"), 0);
	}
	ixfr(w, "@", serial);
	assert_int_equal(w->n_rrs, 10);
}

static void
ixfr__soa_changed_between__then_all_of_it(void **state)
{
	struct world *w = *state;
	add_members(w, 0, 3);
	uint32_t serial = serial_of(w, "@");
	assert_int_equal(UPDATE(w, "add @ SOA a. b. 77 9 9 9 9"), 0);
	ixfr(w, "@", serial);
	assert_int_equal(w->n_rrs, 10);
	assert_int_equal(UPDATE(w, "delset m000000.zones ANY"), 0);
	ixfr(w, "@", 77);
	assert_int_equal(w->n_rrs, 6);
}

static void
ixfr__over_udp__then_the_soa_alone(void **state)
{
	struct world *w = *state;
	struct msg msg;
	uint32_t serial = 1;
	add_members(w, 0, 3);
	transfer_ask(w, KEY_FULL, "@", &serial, w->udp);
	assert_int_equal(world_read_reply(w, true, &msg), 0);
	assert_int_equal(msg.count[MSG_ANSWER], 1);
	assert_int_equal(w->n_transfers, 0);
}

static void
ixfr__without_a_serial__then_formerr(void **state)
{
	struct world *w = *state;
	struct msg msg;
	struct wire_out out;
	struct dname name = dn("catalog.example.");
	wire_out_init(&out, w->wire, sizeof(w->wire));
	msg_start(&out, 1, 0);
	msg_put_question(&out, &name, RR_IXFR, CLASS_IN);
	world_sign(w, &out, KEY_FULL);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), RCODE_FORMERR);
}

static void
ixfr__of_status_and_log__then_single_soa_or_all(void **state)
{
	struct world *w = *state;
	add_members(w, 0, 3);
	static const char *const zones[] = {"_status", "_log"};
	for (size_t i = 0; i < 2; i++) {
		uint32_t serial = serial_of(w, zones[i]);
		ixfr(w, zones[i], serial);
		assert_int_equal(w->n_rrs, 1);
		ixfr(w, zones[i], serial - 1);
		assert_true(w->n_rrs > 3);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(axfr__many_members__then_all_of_them_between_two_soas),
	    TEST(axfr__member_changes_under_way__then_the_snapshot_holds),
	    TEST(axfr__who_may_not__then_refused),
	    TEST(axfr__several_on_one_connection__then_one_after_the_other),
	    TEST(ixfr__one_change__then_the_difference_alone),
	    TEST(ixfr__several_changes__then_each_step_is_framed),
	    TEST(ixfr__client_has_it_or_newer__then_the_soa_alone),
	    TEST(ixfr__serial_unknown__then_all_of_it),
	    TEST(ixfr__larger_than_an_axfr__then_that),
	    TEST(ixfr__soa_changed_between__then_all_of_it),
	    TEST(ixfr__over_udp__then_the_soa_alone),
	    TEST(ixfr__without_a_serial__then_formerr),
	    TEST(ixfr__of_status_and_log__then_single_soa_or_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
