/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <string.h>

#include "netconf/edit.h"
#include "netconf/schema.h"

/*
 * Operations on zones that are there and are not (RFC 6241 section 7.2), without an
 * agent: the catalog is `old.example` with the pattern p, and a parameter k=1.
 */

static struct pool pool;
static struct zset set;
static struct fault fault;
static struct elem *zones;
static struct edit edit;

static int
setup(void **state)
{
	(void)state;
	memset(&pool, 0, sizeof(pool));
	memset(&fault, 0, sizeof(fault));
	zset_init(&set);
	struct elem *config = tree_add(&pool, NULL, "", "config", NULL);
	struct elem *top = tree_add(&pool, config, SCHEMA_NS, "dns-server", NULL);
	zones = tree_add(&pool, top, NULL, "zones", NULL);
	edit = (struct edit){.config = config};
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	zset_fini(&set);
	pool_fini(&pool);
	return 0;
}

static struct elem *
add(struct elem *parent, const char *name, const char *value, const char *op)
{
	struct elem *e = tree_add(&pool, parent, NULL, name, value);
	e->op = op;
	return e;
}

static struct elem *
add_zone(const char *domain, const char *op)
{
	struct elem *zone = add(zones, "zone", NULL, op);
	add(zone, "domain", domain, NULL);
	return zone;
}

/* As zset_fetch() does it. */
static void
find_old(void)
{
	struct dname old;
	const char *why;
	assert_int_equal(dname_parse("old.example", &old), OK);
	if (edit.whole)
		zset_add(&set, &old);
	zset_sort(&set);
	struct zone_edit *z = zset_find(&set, &old);
	if (!z)
		return;
	z->had = z->has = true;
	struct props_group *g = pool_zalloc(&set.pool, sizeof(*g));
	g->data = (const uint8_t *)"p";
	g->size = 1;
	z->was = (struct props){.has_groups = true, .groups = g};
	assert_int_equal(props_add_param("k", 1, "1", 1, &set.pool, &z->was, &why), OK);
	props_copy(&z->was, &set.pool, &z->is);
}

static enum err
run(void)
{
	enum err e = edit_scan(&edit, &set, &fault);
	if (e)
		return e;
	find_old();
	return edit_apply(&edit, &set, &fault);
}

static const struct zone_edit *
zone(const char *text)
{
	struct dname name;
	assert_int_equal(dname_parse(text, &name), OK);
	return zset_find(&set, &name);
}

static void
expect_patterns(const char *domain, const char *wanted)
{
	char text[100] = "";
	const struct zone_edit *z = zone(domain);
	assert_non_null(z);
	assert_true(z->has);
	for (const struct props_group *g = z->is.groups; g; g = g->next)
		strncat(text, (const char *)g->data, g->size);
	assert_string_equal(text, wanted);
}

static void
edit_apply__five_operations__on_what_is_there_and_is_not(void **state)
{
	static const struct {
		const char *op;
		NC_ERR missing, existing; /* 0: fine */
		const char *patterns;     /* of the existing one; NULL: it is gone */
	} all[] = {
	    {NULL, 0, 0, "np"},
	    {"merge", 0, 0, "np"},
	    {"replace", 0, 0, "n"},
	    {"create", 0, NC_ERR_DATA_EXISTS, "p"},
	    {"delete", NC_ERR_DATA_MISSING, 0, NULL},
	    {"remove", 0, 0, NULL},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		for (size_t old = 0; old < 2; old++) {
			const char *name = old ? "old.example" : "new.example";
			NC_ERR wanted = old ? all[i].existing : all[i].missing;
			teardown(state);
			setup(state);
			add(add_zone(name, all[i].op), "pattern", "n", NULL);
			assert_int_equal(run() != OK, wanted != 0);
			assert_int_equal(fault.tag, wanted);
			if (wanted)
				assert_non_null(strstr(fault.path, name));
			else if (!old && i < 4)
				expect_patterns(name, "n");
			else if (!old || !all[i].patterns)
				assert_false(zone(name)->has);
			else
				expect_patterns(name, all[i].patterns);
		}
	}
}

static void
edit_apply__default_none__only_where_it_says_so(void **state)
{
	(void)state;
	edit.default_op = EDIT_NONE;
	struct elem *z = add_zone("old.example", NULL);
	add(z, "pattern", "p", "delete");
	add(z, "pattern", "q", "create");
	assert_int_equal(run(), OK);
	expect_patterns("old.example", "q");
	assert_true(zone_edit_is_change(zone("old.example")));
}

static void
edit_apply__default_none__a_missing_zone_is_an_error(void **state)
{
	(void)state;
	edit.default_op = EDIT_NONE;
	add_zone("new.example", NULL);
	assert_int_not_equal(run(), OK);
	assert_int_equal(fault.tag, NC_ERR_DATA_MISSING);
}

static void
edit_apply__default_replace__leaves_nothing_else(void **state)
{
	(void)state;
	edit.default_op = EDIT_REPLACE;
	add_zone("new.example", NULL);
	assert_int_equal(run(), OK);
	assert_true(edit.whole);
	assert_false(zone("old.example")->has);
	assert_true(zone("new.example")->has);
}

static void
edit_apply__parameters__are_lists_of_values(void **state)
{
	(void)state;
	struct elem *p = add(add_zone("old.example", NULL), "parameter", NULL, NULL);
	add(p, "name", "k", NULL);
	add(p, "value", "2", NULL);
	add(p, "value", "1", "delete");
	assert_int_equal(run(), OK);
	const struct props_param *is = zone("old.example")->is.params;
	assert_int_equal(is->size, 1);
	assert_memory_equal(is->value, "2", 1);
	assert_null(is->next);
}

static void
edit_apply__a_parameter_without_values__is_none(void **state)
{
	(void)state;
	struct elem *p = add(add_zone("old.example", NULL), "parameter", NULL, NULL);
	add(p, "name", "k", NULL);
	add(p, "value", "1", "remove");
	assert_int_not_equal(run(), OK);
	assert_string_equal(fault.app_tag, "too-few-elements");
}

static void
edit_apply__the_same__is_no_change(void **state)
{
	(void)state;
	struct elem *z = add_zone("old.example", "replace");
	add(z, "pattern", "p", NULL);
	struct elem *p = add(z, "parameter", NULL, NULL);
	add(p, "name", "k", NULL);
	add(p, "value", "1", NULL);
	assert_int_equal(run(), OK);
	assert_false(zone_edit_is_change(zone("old.example")));
}

static void
edit_scan__what_is_none_of_the_module__has_its_error(void **state)
{
	static const struct {
		const char *name, *ns, *domain;
		NC_ERR tag;
	} all[] = {
	    {"zone", SCHEMA_NS, NULL, NC_ERR_MISSING_ELEM},
	    {"zone", SCHEMA_NS, "UPPER.example", NC_ERR_INVALID_VALUE},
	    {"zone", SCHEMA_NS, "a..b", NC_ERR_INVALID_VALUE},
	    {"zone", SCHEMA_NS, ".", NC_ERR_INVALID_VALUE},
	    {"zones", SCHEMA_NS, "a.example", NC_ERR_UNKNOWN_ELEM},
	    {"zone", "urn:other", "a.example", NC_ERR_UNKNOWN_NS},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		teardown(state);
		setup(state);
		struct elem *e = tree_add(&pool, zones, all[i].ns, all[i].name, NULL);
		if (all[i].domain)
			add(e, "domain", all[i].domain, NULL);
		assert_int_not_equal(edit_scan(&edit, &set, &fault), OK);
		assert_int_equal(fault.tag, all[i].tag);
	}
}

static void
edit_apply__state__is_not_configured(void **state)
{
	(void)state;
	add(add_zone("new.example", NULL), "member-id", "1", NULL);
	assert_int_not_equal(run(), OK);
	assert_int_equal(fault.tag, NC_ERR_UNKNOWN_ELEM);
	assert_string_equal(fault.elem, "member-id");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		edit_apply__five_operations__on_what_is_there_and_is_not, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(
		edit_apply__default_none__only_where_it_says_so, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		edit_apply__default_none__a_missing_zone_is_an_error, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		edit_apply__default_replace__leaves_nothing_else, setup, teardown),
	    cmocka_unit_test_setup_teardown(edit_apply__parameters__are_lists_of_values,
		setup, teardown),
	    cmocka_unit_test_setup_teardown(
		edit_apply__a_parameter_without_values__is_none, setup, teardown),
	    cmocka_unit_test_setup_teardown(edit_apply__the_same__is_no_change, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(
		edit_scan__what_is_none_of_the_module__has_its_error, setup, teardown),
	    cmocka_unit_test_setup_teardown(edit_apply__state__is_not_configured, setup,
		teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
