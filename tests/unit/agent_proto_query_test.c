/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_proto_fixture.h"

/* -- who may ask at all ----------------------------------------------------- */

static void
build_query(struct world *w, const char *owner, uint16_t type, uint16_t class, int key)
{
	struct wire_out out;
	struct dname name = owner_of(owner);
	wire_out_init(&out, w->wire, sizeof(w->wire));
	msg_start(&out, 7, 0);
	msg_put_question(&out, &name, type, class);
	world_sign(w, &out, key);
}

static void
receive__not_signed__then_refused_and_nothing_else(void **state)
{
	struct world *w = *state;
	struct msg msg;
	static const char *const owners[] = {"@", "_status", "_log", "nowhere"};
	for (size_t i = 0; i < 4; i++) {
		build_query(w, owners[i], RR_SOA, CLASS_IN, -1);
		assert_int_equal(world_exchange(w, w->udp, false, &msg), RCODE_REFUSED);
		assert_int_equal(msg.count[1] + msg.count[2] + msg.count[3], 0);
		assert_false(msg.flags & FLAG_AA);
		assert_int_equal(msg.tsig_at, 0);
	}
	build_query(w, "@", RR_AXFR, CLASS_IN, -1);
	assert_int_equal(world_exchange(w, w->tcp, false, &msg), RCODE_REFUSED);
	update_build(w, -1, (const char *const[]){"add a.zones PTR a.", NULL});
	assert_int_equal(world_exchange(w, w->tcp, false, &msg), RCODE_REFUSED);
	assert_string_equal(w->ede, "");
}

static void
receive__other_opcodes__then_notify_is_refused_and_the_rest_notimp(void **state)
{
	struct world *w = *state;
	struct msg msg;
	for (unsigned opcode = 0; opcode < 16; opcode++) {
		build_query(w, "@", RR_SOA, CLASS_IN, -1);
		w->wire[2] = (uint8_t)(opcode << 3);
		unsigned rcode = world_exchange(w, w->udp, false, &msg);
		bool known = opcode == 0 || opcode == 4 || opcode == 5;
		assert_int_equal(rcode, known ? RCODE_REFUSED : RCODE_NOTIMP);
	}
}

static void
receive__what_is_no_request__then_dropped(void **state)
{
	struct world *w = *state;
	build_query(w, "@", RR_SOA, CLASS_IN, -1);
	w->wire[2] |= 0x80;
	world_push(w, w->udp);
	w->wire_size = 11;
	world_push(w, w->udp);
	w->wire_size = 0;
	world_push(w, w->udp);
	assert_int_equal(w->n_replies, 0);
}

static void
receive__malformed__then_formerr(void **state)
{
	struct world *w = *state;
	struct msg msg;
	build_query(w, "@", RR_SOA, CLASS_IN, -1);
	w->wire[5] = 2; /* two questions */
	assert_int_equal(world_exchange(w, w->udp, false, &msg), RCODE_FORMERR);
	build_query(w, "@", RR_SOA, CLASS_IN, -1);
	w->wire[w->wire_size++] = 0; /* something behind */
	assert_int_equal(world_exchange(w, w->udp, false, &msg), RCODE_FORMERR);
	build_query(w, "@", RR_SOA, CLASS_IN, -1);
	w->wire[5] = 0;
	w->wire_size = 12;
	world_push(w, w->udp);
	assert_int_equal(w->n_replies, 3);
	assert_int_equal(w->reply[3] & 0xf, RCODE_FORMERR);
}

static void
receive__unknown_key_or_wrong_mac__then_notauth_with_an_unsigned_tsig(void **state)
{
	struct world *w = *state;
	struct msg msg;
	unsigned rcode;
	build_query(w, "@", RR_SOA, CLASS_IN, KEY_STRANGER);
	assert_int_equal(world_exchange(w, w->udp, false, &msg), RCODE_NOTAUTH);
	assert_true(msg.tsig_at != 0);
	assert_int_equal(tsig_verify_reply(&w->tsig, &msg, (uint64_t)time(NULL),
			     &rcode),
	    ERR_AUTH);
	assert_int_equal(rcode, RCODE_BADKEY);

	build_query(w, "@", RR_SOA, CLASS_IN, KEY_FULL);
	w->wire[13] ^= 1; /* another name under the same signature */
	assert_int_equal(world_exchange(w, w->udp, false, &msg), RCODE_NOTAUTH);
	assert_int_equal(tsig_verify_reply(&w->tsig, &msg, (uint64_t)time(NULL),
			     &rcode),
	    ERR_AUTH);
	assert_int_equal(rcode, RCODE_BADSIG);
}

static void
receive__signed_out_of_time__then_badtime_signed(void **state)
{
	struct world *w = *state;
	struct msg msg;
	unsigned rcode;
	w->sign_at = (uint64_t)time(NULL) - 4000;
	update_build(w, KEY_FULL, (const char *const[]){"add a.zones PTR a.", NULL});
	assert_int_equal(world_exchange(w, w->tcp, false, &msg), RCODE_NOTAUTH);
	assert_int_equal(tsig_verify_reply(&w->tsig, &msg, w->sign_at, &rcode),
	    ERR_AUTH);
	assert_int_equal(rcode, RCODE_BADTIME);
	w->sign_at = 0;
	assert_int_equal(serial_of(w, "@"), 1);
}

static void
receive__two_signatures_or_one_not_last__then_formerr(void **state)
{
	struct world *w = *state;
	struct msg msg;
	struct wire_out out;
	build_query(w, "@", RR_SOA, CLASS_IN, KEY_FULL);
	wire_out_init(&out, w->wire, sizeof(w->wire));
	out.size = w->wire_size;
	assert_int_equal(tsig_sign_request(w->keys[KEY_FULL], &out,
			     (uint64_t)time(NULL), &w->tsig),
	    OK);
	w->wire_size = out.size;
	assert_int_equal(world_exchange(w, w->udp, false, &msg), RCODE_FORMERR);
	assert_int_equal(msg.tsig_at, 0);

	build_query(w, "@", RR_SOA, CLASS_IN, KEY_FULL);
	wire_out_init(&out, w->wire, sizeof(w->wire));
	out.size = w->wire_size;
	msg_put_opt(&out, 1232, 0, 0, NULL);
	w->wire_size = out.size;
	assert_int_equal(world_exchange(w, w->udp, false, &msg), RCODE_FORMERR);
}

static void
receive__edns_version_is_not_0__then_badvers(void **state)
{
	struct world *w = *state;
	struct wire_out out;
	struct msg msg;
	struct dname name = dn("catalog.example.");
	wire_out_init(&out, w->wire, sizeof(w->wire));
	msg_start(&out, 1, 0);
	msg_put_question(&out, &name, RR_SOA, CLASS_IN);
	size_t opt = out.size;
	msg_put_opt(&out, 1232, 0, 0, NULL);
	w->wire[opt + 6] = 1;
	world_sign(w, &out, KEY_FULL);
	assert_int_equal(world_exchange(w, w->udp, true, &msg), RCODE_BADVERS);
	assert_int_equal(msg.edns_version, 0);
}

/* -- C ---------------------------------------------------------------------- */

static void
query__names_of_a_catalog__then_data_nodata_or_nxdomain(void **state)
{
	struct world *w = *state;
	struct msg msg;
	static const struct {
		const char *owner;
		uint16_t type;
		unsigned rcode, n;
	} t[] = {
	    {"@", RR_SOA, 0, 1},
	    {"@", RR_NS, 0, 1},
	    {"@", RR_ANY, 0, 2},
	    {"@", RR_TXT, 0, 0},
	    {"version", RR_TXT, 0, 1},
	    {"version", RR_A, 0, 0},
	    {"zones", RR_PTR, 0, 0},
	    {"a1.zones", RR_PTR, 0, 1},
	    {"A1.Zones", RR_PTR, 0, 1},
	    {"a1.zones", RR_TXT, 0, 0},
	    {"a1.zones", RR_ANY, 0, 1},
	    {"group.a1.zones", RR_TXT, 0, 2},
	    {"group.a1.zones", RR_A, 0, 0},
	    {"coo.a1.zones", RR_PTR, RCODE_NXDOMAIN, 0},
	    {"ext.a1.zones", RR_TXT, 0, 0},
	    {"y.ext.a1.zones", RR_TXT, 0, 0},
	    {"x.y.ext.a1.zones", RR_TXT, 0, 1},
	    {"z.x.y.ext.a1.zones", RR_TXT, RCODE_NXDOMAIN, 0},
	    {"b1.zones", RR_PTR, RCODE_NXDOMAIN, 0},
	    {"ext", RR_TXT, 0, 0},
	    {"k.ext", RR_TXT, 0, 0},
	    {"j.k.ext", RR_TXT, 0, 1},
	    {"l.ext", RR_TXT, RCODE_NXDOMAIN, 0},
	    {"www", RR_A, RCODE_NXDOMAIN, 0},
	};
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example.",
			     "add group.a1.zones TXT a", "add group.a1.zones TXT b",
			     "add x.y.ext.a1.zones TXT t", "add j.k.ext TXT t"),
	    0);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		unsigned rcode =
		    query_as(w, KEY_FULL, w->udp, t[i].owner, t[i].type, &msg);
		if (rcode != t[i].rcode || w->n_rrs != t[i].n)
			fail_msg("%s type %u: %s, %zu records", t[i].owner, t[i].type,
			    rcode_str(rcode), w->n_rrs);
		assert_true(msg.flags & FLAG_AA);
		assert_int_equal(msg.count[MSG_AUTHORITY], t[i].n == 0);
	}
}

static void
query__empty_catalog__then_zones_does_not_exist(void **state)
{
	struct world *w = *state;
	assert_int_equal(query(w, "zones", RR_ANY), RCODE_NXDOMAIN);
	assert_int_equal(query(w, "ext", RR_ANY), RCODE_NXDOMAIN);
}

static void
query__outside_or_of_other_class__then_refused(void **state)
{
	struct world *w = *state;
	struct msg msg;
	struct wire_out out;
	struct dname name = dn("example.");
	wire_out_init(&out, w->wire, sizeof(w->wire));
	msg_start(&out, 1, 0);
	msg_put_question(&out, &name, RR_SOA, CLASS_IN);
	world_sign(w, &out, KEY_FULL);
	assert_int_equal(world_exchange(w, w->udp, true, &msg), RCODE_REFUSED);
	build_query(w, "@", RR_TXT, CLASS_CH, KEY_FULL);
	assert_int_equal(world_exchange(w, w->udp, true, &msg), RCODE_REFUSED);
	build_query(w, "@", RR_SOA, CLASS_ANY, KEY_FULL);
	assert_int_equal(world_exchange(w, w->udp, true, &msg), 0);
	assert_int_equal(msg.count[MSG_ANSWER], 1);
	assert_int_equal(query(w, "_command", RR_SOA), RCODE_REFUSED);
}

static void
query__answer_does_not_fit_udp__then_truncated_but_signed(void **state)
{
	struct world *w = *state;
	struct msg msg;
	struct wire_out out;
	char line[200];
	update_begin(w, &out, "catalog.example.");
	put_line(&out, "add a1.zones PTR shop.example.");
	for (int i = 0; i < 60; i++) {
		snprintf(line, sizeof(line),
		    "add group.a1.zones TXT a-group-that-is-rather-long-%d", i);
		put_line(&out, line);
	}
	world_sign(w, &out, KEY_FULL);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), 0);
	assert_int_equal(query_as(w, KEY_FULL, w->udp, "group.a1.zones", RR_TXT, &msg),
	    0);
	assert_true(msg.flags & FLAG_TC);
	assert_int_equal(msg.count[MSG_ANSWER], 0);
	assert_true(w->reply_size <= 1232);
	assert_int_equal(query_as(w, KEY_FULL, w->tcp, "group.a1.zones", RR_TXT, &msg),
	    0);
	assert_false(msg.flags & FLAG_TC);
	assert_int_equal(w->n_rrs, 60);
}

static void
query__signature_fills_the_datagram__then_it_is_sent_all_the_same(void **state)
{
	struct world *w = *state;
	struct msg msg;
	struct wire_out out;
	char owner[256];
	memset(owner, 'o', sizeof(owner));
	owner[63] = owner[127] = owner[191] = '.';
	owner[230] = '\0';
	struct dname name = owner_of(owner);
	wire_out_init(&out, w->wire, sizeof(w->wire));
	msg_start(&out, 1, 0); /* no OPT: 512 octets */
	msg_put_question(&out, &name, RR_SOA, CLASS_IN);
	world_sign(w, &out, KEY_LONG);
	assert_int_equal(world_exchange(w, w->udp, true, &msg), RCODE_NXDOMAIN);
	assert_true(w->reply_size > 512);
	assert_true(msg.flags & FLAG_TC);
	assert_int_equal(msg.count[MSG_AUTHORITY], 0);
}

static void
query__narrowed_key__then_its_own_names_alone(void **state)
{
	struct world *w = *state;
	struct msg msg;
	static const struct {
		const char *owner;
		int key;
		unsigned rcode;
	} t[] = {
	    {"@", KEY_ZONES, RCODE_REFUSED},
	    {"zones", KEY_ZONES, RCODE_REFUSED},
	    {"version", KEY_ZONES, RCODE_REFUSED},
	    {"a.zones", KEY_ZONES, 0},
	    {"group.a.zones", KEY_ZONES, 0},
	    {"f.zones", KEY_ZONES, RCODE_REFUSED},
	    {"none.zones", KEY_ZONES, RCODE_REFUSED},
	    {"a.zones", KEY_PATTERNS, RCODE_REFUSED},
	    {"f.zones", KEY_PATTERNS, 0},
	    {"_status", KEY_ZONES, RCODE_REFUSED},
	    {"_backend._status", KEY_ZONES, RCODE_REFUSED},
	    {"nsd1._backend._status", KEY_ZONES, RCODE_REFUSED},
	    {"a.mine.example._status", KEY_ZONES, 0},
	    {"none.mine.example._status", KEY_ZONES, RCODE_NXDOMAIN},
	    {"f.example._status", KEY_ZONES, RCODE_REFUSED},
	    {"none.example._status", KEY_ZONES, RCODE_REFUSED},
	    {"example._status", KEY_ZONES, RCODE_REFUSED},
	    {"f.example._status", KEY_PATTERNS, 0},
	    {"a.mine.example._status", KEY_PATTERNS, RCODE_REFUSED},
	    {"none.example._status", KEY_PATTERNS, RCODE_REFUSED},
	    {"_log", KEY_ZONES, RCODE_REFUSED},
	    {"1._log", KEY_ZONES, RCODE_REFUSED},
	};
	assert_int_equal(UPDATE(w, "add a.zones PTR a.mine.example.",
			     "add group.a.zones TXT primary",
			     "add f.zones PTR f.example.",
			     "add group.f.zones TXT secondary"),
	    0);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		unsigned rcode =
		    query_as(w, t[i].key, w->udp, t[i].owner, RR_ANY, &msg);
		if (rcode != t[i].rcode)
			fail_msg("%s: %s", t[i].owner, rcode_str(rcode));
		if (rcode == RCODE_REFUSED)
			assert_int_equal(msg.count[1] + msg.count[2], 0);
	}
}

/* A query of all at and below a node, by the option of doc/protocol.md section 2. */
static unsigned
query_node(struct world *w, int key, const char *owner, struct msg *msg)
{
	struct wire_out out;
	struct dname name = owner_of(owner);
	wire_out_init(&out, w->wire, sizeof(w->wire));
	msg_start(&out, 7, 0);
	msg_put_question(&out, &name, RR_ANY, CLASS_IN);
	msg_put_opt_option(&out, 1232, OPTION_NODE, "", 0);
	world_sign(w, &out, key);
	return world_exchange(w, w->tcp, true, msg);
}

static void
query__node_option__then_all_of_a_member_that_the_key_may_see(void **state)
{
	struct world *w = *state;
	struct msg msg;
	assert_int_equal(UPDATE(w, "add a.zones PTR a.mine.example.",
			     "add group.a.zones TXT p", "add x.ext.a.zones TXT 1",
			     "add y.x.ext.a.zones TXT 2", "add f.zones PTR f.example.",
			     "add group.f.zones TXT p"),
	    RCODE_NOERROR);
	assert_int_equal(query_node(w, KEY_FULL, "a.zones", &msg), RCODE_NOERROR);
	assert_int_equal(msg.count[MSG_ANSWER], 4);
	assert_int_equal(query_node(w, KEY_FULL, "none.zones", &msg), RCODE_NXDOMAIN);
	/* of any other name it is a query as without it */
	assert_int_equal(query_node(w, KEY_FULL, "group.a.zones", &msg), RCODE_NOERROR);
	assert_int_equal(msg.count[MSG_ANSWER], 1);
	assert_int_equal(query_node(w, KEY_FULL, "zones", &msg), RCODE_NOERROR);
	assert_int_equal(msg.count[MSG_ANSWER], 0);
	assert_int_equal(query_node(w, KEY_ZONES, "a.zones", &msg), RCODE_NOERROR);
	assert_int_equal(msg.count[MSG_ANSWER], 4);
	assert_int_equal(query_node(w, KEY_ZONES, "f.zones", &msg), RCODE_REFUSED);
	assert_int_equal(msg.count[MSG_ANSWER], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(receive__not_signed__then_refused_and_nothing_else),
	    TEST(receive__other_opcodes__then_notify_is_refused_and_the_rest_notimp),
	    TEST(receive__what_is_no_request__then_dropped),
	    TEST(receive__malformed__then_formerr),
	    TEST(receive__unknown_key_or_wrong_mac__then_notauth_with_an_unsigned_tsig),
	    TEST(receive__signed_out_of_time__then_badtime_signed),
	    TEST(receive__two_signatures_or_one_not_last__then_formerr),
	    TEST(receive__edns_version_is_not_0__then_badvers),
	    TEST(query__names_of_a_catalog__then_data_nodata_or_nxdomain),
	    TEST(query__empty_catalog__then_zones_does_not_exist),
	    TEST(query__outside_or_of_other_class__then_refused),
	    TEST(query__answer_does_not_fit_udp__then_truncated_but_signed),
	    TEST(query__signature_fills_the_datagram__then_it_is_sent_all_the_same),
	    TEST(query__narrowed_key__then_its_own_names_alone),
	    TEST(query__node_option__then_all_of_a_member_that_the_key_may_see),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
