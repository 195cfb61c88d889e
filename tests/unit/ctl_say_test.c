/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/say.h"

static void
say_printable__controls__become_question_marks(void **state)
{
	static const char *const texts[][2] = {
	    {"plain, and ~ too", "plain, and ~ too"},
	    {"\33[2J\a\r\n\177", "?[2J????"},
	    {"\x9b"
	     "2J",
		"?2J"},
	    {"\xc2\x9b"
	     "2J",
		"\xc2?2J"},
	    {"Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x90\x91",
		"Z\xc3\xbcrich \xe2\x82\xac "
		"\xf0\x9f\x90\x91"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char text[64];
		snprintf(text, sizeof(text), "%s", texts[i][0]);
		say_printable(text);
		assert_string_equal(text, texts[i][1]);
	}
}

/* What say_error() writes to the standard error. */
static void
said(const char *agent_text, char *out, size_t size)
{
	int saved = dup(STDERR_FILENO), fds[2];
	assert_true(saved >= 0);
	assert_int_equal(pipe(fds), 0);
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	say_error("nsd1: %s", agent_text);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	close(fds[1]);
	ssize_t n = read(fds[0], out, size - 1);
	assert_true(n > 0);
	out[n] = '\0';
	close(fds[0]);
}

static void
say_error__what_an_agent_sent__is_harmless(void **state)
{
	char out[256];
	(void)state;
	said("\33]0;title\a\nnsherdctl: done", out, sizeof(out));
	assert_string_equal(out, "nsherdctl: nsd1: ?]0;title??nsherdctl: done\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(say_printable__controls__become_question_marks),
	    cmocka_unit_test(say_error__what_an_agent_sent__is_harmless),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
