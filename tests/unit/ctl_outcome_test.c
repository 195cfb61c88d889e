/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include "ctl/outcome.h"

static void
outcome_parse__what_the_agent_writes__is_read(void **state)
{
	struct outcome o;
	(void)state;
	assert_int_equal(outcome_parse("refresh:ok@1795330000 seq=12", &o), OK);
	assert_int_equal(o.result, OUTCOME_OK);
	assert_int_equal(o.time, 1795330000);
	assert_int_equal(o.seq, 12);
	assert_string_equal(o.text, "");
	assert_int_equal(outcome_parse("freeze:unsupported@1 seq=9 no: @ such=thing",
			     &o),
	    OK);
	assert_int_equal(o.result, OUTCOME_UNSUPPORTED);
	assert_string_equal(o.text, "no: @ such=thing");
	assert_int_equal(outcome_parse("reload:failed@1 seq=18446744073709551", &o),
	    OK);
	assert_int_equal(o.result, OUTCOME_FAILED);
}

static void
outcome_parse__anything_else__is_form(void **state)
{
	static const char *const texts[] = {"", "refresh", "refresh:ok", "refresh:ok@",
	    "refresh:ok@12", "refresh:ok@12 seq=", "refresh:ok@12 seq=1x",
	    "refresh:ok@ seq=1", "refresh:pending@1 seq=1", "refresh:OK@1 seq=1",
	    "refresh@1:ok seq=1", "refresh:ok@-1 seq=1",
	    "refresh:ok@99999999999999999999 seq=1", "refresh:ok@1 seq=-1"};
	struct outcome o;
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(outcome_parse(texts[i], &o), ERR_FORM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(outcome_parse__what_the_agent_writes__is_read),
	    cmocka_unit_test(outcome_parse__anything_else__is_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
