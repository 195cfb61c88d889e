/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/buf.h"
#include "lib/memberlist.h"
#include "lib/rr.h"

static struct memberlist members;

static void
take(const char *text)
{
	struct buf rdata;
	struct rr rr;
	buf_init(&rdata, 0);
	assert_int_equal(rr_parse(text, &rdata, &rr), OK);
	assert_int_equal(memberlist_take(&members, &rr), OK);
	buf_fini(&rdata);
}

static void
begin(void)
{
	struct dname apex;
	assert_int_equal(dname_parse("cat.example", &apex), OK);
	memberlist_begin(&members, &apex);
}

static const struct memberlist_entry *
find(const char *text)
{
	struct dname zone;
	assert_int_equal(dname_parse(text, &zone), OK);
	return memberlist_find(&members, &zone);
}

static void
expect_group(const struct props_group *g, const char *text)
{
	assert_non_null(g);
	assert_int_equal(g->size, strlen(text));
	assert_memory_equal(g->data, text, g->size);
}

static void
members__records_of_a_node__are_one_member(void **state)
{
	(void)state;
	begin();
	take("cat.example. 0 IN SOA . . 7 1 1 1 1");
	take("version.cat.example. 0 IN TXT \"2\"");
	take("a1.zones.cat.example. 0 IN PTR shop.example.");
	take("group.a1.zones.cat.example. 0 IN TXT \"secondary\"");
	take(
	    "primaries.nsherd.ext.a1.zones.cat.example. 0 IN TXT \"192.0.2.1 \" \"key k\"");
	memberlist_end(&members);
	assert_int_equal(members.serial, 7);
	assert_int_equal(members.n, 1);
	const struct memberlist_entry *m = find("shop.example");
	assert_non_null(m);
	expect_group(m->props.groups, "secondary");
	assert_true(label_is(&m->props.params->name, "primaries"));
	assert_memory_equal(m->props.params->value, "192.0.2.1 key k", 15);
	assert_int_equal(m->n_other, 0);
	memberlist_fini(&members);
}

/* A zone transfer has no order of its own. */
static void
members__records_in_any_order__are_put_together(void **state)
{
	(void)state;
	begin();
	take("group.b.zones.cat.example. 0 IN TXT \"two\"");
	take("a.zones.cat.example. 0 IN PTR z.example.");
	take("group.b.zones.cat.example. 0 IN TXT \"one\"");
	take("b.zones.cat.example. 0 IN PTR y.example.");
	take("group.a.zones.cat.example. 0 IN TXT \"three\"");
	take("x.nsherd.ext.b.zones.cat.example. 0 IN TXT \"2\"");
	take("group.orphan.zones.cat.example. 0 IN TXT \"nobody\"");
	memberlist_end(&members);
	assert_int_equal(members.n, 2);
	struct dname zone;
	char text[DNAME_TEXT_MAX];
	memberlist_entry_zone(&members.items[0], &zone);
	assert_string_equal(dname_print_short(&zone, text), "y.example");
	const struct memberlist_entry *m = find("y.example");
	expect_group(m->props.groups, "one");
	expect_group(m->props.groups->next, "two");
	assert_non_null(m->props.params);
	expect_group(find("z.example")->props.groups, "three");
	assert_null(find("x.example"));
	memberlist_fini(&members);
}

static void
members__what_we_cannot_say__is_counted(void **state)
{
	(void)state;
	begin();
	take("a.zones.cat.example. 0 IN PTR z.example.");
	take("coo.a.zones.cat.example. 0 IN PTR other.example.");
	take("group.a.zones.cat.example. 0 IN TXT \"two\" \"strings\"");
	take("primaries.ext.a.zones.cat.example. 0 IN A 192.0.2.1");
	take("x.y.nsherd.ext.a.zones.cat.example. 0 IN TXT \"deep\"");
	take("nsherd.ext.a.zones.cat.example. 0 IN TXT \"shallow\"");
	memberlist_end(&members);
	assert_int_equal(members.n, 1);
	assert_int_equal(members.items[0].n_other, 5);
	assert_null(members.items[0].props.groups);
	assert_null(members.items[0].props.params);
	memberlist_fini(&members);
}

static void
members__none__is_fine(void **state)
{
	(void)state;
	begin();
	memberlist_end(&members);
	assert_int_equal(members.n, 0);
	assert_null(find("a.example"));
	memberlist_fini(&members);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(members__records_of_a_node__are_one_member),
	    cmocka_unit_test(members__records_in_any_order__are_put_together),
	    cmocka_unit_test(members__what_we_cannot_say__is_counted),
	    cmocka_unit_test(members__none__is_fine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
