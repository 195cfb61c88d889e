/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_pattern_fixture.h"

/* Files that zones of two patterns would have in common. */

static void
expect_good(struct fixture *f, const char *pattern)
{
	const struct pattern *p = pattern_find(f->set, pattern);

	assert_non_null(p);
	if (pattern_error(p) != NULL)
		fail_msg("%s", pattern_error(p));
}

static void
pattern_load__names_can_meet__fault_of_the_later_that_says_so(void **state)
{
	struct fixture *f = *state;

	put_file(f, "a.ini", "[pattern]\nrole = primary\nzonefile = p-${zone}.zone\n");
	put_file(f, "b.ini", pri); /* has ${zone}.zone by default */
	put_file(f, "c.ini", "[pattern]\nrole = primary\nzonefile = ${zone}.db\n");
	put_file(f, "d.ini", "[pattern]\nrole = primary\nzonefile = d-${zone}.db\n");
	put_file(f, "e.ini", "[pattern]\nrole = primary\nzonefile = e/${zone}.db\n");
	load(f);
	expect_fault(f, "a", "a.ini:3: zonefile p-${zone}.zone is also");
	expect_fault(f, "d", "d.ini:3: zonefile d-${zone}.db is also that of a zone");
	expect_no_settings(f, "d", "d.ini:3");
	expect_good(f, "b");
	expect_good(f, "c");
	expect_good(f, "e");
}

static void
pattern_load__same_or_fixed_zonefile__is_no_fault(void **state)
{
	struct fixture *f = *state;

	put_file(f, "one.ini", "[pattern]\nrole = primary\nzonefile = p.shared\n");
	put_file(f, "two.ini", "[pattern]\nrole = primary\nzonefile = p.shared\n");
	put_file(f, "fixed.ini", "[pattern]\nrole = primary\nzonefile = a.zone\n");
	put_file(f, "three.ini", sec);
	put_file(f, "four.ini", pri);
	load(f);
	for (size_t i = 0; pattern_at(f->set, i) != NULL; i++)
		assert_null(pattern_error(pattern_at(f->set, i)));
}

static void
pattern_load__extends_one_with_the_fault__only_with_its_file(void **state)
{
	struct fixture *f = *state;

	put_file(f, "base.ini",
	    "[pattern]\nrole = primary\nzonefile = b-${zone}.zone\n");
	put_file(f, "heir.ini", "[pattern]\nextends = base\n");
	put_file(f, "own.ini", "[pattern]\nextends = base\nzonefile = own/${zone}\n");
	put_file(f, "other.ini", sec);
	load(f);
	expect_fault(f, "base", "base.ini:3: zonefile");
	expect_fault(f, "heir", "base.ini:3: zonefile"); /* where it is said */
	expect_good(f, "own");
	expect_good(f, "other");
}

/* What is not usable for another reason spoils no other. */
static void
pattern_load__other_one_is_not_usable__no_fault(void **state)
{
	struct fixture *f = *state;

	put_file(f, "bad.ini", "[pattern]\nrole = tertiary\n");
	put_file(f, "other.ini",
	    "[pattern]\nrole = primary\nzonefile = x-${zone}.zone\n");
	load(f);
	expect_fault(f, "bad", "role");
	expect_good(f, "other");
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(pattern_load__names_can_meet__fault_of_the_later_that_says_so),
	    TEST(pattern_load__same_or_fixed_zonefile__is_no_fault),
	    TEST(pattern_load__extends_one_with_the_fault__only_with_its_file),
	    TEST(pattern_load__other_one_is_not_usable__no_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
