/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_proto_fixture.h"

/* Transactions and locks: one change for many UPDATEs, and nobody in between. */

static int
transaction_setup(void **state)
{
	int rc = world_setup(state);
	struct world *w = *state;
	w->proto_keys[KEY_FULL].rights |= RIGHT_COMMAND | RIGHT_ADMIN;
	w->proto_keys[KEY_LONG].rights |= RIGHT_ADMIN;
	proto_reload(w->proto, &w->conf);
	assert_int_equal(UPDATE(w, "add a1.zones PTR one.example.",
			     "add group.a1.zones TXT primary"),
	    RCODE_NOERROR);
	return rc;
}

static unsigned
order_as(struct world *w, int key, struct proto_session *session, const char *verb)
{
	struct wire_out out;
	struct msg msg;
	char line[64];
	snprintf(line, sizeof(line), "add _all._command TXT %s", verb);
	update_begin(w, &out, "_command.catalog.example.");
	put_line(&out, line);
	msg_put_opt(&out, 1232, 0, 0, NULL);
	world_sign(w, &out, key);
	return world_exchange(w, session, true, &msg);
}

static unsigned
order(struct world *w, const char *verb)
{
	return order_as(w, KEY_FULL, w->tcp, verb);
}

static unsigned
update_on(struct world *w, int key, struct proto_session *session,
    const char *const *lines)
{
	struct msg msg;
	update_build(w, key, lines);
	return world_exchange(w, session, true, &msg);
}

#define UPDATE_ON(w, key, session, ...) \
	update_on(w, key, session, (const char *const[]){__VA_ARGS__, NULL})

static void
assert_refused(struct world *w, const char *verb, const char *reason)
{
	assert_int_equal(order(w, verb), RCODE_REFUSED);
	assert_string_equal(w->ede, reason);
}

/* -- transactions ----------------------------------------------------------- */

static void
commit__several_updates__are_one_serial_and_one_step(void **state)
{
	struct world *w = *state;
	uint32_t before = serial_of(w, "@");
	assert_int_equal(order(w, "begin"), RCODE_NOERROR);
	assert_int_equal(UPDATE(w, "add b1.zones PTR b1.example."), RCODE_NOERROR);
	assert_int_equal(UPDATE(w, "add b2.zones PTR b2.example."), RCODE_NOERROR);
	assert_int_equal(UPDATE(w, "delset a1.zones ANY"), RCODE_NOERROR);
	assert_int_equal(serial_of(w, "@"), before);
	assert_int_equal(query(w, "b1.zones", RR_PTR), RCODE_NXDOMAIN);
	assert_int_equal(order(w, "commit"), RCODE_NOERROR);
	assert_int_equal(serial_of(w, "@"), before + 1);
	assert_int_equal(query(w, "b2.zones", RR_PTR), RCODE_NOERROR);
	assert_int_equal(query(w, "a1.zones", RR_PTR), RCODE_NXDOMAIN);
	transfer_ask(w, KEY_FULL, "@", &before, w->tcp);
	transfer_read(w, MSG_MAX);
	/* Two SOAs around, two within, two deletions, two additions. */
	assert_int_equal(w->n_rrs, 8);
}

static void
commit__all_at_once__pipelined_in_one_flight(void **state)
{
	struct world *w = *state;
	struct wire_out out;
	struct msg msg;
	unsigned n = w->n_replies;
	const char *const one[] = {"add b1.zones PTR b1.example.", NULL};
	const char *const two[] = {"yx b1.zones PTR", "add b2.zones PTR b2.example.",
	    NULL};

	for (int i = 0; i < 4; i++) {
		if (i == 1)
			update_build(w, KEY_FULL, one);
		else if (i == 2)
			update_build(w, KEY_FULL, two);
		else {
			update_begin(w, &out, "_command.catalog.example.");
			put_line(&out, i == 0 ? "add _all._command TXT begin"
					      : "add _all._command TXT commit");
			world_sign(w, &out, KEY_FULL);
		}
		world_push(w, w->tcp);
	}
	world_wait(w, n + 4);
	assert_int_equal(world_read_reply(w, true, &msg), RCODE_NOERROR);
	assert_int_equal(query(w, "b2.zones", RR_PTR), RCODE_NOERROR);
}

static void
commit__a_prerequisite_fails__then_nothing_applies_and_the_place_is_told(void **state)
{
	struct world *w = *state;
	assert_int_equal(order(w, "begin"), RCODE_NOERROR);
	assert_int_equal(UPDATE(w, "add b1.zones PTR b1.example."), RCODE_NOERROR);
	assert_int_equal(UPDATE(w, "yx b1.zones PTR", "nx a1.zones ANY",
			     "add b2.zones PTR b2.example."),
	    RCODE_NOERROR);
	assert_int_equal(order(w, "commit"), RCODE_YXDOMAIN);
	assert_string_equal(w->ede, "reason=prerequisite msg=2 rr=2");
	assert_int_equal(query(w, "b1.zones", RR_PTR), RCODE_NXDOMAIN);
	assert_refused(w, "commit", "reason=no-transaction");
}

static void
commit__the_whole_is_no_catalog__then_the_record_is_told(void **state)
{
	struct world *w = *state;
	assert_int_equal(order(w, "begin"), RCODE_NOERROR);
	assert_int_equal(UPDATE(w, "add b1.zones PTR b1.example."), RCODE_NOERROR);
	assert_int_equal(UPDATE(w, "add b2.zones PTR b2.example.",
			     "add b3.zones PTR one.example."),
	    RCODE_NOERROR);
	assert_int_equal(order(w, "commit"), RCODE_REFUSED);
	assert_non_null(strstr(w->ede, "duplicate-zone"));
	assert_non_null(strstr(w->ede, "msg=2 rr=2"));
	assert_int_equal(query(w, "b1.zones", RR_PTR), RCODE_NXDOMAIN);
}

static void
commit__zones_change_places__only_the_net_counts(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a2.zones PTR two.example."), RCODE_NOERROR);
	assert_int_equal(order(w, "begin"), RCODE_NOERROR);
	assert_int_equal(UPDATE(w, "delset a1.zones PTR",
			     "add a1.zones PTR two.example."),
	    RCODE_NOERROR);
	assert_int_equal(UPDATE(w, "delset a2.zones PTR",
			     "add a2.zones PTR one.example."),
	    RCODE_NOERROR);
	assert_int_equal(order(w, "commit"), RCODE_NOERROR);
	assert_int_equal(query(w, "a2.zones", RR_PTR), RCODE_NOERROR);
	assert_non_null(strstr(buf_text(&w->text), "one.example."));
}

static void
commit__a_message_was_refused__then_all_is(void **state)
{
	struct world *w = *state;
	assert_int_equal(order(w, "begin"), RCODE_NOERROR);
	assert_int_equal(UPDATE(w, "add b1.zones PTR b1.example."), RCODE_NOERROR);
	assert_int_equal(UPDATE(w, "add b2.zones A 192.0.2.1"), RCODE_NOERROR);
	assert_int_equal(order(w, "commit"), RCODE_REFUSED);
	assert_string_equal(w->ede, "reason=type-not-writable type=A msg=2 rr=1");

	assert_int_equal(order(w, "begin"), RCODE_NOERROR);
	assert_int_equal(UPDATE(w, "add b1.zones PTR b1.example."), RCODE_NOERROR);
	update_build(w, -1, (const char *const[]){"add b9.zones PTR x.example.", NULL});
	struct msg msg;
	assert_int_equal(world_exchange(w, w->tcp, false, &msg), RCODE_REFUSED);
	assert_int_equal(order(w, "commit"), RCODE_REFUSED);
	assert_string_equal(w->ede, "reason=message-was-refused");
	assert_int_equal(query(w, "b1.zones", RR_PTR), RCODE_NXDOMAIN);
}

static void
transaction__too_many_records__then_it_is_lost(void **state)
{
	struct world *w = *state;
	w->catalogs[0].max_transaction = 3;
	proto_reload(w->proto, &w->conf);
	assert_int_equal(order(w, "begin"), RCODE_NOERROR);
	assert_int_equal(UPDATE(w, "add b1.zones PTR b1.example.",
			     "add b2.zones PTR b2.example."),
	    RCODE_NOERROR);
	assert_int_equal(UPDATE(w, "add b3.zones PTR b3.example.",
			     "add b4.zones PTR b4.example."),
	    RCODE_REFUSED);
	assert_string_equal(w->ede, "reason=transaction-too-large");
	assert_int_equal(order(w, "commit"), RCODE_REFUSED);
	assert_int_equal(query(w, "b1.zones", RR_PTR), RCODE_NXDOMAIN);
}

static void
transaction__aborted_or_left__then_nothing_came_of_it(void **state)
{
	struct world *w = *state;
	assert_int_equal(order(w, "begin"), RCODE_NOERROR);
	assert_int_equal(UPDATE(w, "add b1.zones PTR b1.example."), RCODE_NOERROR);
	assert_int_equal(order(w, "abort"), RCODE_NOERROR);
	assert_refused(w, "commit", "reason=no-transaction");
	assert_refused(w, "abort", "reason=no-transaction");

	assert_int_equal(order(w, "begin"), RCODE_NOERROR);
	assert_true(proto_is_engaged(w->tcp));
	assert_int_equal(UPDATE(w, "add b1.zones PTR b1.example."), RCODE_NOERROR);
	proto_close(w->tcp);
	w->tcp = proto_open(w->proto, w, TRANSPORT_TCP);
	assert_refused(w, "commit", "reason=no-transaction");
	assert_int_equal(query(w, "b1.zones", RR_PTR), RCODE_NXDOMAIN);
}

static void
transaction__another_key_or_connection__is_not_part_of_it(void **state)
{
	struct world *w = *state;
	struct proto_session *other = proto_open(w->proto, w, TRANSPORT_TCP);
	assert_int_equal(order(w, "begin"), RCODE_NOERROR);
	assert_refused(w, "begin", "reason=transaction-open");
	assert_int_equal(UPDATE_ON(w, KEY_FULL, other, "add c1.zones PTR c1.example."),
	    RCODE_NOERROR);
	assert_int_equal(query(w, "c1.zones", RR_PTR), RCODE_NOERROR);
	assert_int_equal(UPDATE_ON(w, KEY_LONG, w->tcp, "add c2.zones PTR c2.example."),
	    RCODE_NOERROR);
	assert_int_equal(query(w, "c2.zones", RR_PTR), RCODE_NOERROR);
	assert_int_equal(order_as(w, KEY_LONG, w->tcp, "commit"), RCODE_REFUSED);
	assert_int_equal(order(w, "commit"), RCODE_NOERROR);
	proto_close(other);
}

static void
transaction__narrowed_key__is_held_to_its_zones(void **state)
{
	struct world *w = *state;
	assert_int_equal(order_as(w, KEY_ZONES, w->tcp, "begin"), RCODE_NOERROR);
	assert_int_equal(UPDATE_ON(w, KEY_ZONES, w->tcp,
			     "add m1.zones PTR a.mine.example."),
	    RCODE_NOERROR);
	assert_int_equal(UPDATE_ON(w, KEY_ZONES, w->tcp, "add a1.zones PTR x.example."),
	    RCODE_NOERROR);
	assert_int_equal(order_as(w, KEY_ZONES, w->tcp, "commit"), RCODE_REFUSED);
	assert_string_equal(w->ede, "reason=not-permitted msg=2 rr=1");
	assert_int_equal(query(w, "m1.zones", RR_PTR), RCODE_NXDOMAIN);
}

static void
transaction__played_again__does_nothing(void **state)
{
	struct world *w = *state;
	struct msg msg;
	struct proto_session *other = proto_open(w->proto, w, TRANSPORT_TCP);
	uint8_t *wires[3];
	size_t sizes[3];

	for (int i = 0; i < 3; i++) {
		if (i == 1)
			assert_int_equal(UPDATE(w, "add b1.zones PTR b1.example."),
			    RCODE_NOERROR);
		else
			assert_int_equal(order(w, i == 0 ? "begin" : "commit"),
			    RCODE_NOERROR);
		wires[i] = mem_dup(w->wire, w->wire_size);
		sizes[i] = w->wire_size;
	}
	assert_int_equal(UPDATE(w, "delset b1.zones ANY"), RCODE_NOERROR);
	for (int i = 0; i < 3; i++) {
		memcpy(w->wire, wires[i], sizes[i]);
		w->wire_size = sizes[i];
		assert_int_equal(world_exchange(w, other, false, &msg), RCODE_NOERROR);
		free(wires[i]);
	}
	assert_int_equal(query(w, "b1.zones", RR_PTR), RCODE_NXDOMAIN);
	proto_close(other);
}

/* Who is told NOERROR for a copy of a begin has no transaction, and must not have
 * what he sends then applied at once. */
static void
transaction__begun_by_a_copy__is_refused_at_commit(void **state)
{
	struct world *w = *state;
	struct msg msg;
	struct proto_session *other = proto_open(w->proto, w, TRANSPORT_TCP);
	assert_int_equal(order(w, "begin"), RCODE_NOERROR);
	uint8_t *wire = mem_dup(w->wire, w->wire_size);
	size_t size = w->wire_size;
	memcpy(w->wire, wire, size);
	w->wire_size = size;
	assert_int_equal(world_exchange(w, other, false, &msg), RCODE_NOERROR);
	free(wire);
	assert_int_equal(UPDATE_ON(w, KEY_FULL, other, "add b1.zones PTR b1.example."),
	    RCODE_REFUSED);
	assert_int_equal(query(w, "b1.zones", RR_PTR), RCODE_NXDOMAIN);
	assert_int_equal(order_as(w, KEY_FULL, other, "commit"), RCODE_REFUSED);
	assert_string_equal(w->ede, "reason=message-was-refused");
	assert_int_equal(query(w, "b1.zones", RR_PTR), RCODE_NXDOMAIN);
	proto_close(other);
}

static void
transaction__with_a_copy_in_it__is_refused_at_commit(void **state)
{
	struct world *w = *state;
	struct msg msg;
	struct proto_session *other = proto_open(w->proto, w, TRANSPORT_TCP);
	assert_int_equal(order(w, "begin"), RCODE_NOERROR);
	assert_int_equal(order_as(w, KEY_FULL, other, "begin"), RCODE_NOERROR);
	assert_int_equal(UPDATE(w, "add b1.zones PTR b1.example."), RCODE_NOERROR);
	assert_int_equal(world_exchange(w, other, false, &msg), RCODE_NOERROR);
	assert_int_equal(order(w, "abort"), RCODE_NOERROR);
	assert_int_equal(order_as(w, KEY_FULL, other, "commit"), RCODE_REFUSED);
	assert_string_equal(w->ede, "reason=message-was-refused msg=1");
	assert_int_equal(query(w, "b1.zones", RR_PTR), RCODE_NXDOMAIN);
	proto_close(other);
}

/* What is played again, and at once behind it what is new: two replies. */
static void
play_before(struct world *w, struct proto_session *session, const uint8_t *wire,
    size_t size, const char *const *lines)
{
	unsigned n = w->n_replies;
	proto_receive(session, &w->peer, wire, size);
	update_build(w, KEY_FULL, lines);
	world_push(w, session);
	world_wait(w, n + 2);
}

static void
begin__played_again__stages_nothing_that_comes_behind_it(void **state)
{
	struct world *w = *state;
	struct msg msg;
	const char *const lines[] = {"add b1.zones PTR b1.example.", NULL};
	struct proto_session *other = proto_open(w->proto, w, TRANSPORT_TCP);
	assert_int_equal(order(w, "begin"), RCODE_NOERROR);
	uint8_t *wire = mem_dup(w->wire, w->wire_size);
	size_t size = w->wire_size;
	play_before(w, other, wire, size, lines);
	assert_int_equal(world_read_reply(w, true, &msg), RCODE_REFUSED);
	assert_string_equal(w->ede, "reason=no-transaction");
	assert_int_equal(query(w, "b1.zones", RR_PTR), RCODE_NXDOMAIN);
	free(wire);
	proto_close(other);
}

static void
end__played_again__leaves_another_transaction_open(void **state)
{
	struct world *w = *state;
	const char *const verbs[] = {"commit", "abort"};
	const char *const lines[] = {"add b2.zones PTR b2.example.", NULL};
	for (int i = 0; i < 2; i++) {
		assert_int_equal(order(w, "begin"), RCODE_NOERROR);
		assert_int_equal(order(w, verbs[i]), RCODE_NOERROR);
		uint8_t *wire = mem_dup(w->wire, w->wire_size);
		size_t size = w->wire_size;
		assert_int_equal(order(w, "begin"), RCODE_NOERROR);
		assert_int_equal(UPDATE(w, "add b1.zones PTR b1.example."),
		    RCODE_NOERROR);
		play_before(w, w->tcp, wire, size, lines);
		free(wire);
		assert_int_equal(query(w, "b2.zones", RR_PTR), RCODE_NXDOMAIN);
		assert_int_equal(order(w, "commit"), RCODE_NOERROR);
		assert_int_equal(query(w, "b1.zones", RR_PTR), RCODE_NOERROR);
		assert_int_equal(query(w, "b2.zones", RR_PTR), RCODE_NOERROR);
		assert_int_equal(UPDATE(w, "delset b1.zones ANY",
				     "delset b2.zones ANY"),
		    RCODE_NOERROR);
	}
}

static void
begin__refused_for_its_time__then_nothing_is_staged(void **state)
{
	struct world *w = *state;
	struct wire_out out;
	struct msg msg;
	const char *const lines[] = {"add b1.zones PTR b1.example.", NULL};
	update_begin(w, &out, "_command.catalog.example.");
	put_line(&out, "add _all._command TXT begin");
	w->sign_at = w->conf.started - 1;
	world_sign(w, &out, KEY_FULL);
	w->sign_at = 0;
	uint8_t *wire = mem_dup(w->wire, w->wire_size);
	play_before(w, w->tcp, wire, w->wire_size, lines);
	assert_int_equal(world_read_reply(w, true, &msg), RCODE_REFUSED);
	free(wire);
}

static void
commit__a_message_was_not_understood__then_all_is_refused(void **state)
{
	struct world *w = *state;
	struct wire_out out;
	struct msg msg;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(order(w, "begin"), RCODE_NOERROR);
		assert_int_equal(UPDATE(w, "add b1.zones PTR b1.example."),
		    RCODE_NOERROR);
		update_begin(w, &out, i == 0 ? "absent.example." : "catalog.example.");
		put_line(&out, "add b2.zones PTR b2.example.");
		msg_put_opt(&out, 1232, 0, 0, NULL);
		if (i == 1) /* the version of EDNS, in the last record */
			w->wire[out.size - 5] = 1;
		if (i == 2)
			w->wire[2] |= 0x80;
		world_sign(w, &out, KEY_FULL);
		if (i == 2)
			world_push(w, w->tcp); /* a response is not answered */
		else
			assert_int_equal(world_exchange(w, w->tcp, true, &msg),
			    i == 0 ? RCODE_NOTAUTH : RCODE_BADVERS);
		assert_refused(w, "commit", "reason=message-was-refused");
	}
}

static void
verbs__where_they_cannot_be__are_refused(void **state)
{
	struct world *w = *state;
	struct wire_out out;
	struct msg msg;
	assert_int_equal(order_as(w, KEY_FULL, w->udp, "begin"), RCODE_REFUSED);
	assert_string_equal(w->ede, "reason=needs-a-connection");
	assert_int_equal(order_as(w, KEY_READ, w->tcp, "begin"), RCODE_REFUSED);
	assert_string_equal(w->ede, "reason=no-update-right");
	assert_int_equal(order_as(w, KEY_ZONES, w->tcp, "lock"), RCODE_REFUSED);
	assert_string_equal(w->ede, "reason=no-admin-right");
	assert_refused(w, "begin backend=nsd1", "reason=unknown-argument");
	update_begin(w, &out, "_command.catalog.example.");
	put_line(&out, "add _all._command TXT begin");
	put_line(&out, "add _all._command TXT lock");
	msg_put_opt(&out, 1232, 0, 0, NULL);
	world_sign(w, &out, KEY_FULL);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), RCODE_REFUSED);
	assert_string_equal(w->ede, "reason=must-be-alone");
}

/* -- locks ------------------------------------------------------------------ */

static void
lock__held__then_others_are_refused_until_it_is_let_go(void **state)
{
	struct world *w = *state;
	struct proto_session *other = proto_open(w->proto, w, TRANSPORT_TCP);
	assert_refused(w, "unlock", "reason=not-locked");
	assert_int_equal(order(w, "lock"), RCODE_NOERROR);
	assert_true(proto_is_engaged(w->tcp));
	assert_int_equal(UPDATE_ON(w, KEY_LONG, other, "add c1.zones PTR c1.example."),
	    RCODE_REFUSED);
	assert_string_equal(w->ede, "reason=locked by=full");
	assert_int_equal(order_as(w, KEY_FULL, other, "lock"), RCODE_REFUSED);
	assert_int_equal(order_as(w, KEY_FULL, other, "unlock"), RCODE_REFUSED);
	assert_int_equal(order_as(w, KEY_FULL, other, "begin"), RCODE_NOERROR);
	assert_int_equal(order_as(w, KEY_FULL, other, "commit"), RCODE_REFUSED);
	assert_int_equal(UPDATE(w, "add c2.zones PTR c2.example."), RCODE_NOERROR);
	assert_int_equal(order(w, "unlock"), RCODE_NOERROR);
	assert_int_equal(UPDATE_ON(w, KEY_FULL, other, "add c1.zones PTR c1.example."),
	    RCODE_NOERROR);
	proto_close(other);
}

static void
lock__the_connection_ends__then_it_is_free(void **state)
{
	struct world *w = *state;
	struct proto_session *other = proto_open(w->proto, w, TRANSPORT_TCP);
	assert_int_equal(order_as(w, KEY_FULL, other, "lock"), RCODE_NOERROR);
	assert_int_equal(UPDATE(w, "add c1.zones PTR c1.example."), RCODE_REFUSED);
	proto_close(other);
	assert_int_equal(UPDATE(w, "add c1.zones PTR c1.example."), RCODE_NOERROR);
}

static void
lock__the_time_is_over__then_it_is_free(void **state)
{
	struct world *w = *state;
	struct proto_session *other = proto_open(w->proto, w, TRANSPORT_TCP);
	w->catalogs[0].max_lock_s = 1;
	proto_reload(w->proto, &w->conf);
	assert_int_equal(order_as(w, KEY_FULL, other, "lock"), RCODE_NOERROR);
	unsigned rcode = RCODE_REFUSED;
	for (int i = 0; i < 500 && (rcode != 0 || proto_is_engaged(other)); i++) {
		usleep(20000);
		rcode = UPDATE(w, "add c1.zones PTR c1.example.");
	}
	assert_int_equal(rcode, RCODE_NOERROR);
	assert_false(proto_is_engaged(other));
	proto_close(other);
}

static void
lock__played_again__takes_nothing(void **state)
{
	struct world *w = *state;
	struct msg msg;
	struct proto_session *other = proto_open(w->proto, w, TRANSPORT_TCP);
	assert_int_equal(order(w, "lock"), RCODE_NOERROR);
	uint8_t *wire = mem_dup(w->wire, w->wire_size);
	size_t size = w->wire_size;
	assert_int_equal(order(w, "unlock"), RCODE_NOERROR);
	memcpy(w->wire, wire, size);
	w->wire_size = size;
	assert_int_equal(world_exchange(w, other, false, &msg), RCODE_NOERROR);
	free(wire);
	assert_int_equal(UPDATE(w, "add c1.zones PTR c1.example."), RCODE_NOERROR);
	proto_close(other);
}

#define T(name) cmocka_unit_test_setup_teardown(name, transaction_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(commit__several_updates__are_one_serial_and_one_step),
	    T(commit__all_at_once__pipelined_in_one_flight),
	    T(commit__a_prerequisite_fails__then_nothing_applies_and_the_place_is_told),
	    T(commit__the_whole_is_no_catalog__then_the_record_is_told),
	    T(commit__zones_change_places__only_the_net_counts),
	    T(commit__a_message_was_refused__then_all_is),
	    T(transaction__too_many_records__then_it_is_lost),
	    T(transaction__aborted_or_left__then_nothing_came_of_it),
	    T(transaction__another_key_or_connection__is_not_part_of_it),
	    T(transaction__narrowed_key__is_held_to_its_zones),
	    T(transaction__played_again__does_nothing),
	    T(begin__played_again__stages_nothing_that_comes_behind_it),
	    T(end__played_again__leaves_another_transaction_open),
	    T(begin__refused_for_its_time__then_nothing_is_staged),
	    T(commit__a_message_was_not_understood__then_all_is_refused),
	    T(transaction__begun_by_a_copy__is_refused_at_commit),
	    T(transaction__with_a_copy_in_it__is_refused_at_commit),
	    T(verbs__where_they_cannot_be__are_refused),
	    T(lock__held__then_others_are_refused_until_it_is_let_go),
	    T(lock__the_connection_ends__then_it_is_free),
	    T(lock__the_time_is_over__then_it_is_free),
	    T(lock__played_again__takes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
