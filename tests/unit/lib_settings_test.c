/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/settings.h"

static struct dname
name(const char *text)
{
	struct dname n;
	assert_int_equal(dname_parse(text, &n), OK);
	return n;
}

static void
remote_parse__all_parts__are_taken(void **state)
{
	struct remote r;
	char text[ADDR_TEXT_MAX];
	struct dname key = name("xfr.example");
	(void)state;
	assert_int_equal(remote_parse("192.0.2.1", 53, &r), OK);
	assert_string_equal(addr_print(&r.addr, text), "192.0.2.1@53");
	assert_false(r.has_key);
	assert_string_equal(r.tls, "");

	assert_int_equal(remote_parse(" ::1@853\tkey XFR.example.  tls Hub.example ", 0,
			     &r),
	    OK);
	assert_string_equal(addr_print(&r.addr, text), "::1@853");
	assert_true(r.has_key);
	assert_true(dname_equal(&r.key, &key));
	assert_string_equal(r.tls, "hub.example");

	assert_int_equal(remote_parse("::1 tls a key xfr.example", 0, &r), OK);
	assert_true(r.has_key);
	assert_string_equal(r.tls, "a");
}

static void
remote_parse__anything_else__is_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "key a",
	    "localhost",
	    "::1 key",
	    "::1 tls",
	    "::1 key a key b",
	    "::1 tls a tls b",
	    "::1 nokey a",
	    "::1 a",
	    "::1 ::2",
	    "::1 key a..b",
	    "::1 tls .",
	    "::1 tls a\\\"b",
	    "::1 tls *.example",
	    "::1,::2",
	    "::1 KEY a",
	};
	struct remote r;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (remote_parse(bad[i], 53, &r) != ERR_FORM)
			fail_msg("taken: %s", bad[i]);
	static char big[4000] = "::1 key ";
	memset(big + strlen(big), 'a', 3000);
	assert_int_equal(remote_parse(big, 53, &r), ERR_FORM);
}

static void
settings_zonefile__odd_names__stay_inside(void **state)
{
	static const char *const cases[][3] = {
	    {"${zone}.zone", "Shop.Example", "shop.example.zone"},
	    {"a/${zone}/${zone}", "b", "a/b/b"},
	    {"plain", "b", "plain"},
	    {"${zone", "b", "${zone"},
	    {"$${zone}${other}$", "b", "$b${other}$"},
	    {"${zone}", ".", "@"},
	    {"${zone}", "a/b.\\046\\046.x", "a\\047b.\\046\\046.x"},
	    {"${zone}", "\\036\\123zone\\125.x", "\\036\\123zone\\125.x"},
	};
	struct settings *s = settings_new();
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dname zone = name(cases[i][1]);
		free(s->zonefile);
		s->zonefile = mem_strdup(cases[i][0]);
		char *file = settings_zonefile(s, &zone);
		assert_string_equal(file, cases[i][2]);
		free(file);
	}
	settings_unref(s);
}

/* What one zone's removal may take away: never by the look of the name. */
static void
settings_file_record__shared_file__is_none_of_the_zone(void **state)
{
	static const char *const cases[][3] = {
	    {"${zone}.zone", "a", "a.zone"},
	    {"b/${zone}", "a", "b/a"},
	    {"${zone}/db", "a.example", "a.example/db"},
	    {"data/shared.zone", "a", "/"},
	    {"ab.zone", "a", "/"},
	    {"a.zone", "a", "/"},
	    {"a.zone", "zone", "/"},
	    {"shared/a.example", "a.example", "/"},
	    {"$zone", "a", "/"},
	    {"${zone", "a", "/"},
	    {"${zones}", "a", "/"},
	    {"@", ".", "/"},
	};
	struct settings *s = settings_new();
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dname zone = name(cases[i][1]);
		bool own = strcmp(cases[i][2], "/") != 0;
		free(s->zonefile);
		s->zonefile = mem_strdup(cases[i][0]);
		char *file = settings_file_record(s, &zone);
		assert_string_equal(file, cases[i][2]);
		assert_int_equal(settings_file_is_own(s->zonefile), own);
		assert_int_equal(settings_record_is_own(file), own);
		free(file);
	}
	assert_false(settings_record_is_own(NULL));
	assert_false(settings_record_is_own(""));
	settings_unref(s);
}

static void
settings_initial_file__template__is_filled_in_once(void **state)
{
	struct settings *s = settings_new();
	struct dname zone = name("shop.example");
	(void)state;
	assert_null(settings_initial_file(s, &zone, 1));

	s->params = mem_zalloc(2 * sizeof(*s->params));
	s->n_params = 2;
	s->params[0].name = mem_strdup("ns");
	s->params[0].value = mem_strdup("ns1.${zone}.");
	s->params[1].name = mem_strdup("serial"); /* ours comes first */
	s->params[1].value = mem_strdup("no");
	s->options = mem_zalloc(sizeof(*s->options));
	s->n_options = 1;
	s->options[0].driver = mem_strdup("nsd");
	s->options[0].text = mem_strdup("x: y");
	s->initial_file = mem_strdup(
	    "@ 3600 SOA ${ns} h.${zone}. ${serial} 1 1 1 1\n$TTL 5\n${nothing} ${");
	char *text = settings_initial_file(s, &zone, 4294967295);
	assert_string_equal(text,
	    "@ 3600 SOA ns1.${zone}. h.shop.example. 4294967295 1 1 1 1\n$TTL 5\n"
	    "${nothing} ${");
	free(text);
	settings_unref(s);
}

static void
settings_ref__last_unref__frees(void **state)
{
	(void)state;
	struct settings *s = settings_new();
	assert_ptr_equal(settings_ref(s), s);
	settings_unref(s);
	assert_int_equal(s->refs, 1);
	settings_unref(s);
	settings_unref(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(remote_parse__all_parts__are_taken),
	    cmocka_unit_test(remote_parse__anything_else__is_refused),
	    cmocka_unit_test(settings_zonefile__odd_names__stay_inside),
	    cmocka_unit_test(settings_file_record__shared_file__is_none_of_the_zone),
	    cmocka_unit_test(settings_initial_file__template__is_filled_in_once),
	    cmocka_unit_test(settings_ref__last_unref__frees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
