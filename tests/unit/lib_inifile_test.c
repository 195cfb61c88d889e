/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/inifile.h"

/* Prints what it is called with: `line section|name|value` and a newline. */
static enum err
note(void *arg, const char *section, const char *name, const char *value,
    const char *file, unsigned line, struct err_where *where)
{
	if (strcmp(name, "refuse") == 0)
		return err_at(where, file, line, "refused %s", value);
	if (strcmp(name, "fail") == 0)
		return ERR_RANGE; /* without filling where */
	buf_printf(arg, "%u %s|%s|%s\n", line, section, name, value);
	return OK;
}

static enum err
parse(const char *text, size_t size, struct buf *out, struct err_where *where)
{
	char *copy = test_malloc(size + 1); /* no NUL at its end: ASan sees it */
	memcpy(copy + 1, text, size);
	memset(where, 0, sizeof(*where));
	buf_init(out, 0);
	enum err err = inifile_parse(copy + 1, size, "f.ini", note, out, where);
	test_free(copy);
	return err;
}

static void
assert_read(const char *text, const char *expected)
{
	struct buf out;
	struct err_where where;

	assert_int_equal(parse(text, strlen(text), &out, &where), OK);
	assert_string_equal(buf_text(&out), expected);
	assert_string_equal(where.what, "");
	buf_fini(&out);
}

static void
assert_fault_sized(const char *text, size_t size, unsigned line, const char *what,
    const char *before)
{
	struct buf out;
	struct err_where where;

	assert_int_equal(parse(text, size, &out, &where), ERR_INVALID);
	assert_string_equal(where.file, "f.ini");
	assert_non_null(strstr(where.what, what));
	assert_int_equal(where.line, line);
	assert_string_equal(buf_text(&out), before); /* nothing after the fault */
	buf_fini(&out);
}

static void
assert_fault(const char *text, unsigned line, const char *what, const char *before)
{
	assert_fault_sized(text, strlen(text), line, what, before);
}

static void
inifile_parse__good_text__gives_section_name_value_line(void **state)
{
	(void)state;
	assert_read("", "");
	assert_read("\n\n", "");
	assert_read("a = b", "1 |a|b\n");
	assert_read("# c\n; c\n\n[agent]\nname = x\nlisten=1@2, ::1@5300\n\n[key k.e]\n"
		    "secret\t=\tAA+/==\n",
	    "5 agent|name|x\n6 agent|listen|1@2, ::1@5300\n9 key k.e|secret|AA+/==\n");
	assert_read("a =\r\nb = c \t\r\n\r\n[s]\r\nd = e", "1 |a|\n2 |b|c\n5 s|d|e\n");
	assert_read("  # indented comment\n\t; too\n  \t \n[s]\nx = y\n", "5 s|x|y\n");
	assert_read("# with ; inside\nx = a;b # c = d : e \"q\"\n",
	    "2 |x|a;b # c = d : e \"q\"\n");
	assert_read("[s]\t \nx = a=b\nx = caf\xc3\xa9\n",
	    "2 s|x|a=b\n3 s|x|caf\xc3\xa9\n");
	assert_read("[a]\n[b]\nlast = no newline", "3 b|last|no newline\n");
}

static void
inifile_parse__what_inih_would_misread__is_an_error_with_its_line(void **state)
{
	(void)state;
	assert_fault("a = b\n c = d\n", 2, "indented", "1 |a|b\n");
	assert_fault("[s]\n\tc = d\n", 2, "indented", "");
	assert_fault(" [s]\n", 1, "indented", "");
	assert_fault("a = b ; c\n", 1, "blank before ;", "");
	assert_fault("a = b\t; c\n", 1, "blank before ;", "");
	assert_fault("a = ; c\n", 1, "blank before ;", "");
	assert_fault("a = \"q ; z\"\n", 1, "blank before ;", "");
	assert_fault("a ; b = c\n", 1, "blank before ;", "");
	assert_fault("[s] ; c\nx = y\n", 1, "blank before ;", "");
	assert_fault("x = y\n[b ; x]\nz = z\n", 2, "blank before ;", "1 |x|y\n");
	assert_fault("[t\nx = y\n", 1, "no ]", "");
	assert_fault("[\n", 1, "no ]", "");
	assert_fault("[]\n", 1, "no name", "");
	assert_fault("[ s]\n", 1, "a blank at the end", "");
	assert_fault("[s ]\n", 1, "a blank at the end", "");
	assert_fault("[s] x\n", 1, "text after ]", "");
	assert_fault("[s]]\n", 1, "text after ]", "");
	assert_fault("[s] # c\n", 1, "text after ]", "");
	assert_fault("\nname\nx = y\n", 2, "neither", "");
	assert_fault("name: value\n", 1, "neither", "");
	assert_fault("a:b = c\n", 1, "neither", "");
	assert_fault("= c\n", 1, "nothing before", "");
	assert_fault("a = b\rc = d\n", 1, "control character", "");
	assert_fault("a = b\x1b[31m\n", 1, "control character", "");
	assert_fault("a = b\x7f\n", 1, "control character", "");
	assert_fault("a = \vb\n", 1, "control character", "");
	assert_fault("\xef\xbb\xbf[s]\n", 1, "byte order mark", "");
	assert_fault_sized("a = b\nc = d\0e\nf = g\n", 18, 2, "NUL", "1 |a|b\n");
	assert_fault_sized("#\0\n", 3, 1, "NUL", "");
}

static void
inifile_parse__long_lines__pass_to_198_characters(void **state)
{
	char text[512], expected[512];

	(void)state;
	for (int size = 190; size <= 210; size++) {
		int n = snprintf(text, sizeof(text), "a = b\nn = %0*d", size - 4, 7);
		assert_int_equal(n, 6 + size);
		for (int end = 0; end < 3; end++) {
			strcpy(text + n, end == 0   ? ""
					 : end == 1 ? "\n"
						    : "\r\nz = z\n");
			if (size > 198) {
				assert_fault(text, 2, "more than 198", "1 |a|b\n");
				continue;
			}
			snprintf(expected, sizeof(expected), "1 |a|b\n2 |n|%0*d\n%s",
			    size - 4, 7, end == 2 ? "3 |z|z\n" : "");
			assert_read(text, expected);
		}
	}
	/* A comment that long would come out as a line of its own. */
	memset(text, '#', 199);
	strcpy(text + 199, "\n");
	assert_fault(text, 1, "more than 198", "");
}

static void
inifile_parse__long_sections__pass_to_49_characters(void **state)
{
	char text[128], expected[128];

	(void)state;
	for (int size = 40; size <= 60; size++) {
		snprintf(text, sizeof(text), "[%0*d]\nx = y\n", size, 7);
		if (size > 49) {
			assert_fault(text, 1, "more than 49", "");
			continue;
		}
		snprintf(expected, sizeof(expected), "2 %0*d|x|y\n", size, 7);
		assert_read(text, expected);
	}
}

static void
inifile_parse__error_of_the_function__ends_the_reading(void **state)
{
	struct buf out;
	struct err_where where;
	static const char text[] = "a = b\nrefuse = it\nc = d\n[\n";
	static const char fails[] = "a = b\nfail = it\nc = d\n";

	(void)state;
	assert_fault(text, 2, "refused it", "1 |a|b\n");
	assert_int_equal(parse(fails, strlen(fails), &out, &where), ERR_RANGE);
	assert_int_equal(where.line, 2);
	assert_string_equal(where.what, "out of range");
	assert_string_equal(buf_text(&out), "1 |a|b\n");
	buf_fini(&out);
}

static void
inifile_read__file__is_read_or_says_why_not(void **state)
{
	char path[] = "/tmp/lib_inifile_test.XXXXXX";
	struct err_where where = {.line = 0};
	struct buf out;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "[s]\nx = y\n", 10), 10);
	buf_init(&out, 0);
	assert_int_equal(inifile_read(path, note, &out, &where), OK);
	assert_string_equal(buf_text(&out), "2 s|x|y\n");
	assert_int_equal(ftruncate(fd, (4 << 20) + 1), 0);
	assert_int_equal(inifile_read(path, note, &out, &where), ERR_INVALID);
	assert_non_null(strstr(where.what, "larger than"));
	close(fd);
	assert_int_equal(unlink(path), 0);
	memset(&where, 0, sizeof(where));
	assert_int_equal(inifile_read(path, note, &out, &where), ERR_NOTFOUND);
	assert_string_equal(where.file, path);
	assert_int_equal(where.line, 0);
	assert_string_equal(where.what, "No such file or directory");
	memset(&where, 0, sizeof(where));
	assert_int_equal(inifile_read("/", note, &out, &where), ERR_IO);
	buf_fini(&out);
}

static void
inifile_duration__units__are_seconds(void **state)
{
	static const struct {
		const char *text;
		enum err err;
		unsigned seconds;
	} cases[] = {
	    {"0", OK, 0},
	    {"90", OK, 90},
	    {"90s", OK, 90},
	    {"5m", OK, 300},
	    {"2h", OK, 7200},
	    {"7d", OK, 604800},
	    {"4294967295", OK, 4294967295},
	    {"4294967296", ERR_RANGE, 0},
	    {"49711d", ERR_RANGE, 0},
	    {"99999999999999999999999", ERR_RANGE, 0},
	    {"", ERR_FORM, 0},
	    {"d", ERR_FORM, 0},
	    {"-1", ERR_FORM, 0},
	    {"1 d", ERR_FORM, 0},
	    {"1w", ERR_FORM, 0},
	    {"1dd", ERR_FORM, 0},
	    {"1.5h", ERR_FORM, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned seconds = 0;
		assert_int_equal(inifile_duration(cases[i].text, &seconds),
		    cases[i].err);
		assert_int_equal(seconds, cases[i].seconds);
	}
}

static void
inifile_number_and_bool__text__is_strict(void **state)
{
	unsigned long n = 0;
	bool yes = false;

	(void)state;
	assert_int_equal(inifile_number("5", 5, 7, &n), OK);
	assert_int_equal(n, 5);
	assert_int_equal(inifile_number("7", 5, 7, &n), OK);
	assert_int_equal(inifile_number("8", 5, 7, &n), ERR_RANGE);
	assert_int_equal(inifile_number("4", 5, 7, &n), ERR_RANGE);
	assert_int_equal(n, 7);
	assert_int_equal(inifile_number("18446744073709551615", 0, -1ul, &n), OK);
	assert_int_equal(inifile_number("18446744073709551616", 0, -1ul, &n),
	    ERR_RANGE);
	assert_int_equal(inifile_number("0x5", 0, 7, &n), ERR_FORM);
	assert_int_equal(inifile_number("+5", 0, 7, &n), ERR_FORM);
	assert_int_equal(inifile_number("5 ", 0, 7, &n), ERR_FORM);
	assert_int_equal(inifile_number("", 0, 7, &n), ERR_FORM);
	assert_int_equal(inifile_bool("yes", &yes), OK);
	assert_true(yes);
	assert_int_equal(inifile_bool("no", &yes), OK);
	assert_false(yes);
	assert_int_equal(inifile_bool("on", &yes), ERR_FORM);
	assert_int_equal(inifile_bool("", &yes), ERR_FORM);
}

static enum err
note_item(void *arg, const char *item)
{
	if (strcmp(item, "stop") == 0)
		return ERR_DENIED;
	buf_printf(arg, "<%s>", item);
	return OK;
}

static void
inifile_each__lists__are_split_and_trimmed(void **state)
{
	static const struct {
		const char *value;
		bool blanks;
		enum err err;
		const char *items;
	} cases[] = {
	    {"a", false, OK, "<a>"},
	    {" a b , c\t", false, OK, "<a b><c>"},
	    {"a b , c,d", true, OK, "<a><b><c><d>"},
	    {"a  b\t\tc ", true, OK, "<a><b><c>"},
	    {"", false, ERR_FORM, ""},
	    {"", true, ERR_FORM, ""},
	    {" ", true, ERR_FORM, ""},
	    {",", true, ERR_FORM, ""},
	    {",a", true, ERR_FORM, ""},
	    {"a,", false, ERR_FORM, "<a>"},
	    {"a, ", true, ERR_FORM, "<a>"},
	    {"a,,b", true, ERR_FORM, "<a>"},
	    {"a, ,b", false, ERR_FORM, "<a>"},
	    {"a, stop, b", false, ERR_DENIED, "<a>"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out;
		buf_init(&out, 0);
		assert_int_equal(inifile_each(cases[i].value, cases[i].blanks,
				     note_item, &out),
		    cases[i].err);
		assert_string_equal(buf_text(&out), cases[i].items);
		buf_fini(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(inifile_parse__good_text__gives_section_name_value_line),
	    cmocka_unit_test(
		inifile_parse__what_inih_would_misread__is_an_error_with_its_line),
	    cmocka_unit_test(inifile_parse__long_lines__pass_to_198_characters),
	    cmocka_unit_test(inifile_parse__long_sections__pass_to_49_characters),
	    cmocka_unit_test(inifile_parse__error_of_the_function__ends_the_reading),
	    cmocka_unit_test(inifile_read__file__is_read_or_says_why_not),
	    cmocka_unit_test(inifile_duration__units__are_seconds),
	    cmocka_unit_test(inifile_number_and_bool__text__is_strict),
	    cmocka_unit_test(inifile_each__lists__are_split_and_trimmed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
