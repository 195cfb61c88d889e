/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/rr.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
rr_parse__good_text__prints_canonically(void **state)
{
	static const char *const cases[][2] = {
	    {"A.Example. 10 IN PTR B.", "a.example. 10 IN PTR b."},
	    {"a. PTR b.", "a. 0 IN PTR b."},
	    {"a.\t5\tPTR\tb.", "a. 5 IN PTR b."},
	    {"a. IN 5 PTR b.", "a. 5 IN PTR b."},
	    {". 0 CH TXT x", ". 0 CH TXT \"x\""},
	    {"a. 0 ANY PTR", "a. 0 ANY PTR \\# 0"},
	    {"a. 0 ANY PTR \\# 0", "a. 0 ANY PTR \\# 0"},
	    {"a. 0 ANY ANY", "a. 0 ANY ANY \\# 0"},
	    {"a. 0 NONE PTR z1.", "a. 0 NONE PTR z1."},
	    {"a. 0 CLASS254 TYPE12 z1.", "a. 0 NONE PTR z1."},
	    {"a. CLASS300 A 192.0.2.1", "a. 0 CLASS300 A 192.0.2.1"},
	    {"a. TXT \"x\\\"y;z\" foo \"\"", "a. 0 IN TXT \"x\\\"y;z\" \"foo\" \"\""},
	    {"a. TXT a\\000b\\255\\\\", "a. 0 IN TXT \"a\\000b\\255\\\\\""},
	    {"a. TXT \"a b\" ; comment", "a. 0 IN TXT \"a b\""},
	    {"a. AAAA 2001:DB8::1", "a. 0 IN AAAA 2001:db8::1"},
	    {"a. MX 10 B.", "a. 0 IN MX 10 b."},
	    {"a. SOA a. b. 1 2 3 4 5", "a. 0 IN SOA a. b. 1 2 3 4 5"},
	    {"a. SRV 1 2 3 b.C.", "a. 0 IN SRV 1 2 3 b.c."},
	    {"a. CAA 0 issue \"ca.example\"", "a. 0 IN CAA 0 issue \"ca.example\""},
	    {"a. HINFO x y", "a. 0 IN HINFO \"x\" \"y\""},
	    {"a. DNSKEY 257 3 8 AwEAAQ==", "a. 0 IN DNSKEY 257 3 8 AwEAAQ=="},
	    {"a. TYPE65280 \\# 3 0102 0A", "a. 0 IN TYPE65280 \\# 3 01020a"},
	    {"a. PTR \\# 3 0141 00", "a. 0 IN PTR a."},
	    {"\\046.a\\032b. PTR .", "\\..a\\032b. 0 IN PTR ."},
	};
	struct buf rdata, out;
	struct rr rr;
	(void)state;
	buf_init(&rdata, 0);
	buf_init(&out, 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		buf_reset(&out);
		buf_reset(&rdata);
		assert_int_equal(rr_parse(cases[i][0], &rdata, &rr), OK);
		rr_print(&rr, &out);
		assert_string_equal(buf_text(&out), cases[i][1]);
		/* and what was printed is read as the same again */
		assert_int_equal(rr_parse(cases[i][1], &rdata, &rr), OK);
		buf_reset(&out);
		rr_print(&rr, &out);
		assert_string_equal(buf_text(&out), cases[i][1]);
	}
	buf_fini(&rdata);
	buf_fini(&out);
}

static void
rr_parse__bad_text__is_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "a.",
	    "a. IN",
	    "a. PTR",
	    "a. 0 IN PTR",
	    "a PTR b.",    /* relative owner */
	    "a\\. PTR b.", /* the dot is escaped */
	    "@ PTR b.",
	    "a. PTR b", /* relative names */
	    "a. PTR @",
	    "a. SOA a. b 1 2 3 4 5",
	    "a. SRV 1 2 3 rel",
	    " a. PTR b.",
	    "a. PTR b.\nb. PTR c.",
	    "a. PTR b. c.",
	    "a. PTR a..b.",
	    "a. 4294967296 PTR b.",
	    "a. 1 2 PTR b.",
	    "a. NOSUCHTYPE x",
	    "a. TYPE65536 \\# 0",
	    "a. TYPE99999999999 \\# 0",
	    "a. TYPE \\# 0",
	    "a. CLASS65536 A 1.2.3.4",
	    "a. A 1.2.3",
	    "a. A 1.2.3.4.5",
	    "a. A \\# 3 010203",
	    "a. TYPE65280 \\# 3 0102",
	    "a. TYPE65280 \\# 3 01020",
	    "a. TYPE65280 \\# 3 01020304",
	    "a. TYPE65280 \\# 65536 00",
	    "a. TYPE65280 \\# x",
	    "a. TYPE65280 text",
	    "a. TXT",
	    "a. 0 IN TXT \\# 0",
	    "a. TXT \\# 1 01",
	};
	struct buf rdata;
	struct rr rr = {.type = 4711};
	(void)state;
	buf_init(&rdata, 0);
	buf_puts(&rdata, "before");
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (rr_parse(bad[i], &rdata, &rr) != ERR_FORM)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(rr.type, 4711);
		assert_string_equal(buf_text(&rdata), "before");
	}
	buf_fini(&rdata);
}

/* Any octets whatever of any type must have a text that gives them back. */
static void
rr_print__random_rdata__reads_back(void **state)
{
	unsigned seed = 7, n_readable = 0;
	struct buf rdata, got, out;
	struct rr rr = {.class = CLASS_IN}, back;
	(void)state;
	rr.owner = dname_root;
	buf_init(&rdata, 0);
	buf_init(&got, 0);
	buf_init(&out, 0);
	for (int i = 0; i < 60000; i++) {
		uint8_t raw[64];
		struct wire_in in;
		size_t size = (unsigned)rand_r(&seed) % sizeof(raw);
		for (size_t j = 0; j < size; j++) {
			unsigned r = (unsigned)rand_r(&seed);
			raw[j] = (uint8_t)(r % 2 ? r >> 8 : (r >> 8) % 8);
		}
		rr.type = (uint16_t)((unsigned)rand_r(&seed) % 270);
		if (rr_type_is_meta(rr.type))
			continue;
		buf_reset(&rdata);
		buf_reset(&got);
		buf_reset(&out);
		wire_in_init(&in, raw, size);
		if (rr_rdata_read(&in, rr.type, size, &rdata) != OK)
			continue;
		rr.rdata = rdata.data;
		rr.rdata_size = (uint16_t)rdata.size;
		rr_print(&rr, &out);
		if (rdata.size == 0)
			continue; /* no text for class IN has no RDATA */
		if (rr_parse(buf_text(&out), &got, &back) != OK)
			fail_msg("not read: %s", buf_text(&out));
		assert_int_equal(back.type, rr.type);
		assert_int_equal(got.size, rdata.size);
		assert_memory_equal(got.data, rdata.data, rdata.size);
		n_readable += strstr(buf_text(&out), "\\#") == NULL;
	}
	assert_in_range(n_readable, 1000, 60000);
	buf_fini(&rdata);
	buf_fini(&got);
	buf_fini(&out);
}

static void
rr_print__largest_rdata__has_a_text(void **state)
{
	static uint8_t big[65535];
	struct rr rr = {.class = CLASS_IN, .rdata = big, .rdata_size = 65535};
	struct buf out, got;
	struct rr back;
	(void)state;
	rr.owner = dname_root;
	buf_init(&out, 0);
	buf_init(&got, 0);
	/* 65535 empty strings: of what ldns makes 4 GB, asked to */
	static const uint16_t types[] = {RR_TXT, 99, 48, 65280};
	for (size_t i = 0; i < COUNT(types); i++) {
		rr.type = types[i];
		buf_reset(&out);
		rr_print(&rr, &out);
		assert_int_equal(out.err, OK);
		assert_in_range(out.size, 100000, 300000);
		if (types[i] == RR_TXT)
			continue;
		buf_reset(&got);
		assert_int_equal(rr_parse(buf_text(&out), &got, &back), OK);
		assert_int_equal(got.size, 65535);
	}
	buf_fini(&out);
	buf_fini(&got);
}

static void
rr_type__names__both_ways(void **state)
{
	static const char *const names[] = {"A", "NS", "SOA", "PTR", "TXT", "AAAA",
	    "SRV", "DNSKEY", "NSEC3PARAM", "OPT", "TSIG", "TKEY", "IXFR", "AXFR",
	    "MAILA", "MAILB", "ANY", "TYPE65280", "TYPE65535"};
	char text[16];
	uint16_t type;
	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_int_equal(rr_type_parse(names[i], &type), OK);
		assert_string_equal(rr_type_print(type, text), names[i]);
	}
	assert_int_equal(rr_type_parse("ptr", &type), OK);
	assert_int_equal(type, RR_PTR);
	assert_int_equal(rr_type_parse("type16", &type), OK);
	assert_int_equal(type, RR_TXT);
	for (unsigned t = 0; t <= 65535; t++) {
		uint16_t back;
		assert_int_equal(rr_type_parse(rr_type_print((uint16_t)t, text), &back),
		    OK);
		assert_int_equal(back, t);
	}
	assert_int_equal(rr_type_parse("", &type), ERR_FORM);
	assert_int_equal(rr_type_parse("TYPE", &type), ERR_FORM);
	assert_int_equal(rr_type_parse("TYPE1x", &type), ERR_FORM);
	assert_int_equal(rr_type_parse("TYPE-1", &type), ERR_FORM);
	assert_int_equal(rr_type_parse("NULLX", &type), ERR_FORM);
}

static void
rcode_str__known_and_not__have_texts(void **state)
{
	(void)state;
	assert_string_equal(rcode_str(RCODE_NOERROR), "NOERROR");
	assert_string_equal(rcode_str(RCODE_NOTZONE), "NOTZONE");
	assert_string_equal(rcode_str(RCODE_BADTRUNC), "BADTRUNC");
	assert_string_equal(rcode_str(4095), "RCODE4095");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rr_parse__good_text__prints_canonically),
	    cmocka_unit_test(rr_parse__bad_text__is_refused),
	    cmocka_unit_test(rr_print__random_rdata__reads_back),
	    cmocka_unit_test(rr_print__largest_rdata__has_a_text),
	    cmocka_unit_test(rr_type__names__both_ways),
	    cmocka_unit_test(rcode_str__known_and_not__have_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
