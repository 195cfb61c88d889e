/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <string.h>

#include "netconf/text.h"

static void
expect_octets(const char *text, const char *octets, size_t size)
{
	struct buf buf;
	buf_init(&buf, 0);
	assert_int_equal(text_decode(text, &buf), OK);
	assert_int_equal(buf.size, size);
	if (size > 0)
		assert_memory_equal(buf.data, octets, size);
	buf_fini(&buf);
}

static void
text_decode__escapes__are_octets(void **state)
{
	(void)state;
	expect_octets("plain text", "plain text", 10);
	expect_octets("a\\\\b", "a\\b", 3);
	expect_octets("\\000\\255\\065", "\0\377A", 3);
	expect_octets("", "", 0);
}

static void
text_decode__what_is_no_text__is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"\\", "\\1", "\\12", "\\256", "\\x41", "a\tb",
	    "\303\244", "\177"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct buf buf;
		buf_init(&buf, 0);
		assert_int_equal(text_decode(bad[i], &buf), ERR_FORM);
		buf_fini(&buf);
	}
}

static void
text_encode__all_octets__come_back(void **state)
{
	(void)state;
	struct pool pool = {0};
	unsigned char octets[256];
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (unsigned char)i;
	const char *text = text_encode(&pool, octets, sizeof(octets));
	expect_octets(text, (const char *)octets, sizeof(octets));
	for (; *text; text++)
		assert_in_range(*text, ' ', '~');
	pool_fini(&pool);
}

static void
text_zone__only_the_canonical_form__is_taken(void **state)
{
	(void)state;
	struct dname zone;
	static const char *const good[] = {"example", "0/25.2.0.192.in-addr.arpa",
	    "*.example", "a\\.b.example", "\\000.example", "_tcp.example", "."};
	static const char *const other[] = {"Example", "example.", "\\065.example",
	    "\\e.example"};
	static const char *const bad[] = {"", "a..b", ".a", "a b", "\\300.a",
	    "0123456789012345678901234567890123456789012345678901234567890123.a"};
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_int_equal(text_zone(good[i], &zone), OK);
	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
		assert_int_equal(text_zone(other[i], &zone), ERR_INVALID);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(text_zone(bad[i], &zone), ERR_FORM);
}

static void
text_time__seconds__are_a_date(void **state)
{
	(void)state;
	struct pool pool = {0};
	assert_string_equal(text_time(&pool, 0), "1970-01-01T00:00:00+00:00");
	assert_string_equal(text_time_of(&pool, "1795353484"),
	    "2026-11-22T13:18:04+00:00");
	assert_null(text_time_of(&pool, NULL));
	assert_null(text_time_of(&pool, "soon"));
	assert_null(text_time_of(&pool, "99999999999999999999"));
	assert_null(text_time_of(&pool, "1 "));
	pool_fini(&pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_decode__escapes__are_octets),
	    cmocka_unit_test(text_decode__what_is_no_text__is_refused),
	    cmocka_unit_test(text_encode__all_octets__come_back),
	    cmocka_unit_test(text_zone__only_the_canonical_form__is_taken),
	    cmocka_unit_test(text_time__seconds__are_a_date),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
