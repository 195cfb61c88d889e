/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include "agent/pattern/overlap.h"

static void
expect(const char *a, const char *b, bool want)
{
	if (overlap_check(a, b) != want || overlap_check(b, a) != want)
		fail_msg("%s and %s: not %d", a, b, want);
}

static void
overlap_check__same_text__never(void **state)
{
	(void)state;
	expect("${zone}.zone", "${zone}.zone", false);
	expect("parked.shared", "parked.shared", false);
	expect("a/${zone}/${zone}", "a/${zone}/${zone}", false);
}

/* A zone whose own file is one that zones share is found when it is added. */
static void
overlap_check__without_variable__never(void **state)
{
	(void)state;
	expect("template.zone", "${zone}.zone", false);
	expect("sub/a.zone", "sub/${zone}.zone", false);
	expect("a.zone", "b.zone", false);
}

static void
overlap_check__parts_without_variable__are_read_as_names(void **state)
{
	static const struct {
		const char *a, *b;
		bool want;
	} all[] = {
	    {"${zone}/template.zone", "sub/${zone}.zone", true},
	    {"${zone}/@.zone", "sub/${zone}.zone", true}, /* of the root */
	    {"${zone}/template.shared", "sub/${zone}.zone", false},
	    {"${zone}/Template.zone", "sub/${zone}.zone", false}, /* never upper case */
	    {"${zone}/a+b.zone", "sub/${zone}.zone", false},
	    {"${zone}/.zone", "sub/${zone}.zone", false},
	    {"${zone}/aaa", "sub/a${zone}a", true},
	    {"${zone}/aa", "sub/a${zone}a", false},
	    {"${zone}/a-b", "sub/${zone}-${zone}", true}, /* to be sure */
	    {"${zone}/"
	     "0123456789012345678901234567890123456789012345678901234567890123",
		"sub/${zone}", false}, /* a label of 64 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		expect(all[i].a, all[i].b, all[i].want);
}

static void
overlap_check__variables__meet_where_names_can_make_up_for_it(void **state)
{
	static const struct {
		const char *a, *b;
		bool want;
	} all[] = {
	    {"${zone}.zone", "${zone}.db", false},
	    {"${zone}.zone", "own/${zone}.zone", false},
	    {"own/${zone}.zone", "other/${zone}.zone", false},
	    {"${zone}.zone", "pri-${zone}.zone", true},     /* zone pri-x and x */
	    {"${zone}.zone", "${zone}.old.zone", true},     /* zone x.old and x */
	    {"pri-${zone}.zone", "${zone}.old.zone", true}, /* x.old and pri-x */
	    {"${zone}.zone", "PRI-${zone}.zone", false},
	    {"${zone}.zone", "pri+${zone}.zone", false},
	    {"${zone}", "${zone}.zone", true},
	    {"${zone}-a", "${zone}-b", false},
	    {"a-${zone}", "b-${zone}", false},
	    {"${zone}/zone", "${zone}/db", false},
	    {"${zone}/zone", "x${zone}/zone", true},
	    {"${zone}/zone", "x${zone}/db", false},
	    {"${zone}/zone", "${zone}/zone/more", false},
	    {"${zone}/${zone}", "${zone}/x${zone}", false}, /* by its directory */
	    {"${zone}-${zone}", "${zone}", true},           /* to be sure */
	    {"${zone}-${zone}.a", "${zone}.b", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		expect(all[i].a, all[i].b, all[i].want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(overlap_check__same_text__never),
	    cmocka_unit_test(overlap_check__without_variable__never),
	    cmocka_unit_test(overlap_check__parts_without_variable__are_read_as_names),
	    cmocka_unit_test(
		overlap_check__variables__meet_where_names_can_make_up_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
