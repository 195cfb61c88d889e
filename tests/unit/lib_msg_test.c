/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ldns/ldns.h>

#include "lib/msg.h"

static uint8_t wire[MSG_MAX];

static struct dname
name(const char *text)
{
	struct dname n;
	assert_int_equal(dname_parse(text, &n), OK);
	return n;
}

static struct rr
parse(const char *text, struct buf *rdata)
{
	struct rr rr;
	assert_int_equal(rr_parse(text, rdata, &rr), OK);
	return rr;
}

static void
put_text(struct wire_out *out, enum msg_section section, const char *text)
{
	struct buf rdata;
	buf_init(&rdata, 0);
	struct rr rr = parse(text, &rdata);
	msg_put_rr(out, section, &rr);
	buf_fini(&rdata);
}

static void
msg_next__update__gives_every_record(void **state)
{
	struct wire_out out;
	struct msg msg;
	struct msg_cursor c;
	struct dname zone = name("catalog.example");
	struct buf rdata, text;
	struct rr rr;
	(void)state;
	wire_out_init(&out, wire, sizeof(wire));
	msg_start(&out, 7, OPCODE_UPDATE << 11);
	msg_put_question(&out, &zone, RR_SOA, CLASS_IN);
	put_text(&out, MSG_PREREQ, "a.zones.catalog.example. 0 NONE PTR");
	put_text(&out, MSG_UPDATES, "a.zones.catalog.example. 0 IN PTR z.example.");
	put_text(&out, MSG_UPDATES, "group.a.zones.catalog.example. 0 ANY TXT");
	put_text(&out, MSG_UPDATES, "group.a.zones.catalog.example. 0 IN TXT \"g\"");
	msg_put_opt(&out, 1232, 0, 0, NULL);
	assert_int_equal(out.err, OK);
	assert_int_equal(msg_frame(wire, out.size, &msg), OK);
	assert_int_equal(msg.udp_size, 1232);

	buf_init(&rdata, 0);
	buf_init(&text, 0);
	for (int section = MSG_QUESTION; section <= MSG_ADDITIONAL; section++) {
		enum err err;
		msg_walk(&msg, (enum msg_section)section, &c);
		while ((err = msg_next(&c, &rdata, &rr)) == OK) {
			buf_printf(&text, "%d.%u ", section, c.n);
			rr_print(&rr, &text);
			buf_puts(&text, "\n");
		}
		assert_int_equal(err, ERR_NOTFOUND);
		assert_int_equal(msg_next(&c, &rdata, &rr), ERR_NOTFOUND);
	}
	assert_string_equal(buf_text(&text),
	    "0.1 catalog.example. 0 IN SOA \\# 0\n"
	    "1.1 a.zones.catalog.example. 0 NONE PTR \\# 0\n"
	    "2.1 a.zones.catalog.example. 0 IN PTR z.example.\n"
	    "2.2 group.a.zones.catalog.example. 0 ANY TXT \\# 0\n"
	    "2.3 group.a.zones.catalog.example. 0 IN TXT \"g\"\n");
	buf_fini(&rdata);
	buf_fini(&text);
}

/* Framing passes it, since RDATA is not looked at; the walk does not. */
static void
msg_next__rdata_of_no_such_type__is_malformed(void **state)
{
	static const struct {
		const char *rr;
		size_t size;
		enum err err;
	} cases[] = {
	    {"\0\0\x0c\0\1\0\0\0\0\0\0", 11, ERR_FORM},    /* PTR, class IN, bare */
	    {"\0\0\x0c\0\xff\0\0\0\0\0\0", 11, OK},        /* class ANY */
	    {"\0\0\x0c\0\xfe\0\0\0\0\0\0", 11, OK},        /* class NONE */
	    {"\0\0\x0c\0\xfe\0\0\0\0\0\1x", 12, ERR_FORM}, /* not bare, no name */
	    {"\0\0\1\0\1\0\0\0\0\0\3xyz", 14, ERR_FORM},   /* A of three */
	    {"\0\0\x10\0\1\0\0\0\0\0\2\2x", 13, ERR_FORM}, /* TXT beyond its end */
	    {"\0\0\x0c\0\1\0\0\0\0\0\2\xc0\x1e", 13, ERR_FORM}, /* at itself */
	};
	struct buf rdata;
	(void)state;
	buf_init(&rdata, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct msg msg;
		struct msg_cursor c;
		struct rr rr;
		memcpy(wire, "\0\7\x28\0\0\1\0\0\0\1\0\0\1c\0\0\6\0\1", 19);
		memcpy(wire + 19, cases[i].rr, cases[i].size);
		assert_int_equal(msg_frame(wire, 19 + cases[i].size, &msg), OK);
		msg_walk(&msg, MSG_UPDATES, &c);
		assert_int_equal(msg_next(&c, &rdata, &rr), cases[i].err);
		assert_int_equal(c.n, 1);
	}
	buf_fini(&rdata);
}

static void
msg_start_reply__question__is_copied_as_asked(void **state)
{
	struct wire_out out;
	struct msg req, reply;
	uint8_t answer[512];
	(void)state;
	memcpy(wire, "\x12\x34\x01\x10\0\1\0\0\0\0\0\0\1A\1b\0\0\6\0\1", 21);
	assert_int_equal(msg_frame(wire, 21, &req), OK);
	wire_out_init(&out, answer, sizeof(answer));
	msg_start_reply(&out, &req, RCODE_REFUSED, true);
	put_text(&out, MSG_ANSWER, "a.b. 0 IN PTR c.a.b.");
	assert_int_equal(out.err, OK);
	assert_memory_equal(answer,
	    "\x12\x34\x85\x05\0\1\0\1\0\0\0\0\1A\1b\0\0\6\0\1\xc0\x0c", 23);
	assert_int_equal(msg_frame(answer, out.size, &reply), OK);
	assert_int_equal(msg_rcode(&reply), RCODE_REFUSED);
	assert_true(dname_equal(&reply.qname, &req.qname));
}

static void
msg_start_reply__malformed_request__has_its_question_if_any(void **state)
{
	struct wire_out out;
	struct msg req;
	uint8_t answer[512];
	(void)state;
	memcpy(wire, "\x12\x34\x28\0\0\1\0\0\0\1\0\0\1c\0\0\6\0\1", 19);
	assert_int_equal(msg_frame(wire, 19, &req), ERR_FORM);
	wire_out_init(&out, answer, sizeof(answer));
	msg_start_reply(&out, &req, RCODE_FORMERR, false);
	assert_int_equal(out.size, 19);
	assert_memory_equal(answer, "\x12\x34\xa8\1\0\1\0\0\0\0\0\0\1c\0\0\6\0\1", 19);

	assert_int_equal(msg_frame(wire, 18, &req), ERR_FORM);
	wire_out_init(&out, answer, sizeof(answer));
	msg_start_reply(&out, &req, RCODE_FORMERR, false);
	assert_int_equal(out.size, 12);
	assert_memory_equal(answer, "\x12\x34\xa8\1\0\0\0\0\0\0\0\0", 12);

	/* A question with a pointer, which can only go into the header. */
	memcpy(wire, "\1x\0\0\0\1\0\0\0\0\0\0\xc0\0\0\6\0\1", 18);
	assert_int_equal(msg_frame(wire, 18, &req), OK);
	wire_out_init(&out, answer, sizeof(answer));
	msg_start_reply(&out, &req, RCODE_REFUSED, false);
	assert_memory_equal(answer + 12, "\1x\0\0\6\0\1", 7);
}

static void
msg_put_rr__no_room__leaves_the_message_before_it(void **state)
{
	struct wire_out out;
	struct msg msg;
	uint8_t before[512];
	(void)state;
	struct dname zone = name("c");
	for (size_t room = 19; room < 80; room++) {
		wire_out_init(&out, wire, room);
		msg_start(&out, 7, FLAG_QR);
		msg_put_question(&out, &zone, RR_AXFR, CLASS_IN);
		assert_int_equal(out.err, OK);
		size_t size;
		do {
			size = out.size;
			memcpy(before, wire, size);
			put_text(&out, MSG_ANSWER, "x.c. 0 IN TXT \"something\"");
		} while (out.err == OK);
		assert_int_equal(out.err, ERR_SPACE);
		assert_int_equal(out.size, size);
		assert_memory_equal(wire, before, size);
		assert_int_equal(msg_frame(wire, out.size, &msg), OK);
		/* and what is small enough still fits, once the error is cleared */
		wire_out_cut(&out, out.size);
		msg_set_tc(&out);
		msg_put_opt(&out, 1232, 0, 0, NULL);
		assert_int_equal(out.err, room - size >= 11 ? OK : ERR_SPACE);
		assert_int_equal(msg_frame(wire, out.size, &msg), OK);
		assert_true(msg.flags & FLAG_TC);
	}
}

static void
msg_put_opt__extended_error__is_found_again(void **state)
{
	struct wire_out out;
	struct msg msg;
	unsigned code = 0;
	char text[32];
	(void)state;
	wire_out_init(&out, wire, sizeof(wire));
	msg_start(&out, 7, FLAG_QR);
	msg_put_opt(&out, 1232, RCODE_BADVERS, EDE_PROHIBITED, "reason=rights rr=3");
	msg_set_rcode(&out, RCODE_BADVERS);
	assert_int_equal(msg_frame(wire, out.size, &msg), OK);
	assert_int_equal(msg_rcode(&msg), RCODE_BADVERS);
	assert_int_equal(msg_get_ede(&msg, &code, text, sizeof(text)), OK);
	assert_int_equal(code, EDE_PROHIBITED);
	assert_string_equal(text, "reason=rights rr=3");
	assert_int_equal(msg_get_ede(&msg, &code, text, 7), OK);
	assert_string_equal(text, "reason");

	/* Options that do not fit their RDATA, at every size of it. */
	size_t whole = (size_t)wire[22 - 1];
	for (size_t size = 0; size < whole; size++) {
		wire[21] = (uint8_t)size;
		assert_int_equal(msg_frame(wire, 23 - 1 + size, &msg), OK);
		assert_int_equal(msg_get_ede(&msg, &code, text, sizeof(text)),
		    ERR_NOTFOUND);
	}
}

static void
msg_get_ede__other_options__are_passed_over(void **state)
{
	static const char reply[] = "\0\7\x80\0\0\0\0\0\0\0\0\1"
				    "\0\0\x29\x04\xd0\0\0\0\0\0\x0b"
				    "\0\x0a\0\0"
				    "\0\x0f\0\3\0\2x";
	struct msg msg;
	unsigned code;
	char text[8];
	(void)state;
	memcpy(wire, reply, sizeof(reply) - 1);
	assert_int_equal(msg_frame(wire, sizeof(reply) - 1, &msg), OK);
	assert_int_equal(msg_get_ede(&msg, &code, text, sizeof(text)), OK);
	assert_int_equal(code, 2);
	assert_string_equal(text, "x");
}

static void
msg_get_option__what_was_put__comes_back(void **state)
{
	struct wire_out out;
	struct msg msg;
	const uint8_t *data;
	size_t size;
	(void)state;
	wire_out_init(&out, wire, sizeof(wire));
	msg_start(&out, 7, 0);
	msg_put_question(&out, &dname_root, RR_SOA, CLASS_IN);
	msg_put_opt_option(&out, 1232, OPTION_ORIGIN, "alice", 5);
	assert_int_equal(out.err, OK);
	assert_int_equal(msg_frame(wire, out.size, &msg), OK);
	assert_int_equal(msg.udp_size, 1232);
	assert_int_equal(msg_get_option(&msg, OPTION_ORIGIN, &data, &size), OK);
	assert_int_equal(size, 5);
	assert_memory_equal(data, "alice", 5);
	assert_int_equal(msg_get_option(&msg, OPTION_NODE, &data, &size), ERR_NOTFOUND);
	/* a length that goes past the record */
	wire[out.size - 6]++;
	assert_int_equal(msg_frame(wire, out.size, &msg), OK);
	assert_int_equal(msg_get_option(&msg, OPTION_ORIGIN, &data, &size),
	    ERR_NOTFOUND);
}

/* -- a second opinion ---------------------------------------------------- */

static void
assert_same_section(const struct msg *msg, enum msg_section section, ldns_rr_list *list)
{
	struct msg_cursor c;
	struct buf rdata, text;
	struct rr rr;
	size_t n = 0;

	buf_init(&rdata, 0);
	buf_init(&text, 0);
	msg_walk(msg, section, &c);
	for (; msg_next(&c, &rdata, &rr) == OK; n++) {
		assert_true(n < ldns_rr_list_rr_count(list));
		ldns_rr *theirs = ldns_rr_list_rr(list, n), *ours = NULL;
		buf_reset(&text);
		rr_print(&rr, &text);
		assert_int_equal(ldns_rr_new_frm_str(&ours, buf_text(&text), 0, NULL,
				     NULL),
		    LDNS_STATUS_OK);
		ldns_rr2canonical(theirs);
		assert_int_equal(ldns_rr_compare(ours, theirs), 0);
		assert_int_equal(ldns_rr_ttl(theirs), rr.ttl);
		ldns_rr_free(ours);
	}
	assert_int_equal(n, ldns_rr_list_rr_count(list));
	buf_fini(&rdata);
	buf_fini(&text);
}

static void
put_random_records(struct wire_out *out, unsigned *seed, unsigned n)
{
	static const char *const formats[] = {
	    "%x.zones.catalog.example. %u IN PTR z%x.example.",
	    "group.%x.zones.catalog.example. %u IN TXT \"g%x\"",
	    "%x.catalog.example. %u IN MX 10 mail.%x.example.",
	    "%x.a.example. %u IN SOA ns.example. h%x.example. 1 2 3 4 5",
	    "%x.b.example. %u IN SRV 1 2 3 srv.%x.example.",
	    "%x. %u IN A 192.0.2.%u",
	};
	for (unsigned i = 0; i < n && out->err == OK; i++) {
		char text[256];
		unsigned r = (unsigned)rand_r(seed);
		/* The formats differ, their arguments do not. */
		const char *format = formats[r % 6];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), format, r / 6 % 500, r % 1000,
		    r / 6 % 200);
#pragma GCC diagnostic pop
		put_text(out, MSG_ADDITIONAL, text);
	}
}

static void
msg__built_here__is_read_the_same_by_ldns(void **state)
{
	static const unsigned sizes[] = {0, 1, 10, 300, 3000};
	struct dname zone = name("catalog.example");
	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		unsigned seed = i;
		struct wire_out out;
		struct msg msg;
		ldns_pkt *pkt = NULL;
		wire_out_init(&out, wire, sizeof(wire));
		msg_start(&out, 7, FLAG_QR | FLAG_AA);
		msg_put_question(&out, &zone, RR_AXFR, CLASS_IN);
		put_random_records(&out, &seed, sizes[i % 5]);
		assert_int_equal(msg_frame(wire, out.size, &msg), OK);
		assert_int_equal(ldns_wire2pkt(&pkt, wire, out.size), LDNS_STATUS_OK);
		assert_int_equal(ldns_pkt_id(pkt), 7);
		assert_same_section(&msg, MSG_ADDITIONAL, ldns_pkt_additional(pkt));
		ldns_pkt_free(pkt);
	}
}

static void
msg__built_by_ldns__is_read_the_same_here(void **state)
{
	struct dname zone = name("catalog.example");
	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		unsigned seed = 100 + i;
		struct wire_out out;
		struct msg msg;
		ldns_pkt *pkt = NULL;
		/* ldns_pkt2wire() would leak as much. */
		ldns_buffer *theirs = ldns_buffer_new(MSG_MAX);
		wire_out_init(&out, wire, sizeof(wire));
		msg_start(&out, 7, OPCODE_UPDATE << 11);
		msg_put_question(&out, &zone, RR_SOA, CLASS_IN);
		put_random_records(&out, &seed, 20 * i);
		assert_int_equal(ldns_wire2pkt(&pkt, wire, out.size), LDNS_STATUS_OK);
		assert_int_equal(ldns_pkt2buffer_wire(theirs, pkt), LDNS_STATUS_OK);
		size_t size = ldns_buffer_position(theirs);
		assert_int_equal(msg_frame(ldns_buffer_begin(theirs), size, &msg), OK);
		assert_same_section(&msg, MSG_ADDITIONAL, ldns_pkt_additional(pkt));
		/* A table of 256 names compresses nearly as well as their tree. */
		assert_true(out.size <= size + size / 50);
		ldns_buffer_free(theirs);
		ldns_pkt_free(pkt);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(msg_next__update__gives_every_record),
	    cmocka_unit_test(msg_next__rdata_of_no_such_type__is_malformed),
	    cmocka_unit_test(msg_start_reply__question__is_copied_as_asked),
	    cmocka_unit_test(
		msg_start_reply__malformed_request__has_its_question_if_any),
	    cmocka_unit_test(msg_put_rr__no_room__leaves_the_message_before_it),
	    cmocka_unit_test(msg_put_opt__extended_error__is_found_again),
	    cmocka_unit_test(msg_get_ede__other_options__are_passed_over),
	    cmocka_unit_test(msg_get_option__what_was_put__comes_back),
	    cmocka_unit_test(msg__built_here__is_read_the_same_by_ldns),
	    cmocka_unit_test(msg__built_by_ldns__is_read_the_same_here),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
