/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/addr.h"

static void
addr_parse__with_and_without_port__prints_back(void **state)
{
	static const struct {
		const char *text;
		uint16_t port_default;
		const char *printed;
	} cases[] = {
	    {"127.0.0.1", 53, "127.0.0.1@53"},
	    {"127.0.0.1@5300", 53, "127.0.0.1@5300"},
	    {"127.0.0.1", 0, "127.0.0.1@0"},
	    {"::1@65535", 0, "::1@65535"},
	    {"2001:DB8:0:0::1", 853, "2001:db8::1@853"},
	    {"::ffff:192.0.2.1@1", 0, "::ffff:192.0.2.1@1"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addr addr;
		char text[ADDR_TEXT_MAX];
		assert_int_equal(addr_parse(cases[i].text, cases[i].port_default,
				     &addr),
		    OK);
		assert_string_equal(addr_print(&addr, text), cases[i].printed);
	}
}

static void
addr_parse__no_address__is_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "@53",
	    "localhost",
	    "127.0.0.1@",
	    "127.0.0.1@0",
	    "127.0.0.1@65536",
	    "127.0.0.1@053000",
	    "127.0.0.1@5 3",
	    "127.0.0.1@-1",
	    "127.0.0.1@53@53",
	    "127.0.0.1:53",
	    "127.1",
	    " 127.0.0.1",
	    "127.0.0.1 ",
	    "[::1]@53",
	    "fe80::1%lo",
	    "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb",
	};
	struct addr addr;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(addr_parse(bad[i], 53, &addr), ERR_FORM);
}

static void
addr_equal__mapped_v4__is_v4(void **state)
{
	struct addr a, b, c, d;
	(void)state;
	assert_int_equal(addr_parse("192.0.2.1@53", 0, &a), OK);
	assert_int_equal(addr_parse("::ffff:192.0.2.1@53", 0, &b), OK);
	assert_int_equal(addr_parse("192.0.2.1@54", 0, &c), OK);
	assert_int_equal(addr_parse("::c000:201@53", 0, &d), OK);
	assert_true(addr_equal(&a, &b));
	assert_false(addr_equal(&a, &c));
	assert_true(addr_equal_host(&a, &c));
	assert_false(addr_equal_host(&a, &d));
}

static void
addr_from_sockaddr__families__are_checked(void **state)
{
	struct addr a, b;
	struct sockaddr other = {.sa_family = AF_UNIX};
	(void)state;
	assert_int_equal(addr_parse("::1@9", 0, &a), OK);
	assert_int_equal(addr_from_sockaddr(&a.u.sa, &b), OK);
	assert_true(addr_equal(&a, &b));
	assert_int_equal(addr_size(&b), sizeof(struct sockaddr_in6));
	assert_int_equal(addr_family(&b), AF_INET6);
	addr_set_port(&b, 10);
	assert_int_equal(addr_port(&b), 10);
	assert_int_equal(addr_from_sockaddr(&other, &b), ERR_UNSUPPORTED);
	assert_int_equal(addr_port(&b), 10);
}

static void
addr_is_any__families__are_told(void **state)
{
	static const struct {
		const char *text;
		bool any;
	} cases[] = {
	    {"0.0.0.0@53", true},
	    {"::", true},
	    {"0.0.0.1", false},
	    {"127.0.0.1", false},
	    {"::1", false},
	    {"::ffff:0.0.0.0", false},
	};
	struct addr a;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(addr_parse(cases[i].text, 53, &a), OK);
		assert_int_equal(addr_is_any(&a), cases[i].any);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addr_parse__with_and_without_port__prints_back),
	    cmocka_unit_test(addr_parse__no_address__is_refused),
	    cmocka_unit_test(addr_equal__mapped_v4__is_v4),
	    cmocka_unit_test(addr_is_any__families__are_told),
	    cmocka_unit_test(addr_from_sockaddr__families__are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
