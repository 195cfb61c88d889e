/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_pattern_fixture.h"

#include <pthread.h>

/* -- files ----------------------------------------------------------------- */

static void
pattern_load__all_keys__come_out_typed(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	char text[ADDR_TEXT_MAX], *path;
	struct dname zone;

	put_file(f, "a-b_1.ini",
	    "# comment\n[pattern]\ndescription = words, and more\nrole = secondary\n"
	    "primaries = 192.0.2.53@5353 key xfr.example, 2001:db8::1\n"
	    "primaries = 192.0.2.54\n"
	    "allow-notify = 192.0.2.53 key xfr.example\n"
	    "notify = 192.0.2.60\nallow-transfer = 192.0.2.61\n"
	    "zonefile = sub/${zone}.db\ndnssec = off\n"
	    "[nsd]\noption = size-limit-xfr: 500000000\noption = store-ixfr: yes\n"
	    "[bind]\noption = max-transfer-time-in 60;\n");
	put_file(f, "README", "no pattern");
	put_file(f, ".hidden.ini", "no pattern");
	load(f);
	assert_non_null(pattern_at(f->set, 0));
	assert_null(pattern_at(f->set, 1));
	assert_null(pattern_error(pattern_at(f->set, 0)));
	assert_int_equal(strlen(pattern_hash(pattern_at(f->set, 0))), 8);
	s = settings_of(f, "a-b_1");
	assert_string_equal(s->pattern, "a-b_1");
	assert_string_equal(s->version, pattern_hash(pattern_at(f->set, 0)));
	assert_string_equal(s->hash, "0");
	assert_int_equal(s->role, ROLE_SECONDARY);
	assert_int_equal(s->primaries.n, 3);
	assert_string_equal(addr_print(&s->primaries.items[0].addr, text),
	    "192.0.2.53@5353");
	assert_true(s->primaries.items[0].has_key);
	assert_false(s->primaries.items[1].has_key);
	assert_int_equal(addr_port(&s->primaries.items[1].addr), 0);
	assert_int_equal(s->allow_notify.n, 1);
	assert_int_equal(s->notify.n, 1);
	assert_int_equal(s->allow_transfer.n, 1);
	assert_null(s->dnssec);
	assert_int_equal(s->n_options, 3);
	assert_string_equal(s->options[2].driver, "bind");
	assert_string_equal(s->options[2].text, "max-transfer-time-in 60;");
	assert_int_equal(dname_parse("x.example", &zone), OK);
	path = settings_zonefile(s, &zone);
	assert_string_equal(path, "sub/x.example.db");
	free(path);
	settings_unref(s);
}

static void
pattern_load__faults__are_of_one_file_with_its_line(void **state)
{
	static const struct {
		const char *name, *text, *words;
	} faults[] = {
	    {"norole", "[pattern]\ndescription = x\n", "role is missing"},
	    {"badrole", "[pattern]\nrole = tertiary\n", "badrole.ini:2: role is"},
	    {"nokey",
		"[pattern]\nrole = secondary\nprimaries = 192.0.2.1 key no.example\n",
		"nokey.ini:3: primaries: key no.example is not configured"},
	    {"noprim", "[pattern]\nrole = secondary\n", "noprim.ini:2: a secondary"},
	    {"primprim", "[pattern]\nrole = primary\nprimaries = 192.0.2.1\n",
		"primprim.ini:3: primaries makes no sense"},
	    {"badaddr", "[pattern]\nrole = primary\nnotify = 192.0.2.1, host\n",
		"badaddr.ini:3: notify: \"host\" is not"},
	    {"unknown", "[pattern]\nrole = primary\ncolour = red\n",
		"unknown.ini:3: unknown key colour"},
	    {"section", "[patern]\nrole = primary\n", "section.ini:2: unknown section"},
	    {"twice", "[pattern]\nrole = primary\nrole = primary\n",
		"twice.ini:3: role is given twice"},
	    {"dots", "[pattern]\nrole = primary\nzonefile = ../${zone}\n",
		"dots.ini:3: zonefile must"},
	    {"dots2", "[pattern]\nrole = primary\nzonefile = a/${zone}/../b\n",
		"zonefile must"},
	    {"slash", "[pattern]\nrole = primary\nzonefile = /${zone}\n",
		"zonefile must"},
	    {"percent", "[pattern]\nrole = primary\nzonefile = ${zone}%s\n",
		"zonefile must"},
	    {"variable", "[pattern]\nrole = primary\nzonefile = ${id}.zone\n",
		"zonefile must"},
	    {"shared",
		"[pattern]\nrole = secondary\nprimaries = 192.0.2.1\nzonefile = x\n",
		"shared.ini:4: zonefile of a secondary"},
	    {"notemplate", "[pattern]\nrole = primary\ninitial-file = none.zone\n",
		"notemplate.ini:3: initial-file"},
	    {"escape", "[pattern]\nrole = primary\ninitial-file = ../x\n",
		"escape.ini:3: initial-file must"},
	    {"option", "[pattern]\nrole = primary\n[nsd]\nzonefile = x\n",
		"option.ini:4: unknown key zonefile in [nsd]"},
	    {"param", "[pattern]\nrole = primary\n[param x]\ndefault = 1\n",
		"parameter x has no type"},
	    {"ptype", "[pattern]\nrole = primary\n[param x]\ntype = thing\n",
		"ptype.ini:4: unknown type thing"},
	    {"pdefault",
		"[pattern]\nrole = primary\n[param x]\ntype = number\ndefault = many\n",
		"default of parameter x: \"many\" is not a number"},
	    {"plist", "[pattern]\nrole = primary\n[param notify]\ntype = name\n",
		"must be of type address-list"},
	    {"pname", "[pattern]\nrole = primary\n[param zone]\ntype = name\n",
		"cannot be the name of a parameter"},
	    {"dnssec", "[pattern]\nrole = primary\ndnssec = \"x\"\n", "dnssec.ini:3:"},
	    {"indent", "[pattern]\nrole = primary\n  notify = 192.0.2.1\n",
		"indent.ini:3:"},
	    {"comment", "[pattern]\nrole = primary ; the first\n", "comment.ini:2:"},
	};
	struct fixture *f = *state;

	put_file(f, "good.ini", sec);
	put_file(f, "Bad Name.ini", sec);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		char *name = mem_printf("%s.ini", faults[i].name);

		put_file(f, name, faults[i].text);
		free(name);
	}
	load(f);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		expect_fault(f, faults[i].name, faults[i].words);
		expect_no_settings(f, faults[i].name, "is not usable");
	}
	expect_fault(f, "Bad Name", "the name of a pattern");
	assert_null(pattern_error(pattern_find(f->set, "good")));
	settings_unref(settings_of(f, "good"));
}

static void
pattern_load__no_directory__fails(void **state)
{
	struct fixture *f = *state;
	struct err_where where = {.line = 0};

	assert_int_equal(pattern_load("/nonexistent", f->ring, &where, &f->set),
	    ERR_NOTFOUND);
	assert_string_equal(where.file, "/nonexistent");
	load(f); /* an empty one is good */
	assert_null(pattern_at(f->set, 0));
}

/* -- extends --------------------------------------------------------------- */

static void
pattern_extends__child__replaces_what_it_says(void **state)
{
	struct fixture *f = *state;
	struct settings *s;

	put_file(f, "base.ini",
	    "[pattern]\nrole = secondary\nprimaries = 192.0.2.1, 192.0.2.2\n"
	    "notify = 192.0.2.3\nzonefile = base/${zone}\n"
	    "[nsd]\noption = a: 1\n[bind]\noption = b 1;\n"
	    "[param primaries]\ntype = address-list\n");
	put_file(f, "child.ini",
	    "[pattern]\nextends = base\nnotify = 192.0.2.4\n[nsd]\noption = c: 1\n");
	put_file(f, "grandchild.ini",
	    "[pattern]\nextends = child\nzonefile = g/${zone}\n");
	load(f);
	s = settings_of(f, "grandchild");
	assert_int_equal(s->primaries.n, 2);
	assert_int_equal(s->notify.n, 1);
	assert_string_equal(s->zonefile, "g/${zone}");
	assert_int_equal(s->n_options, 2);
	assert_string_equal(s->options[0].text, "c: 1");
	assert_string_equal(s->options[1].text, "b 1;");
	assert_string_equal(s->pattern, "grandchild");
	settings_unref(s);
	add_txt(f, "primaries.nsherd.ext", "192.0.2.9");
	s = settings_of(f, "grandchild");
	assert_int_equal(s->primaries.n, 1);
	settings_unref(s);
}

static void
pattern_extends__cycles_depth_and_faults__make_unusable(void **state)
{
	struct fixture *f = *state;

	put_file(f, "self.ini", "[pattern]\nextends = self\n");
	put_file(f, "one.ini", "[pattern]\nextends = two\n");
	put_file(f, "two.ini", "[pattern]\nextends = one\n");
	put_file(f, "orphan.ini", "[pattern]\nextends = nobody\n");
	put_file(f, "bad.ini", "[pattern]\nrole = x\n");
	put_file(f, "ofbad.ini", "[pattern]\nextends = bad\n");
	put_file(f, "x20.ini", pri);
	for (int i = 0; i < 20; i++) {
		char name[32], text[64];

		snprintf(name, sizeof(name), "x%02d.ini", i);
		snprintf(text, sizeof(text), "[pattern]\nextends = x%02d\n", i + 1);
		put_file(f, name, text);
	}
	load(f);
	expect_fault(f, "self", "self.ini:2: extends self, which in the end");
	expect_fault(f, "one", "extends");
	expect_fault(f, "two", "extends");
	expect_fault(f, "orphan", "orphan.ini:2: extends nobody, which does not exist");
	expect_fault(f, "ofbad", "bad.ini:2");
	expect_fault(f, "x00", "more than 8 files");
	assert_null(pattern_error(pattern_find(f->set, "x20")));
}

/* -- versions -------------------------------------------------------------- */

static void
pattern_hash__what_matters__changes_it(void **state)
{
	struct fixture *f = *state;
	char before[9], *text;
	const char *const same[] = {"# comment\n", "[pattern]\ndescription = y\n"};
	const char *const other[] = {"[pattern]\nnotify = 192.0.2.1\n",
	    "[pattern]\nzonefile = ${zone}.db\n", "[nsd]\noption = a: b\n",
	    "[param x]\ntype = number\n"};

	put_file(f, "p.ini", pri);
	load(f);
	strcpy(before, pattern_hash(pattern_at(f->set, 0)));
	for (size_t i = 0; i < 2; i++) {
		text = mem_printf("%s%s", pri, same[i]);
		put_file(f, "p.ini", text);
		load(f);
		assert_string_equal(pattern_hash(pattern_at(f->set, 0)), before);
		free(text);
	}
	for (size_t i = 0; i < 4; i++) {
		text = mem_printf("%s%s", pri, other[i]);
		put_file(f, "p.ini", text);
		load(f);
		assert_string_not_equal(pattern_hash(pattern_at(f->set, 0)), before);
		free(text);
	}
	put_file(f, "p.ini", "[pattern]\nrole = primary\ninitial-file = t\n");
	put_file(f, "t", "one ${zone} ${serial}\n");
	load(f);
	assert_null(pattern_error(pattern_at(f->set, 0)));
	strcpy(before, pattern_hash(pattern_at(f->set, 0)));
	put_file(f, "t", "two ${zone}\n");
	load(f);
	assert_string_not_equal(pattern_hash(pattern_at(f->set, 0)), before);
}

/* -- parameters ------------------------------------------------------------ */

static void
pattern_settings__same_values__are_one_object(void **state)
{
	struct fixture *f = *state;
	struct settings *a, *b;
	char hash[9];

	put_file(f, "p.ini",
	    "[pattern]\nrole = secondary\n[param primaries]\ntype = address-list\n");
	load(f);
	expect_no_settings(f, "p", "parameter primaries is missing");
	add_txt(f, "primaries.nsherd.ext",
	    "192.0.2.1  key  XFR.example ,2001:DB8:0::1@53");
	a = settings_of(f, "p");
	assert_int_equal(a->primaries.n, 2);
	assert_string_not_equal(a->hash, "0");
	assert_int_equal(strlen(a->hash), 8);
	forget_records(f);
	add_txt(f, "primaries.nsherd.ext",
	    "192.0.2.1 key xfr.example., 2001:db8::1@53");
	b = settings_of(f, "p");
	assert_ptr_equal(a, b);
	strcpy(hash, a->hash);
	settings_unref(b);
	forget_records(f);
	add_txt(f, "primaries.nsherd.ext", "192.0.2.2");
	b = settings_of(f, "p");
	assert_ptr_not_equal(a, b);
	assert_string_not_equal(b->hash, hash);
	settings_unref(a);
	settings_unref(b);
}

static void
pattern_settings__bind_form__gives_primaries(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	char text[ADDR_TEXT_MAX];

	put_file(f, "p.ini",
	    "[pattern]\nrole = secondary\nprimaries = 192.0.2.53\n"
	    "[param primaries]\ntype = address-list\n");
	put_file(f, "fixed.ini", sec);
	load(f);
	add_rr(f, "ns2.primaries.ext", RR_A, "\300\0\2\2", 4);
	add_rr(f, "primaries.ext", RR_A, "\300\0\2\1", 4);
	add_txt(f, "ns2.primaries.ext", "xfr.example");
	s = settings_of(f, "p");
	assert_int_equal(s->primaries.n, 2);
	assert_string_equal(addr_print_host(&s->primaries.items[0].addr, text),
	    "192.0.2.1");
	assert_false(s->primaries.items[0].has_key);
	assert_true(s->primaries.items[1].has_key);
	settings_unref(s);
	/* a pattern without that parameter has nothing to do with BIND's */
	s = settings_of(f, "fixed");
	assert_string_equal(s->hash, "0");
	settings_unref(s);
	add_txt(f, "primaries.nsherd.ext", "192.0.2.9");
	expect_no_settings(f, "p", "two forms");
	forget_records(f);
	add_rr(f, "primaries.ext", RR_A, "\300\0\2\1", 4);
	add_txt(f, "primaries.ext", "no.example");
	expect_no_settings(f, "p", "key no.example is not configured");
	forget_records(f);
	add_rr(f, "primaries.ext", RR_A, "\300\0\2\1", 4);
	add_txt(f, "primaries.ext", "xfr.example tls x");
	expect_no_settings(f, "p", "not the name of one key");
}

static void
pattern_settings__bad_parameters__say_which(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *name, *value, *words;
	} bad[] = {
	    {"number.nsherd.ext", "12x", "parameter number: \"12x\" is not a number"},
	    {"number.nsherd.ext", "4294967296", "is not a number"},
	    {"number.nsherd.ext", "-1", "is not a number"},
	    {"word.nsherd.ext", "two words", "is not a keyword"},
	    {"word.nsherd.ext", "x\n$INCLUDE", "printable"},
	    {"word.nsherd.ext", "", "is not a keyword"},
	    {"host.nsherd.ext", "a..b", "is not a name"},
	    {"key.nsherd.ext", "no.example", "not configured"},
	    {"notify.nsherd.ext", "host.example", "is not ADDRESS"},
	    {"notify.nsherd.ext", "192.0.2.1,", "parameter notify"},
	    {"notify.nsherd.ext", "", "parameter notify"},
	    {"nope.nsherd.ext", "x", "unknown parameter \"nope\""},
	    {"role.nsherd.ext", "primary", "unknown parameter \"role\""},
	};

	put_file(f, "p.ini",
	    "[pattern]\nrole = primary\n[param number]\ntype = number\n"
	    "[param word]\ntype = keyword\n[param host]\ntype = name\n"
	    "[param key]\ntype = key-name\n[param notify]\ntype = address-list\n");
	load(f);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		forget_records(f);
		add_txt(f, bad[i].name, bad[i].value);
		expect_no_settings(f, "p", bad[i].words);
	}
	forget_records(f);
	add_rr(f, "number.nsherd.ext", RR_A, "\1\2\3\4", 4);
	expect_no_settings(f, "p", "is not a TXT");
	forget_records(f);
	add_txt(f, "number.nsherd.ext", "1");
	add_txt(f, "number.nsherd.ext", "2");
	expect_no_settings(f, "p", "more than one value");
	forget_records(f);
	add_txt(f, "other.ext", "x"); /* somebody else's */
	add_txt(f, "group", "p");
	settings_unref(settings_of(f, "p"));
}

static void
pattern_settings__template__is_filled_with_parameters(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	char *text;

	put_file(f, "t.zone", "@ SOA ${ns} h. ${serial} 1 1 1 1\n${zone}. NS ${ns}\n");
	put_file(f, "p.ini",
	    "[pattern]\nrole = primary\ninitial-file = t.zone\n"
	    "[param ns]\ntype = name\ndefault = ns.example\n");
	put_file(f, "q.ini",
	    "[pattern]\nrole = primary\ninitial-file = t.zone\n"
	    "[param ns]\ntype = name\nrequired = yes\n");
	put_file(f, "r.ini",
	    "[pattern]\nrole = primary\ninitial-file = t.zone\n"
	    "[param ns]\ntype = name\n");
	put_file(f, "u.ini", "[pattern]\nrole = primary\ninitial-file = t.zone\n");
	load(f);
	expect_fault(f, "r", "needs a default or required");
	expect_fault(f, "u", "which is no parameter");
	expect_no_settings(f, "q", "parameter ns is missing");
	s = settings_of(f, "p");
	text = settings_initial_file(s, &f->member.zone, 42);
	assert_string_equal(text, "@ SOA ns.example. h. 42 1 1 1 1\n"
				  "shop.example. NS ns.example.\n");
	free(text);
	settings_unref(s);
	add_txt(f, "ns.nsherd.ext", "my\\$ns.example");
	s = settings_of(f, "q");
	text = settings_initial_file(s, &f->member.zone, 42);
	assert_non_null(strstr(text, "ns.example."));
	assert_null(strstr(text, "${"));
	free(text);
	settings_unref(s);
}

/* -- members --------------------------------------------------------------- */

static void
pattern_of_member__groups__first_that_exists(void **state)
{
	struct fixture *f = *state;
	const struct pattern *p = NULL;

	put_file(f, "aa.ini", pri);
	put_file(f, "bb.ini", "[pattern]\nrole = x\n");
	load(f);
	assert_int_equal(pattern_of_member(f->set, &f->member, NULL, &p, f->error,
			     sizeof(f->error)),
	    ERR_NOTFOUND);
	assert_string_equal(f->error, "no group and no default-pattern");
	assert_int_equal(pattern_of_member(f->set, &f->member, "aa", &p, f->error,
			     sizeof(f->error)),
	    OK);
	assert_string_equal(pattern_name(p), "aa");
	add_txt(f, "group", "zz");
	assert_int_equal(pattern_of_member(f->set, &f->member, NULL, &p, f->error,
			     sizeof(f->error)),
	    ERR_NOTFOUND);
	assert_string_equal(f->error, "no such pattern: zz");
	add_txt(f, "group", "bb");
	assert_int_equal(pattern_of_member(f->set, &f->member, "aa", &p, f->error,
			     sizeof(f->error)),
	    OK);
	assert_string_equal(pattern_name(p), "bb");
}

/* -- threads ---------------------------------------------------------------- */

/* Thousands of values, more than the cache keeps, some of them shared. */
static void *
churn(void *arg)
{
	struct fixture *f = arg;
	const struct pattern *p = pattern_find(f->set, "p");
	struct settings *kept[16] = {NULL};

	for (unsigned i = 0; i < 4000; i++) {
		uint8_t rdata[32];
		char error[300];
		struct member m;
		struct member_rr rr = {(const uint8_t *)"\6number\6nsherd\3ext", 18,
		    RR_TXT, 0, 0, rdata};
		int n = snprintf((char *)rdata + 1, sizeof(rdata) - 1, "%u",
		    i * 7919 % 3001);

		rdata[0] = (uint8_t)n;
		rr.rdata_size = (uint16_t)(n + 1);
		member_init(&m);
		member_add_rr(&m, &rr);
		settings_unref(kept[i % 16]);
		kept[i % 16] = NULL;
		assert_int_equal(pattern_settings(f->set, p, &m, &kept[i % 16], error,
				     sizeof(error)),
		    OK);
		member_fini(&m);
	}
	for (unsigned i = 0; i < 16; i++)
		settings_unref(kept[i]);
	pattern_set_unref(f->set);
	return NULL;
}

static void
pattern_settings__many_threads__share_and_drop(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[4];

	put_file(f, "p.ini",
	    "[pattern]\nrole = primary\n[param number]\ntype = number\n");
	load(f);
	for (size_t i = 0; i < 4; i++) {
		pattern_set_ref(f->set);
		assert_int_equal(pthread_create(&threads[i], NULL, churn, f), 0);
	}
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

/* -- what ships ------------------------------------------------------------ */

static void
patterns__those_that_ship__are_usable(void **state)
{
	struct fixture *f = *state;
	struct err_where where = {.line = 0};
	const struct pattern *p;
	size_t n = 0;

	if (pattern_load("patterns", f->ring, &where, &f->set) != OK)
		fail_msg("%s: %s", where.file, where.what);
	for (; (p = pattern_at(f->set, n)) != NULL; n++) {
		if (pattern_error(p) != NULL)
			fail_msg("%s", pattern_error(p));
		settings_unref(settings_of(f, pattern_name(p)));
	}
	assert_true(n >= 6);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(pattern_load__all_keys__come_out_typed),
	    TEST(pattern_load__faults__are_of_one_file_with_its_line),
	    TEST(pattern_load__no_directory__fails),
	    TEST(pattern_extends__child__replaces_what_it_says),
	    TEST(pattern_extends__cycles_depth_and_faults__make_unusable),
	    TEST(pattern_hash__what_matters__changes_it),
	    TEST(pattern_settings__same_values__are_one_object),
	    TEST(pattern_settings__bind_form__gives_primaries),
	    TEST(pattern_settings__bad_parameters__say_which),
	    TEST(pattern_settings__template__is_filled_with_parameters),
	    TEST(pattern_of_member__groups__first_that_exists),
	    TEST(pattern_settings__many_threads__share_and_drop),
	    TEST(patterns__those_that_ship__are_usable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
