/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/buf.h"
#include "netconf/filter.h"

/* A small tree of data, filters made by hand or by XPath, and what they let through. */

#define NS "urn:x"

static struct pool pool;

static int
setup(void **state)
{
	(void)state;
	memset(&pool, 0, sizeof(pool));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	pool_fini(&pool);
	return 0;
}

/* <top><list><key>a</key><v>1</v><v>2</v></list><list><key>b</key><v>2</v></list></top>
 */
static struct elem *
make_data(void)
{
	struct elem *root = tree_add(&pool, NULL, "", "", NULL);
	struct elem *top = tree_add(&pool, root, NS, "top", NULL);
	for (size_t i = 0; i < 2; i++) {
		struct elem *list = tree_add(&pool, top, NULL, "list", NULL);
		tree_key(&pool, list, "key", i == 0 ? "a" : "b");
		if (i == 0)
			tree_leaf(&pool, list, "v", "1");
		tree_leaf(&pool, list, "v", "2");
	}
	return root;
}

static const char *
ns_of(void *arg, const char *module, size_t size)
{
	(void)arg;
	return size == 1 && *module == 'x' ? NS : NULL;
}

static void
expect(const struct filter *f, const char *wanted)
{
	struct elem *root = make_data();
	struct buf out;
	buf_init(&out, 0);
	filter_mark(f, root);
	for (struct elem *e = root->child; e; e = e->next)
		tree_print(e, NS, &out);
	assert_string_equal(buf_text(&out), wanted);
	buf_fini(&out);
}

static void
expect_xpath(const char *select, const char *wanted)
{
	struct filter f;
	assert_int_equal(filter_from_xpath(&pool, select, ns_of, NULL, &f), OK);
	expect(&f, wanted);
}

static struct elem *
filter_elem(struct elem *parent, const char *name, const char *value)
{
	return tree_add(&pool, parent, NS, name, value);
}

static const char all[] = "<top><list><key>a</key><v>1</v><v>2</v></list>"
			  "<list><key>b</key><v>2</v></list></top>";

static void
filter_mark__none_and_empty__are_all_and_nothing(void **state)
{
	(void)state;
	const struct filter none = {.all = true, .root = {.name = "", .ns = ""}};
	const struct filter empty = {.root = {.name = "", .ns = ""}};
	expect(&none, all);
	expect(&empty, "");
}

static void
filter_mark__selection_nodes__take_what_is_below(void **state)
{
	(void)state;
	struct filter f = {.root = {.name = "", .ns = ""}};
	struct elem *top = filter_elem(&f.root, "top", NULL);
	expect(&f, all);
	struct elem *list = filter_elem(top, "list", NULL);
	filter_elem(list, "key", NULL);
	expect(&f, "<top><list><key>a</key></list><list><key>b</key></list></top>");
	filter_elem(top, "nothing", NULL);
	expect(&f, "<top><list><key>a</key></list><list><key>b</key></list></top>");
}

static void
filter_mark__content_matches__choose_entries(void **state)
{
	(void)state;
	struct filter f = {.root = {.name = "", .ns = ""}};
	struct elem *top = filter_elem(&f.root, "top", NULL);
	struct elem *list = filter_elem(top, "list", NULL);
	filter_elem(list, "key", "b");
	expect(&f, "<top><list><key>b</key><v>2</v></list></top>");
	filter_elem(list, "v", "1");
	expect(&f, "");
	list = filter_elem(top, "list", NULL);
	filter_elem(list, "v", "1");
	filter_elem(list, "key", NULL);
	expect(&f, "<top><list><key>a</key><v>1</v></list></top>");
}

static void
filter_mark__another_namespace_or_attributes__is_nothing(void **state)
{
	(void)state;
	struct filter f = {.root = {.name = "", .ns = ""}};
	struct elem *top = tree_add(&pool, &f.root, "urn:y", "top", NULL);
	expect(&f, "");
	top->ns = "";
	expect(&f, all);
	top->has_attrs = true;
	expect(&f, "");
}

static void
filter_from_xpath__paths__are_filters(void **state)
{
	(void)state;
	expect_xpath("/x:top", all);
	expect_xpath("/x:top/x:list[x:key='a']",
	    "<top><list><key>a</key><v>1</v><v>2</v></list></top>");
	expect_xpath(" / x:top / list [ key = \"b\" ] / v ",
	    "<top><list><key>b</key><v>2</v></list></top>");
	expect_xpath("/x:top/x:list[x:v='1']/x:key",
	    "<top><list><key>a</key></list></top>");
	expect_xpath("/x:top/x:list[x:key='a'][x:v='2']/x:key | /x:top/x:none",
	    "<top><list><key>a</key></list></top>");
	expect_xpath("/x:top/x:list[x:key='c']", "");
}

static void
filter_from_xpath__more_than_paths__is_left_to_others(void **state)
{
	(void)state;
	static const char *const others[] = {"//x:list", "/x:top/*", "/x:top/x:list[1]",
	    "/x:top/x:list[x:key!='a']", "/x:top/x:list[x:key=x:v]", "/x:top/..",
	    "/x:top/x:list[starts-with(x:key,'a')]", "count(/x:top)", "",
	    "/x:top/child::x:list", "/x:top/x:list[x:key='a", "/x:top/x:list[x:key=''",
	    "/x:top/x:list[x:key='a'", "/top", "/x:top and /x:top"};
	struct filter f;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_int_equal(filter_from_xpath(&pool, others[i], ns_of, NULL, &f),
		    ERR_UNSUPPORTED);
	assert_int_equal(filter_from_xpath(&pool, "/y:top", ns_of, NULL, &f), ERR_FORM);
}

static void
filter_at__a_path__finds_who_asks_for_it(void **state)
{
	(void)state;
	static const char *const path[] = {"top", "list"};
	struct filter f = {.root = {.name = "", .ns = ""}};
	const struct elem *found[4];
	bool whole;
	struct elem *top = filter_elem(&f.root, "top", NULL);
	assert_int_equal(filter_at(&f, NS, path, 2, found, 4, &whole), 0);
	assert_true(whole);
	struct elem *list = filter_elem(top, "list", NULL);
	filter_elem(list, "key", "a");
	assert_int_equal(filter_at(&f, NS, path, 2, found, 4, &whole), 1);
	assert_false(whole);
	assert_ptr_equal(found[0], list);
	assert_string_equal(filter_match(list, NS, "key"), "a");
	assert_null(filter_match(list, NS, "v"));
	assert_true(filter_may_ask(list, NS, "v")); /* what is equal is shown whole */
	filter_elem(list, "key", NULL);
	assert_false(filter_may_ask(list, NS, "v"));
	filter_elem(top, "zero", "x"); /* containers have no such text */
	assert_int_equal(filter_at(&f, NS, path, 2, found, 4, &whole), 0);
	assert_false(whole);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		filter_mark__none_and_empty__are_all_and_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		filter_mark__selection_nodes__take_what_is_below, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		filter_mark__content_matches__choose_entries, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		filter_mark__another_namespace_or_attributes__is_nothing, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(filter_from_xpath__paths__are_filters,
		setup, teardown),
	    cmocka_unit_test_setup_teardown(
		filter_from_xpath__more_than_paths__is_left_to_others, setup, teardown),
	    cmocka_unit_test_setup_teardown(filter_at__a_path__finds_who_asks_for_it,
		setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
