/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/catz.h"

static struct dname
name(const char *text)
{
	struct dname n;
	assert_int_equal(dname_parse(text, &n), OK);
	return n;
}

static void
catz_classify__every_kind__with_its_id_and_prefix(void **state)
{
	static const struct {
		const char *owner;
		enum catz_kind kind;
		const char *id, *prefix;
	} cases[] = {
	    {"example", CATZ_OUTSIDE, "", ""},
	    {"xcatalog.example", CATZ_OUTSIDE, "", ""},
	    {".", CATZ_OUTSIDE, "", ""},
	    {"catalog.example", CATZ_APEX, "", ""},
	    {"Version.catalog.example", CATZ_VERSION, "", "\7version"},
	    {"x.version.catalog.example", CATZ_OTHER, "", "\1x\7version"},
	    {"zones.catalog.example", CATZ_ZONES, "", "\5zones"},
	    {"a1.ZONES.catalog.example", CATZ_MEMBER, "a1", ""},
	    {"zones.zones.catalog.example", CATZ_MEMBER, "zones", ""},
	    {"ext.zones.catalog.example", CATZ_MEMBER, "ext", ""},
	    {"group.a1.zones.catalog.example", CATZ_GROUP, "a1", "\5group"},
	    {"x.group.a1.zones.catalog.example", CATZ_MEMBER_OTHER, "a1", "\1x\5group"},
	    {"coo.a1.zones.catalog.example", CATZ_COO, "a1", "\3coo"},
	    {"x.coo.a1.zones.catalog.example", CATZ_MEMBER_OTHER, "a1", "\1x\3coo"},
	    {"ext.a1.zones.catalog.example", CATZ_MEMBER_EXT, "a1", "\3ext"},
	    {"p.nsherd.ext.a1.zones.catalog.example", CATZ_MEMBER_EXT, "a1",
		"\1p\6nsherd\3ext"},
	    {"group.ext.a1.zones.catalog.example", CATZ_MEMBER_EXT, "a1",
		"\5group\3ext"},
	    {"other.a1.zones.catalog.example", CATZ_MEMBER_OTHER, "a1", "\5other"},
	    {"ext.catalog.example", CATZ_EXT, "", "\3ext"},
	    {"y.x.ext.catalog.example", CATZ_EXT, "", "\1y\1x\3ext"},
	    {"other.catalog.example", CATZ_OTHER, "", "\5other"},
	    {"_status.catalog.example", CATZ_OTHER, "", "\7_status"},
	};
	struct dname apex = name("catalog.example");
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dname owner = name(cases[i].owner);
		struct catz_name got;
		catz_classify(&owner, &apex, &got);
		assert_int_equal(got.kind, cases[i].kind);
		assert_int_equal(got.id.size, strlen(cases[i].id));
		assert_memory_equal(got.id.data, cases[i].id, got.id.size);
		assert_int_equal(got.prefix_size, strlen(cases[i].prefix));
		assert_memory_equal(got.prefix, cases[i].prefix, got.prefix_size);
	}
}

static void
catz_classify__root_as_apex__works_too(void **state)
{
	struct dname owner = name("group.a.zones");
	struct catz_name got;
	(void)state;
	catz_classify(&owner, &dname_root, &got);
	assert_int_equal(got.kind, CATZ_GROUP);
	assert_true(label_is(&got.id, "a"));
}

static void
catz_member_owner__too_long__is_out_of_range(void **state)
{
	struct dname apex = dname_root, out = name("untouched");
	struct label big = {.size = 63}, id = label_of("a1");
	(void)state;
	memset(big.data, 'x', 63);
	for (int i = 0; i < 3; i++)
		assert_int_equal(dname_prepend(&big, &apex, &apex), OK);
	assert_int_equal(catz_member_owner(&big, &apex, &out), ERR_RANGE);
	struct dname same = name("untouched");
	assert_true(dname_equal(&out, &same));

	apex = name("catalog.example");
	assert_int_equal(catz_member_owner(&id, &apex, &out), OK);
	struct dname want = name("a1.zones.catalog.example");
	assert_true(dname_equal(&out, &want));
	assert_int_equal(catz_control_zone("_status", &apex, &out), OK);
	want = name("_status.catalog.example");
	assert_true(dname_equal(&out, &want));
}

static void
catz_new_id__rising_order__gives_rising_hex(void **state)
{
	struct label last = {0};
	(void)state;
	for (uint64_t order = 1700000000000000; order < 1700000000001000; order++) {
		struct label id = catz_new_id(order);
		assert_int_equal(id.size, 16);
		for (unsigned i = 0; i < 16; i++)
			assert_non_null(memchr("0123456789abcdef", id.data[i], 16));
		assert_true(memcmp(last.data, id.data, 16) < 0);
		last = id;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(catz_classify__every_kind__with_its_id_and_prefix),
	    cmocka_unit_test(catz_classify__root_as_apex__works_too),
	    cmocka_unit_test(catz_member_owner__too_long__is_out_of_range),
	    cmocka_unit_test(catz_new_id__rising_order__gives_rising_hex),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
