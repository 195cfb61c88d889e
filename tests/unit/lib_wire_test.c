/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wire.h"

static struct dname
name(const char *text)
{
	struct dname n;
	assert_int_equal(dname_parse(text, &n), OK);
	return n;
}

static enum err
read_at(const uint8_t *msg, size_t size, size_t pos, struct dname *n, size_t *end)
{
	struct wire_in in;
	wire_in_init(&in, msg, size);
	in.pos = pos;
	wire_get_name(&in, n);
	*end = in.pos;
	return in.err;
}

static void
wire_get_numbers__short_input__is_sticky_error(void **state)
{
	static const uint8_t msg[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
	struct wire_in in;
	(void)state;
	wire_in_init(&in, msg, sizeof(msg));
	assert_int_equal(wire_get_u8(&in), 0x01);
	assert_int_equal(wire_get_u16(&in), 0x0203);
	assert_int_equal(wire_get_u32(&in), 0x04050607);
	assert_true(wire_get_u48(&in) == 0x08090a0b0c0d);
	assert_int_equal(wire_left(&in), 1);
	assert_int_equal(wire_get_u16(&in), 0);
	assert_int_equal(in.err, ERR_RANGE);
	assert_int_equal(wire_left(&in), 0);
	assert_int_equal(wire_get_u8(&in), 0);
	assert_null(wire_get_bytes(&in, 0));
}

static void
wire_get_bytes__size_that_wraps__is_an_error(void **state)
{
	struct wire_in in;
	(void)state;
	wire_in_init(&in, (const uint8_t *)"abc", 3);
	assert_non_null(wire_get_bytes(&in, 1));
	assert_null(wire_get_bytes(&in, SIZE_MAX));
	assert_int_equal(in.err, ERR_RANGE);
}

static void
wire_get_name__backward_pointers__are_followed(void **state)
{
	/* 0: c.  3: b.c  7: A.b.c  11: a pointer to it  13: x */
	static const uint8_t msg[] = "\1c\0"
				     "\1b\xc0\0"
				     "\1A\xc0\3"
				     "\xc0\7x";
	struct dname n, want = name("a.b.c");
	size_t end;
	(void)state;
	assert_int_equal(read_at(msg, 13, 7, &n, &end), OK);
	assert_true(dname_equal(&n, &want));
	assert_int_equal(end, 11);
	assert_int_equal(read_at(msg, 13, 11, &n, &end), OK);
	assert_true(dname_equal(&n, &want));
	assert_int_equal(end, 13);
}

static void
wire_get_name__bad_names__are_refused(void **state)
{
	static const struct {
		const char *msg;
		size_t size, pos;
		enum err err;
	} cases[] = {
	    {"", 0, 0, ERR_RANGE},
	    {"\1", 1, 0, ERR_RANGE},
	    {"\1a", 2, 0, ERR_RANGE},
	    {"\3ab\0", 4, 0, ERR_RANGE},
	    {"\xc0", 1, 0, ERR_RANGE},
	    {"\xc0\0", 2, 0, ERR_FORM},          /* at itself */
	    {"\1a\xc0\0", 4, 0, ERR_FORM},       /* at its own start */
	    {"\1a\xc0\1", 4, 0, ERR_FORM},       /* into its own label */
	    {"\xc0\2\0", 3, 0, ERR_FORM},        /* forward */
	    {"\xc0\x7f", 2, 0, ERR_FORM},        /* beyond the end */
	    {"\xc0\2\xc0\0", 4, 2, ERR_FORM},    /* back, then forward */
	    {"\1a\xc0\0\xc0\0", 6, 4, ERR_FORM}, /* back into a loop */
	    {"\x40", 1, 0, ERR_FORM},            /* reserved kinds */
	    {"\x80\0", 2, 0, ERR_FORM},
	};
	struct dname n;
	size_t end;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n = name("a.b");
		assert_int_equal(read_at((const uint8_t *)cases[i].msg, cases[i].size,
				     cases[i].pos, &n, &end),
		    cases[i].err);
		assert_true(dname_equal(&n, &dname_root));
	}
}

static void
wire_get_name__pointer_hops__127_and_no_more(void **state)
{
	uint8_t msg[512] = {0}; /* the root, then pointers, each to the last one */
	struct dname n;
	size_t end;
	(void)state;
	for (size_t i = 1; i <= 128; i++) {
		size_t target = i == 1 ? 0 : 2 * i - 3;
		msg[2 * i - 1] = (uint8_t)(0xc0 | target >> 8);
		msg[2 * i] = (uint8_t)target;
	}
	assert_int_equal(read_at(msg, sizeof(msg), 2 * 127 - 1, &n, &end), OK);
	assert_int_equal(read_at(msg, sizeof(msg), 2 * 128 - 1, &n, &end), ERR_FORM);
}

static void
wire_get_name__size__255_and_no_more(void **state)
{
	uint8_t msg[600];
	struct dname n;
	size_t end;
	(void)state;
	memset(msg, 1, sizeof(msg));
	msg[254] = 0;
	assert_int_equal(read_at(msg, sizeof(msg), 0, &n, &end), OK);
	assert_int_equal(n.size, 255);
	/* The same in two parts: a label and a pointer to 253 octets, or 255. */
	memcpy(msg + 300, "\1a\xc0\2", 4);
	assert_int_equal(read_at(msg, sizeof(msg), 300, &n, &end), OK);
	assert_int_equal(n.size, 255);
	memcpy(msg + 300, "\1a\xc0\0", 4);
	assert_int_equal(read_at(msg, sizeof(msg), 300, &n, &end), ERR_FORM);
	msg[254] = 1;
	msg[256] = 0;
	assert_int_equal(read_at(msg, sizeof(msg), 0, &n, &end), ERR_FORM);
}

static void
wire_skip_name__good_names__stops_where_reading_does(void **state)
{
	static const uint8_t msg[] = "\1c\0\1b\xc0\0\1A\xc0\3\xc0\7x";
	static const size_t starts[] = {0, 3, 7, 11};
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct dname n;
		struct wire_in in;
		size_t end;
		assert_int_equal(read_at(msg, 13, starts[i], &n, &end), OK);
		wire_in_init(&in, msg, 13);
		in.pos = starts[i];
		wire_skip_name(&in);
		assert_int_equal(in.err, OK);
		assert_int_equal(in.pos, end);
	}
	struct wire_in in;
	wire_in_init(&in, (const uint8_t *)"\1a\xc0\2", 4);
	wire_skip_name(&in);
	assert_int_equal(in.err, ERR_FORM);
	uint8_t big[300];
	memset(big, 1, sizeof(big));
	wire_in_init(&in, big, sizeof(big));
	wire_skip_name(&in);
	assert_int_equal(in.err, ERR_FORM);
}

static void
wire_put__beyond_the_room__is_sticky_and_writes_nothing(void **state)
{
	uint8_t msg[8] = {0};
	struct wire_out out;
	struct dname n = name("a.b");
	(void)state;
	wire_out_init(&out, msg, 7);
	wire_put_u8(&out, 1);
	wire_put_u32(&out, 0x02030405);
	wire_put_name(&out, &n);
	assert_int_equal(out.err, ERR_SPACE);
	wire_put_u8(&out, 9);
	wire_put_name_plain(&out, &dname_root);
	assert_int_equal(out.size, 5);
	assert_memory_equal(msg, "\1\2\3\4\5\0\0\0", 8);
	wire_out_cut(&out, 3);
	wire_put_u16(&out, 0x0809);
	wire_patch_u16(&out, 0, 0x0a0b);
	assert_int_equal(out.err, OK);
	assert_memory_equal(msg, "\x0a\x0b\3\x08\x09", 5);
}

static void
wire_put_name__known_names__become_pointers(void **state)
{
	uint8_t msg[64] = {0};
	struct wire_out out;
	struct dname a = name("a.zones.c"), b = name("b.zones.c"), c = name("c");
	(void)state;
	wire_out_init(&out, msg, sizeof(msg));
	wire_put_bytes(&out, "123456789abc", 12);
	wire_put_name(&out, &a);
	wire_put_name(&out, &b);
	wire_put_name(&out, &a);
	wire_put_name(&out, &c);
	wire_put_name(&out, &dname_root);
	wire_put_name_plain(&out, &c);
	assert_int_equal(out.err, OK);
	assert_int_equal(out.size, 12 + 11 + 4 + 2 + 2 + 1 + 3);
	assert_memory_equal(msg + 12,
	    "\1a\5zones\1c\0"
	    "\1b\xc0\x0e\xc0\x0c\xc0\x14\0\1c\0",
	    23);
}

static void
wire_out_cut__names_after_it__are_forgotten(void **state)
{
	uint8_t msg[64] = {0};
	struct wire_out out;
	struct dname a = name("first.c"), b = name("second.d");
	(void)state;
	wire_out_init(&out, msg, sizeof(msg));
	wire_put_bytes(&out, "123456789abc", 12);
	wire_put_name(&out, &a);
	size_t size = out.size;
	wire_put_name(&out, &b);
	wire_out_cut(&out, size);
	/* What stands there by accident is not a name any more. */
	wire_put_name(&out, &b);
	assert_int_equal(out.size, size + b.size);
	wire_put_name(&out, &a);
	assert_int_equal(out.size, size + b.size + 2);
}

/* Names that share endings, as in a transfer, and some that do not. */
static struct dname
random_name(unsigned *seed)
{
	static const char *const suffixes[] = {"", "zones.catalog.example.", "example.",
	    "a.a.a.a.a.a.a.a.a.a."};
	char text[256];
	unsigned r = (unsigned)rand_r(seed);
	snprintf(text, sizeof(text), "%s%x.%s", r % 5 ? "" : "group.",
	    (unsigned)rand_r(seed) % 3000, suffixes[r / 5 % 4]);
	return name(text);
}

static void
wire_put_name__long_messages__read_back(void **state)
{
	enum { ROOM = 65535, NAMES = 20000 };
	static uint8_t msg[ROOM];
	static uint16_t at[NAMES];
	struct wire_out out;
	(void)state;
	for (unsigned round = 0; round < 10; round++) {
		unsigned seed = round, n = 0;
		wire_out_init(&out, msg, ROOM);
		wire_put_bytes(&out, "123456789abc", 12);
		for (; n < NAMES; n++) {
			struct dname put = random_name(&seed);
			at[n] = (uint16_t)out.size;
			size_t size = out.size;
			wire_put_name(&out, &put);
			if (out.err != OK) {
				assert_int_equal(out.size, size);
				break;
			}
			if (n % 7 == 3) {
				wire_out_cut(&out, size);
				wire_put_name(&out, &put);
			}
		}
		assert_true(out.size > ROOM - 256);
		unsigned again = round;
		for (unsigned i = 0; i < n; i++) {
			struct dname got, want = random_name(&again);
			size_t end;
			assert_int_equal(read_at(msg, out.size, at[i], &got, &end), OK);
			assert_true(dname_equal(&got, &want));
			assert_int_equal(end, i + 1 < n ? at[i + 1] : out.size);
		}
	}
}

static void
wire_put_name__transfer__keeps_the_common_end(void **state)
{
	static uint8_t msg[65535];
	struct wire_out out;
	(void)state;
	wire_out_init(&out, msg, sizeof(msg));
	wire_put_bytes(&out, "123456789abc", 12);
	for (unsigned i = 0; i < 1200; i++) {
		char text[64];
		size_t size = out.size;
		snprintf(text, sizeof(text), "%016x.zones.catalog.example", i * 7919);
		struct dname n = name(text);
		wire_put_name(&out, &n);
		if (i > 0)
			assert_int_equal(out.size - size, 17 + 2);
		/* The property behind it needs its label and a pointer, as long as
		 * pointers reach. */
		size = out.size;
		snprintf(text, sizeof(text), "group.%016x.zones.catalog.example",
		    i * 7919);
		n = name(text);
		wire_put_name(&out, &n);
		if (size < 0x3f00)
			assert_int_equal(out.size - size, 6 + 2);
	}
	assert_int_equal(out.err, OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(wire_get_numbers__short_input__is_sticky_error),
	    cmocka_unit_test(wire_get_bytes__size_that_wraps__is_an_error),
	    cmocka_unit_test(wire_get_name__backward_pointers__are_followed),
	    cmocka_unit_test(wire_get_name__bad_names__are_refused),
	    cmocka_unit_test(wire_get_name__pointer_hops__127_and_no_more),
	    cmocka_unit_test(wire_get_name__size__255_and_no_more),
	    cmocka_unit_test(wire_skip_name__good_names__stops_where_reading_does),
	    cmocka_unit_test(wire_put__beyond_the_room__is_sticky_and_writes_nothing),
	    cmocka_unit_test(wire_put_name__known_names__become_pointers),
	    cmocka_unit_test(wire_out_cut__names_after_it__are_forgotten),
	    cmocka_unit_test(wire_put_name__long_messages__read_back),
	    cmocka_unit_test(wire_put_name__transfer__keeps_the_common_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
