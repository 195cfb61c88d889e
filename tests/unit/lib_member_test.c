/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "lib/member.h"
#include "lib/rr.h"

#define GROUP "\5group"

static void
add(struct member *m, const char *prefix, uint16_t type, const char *rdata, size_t size)
{
	struct member_rr rr = {.prefix = (const uint8_t *)prefix,
	    .prefix_size = (uint8_t)strlen(prefix),
	    .type = type,
	    .ttl = 5,
	    .rdata = (const uint8_t *)rdata,
	    .rdata_size = (uint16_t)size};
	member_add_rr(m, &rr);
}

static void
fill(struct member *m)
{
	member_init(m);
	assert_int_equal(dname_parse("shop.example", &m->zone), OK);
	m->ttl = 3600;
	m->seq = 0x0102030405060708;
	m->changed = 1700000000;
	strcpy(m->by, "ctl.example");
	add(m, GROUP, RR_TXT, "\2g1", 3);
	add(m, "\1p\6nsherd\3ext", RR_TXT, "\1v", 2);
	add(m, "", RR_TXT, "\0", 1);
	add(m, "\5other", 65280, "", 0);
}

static void
member_pack__unpacked__is_the_same(void **state)
{
	struct member m, got;
	struct buf out;
	(void)state;
	fill(&m);
	buf_init(&out, 0);
	member_pack(&m, &out);
	member_init(&got);
	add(&got, "old", RR_TXT, "x", 1);
	assert_int_equal(member_unpack(out.data, out.size, &got), OK);
	assert_true(dname_equal(&m.zone, &got.zone));
	assert_int_equal(got.ttl, 3600);
	assert_true(got.seq == m.seq && got.changed == m.changed);
	assert_string_equal(got.by, m.by);
	assert_int_equal(got.n_rrs, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(got.rrs[i].type, m.rrs[i].type);
		assert_int_equal(got.rrs[i].ttl, 5);
		assert_int_equal(got.rrs[i].prefix_size, m.rrs[i].prefix_size);
		assert_memory_equal(got.rrs[i].prefix, m.rrs[i].prefix,
		    m.rrs[i].prefix_size);
		assert_int_equal(got.rrs[i].rdata_size, m.rrs[i].rdata_size);
		assert_memory_equal(got.rrs[i].rdata, m.rrs[i].rdata,
		    m.rrs[i].rdata_size);
	}
	member_fini(&m);
	member_fini(&got);
	buf_fini(&out);
}

static void
member_unpack__cut_anywhere__is_corrupt_or_fewer_records(void **state)
{
	struct member m, got;
	struct buf out;
	unsigned n_good = 0;
	(void)state;
	fill(&m);
	buf_init(&out, 0);
	member_pack(&m, &out);
	member_init(&got);
	for (size_t size = 0; size < out.size; size++) {
		uint8_t *copy = malloc(size + 1);
		assert_non_null(copy);
		memcpy(copy, out.data, size);
		enum err err = member_unpack(copy, size, &got);
		if (err == OK)
			assert_int_equal(got.n_rrs, n_good++);
		else
			assert_int_equal(err, ERR_CORRUPT);
		free(copy);
	}
	assert_int_equal(n_good, 4);
	out.data[0] = 99; /* another version */
	assert_int_equal(member_unpack(out.data, out.size, &got), ERR_CORRUPT);
	assert_int_equal(got.n_rrs, 0);
	member_fini(&m);
	member_fini(&got);
	buf_fini(&out);
}

static void
member_unpack__random_octets__never_overrun(void **state)
{
	struct member m, got;
	struct buf out;
	unsigned seed = 5;
	(void)state;
	fill(&m);
	buf_init(&out, 0);
	member_pack(&m, &out);
	member_init(&got);
	for (int i = 0; i < 20000; i++) {
		uint8_t *copy = malloc(out.size);
		assert_non_null(copy);
		memcpy(copy, out.data, out.size);
		for (int j = 0; j < 3; j++)
			copy[(unsigned)rand_r(&seed) % out.size] =
			    (uint8_t)rand_r(&seed);
		if (member_unpack(copy, out.size, &got) == OK) {
			char text[MEMBER_GROUP_MAX];
			for (size_t n = 0; member_group(&got, n, text); n++)
				assert_true(strlen(text) < MEMBER_GROUP_MAX);
		}
		free(copy);
	}
	member_fini(&m);
	member_fini(&got);
	buf_fini(&out);
}

static void
member_group__several__are_in_canonical_order(void **state)
{
	struct member m;
	char text[MEMBER_GROUP_MAX];
	(void)state;
	member_init(&m);
	assert_false(member_group(&m, 0, text));
	add(&m, GROUP, RR_TXT, "\2zz", 3);
	add(&m, GROUP, RR_TXT, "\3abc", 4);
	add(&m, "", RR_TXT, "\1a", 2);
	add(&m, GROUP, 65280, "\1a", 2);
	add(&m, "\6groups", RR_TXT, "\1a", 2);
	add(&m, GROUP, RR_TXT, "\2aa", 3);
	/* by RDATA, so the shorter string first whatever it says */
	static const char *const want[] = {"aa", "zz", "abc"};
	for (size_t i = 0; i < 3; i++) {
		assert_true(member_group(&m, i, text));
		assert_string_equal(text, want[i]);
	}
	assert_false(member_group(&m, 3, text));
	member_fini(&m);
}

static void
member_group__several_strings__never_equal_one(void **state)
{
	static const struct {
		const char *rdata;
		size_t size;
		const char *want;
	} cases[] = {
	    {"\3a b", 4, "a\\032b"},
	    {"\1a\1b", 4, "a b"},
	    {"\2ab", 3, "ab"},
	    {"\0", 1, ""},
	    {"\0\0", 2, " "},
	    {"\1a\0", 3, "a "},
	    {"\2\\0", 3, "\\0920"},
	    {"\2\0\xff", 3, "\\000\\255"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct member m;
		char text[MEMBER_GROUP_MAX];
		member_init(&m);
		add(&m, GROUP, RR_TXT, cases[i].rdata, cases[i].size);
		assert_true(member_group(&m, 0, text));
		assert_string_equal(text, cases[i].want);
		member_fini(&m);
	}
}

static void
member_group__long_value__is_cut(void **state)
{
	struct member m;
	char text[MEMBER_GROUP_MAX], rdata[512];
	(void)state;
	memset(rdata, 'x', sizeof(rdata));
	rdata[0] = rdata[256] = '\xff';
	for (int octet = 0; octet < 256; octet += 'x') {
		memset(rdata + 1, octet, 255);
		member_init(&m);
		add(&m, GROUP, RR_TXT, rdata, sizeof(rdata));
		assert_true(member_group(&m, 0, text));
		assert_in_range(strlen(text), 250, MEMBER_GROUP_MAX - 1);
		member_fini(&m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(member_pack__unpacked__is_the_same),
	    cmocka_unit_test(member_unpack__cut_anywhere__is_corrupt_or_fewer_records),
	    cmocka_unit_test(member_unpack__random_octets__never_overrun),
	    cmocka_unit_test(member_group__several__are_in_canonical_order),
	    cmocka_unit_test(member_group__several_strings__never_equal_one),
	    cmocka_unit_test(member_group__long_value__is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
