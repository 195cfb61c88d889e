/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "ctl/diff.h"
#include "ctl/propline.h"
#include "lib/rr.h"

/* A list of zones against a catalog, without an agent. */

static struct dname
name(const char *text)
{
	struct dname out;
	assert_int_equal(dname_parse(text, &out), OK);
	return out;
}

static void
take(struct memberlist *m, const char *line)
{
	struct buf rdata;
	struct rr rr;
	buf_init(&rdata, 0);
	assert_int_equal(rr_parse(line, &rdata, &rr), OK);
	assert_int_equal(memberlist_take(m, &rr), OK);
	buf_fini(&rdata);
}

static void
catalog(struct memberlist *m)
{
	struct dname apex = name("cat.example");
	memset(m, 0, sizeof(*m));
	memberlist_begin(m, &apex);
	take(m, "cat.example. 0 IN SOA invalid. invalid. 7 1 1 1 1");
	take(m, "a1.zones.cat.example. 0 IN PTR one.example.");
	take(m, "group.a1.zones.cat.example. 0 IN TXT \"primary\"");
	take(m, "color.nsherd.ext.a1.zones.cat.example. 0 IN TXT \"red\"");
	take(m, "size.nsherd.ext.a1.zones.cat.example. 0 IN TXT \"9\"");
	take(m, "a2.zones.cat.example. 0 IN PTR two.example.");
	take(m, "group.a2.zones.cat.example. 0 IN TXT \"b\"");
	take(m, "group.a2.zones.cat.example. 0 IN TXT \"a\"");
	take(m, "a3.zones.cat.example. 0 IN PTR three.example.");
	memberlist_end(m);
}

struct wanted {
	const char *zone, *groups, *params[3];
};

static void
order(struct orders *orders, const struct wanted *w, size_t n)
{
	const char *why;
	memset(orders, 0, sizeof(*orders));
	for (size_t i = 0; i < n; i++) {
		struct props *props = pool_zalloc(&orders->pool, sizeof(*props));
		assert_int_equal(propline_groups(w[i].groups, &orders->pool, props,
				     &why),
		    OK);
		for (size_t j = 0; j < 3 && w[i].params[j]; j++)
			assert_int_equal(propline_param(w[i].params[j], &orders->pool,
					     props, &why),
			    OK);
		assert_int_equal(orders_add(orders, w[i].zone, props, ""), OK);
	}
	assert_int_equal(orders_sort(orders), OK);
}

/* "+zone -zone ~zone" in order. */
static char *
print(const struct diff *d, char *out)
{
	static const char signs[DIFF_KINDS] = {'+', '~', '-'};
	char zone[DNAME_TEXT_MAX];
	size_t at = 0;
	out[0] = '\0';
	for (size_t i = 0; i < d->n; i++)
		at += (size_t)sprintf(out + at, "%s%c%s", i ? " " : "",
		    signs[d->items[i].kind], diff_zone_text(&d->items[i], zone));
	return out;
}

static void
expect(const struct wanted *w, size_t n, bool prune, const char *text, size_t n_same,
    size_t n_extra)
{
	struct memberlist members;
	struct orders orders;
	struct diff diff;
	char out[1024];
	catalog(&members);
	order(&orders, w, n);
	diff_make(&orders, &members, prune, &diff);
	assert_string_equal(print(&diff, out), text);
	assert_int_equal(diff.n_same, n_same);
	assert_int_equal(diff.n_extra, n_extra);
	assert_int_equal(members.serial, 7);
	assert_true(members.soa_size > 20);
	diff_fini(&diff);
	orders_fini(&orders);
	memberlist_fini(&members);
}

static void
diff__as_it_is__then_nothing_whatever_the_order(void **state)
{
	(void)state;
	static const struct wanted all[] = {
	    {"three.example", "-", {NULL}},
	    {"TWO.example", "b,a", {NULL}},
	    {"one.example", "primary", {"size=9", "color=red"}},
	};
	expect(all, 3, true, "", 3, 0);
}

static void
diff__new_changed_and_gone__each_is_told(void **state)
{
	(void)state;
	static const struct wanted some[] = {
	    {"four.example", "primary", {NULL}},
	    {"one.example", "primary", {"color=red"}},
	    {"two.example", "a", {NULL}},
	};
	expect(some, 3, false, "+four.example ~one.example ~two.example", 0, 1);
	expect(some, 3, true, "+four.example ~one.example -three.example ~two.example",
	    0, 0);
}

static void
diff__nothing_wanted__then_all_goes_only_by_prune(void **state)
{
	(void)state;
	expect(NULL, 0, false, "", 0, 3);
	expect(NULL, 0, true, "-one.example -three.example -two.example", 0, 0);
}

static void
diff_write__a_change__removes_what_is_not_wanted(void **state)
{
	(void)state;
	static const struct wanted one[] = {{"one.example", "b", {"color=blue"}}};
	struct memberlist members;
	struct orders orders;
	struct diff diff;
	struct wire_out out;
	struct msg msg;
	struct msg_cursor c;
	struct rr rr;
	struct buf rdata, text;
	uint8_t wire[2000];
	struct dname apex = name("cat.example");

	catalog(&members);
	order(&orders, one, 1);
	diff_make(&orders, &members, false, &diff);
	assert_int_equal(diff.n, 1);
	wire_out_init(&out, wire, sizeof(wire));
	msg_start(&out, 1, OPCODE_UPDATE << 11);
	msg_put_question(&out, &apex, RR_SOA, CLASS_IN);
	diff_write(&diff.items[0], &apex, &out);
	assert_int_equal(out.err, OK);
	assert_int_equal(msg_frame(wire, out.size, &msg), OK);
	buf_init(&rdata, 0);
	buf_init(&text, 0);
	msg_walk(&msg, (enum msg_section)MSG_UPDATES, &c);
	while (msg_next(&c, &rdata, &rr) == OK) {
		buf_printf(&text, "%c ", rr.class == CLASS_ANY ? '-' : '+');
		char owner[DNAME_TEXT_MAX];
		buf_puts(&text, dname_print_short(&rr.owner, owner));
		buf_puts(&text, "\n");
	}
	assert_string_equal(buf_text(&text),
	    "- group.a1.zones.cat.example\n"
	    "+ group.a1.zones.cat.example\n"
	    "- size.nsherd.ext.a1.zones.cat.example\n"
	    "- color.nsherd.ext.a1.zones.cat.example\n"
	    "+ color.nsherd.ext.a1.zones.cat.example\n");
	buf_fini(&rdata);
	buf_fini(&text);
	diff_fini(&diff);
	orders_fini(&orders);
	memberlist_fini(&members);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(diff__as_it_is__then_nothing_whatever_the_order),
	    cmocka_unit_test(diff__new_changed_and_gone__each_is_told),
	    cmocka_unit_test(diff__nothing_wanted__then_all_goes_only_by_prune),
	    cmocka_unit_test(diff_write__a_change__removes_what_is_not_wanted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
