/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/err.h"

static void
err_str__every_error__has_its_own_text(void **state)
{
	(void)state;
	for (int a = OK; a <= ERR_UNSUPPORTED; a++) {
		assert_true(strlen(err_str((enum err)a)) > 0);
		for (int b = OK; b < a; b++)
			assert_string_not_equal(err_str((enum err)a),
			    err_str((enum err)b));
	}
	assert_string_equal(err_str((enum err)999), "unknown error");
}

static void
err_at__second_fault__keeps_the_first(void **state)
{
	struct err_where where = {0};
	(void)state;
	assert_int_equal(err_at(&where, "a.conf", 7, "no %s", "such key"), ERR_INVALID);
	assert_int_equal(err_at(&where, "b.conf", 9, "other"), ERR_INVALID);
	assert_string_equal(where.file, "a.conf");
	assert_int_equal(where.line, 7);
	assert_string_equal(where.what, "no such key");
}

static void
err_at__long_text__is_cut(void **state)
{
	struct err_where where = {0};
	char text[600];
	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(err_at(&where, text, 0, "%s", text), ERR_INVALID);
	assert_int_equal(strlen(where.file), sizeof(where.file) - 1);
	assert_int_equal(strlen(where.what), sizeof(where.what) - 1);
	assert_int_equal(err_at(NULL, "f", 1, "nobody asked"), ERR_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(err_str__every_error__has_its_own_text),
	    cmocka_unit_test(err_at__second_fault__keeps_the_first),
	    cmocka_unit_test(err_at__long_text__is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
