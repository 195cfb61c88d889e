/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "lib/journal.h"
#include "lib/mem.h"

static struct journal_entry entry;

static void
expect(const char *bytes, size_t size)
{
	assert_int_equal(entry.size, size);
	assert_memory_equal(entry.data, bytes, size);
}

static void
journal_put__a_line__is_name_and_value(void **state)
{
	static const char wanted[] = "MESSAGE=a=b c\nEMPTY=\n";
	(void)state;
	journal_start(&entry);
	journal_put_text(&entry, "MESSAGE", "a=b c");
	journal_put_text(&entry, "EMPTY", "");
	expect(wanted, sizeof(wanted) - 1);
}

static void
journal_put__with_a_newline__has_its_length(void **state)
{
	static const char wanted[] = "MESSAGE\n\x05\0\0\0\0\0\0\0a\nX=b\nA=1\n";
	(void)state;
	journal_start(&entry);
	journal_put_text(&entry, "MESSAGE", "a\nX=b");
	journal_put_text(&entry, "A", "1");
	expect(wanted, sizeof(wanted) - 1);
}

static void
journal_put__what_does_not_fit__is_left_out(void **state)
{
	char *large = mem_zalloc(JOURNAL_ENTRY_MAX);
	(void)state;
	journal_start(&entry);
	memset(large, '\n', JOURNAL_ENTRY_MAX);
	journal_put(&entry, "A", large, JOURNAL_ENTRY_MAX - 10);
	journal_put(&entry, "A", large, SIZE_MAX - 20);
	assert_int_equal(entry.size, 0);
	journal_put(&entry, "A", large, JOURNAL_ENTRY_MAX - 11);
	assert_int_equal(entry.size, JOURNAL_ENTRY_MAX);
	journal_put_text(&entry, "B", "");
	assert_int_equal(entry.size, JOURNAL_ENTRY_MAX);
	free(large);
}

static void
words(const char *text, const char *wanted)
{
	journal_start(&entry);
	journal_put_words(&entry, text);
	expect(wanted, strlen(wanted));
}

static void
journal_put_words__those_to_search_by__are_fields(void **state)
{
	(void)state;
	words("backend=nsd1 zone=a.example state=conflict n=7",
	    "NSHERD_BACKEND=nsd1\nNSHERD_ZONE=a.example\nNSHERD_STATE=conflict\n");
	words("catalog=main by=x key=ctl.example: removals are held",
	    "NSHERD_CATALOG=main\nNSHERD_KEY=ctl.example\n");
	words("peer=2001:db8::1@53 reason=\"a b=c zone=x\" zone=y",
	    "NSHERD_PEER=2001:db8::1@53\nNSHERD_REASON=a b=c zone=x\nNSHERD_ZONE=y\n");
	words("id=7 user=alice end=0", "NSHERD_USER=alice\n");
	words("zone=a zone=b xzone=c zone", "NSHERD_ZONE=a\n");
	words("zone=\"a", "NSHERD_ZONE=a\n");
	words("zone=", "NSHERD_ZONE=\n");
	words("zone=::: =x == = \"zone=z\"", "NSHERD_ZONE=\n");
	words("", "");
}

static void
journal_send__nobody_there__says_so(void **state)
{
	char *path = mem_zalloc(300);
	(void)state;
	int fd = journal_open();
	assert_true(fd >= 0);
	journal_start(&entry);
	journal_put_text(&entry, "MESSAGE", "x");
	assert_false(journal_send(fd, "/nonexistent/socket", &entry));
	memset(path, 'x', 299);
	assert_false(journal_send(fd, path, &entry));
	assert_false(journal_send(-1, "/nonexistent/socket", &entry));
	free(path);
}

static void
journal_has_stderr__other_numbers__it_has_not(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	assert_false(journal_has_stderr());
	setenv("JOURNAL_STREAM", "", 1);
	assert_false(journal_has_stderr());
	setenv("JOURNAL_STREAM", "9:1", 1);
	assert_false(journal_has_stderr());
	unsetenv("JOURNAL_STREAM");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(journal_put__a_line__is_name_and_value),
	    cmocka_unit_test(journal_put__with_a_newline__has_its_length),
	    cmocka_unit_test(journal_put__what_does_not_fit__is_left_out),
	    cmocka_unit_test(journal_put_words__those_to_search_by__are_fields),
	    cmocka_unit_test(journal_send__nobody_there__says_so),
	    cmocka_unit_test(journal_has_stderr__other_numbers__it_has_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
