/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/setup_named.h"
#include "ctl/source.h"
#include "lib/mem.h"
#include "test.h"

/* Files that include others, and the words of named.conf. */

static char dir[] = "/tmp/nsherd-setup.XXXXXX";

static int
make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/nsherd-setup.XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static char *
path_of(const char *name)
{
	return mem_printf("%s/%s", dir, name);
}

static void
write_file(const char *name, const char *text)
{
	char *path = path_of(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	free(path);
}

static int
remove_dir(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d", NULL};

	(void)state;
	for (size_t i = 0; names[i] != NULL; i++) {
		char *path = path_of(names[i]);
		unlink(path);
		free(path);
	}
	return rmdir(dir);
}

static void
assert_prints(const struct sources *flat, const struct source *s, const char *want)
{
	struct buf out;

	buf_init(&out, 0);
	if (flat != NULL)
		source_print_flat(flat, s, &out);
	else
		source_print(s, &out);
	assert_string_equal(buf_text(&out), want);
	buf_fini(&out);
}

/* -- sources ---------------------------------------------------------------- */

static void
text_is_put_in__when__in_any_order(void **state)
{
	struct sources all = {0};
	struct source *s;
	char *path = path_of("a");

	(void)state;
	write_file("a", "one\ntwo");
	assert_int_equal(sources_read(&all, path, &s), OK);
	assert_false(source_is_edited(s));
	source_append(s, "four\n");
	source_insert(s, 0, "zero\n");
	source_append(s, "five\n");
	source_replace(s, 4, 7, "three");
	assert_true(source_is_edited(s));
	assert_prints(NULL, s, "zero\none\nthree\nfour\nfive\n");
	assert_int_equal(source_line(s, 5), 2);
	sources_fini(&all);
	free(path);
}

static void
reading_fails__when__no_text_or_not_there(void **state)
{
	struct sources all = {0};
	struct source *s;
	char *path = path_of("a");

	(void)state;
	assert_int_equal(sources_read(&all, path, &s), ERR_NOTFOUND);
	assert_int_equal(sources_read(&all, dir, &s), ERR_IO);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fwrite("a\0b", 1, 3, f);
	fclose(f);
	assert_int_equal(sources_read(&all, path, &s), ERR_RANGE);
	write_file("a", "");
	assert_int_equal(sources_read(&all, path, &s), OK);
	source_append(s, "x\n");
	assert_prints(NULL, s, "x\n");
	sources_fini(&all);
	free(path);
}

/* -- named.conf ------------------------------------------------------------- */

static char *
with_dir(const char *fmt)
{
	struct buf out;

	buf_init(&out, 0);
	for (; *fmt; fmt++)
		if (*fmt == '%')
			buf_puts(&out, dir);
		else
			buf_put(&out, fmt, 1);
	char *text = mem_strdup(buf_text(&out));
	buf_fini(&out);
	return text;
}

static void
statements_are_found__when__in_included_files(void **state)
{
	struct sources all = {0};
	struct named named;
	char *path = path_of("a");
	char *text = with_dir("// include \"/nowhere\";\n"
			      "include \"%/[bc]\"; /* options { */\n"
			      "key \"k;}\" { secret \"a\\\"b\"; };\n");
	size_t at = 0, next = 0, first, last;

	(void)state;
	write_file("a", text);
	write_file("b", "options { # } ;\n port 5; inner { x; port 6; }; };");
	write_file("c", "view in { };\n");
	assert_int_equal(named_read(&named, &all, path), OK);
	assert_true(named_find(&named, "OPTIONS", &at, named.n, &next));
	assert_true(named_body(&named, at, next, &first, &last));
	size_t port = named_word(&named, "port", first, last);
	assert_string_equal(named_text(&named, port + 1), "5");
	at = first;
	assert_false(named_find(&named, "x", &at, last, &next));
	named_put_after(&named, first - 1, " yes;");
	at = 0;
	assert_true(named_find(&named, "key", &at, named.n, &next));
	assert_string_equal(named_text(&named, at + 1), "k;}");
	assert_int_equal(next, named.n);
	assert_string_equal(named_text(&named, named.n), "");
	assert_false(sources_includes(&all, "/nowhere"));
	char *globbed = path_of("[bc]");
	assert_true(sources_includes(&all, globbed));
	assert_false(source_is_edited(all.all[0]));
	assert_prints(NULL, all.all[1],
	    "options { yes; # } ;\n port 5; inner { x; port 6; }; };");
	assert_prints(&all, all.all[0],
	    "// include \"/nowhere\";\n"
	    "options { yes; # } ;\n port 5; inner { x; port 6; }; };\n"
	    "view in { };\n\n /* options { */\n"
	    "key \"k;}\" { secret \"a\\\"b\"; };\n");
	named_fini(&named);
	sources_fini(&all);
	free(globbed);
	free(text);
	free(path);
}

static void
reading_ends__when__files_include_themselves(void **state)
{
	struct sources all = {0};
	struct named named;
	char *path = path_of("a");
	char *text = with_dir("include \"%/a\";\n");

	(void)state;
	write_file("a", text);
	assert_int_equal(named_read(&named, &all, path), ERR_RANGE);
	named_fini(&named);
	sources_fini(&all);
	free(text);
	free(path);
}

static void
reading_is_safe__when__the_text_is_cut(void **state)
{
	static const char whole[] =
	    "/* c */ include \"x\\\"\"; options { a \"b\\\\\"; };"
	    " // d\n key k { # e\n secret \"s\"; }; /* f";
	char *path = path_of("a");
	char text[sizeof(whole)];

	(void)state;
	for (size_t size = 0; size < sizeof(whole); size++) {
		struct sources all = {0};
		struct named named;
		size_t at = 0, next = 0, first, last;

		memcpy(text, whole, size);
		text[size] = '\0';
		write_file("a", text);
		assert_int_equal(named_read(&named, &all, path), OK);
		if (named_find(&named, "options", &at, named.n, &next))
			(void)named_body(&named, at, next, &first, &last);
		assert_prints(NULL, all.all[0], text);
		named_fini(&named);
		sources_fini(&all);
	}
	free(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(text_is_put_in__when__in_any_order,
		make_dir, remove_dir),
	    cmocka_unit_test_setup_teardown(reading_fails__when__no_text_or_not_there,
		make_dir, remove_dir),
	    cmocka_unit_test_setup_teardown(
		statements_are_found__when__in_included_files, make_dir, remove_dir),
	    cmocka_unit_test_setup_teardown(
		reading_ends__when__files_include_themselves, make_dir, remove_dir),
	    cmocka_unit_test_setup_teardown(reading_is_safe__when__the_text_is_cut,
		make_dir, remove_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
