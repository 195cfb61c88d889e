/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <string.h>

#include "agent/store/verb.h"

static struct dname
name_of(const char *text)
{
	struct dname name;
	assert_int_equal(dname_parse(text, &name), OK);
	return name;
}

static void
verb_find__every_name__is_found(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VERB_KINDS; i++) {
		enum verb_kind kind;
		const char *name = verb_str((enum verb_kind)i);
		assert_true(verb_find(name, strlen(name), &kind));
		assert_int_equal(kind, i);
		assert_false(verb_find(name, strlen(name) - 1, &kind));
	}
}

static void
verb_find__other_words__are_not(void **state)
{
	enum verb_kind kind;
	(void)state;
	assert_false(verb_find("", 0, &kind));
	assert_false(verb_find("REFRESH", 7, &kind));
	assert_false(verb_find("refresh ", 8, &kind));
	assert_false(verb_find("refresh\0", 8, &kind));
}

static void
verb_next__what_was_put__comes_back_in_order(void **state)
{
	struct buf buf;
	struct verb got;
	size_t pos = 0;
	static const struct label odd = {.size = 5, .data = {' ', '\n', '=', 0, 'a'}};
	const struct verb put[] = {
	    {.kind = VERB_KIND_REFRESH,
		.zone = name_of("a.example"),
		.id = label_of("m1")},
	    {.kind = VERB_KIND_RELOAD, .all = true, .backend = "nsd_1"},
	    {.kind = VERB_KIND_THAW,
		.zone = name_of("a\\032b\\010.c\\.d.example"),
		.id = odd,
		.backend = "b"},
	    {.kind = VERB_KIND_RECONCILE, .all = true},
	    {.kind = VERB_KIND_FLUSH, .zone = dname_root, .id = label_of("root")},
	};
	enum { N = sizeof(put) / sizeof(put[0]) };
	(void)state;
	buf_init(&buf, 0);
	for (size_t i = 0; i < N; i++)
		verb_put(&buf, &put[i]);
	for (size_t i = 0; i < N; i++) {
		assert_true(verb_next(buf_text(&buf), &pos, &got));
		assert_int_equal(got.kind, put[i].kind);
		assert_int_equal(got.all, put[i].all);
		assert_string_equal(got.backend, put[i].backend);
		if (put[i].all)
			continue;
		assert_true(dname_equal(&got.zone, &put[i].zone));
		assert_true(label_equal(&got.id, &put[i].id));
	}
	assert_false(verb_next(buf_text(&buf), &pos, &got));
	buf_fini(&buf);
}

static void
verb_next__the_longest_names__fit_a_line(void **state)
{
	struct buf buf;
	struct verb put = {.kind = VERB_KIND_NOTIFY}, got;
	size_t pos = 0;
	(void)state;
	put.zone.size = 255;
	memset(put.zone.wire, 1, 255);
	for (size_t at = 0; at < 254; at += 64)
		put.zone.wire[at] = at < 192 ? 63 : 61;
	put.zone.wire[254] = 0;
	put.id.size = 63;
	memset(put.id.data, 2, 63);
	memset(put.backend, 'b', sizeof(put.backend) - 1);
	buf_init(&buf, 0);
	verb_put(&buf, &put);
	assert_true(verb_next(buf_text(&buf), &pos, &got));
	assert_true(dname_equal(&got.zone, &put.zone));
	assert_true(label_equal(&got.id, &put.id));
	assert_string_equal(got.backend, put.backend);
	buf_fini(&buf);
}

static void
verb_next__lines_it_cannot_read__are_passed_over(void **state)
{
	static const char text[] = "\n"
				   "verb=nosuch\n"
				   "zone=a. id=b\n"
				   "verb=refresh zone=a.\n"
				   "verb=refresh zone=a..b id=c\n"
				   "verb=refresh zone=a id=c.d\n"
				   "verb=refresh garbage\n"
				   "verb=flush zone=a id=c later=1\n"
				   "verb=thaw";
	struct verb got;
	size_t pos = 0;
	(void)state;
	assert_true(verb_next(text, &pos, &got));
	assert_int_equal(got.kind, VERB_KIND_FLUSH);
	assert_true(verb_next(text, &pos, &got));
	assert_int_equal(got.kind, VERB_KIND_THAW);
	assert_true(got.all);
	assert_false(verb_next(text, &pos, &got));
	pos = 0;
	assert_false(verb_next("", &pos, &got));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(verb_find__every_name__is_found),
	    cmocka_unit_test(verb_find__other_words__are_not),
	    cmocka_unit_test(verb_next__what_was_put__comes_back_in_order),
	    cmocka_unit_test(verb_next__the_longest_names__fit_a_line),
	    cmocka_unit_test(verb_next__lines_it_cannot_read__are_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
