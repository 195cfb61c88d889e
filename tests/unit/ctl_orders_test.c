/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/options.h"
#include "ctl/orders.h"
#include "ctl/propline.h"

static struct orders orders;

/* A file of that text, read as the command line `add [-p pattern] --from` does. */
static enum exit_status
read_text(const char *text, const char *pattern, enum orders_lines lines)
{
	char path[] = "/tmp/ctl_orders_test.XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	struct options opt = {.from = path, .pattern = pattern};
	struct ctl ctl = {.opt = &opt};
	enum exit_status rc = orders_read(&ctl, lines, &orders);
	unlink(path);
	return rc;
}

static void
expect_zone(size_t i, const char *zone, const char *pattern)
{
	char text[DNAME_TEXT_MAX];
	assert_true(i < orders.n);
	const struct order *o = &orders.items[i];
	assert_string_equal(order_zone_text(o, text), zone);
	if (!pattern)
		return;
	assert_non_null(o->props->groups);
	assert_int_equal(o->props->groups->size, strlen(pattern));
	assert_memory_equal(o->props->groups->data, pattern, strlen(pattern));
}

static void
orders_read__file__is_sorted_canonically_and_lower_case(void **state)
{
	(void)state;
	assert_int_equal(read_text("z.example sec\n"
				   "# comment\n\n"
				   "A.Example. sec\r\n"
				   "b.a.example sec # why\n"
				   "example pri\n",
			     NULL, ORDERS_ADDITIONS),
	    EXIT_DONE);
	assert_int_equal(orders.n, 4);
	expect_zone(0, "example", "pri");
	expect_zone(1, "a.example", "sec");
	expect_zone(2, "b.a.example", "sec");
	expect_zone(3, "z.example", "sec");
	orders_fini(&orders);
}

static void
orders_read__no_pattern_on_the_line__takes_the_common_one(void **state)
{
	(void)state;
	assert_int_equal(read_text("a.example\nb.example x=1\nc.example two y=2\n",
			     "one", ORDERS_ADDITIONS),
	    EXIT_DONE);
	expect_zone(0, "a.example", "one");
	expect_zone(1, "b.example", "one");
	expect_zone(2, "c.example", "two");
	assert_int_equal(orders.items[1].props->params->size, 1);
	assert_memory_equal(orders.items[1].props->params->value, "1", 1);
	orders_fini(&orders);
}

static void
orders_read__quoted_values__are_decoded(void **state)
{
	(void)state;
	assert_int_equal(read_text("a sec primaries=\"192.0.2.1 key k\" t=\\065\n",
			     NULL, ORDERS_ADDITIONS),
	    EXIT_DONE);
	const struct props_param *p = orders.items[0].props->params;
	assert_int_equal(p->size, strlen("192.0.2.1 key k"));
	assert_memory_equal(p->value, "192.0.2.1 key k", p->size);
	assert_memory_equal(p->next->value, "A", 1);
	orders_fini(&orders);
}

static void
orders_read__twins__are_folded_unless_they_differ(void **state)
{
	(void)state;
	assert_int_equal(read_text("b sec\na sec\nB sec\n", NULL, ORDERS_ADDITIONS),
	    EXIT_DONE);
	assert_int_equal(orders.n, 2);
	orders_fini(&orders);
	assert_int_equal(read_text("b sec\na sec\nb pri\n", NULL, ORDERS_ADDITIONS),
	    EXIT_USAGE);
	orders_fini(&orders);
	assert_int_equal(read_text("b sec x=1\na sec\nb sec x=2\n", NULL,
			     ORDERS_ADDITIONS),
	    EXIT_USAGE);
	orders_fini(&orders);
}

static void
orders_read__bad_lines__are_refused_whole(void **state)
{
	(void)state;
	static const char *const bad[] = {
	    "a.example\n",                 /* no pattern */
	    "ok sec\na..b sec\n",          /* empty label */
	    ". sec\n",                     /* the root */
	    "a sec x\n",                   /* no = */
	    "a sec x=\n",                  /* no value */
	    "a sec x=\"1\n",               /* open quote */
	    "a sec x=\\\n",                /* backslash at the end */
	    "a sec x=\\999\n",             /* bad escape */
	    "a sec,,b\n",                  /* empty pattern */
	    "a sec X.y=1\n",               /* bad parameter name */
	    "b\303\274cher.example sec\n", /* not ASCII */
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(read_text(bad[i], NULL, ORDERS_ADDITIONS), EXIT_USAGE);
		orders_fini(&orders);
	}
	assert_int_equal(read_text("a b\n", NULL, ORDERS_ZONES), EXIT_USAGE);
	orders_fini(&orders);
}

static void
orders_read__no_such_file__is_a_failure(void **state)
{
	(void)state;
	struct options opt = {.from = "/nonexistent/zones"};
	struct ctl ctl = {.opt = &opt};
	assert_int_equal(orders_read(&ctl, ORDERS_ZONES, &orders), EXIT_FAILED);
	orders_fini(&orders);
}

static void
orders_find__many__finds_each_and_no_other(void **state)
{
	(void)state;
	static const struct props none;
	char text[64];
	struct dname zone;
	memset(&orders, 0, sizeof(orders));
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "z%u.example", (i * 7919) % 2000);
		assert_int_equal(orders_add(&orders, text, &none, ""), OK);
	}
	assert_int_equal(orders_sort(&orders), OK);
	assert_int_equal(orders.n, 2000);
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "z%u.example", i);
		assert_int_equal(dname_parse(text, &zone), OK);
		struct order *o = orders_find(&orders, &zone);
		assert_non_null(o);
		char found[DNAME_TEXT_MAX];
		assert_string_equal(order_zone_text(o, found), text);
	}
	assert_int_equal(dname_parse("z2000.example", &zone), OK);
	assert_null(orders_find(&orders, &zone));
	assert_null(orders_find(&orders, &dname_root));
	orders_fini(&orders);
}

static void
propline_groups__escapes_and_dash__are_understood(void **state)
{
	(void)state;
	struct pool pool = {0};
	struct props props = {0};
	const char *why;
	assert_int_equal(propline_groups("a,b\\,c,\\045", &pool, &props, &why), OK);
	assert_memory_equal(props.groups->data, "a", 1);
	assert_memory_equal(props.groups->next->data, "b,c", 3);
	assert_memory_equal(props.groups->next->next->data, "-", 1);
	assert_null(props.groups->next->next->next);
	assert_int_equal(propline_groups("-", &pool, &props, &why), OK);
	assert_true(props.has_groups);
	assert_null(props.groups);
	pool_fini(&pool);
}

static void
propline_param__limits__are_kept(void **state)
{
	(void)state;
	struct pool pool = {0};
	struct props props = {0};
	const char *why;
	static char text[PROPS_VALUE_MAX + 4];
	memset(text, 'v', sizeof(text) - 1);
	memcpy(text, "n=", 2);
	text[2 + PROPS_VALUE_MAX] = '\0';
	assert_int_equal(propline_param(text, &pool, &props, &why), OK);
	text[2 + PROPS_VALUE_MAX] = 'v';
	assert_int_equal(propline_param(text, &pool, &props, &why), ERR_FORM);
	assert_int_equal(propline_param("=1", &pool, &props, &why), ERR_FORM);
	assert_int_equal(propline_param("UPPER=1", &pool, &props, &why), OK);
	assert_true(label_is(&props.params->next->name, "upper"));
	pool_fini(&pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(orders_read__file__is_sorted_canonically_and_lower_case),
	    cmocka_unit_test(orders_read__no_pattern_on_the_line__takes_the_common_one),
	    cmocka_unit_test(orders_read__quoted_values__are_decoded),
	    cmocka_unit_test(orders_read__twins__are_folded_unless_they_differ),
	    cmocka_unit_test(orders_read__bad_lines__are_refused_whole),
	    cmocka_unit_test(orders_read__no_such_file__is_a_failure),
	    cmocka_unit_test(orders_find__many__finds_each_and_no_other),
	    cmocka_unit_test(propline_groups__escapes_and_dash__are_understood),
	    cmocka_unit_test(propline_param__limits__are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
