/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include "ctl/commands.h"
#include "ctl/options.h"
#include "ctl/output.h"

enum { WORDS = 16 };

/* Words as constants; getopt wants them writable but leaves them alone. */
static enum err
parse(struct options *opt, const char *const *words)
{
	static char copy[WORDS][64];
	static char *argv[WORDS + 1];
	int argc = 0;
	for (; words[argc]; argc++) {
		snprintf(copy[argc], sizeof(copy[argc]), "%s", words[argc]);
		argv[argc] = copy[argc];
	}
	argv[argc] = NULL;
	return options_parse(argc, argv, opt);
}

#define PARSE(opt, ...) \
	parse(opt, (const char *const[]){"nsherdctl", __VA_ARGS__, NULL})

static void
options_parse__options_on_both_sides__are_all_taken(void **state)
{
	(void)state;
	struct options opt;
	assert_int_equal(PARSE(&opt, "-s", "::1@53", "add", "a", "-p", "sec", "b", "-P",
			     "x=1", "-Py=2", "--wait=5", "-o", "json"),
	    OK);
	assert_string_equal(opt.server, "::1@53");
	assert_int_equal(opt.n_args, 3);
	assert_string_equal(opt.args[0], "add");
	assert_string_equal(opt.args[2], "b");
	assert_int_equal(opt.n_params, 2);
	assert_string_equal(opt.params[1], "y=2");
	assert_int_equal(opt.wait_s, 5);
	assert_true(opt.json);
	assert_int_equal(opt.given, OPTION_PATTERN | OPTION_PARAM | OPTION_WAIT);
	options_fini(&opt);
}

static void
options_parse__tls__name_and_files(void **state)
{
	(void)state;
	struct options opt;
	assert_int_equal(PARSE(&opt, "list", "--tls", "hub.example", "--tls-ca", "a",
			     "--tls-cert=b", "--tls-key", "c"),
	    OK);
	assert_string_equal(opt.tls, "hub.example");
	assert_string_equal(opt.tls_ca, "a");
	assert_string_equal(opt.tls_cert, "b");
	assert_string_equal(opt.tls_key, "c");
	assert_int_equal(opt.given, 0);
	options_fini(&opt);
}

static void
options_parse__after_two_dashes__all_are_words(void **state)
{
	(void)state;
	struct options opt;
	assert_int_equal(PARSE(&opt, "del", "--", "-p", "--from"), OK);
	assert_int_equal(opt.n_args, 3);
	assert_string_equal(opt.args[1], "-p");
	assert_int_equal(opt.given, 0);
	options_fini(&opt);
}

static void
options_parse__lone_dash__is_a_word(void **state)
{
	(void)state;
	struct options opt;
	assert_int_equal(PARSE(&opt, "add", "--from", "-", "-"), OK);
	assert_string_equal(opt.from, "-");
	assert_int_equal(opt.n_args, 2);
	options_fini(&opt);
}

static void
expect_invalid(const char *const *words)
{
	struct options opt;
	assert_int_equal(parse(&opt, words), ERR_INVALID);
	options_fini(&opt);
}

static void
options_parse__faults__are_said(void **state)
{
	(void)state;
	expect_invalid((const char *const[]){"n", "add", "--bogus", NULL});
	expect_invalid((const char *const[]){"n", "-x", NULL});
	expect_invalid((const char *const[]){"n", "-s", NULL});
	expect_invalid((const char *const[]){"n", "--key", NULL});
	expect_invalid((const char *const[]){"n", "-o", "xml", NULL});
	expect_invalid((const char *const[]){"n", "add", "--wait=soon", NULL});
	expect_invalid((const char *const[]){"n", "wait", "--timeout", "", NULL});
	expect_invalid((const char *const[]){"n", "status", "--summary=1", NULL});
}

static enum exit_status
run(const char *const *words)
{
	struct options opt;
	struct output out;
	assert_int_equal(parse(&opt, words), OK);
	output_init(&out, &output_text_writer, stdout);
	enum exit_status rc = commands_run(&opt, &out);
	options_fini(&opt);
	return rc;
}

#define RUN(...) run((const char *const[]){"nsherdctl", __VA_ARGS__, NULL})

static void
commands_run__bad_usage__is_status_2(void **state)
{
	(void)state;
	assert_int_equal(RUN("frobnicate"), EXIT_USAGE);
	assert_int_equal(RUN("help", "frobnicate"), EXIT_USAGE);
	assert_int_equal(RUN("show"), EXIT_USAGE);
	assert_int_equal(RUN("show", "a", "b"), EXIT_USAGE);
	assert_int_equal(RUN("list", "--from", "x"), EXIT_USAGE);
	assert_int_equal(RUN("add"), EXIT_USAGE);
	assert_int_equal(RUN("add", "a.example"), EXIT_USAGE);
	assert_int_equal(RUN("add", "a..example", "-p", "x"), EXIT_USAGE);
	assert_int_equal(RUN("add", ".", "-p", "x"), EXIT_USAGE);
	assert_int_equal(RUN("add", "a", "-p", ""), EXIT_USAGE);
	assert_int_equal(RUN("add", "a", "-p", "x", "-P", "novalue"), EXIT_USAGE);
	assert_int_equal(RUN("add", "a", "-p", "x", "-P", "a.b=1"), EXIT_USAGE);
	assert_int_equal(RUN("add", "a", "-p", "x", "-P", "a="), EXIT_USAGE);
	assert_int_equal(RUN("set", "a.example"), EXIT_USAGE);
	assert_int_equal(RUN("status", "a", "--summary"), EXIT_USAGE);
	assert_int_equal(RUN("keygen", "a", "-a", "hmac-md5"), EXIT_USAGE);
	assert_int_equal(RUN("keygen", "a", "-a", "rot13"), EXIT_USAGE);
}

static void
commands_run__help__is_status_0_for_every_command(void **state)
{
	(void)state;
	static const char *const names[] = {"add", "del", "set", "list", "show",
	    "export", "status", "wait", "backends", "patterns", "keygen", "help"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_int_equal(RUN("help", names[i]), EXIT_DONE);
		assert_int_equal(RUN(names[i], "--help"), EXIT_DONE);
	}
	assert_int_equal(RUN("--help"), EXIT_DONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(options_parse__options_on_both_sides__are_all_taken),
	    cmocka_unit_test(options_parse__tls__name_and_files),
	    cmocka_unit_test(options_parse__after_two_dashes__all_are_words),
	    cmocka_unit_test(options_parse__lone_dash__is_a_word),
	    cmocka_unit_test(options_parse__faults__are_said),
	    cmocka_unit_test(commands_run__bad_usage__is_status_2),
	    cmocka_unit_test(commands_run__help__is_status_0_for_every_command),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
