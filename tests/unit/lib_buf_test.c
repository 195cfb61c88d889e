/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/buf.h"

static void
buf_put__numbers__are_big_endian(void **state)
{
	static const uint8_t want[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	    15};
	struct buf buf;
	(void)state;
	buf_init(&buf, 0);
	buf_put_u8(&buf, 0x01);
	buf_put_u16(&buf, 0x0203);
	buf_put_u32(&buf, 0x04050607);
	buf_put_u64(&buf, 0x08090a0b0c0d0e0f);
	assert_int_equal(buf.size, sizeof(want));
	assert_memory_equal(buf.data, want, sizeof(want));
	assert_int_equal(buf.data[buf.size], 0);
	buf_fini(&buf);
}

static void
buf_put__beyond_max__is_a_sticky_error(void **state)
{
	struct buf buf;
	(void)state;
	buf_init(&buf, 4);
	buf_puts(&buf, "abcd");
	assert_int_equal(buf.err, OK);
	buf_put_u8(&buf, 'e');
	assert_int_equal(buf.err, ERR_SPACE);
	buf_put(&buf, NULL, 0);
	assert_null(buf_extend(&buf, 0));
	assert_int_equal(buf.size, 4);
	assert_string_equal(buf_text(&buf), "abcd");

	buf_reset(&buf);
	assert_int_equal(buf.err, OK);
	assert_string_equal(buf_text(&buf), "");
	buf_printf(&buf, "%d", 12345);
	assert_int_equal(buf.err, ERR_SPACE);
	assert_int_equal(buf.size, 0);
	buf_fini(&buf);
}

static void
buf_extend__size_that_wraps__is_an_error(void **state)
{
	struct buf buf;
	(void)state;
	buf_init(&buf, 0);
	buf_puts(&buf, "a");
	assert_null(buf_extend(&buf, SIZE_MAX));
	assert_int_equal(buf.err, ERR_SPACE);
	buf_fini(&buf);
}

static void
buf_printf__growing__keeps_what_was(void **state)
{
	struct buf buf;
	(void)state;
	buf_init(&buf, 0);
	assert_string_equal(buf_text(&buf), "");
	for (int i = 0; i < 1000; i++)
		buf_printf(&buf, "%04d ", i);
	assert_int_equal(buf.size, 5000);
	assert_memory_equal(buf_text(&buf), "0000 0001 ", 10);
	assert_string_equal(buf_text(&buf) + 4990, "0998 0999 ");
	buf_fini(&buf);
}

static void
buf_consume__part__moves_the_rest(void **state)
{
	struct buf buf;
	(void)state;
	buf_init(&buf, 0);
	buf_consume(&buf, 3);
	buf_puts(&buf, "abcdef");
	buf_consume(&buf, 0);
	buf_consume(&buf, 2);
	assert_string_equal(buf_text(&buf), "cdef");
	buf_consume(&buf, 100);
	assert_int_equal(buf.size, 0);
	assert_string_equal(buf_text(&buf), "");
	buf_fini(&buf);
	buf_fini(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(buf_put__numbers__are_big_endian),
	    cmocka_unit_test(buf_put__beyond_max__is_a_sticky_error),
	    cmocka_unit_test(buf_extend__size_that_wraps__is_an_error),
	    cmocka_unit_test(buf_printf__growing__keeps_what_was),
	    cmocka_unit_test(buf_consume__part__moves_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
