/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_store_fixture.h"

#include "agent/store/scratch.h"

static void
scratch__ten_thousand_names_at_random__read_in_canonical_order(void **state)
{
	enum { N = 10000 };
	struct fixture *f = *state;
	struct scratch *s;
	struct dname zone, before;
	const char *text;
	char name[64];
	unsigned n = 0;

	assert_int_equal(scratch_open(f->store, &s), OK);
	for (unsigned i = 0; i < N; i++) {
		unsigned k = i * 7919u % N; /* a permutation */
		snprintf(name, sizeof(name), "%s%u.z%u.example", k % 3 ? "" : "a.",
		    k % 100, k);
		zone = dn(name);
		scratch_put(s, &zone, name);
	}
	scratch_put(s, &dname_root, "the root");
	assert_int_equal(scratch_sort(s), OK);
	assert_int_equal(scratch_next(s, NULL, &zone, &text), OK);
	assert_true(dname_equal(&zone, &dname_root));
	assert_string_equal(text, "the root");
	before = zone;
	while (scratch_next(s, &before, &zone, &text) == OK) {
		assert_true(dname_compare(&before, &zone) < 0);
		assert_string_equal(dname_print_short(&zone, (char[DNAME_TEXT_MAX]){0}),
		    text);
		before = zone;
		n++;
	}
	assert_int_equal(n, N);
	assert_int_equal(scratch_next(s, &before, &zone, &text), ERR_NOTFOUND);
	zone = dn("17.z17.example");
	assert_int_equal(scratch_get(s, &zone, &text), OK);
	assert_string_equal(text, "17.z17.example");
	zone = dn("z17.example");
	assert_int_equal(scratch_get(s, &zone, &text), ERR_NOTFOUND);
	assert_int_equal(scratch_next(s, &zone, &zone, &text), OK);
	assert_string_equal(text, "17.z17.example");
	scratch_close(s);
}

static void
scratch_put__same_zone_again__last_wins(void **state)
{
	struct fixture *f = *state;
	struct scratch *s;
	struct dname a = dn("a.example."), b = longest_name(1), zone;
	const char *text;
	char number[32];

	assert_int_equal(scratch_open(f->store, &s), OK);
	for (unsigned i = 0; i < 20001; i++) {
		snprintf(number, sizeof(number), "%u", i);
		scratch_put(s, i % 2 ? &a : &b, number);
	}
	assert_int_equal(scratch_sort(s), OK);
	assert_int_equal(scratch_get(s, &a, &text), OK);
	assert_string_equal(text, "19999");
	assert_int_equal(scratch_get(s, &b, &text), OK);
	assert_string_equal(text, "20000");
	assert_int_equal(scratch_next(s, NULL, &zone, &text), OK);
	assert_int_equal(scratch_next(s, &zone, &zone, &text), OK);
	assert_int_equal(scratch_next(s, &zone, &zone, &text), ERR_NOTFOUND);
	scratch_close(s);
}

static void
scratch_sort__nothing_put__is_empty(void **state)
{
	struct fixture *f = *state;
	struct scratch *s, *t;
	struct dname zone = dname_root;
	const char *text;

	assert_int_equal(scratch_open(f->store, &s), OK);
	assert_int_equal(scratch_open(f->store, &t), OK);
	assert_int_equal(scratch_sort(s), OK);
	assert_int_equal(scratch_next(s, NULL, &zone, &text), ERR_NOTFOUND);
	assert_int_equal(scratch_get(s, &zone, &text), ERR_NOTFOUND);
	scratch_close(s);
	scratch_put(t, &zone, "");
	scratch_close(t); /* unsorted */
	scratch_close(NULL);
}

static void
scratch_put__map_full__told_by_sort(void **state)
{
	struct fixture *f = *state;
	struct scratch *s;
	struct dname zone;
	const char *text;
	char name[64];

	fixture_close(f);
	f->conf.map_size = 1 << 20;
	fixture_open(f);
	assert_int_equal(scratch_open(f->store, &s), OK);
	for (unsigned i = 0; i < 60000; i++) {
		snprintf(name, sizeof(name), "zone%u.example", i);
		zone = dn(name);
		scratch_put(s, &zone, name);
	}
	assert_int_equal(scratch_sort(s), ERR_FULL);
	assert_int_equal(scratch_next(s, NULL, &zone, &text), ERR_FULL);
	scratch_close(s);
}

static void
scratch__while_open__leaves_no_file(void **state)
{
	struct fixture *f = *state;
	struct scratch *s;
	struct dirent *entry;

	assert_int_equal(scratch_open(f->store, &s), OK);
	DIR *dir = opendir(f->dir);
	while ((entry = readdir(dir)) != NULL)
		assert_true(strncmp(entry->d_name, SCRATCH_PREFIX, 8) != 0);
	closedir(dir);
	scratch_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(scratch__ten_thousand_names_at_random__read_in_canonical_order),
	    TEST(scratch_put__same_zone_again__last_wins),
	    TEST(scratch_sort__nothing_put__is_empty),
	    TEST(scratch_put__map_full__told_by_sort),
	    TEST(scratch__while_open__leaves_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
