/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "ctl/fleet_view.h"
#include "lib/buf.h"

static enum err
take(struct view *v, enum observed_kind kind, const char *name, const char *words)
{
	char copy[1024], *save, *word;
	struct dname owner;
	struct buf rdata;
	assert_int_equal(dname_parse(name, &owner), OK);
	buf_init(&rdata, 0);
	snprintf(copy, sizeof(copy), "%s", words);
	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save))
		txt_put(&rdata, word);
	const struct rr rr = {.type = RR_TXT,
	    .rdata = rdata.data,
	    .rdata_size = (uint16_t)rdata.size};
	enum err e = view_take(v, kind, &owner, &rr);
	buf_fini(&rdata);
	return e;
}

/* An agent of two backends at serial 7, the second as the words say. */
static void
make(struct view *v, const char *agent, const char *backend)
{
	char words[512];
	*v = (struct view){0};
	snprintf(words, sizeof(words), "agent=ams1,catalog-serial=7,%s", agent);
	assert_int_equal(take(v, OBSERVED_AGENT, ".", words), OK);
	if (backend) {
		assert_int_equal(take(v, OBSERVED_BACKEND, "nsd1", backend), OK);
		assert_int_equal(take(v, OBSERVED_BACKEND, "knot1",
				     "state=up,applied=7,serving=3,pending=0"),
		    OK);
	}
	view_end(v);
}

static void
expect(const char *agent, const char *backend, uint32_t serial, const char *missing)
{
	struct view v;
	char why[VIEW_WHY_MAX] = "";
	make(&v, agent, backend);
	bool settled = view_is_settled(&v, serial, why);
	assert_int_equal(settled, missing == NULL);
	if (missing && !strstr(why, missing))
		fail_msg("\"%s\" is not \"%s\"", why, missing);
	view_fini(&v);
}

static void
view_is_settled__all_there__is_so(void **state)
{
	(void)state;
	expect("catalog=valid", "state=up,applied=7,serving=3,pending=0,failed=0", 7,
	    NULL);
	expect("catalog=valid", "state=up,applied=7", 6, NULL);
	expect("catalog=valid", "state=up,applied=7", 4294967295, NULL);
	expect("role=primary", NULL, 7, NULL); /* no backends */
	expect("future=1", "state=up,applied=8,dancing=4", 7, NULL);
}

static void
view_is_settled__something_missing__says_what(void **state)
{
	(void)state;
	expect("catalog=broken,error=no version", "state=up,applied=7", 7,
	    "catalog broken: no version");
	expect("catalog=valid", "state=up,applied=7", 8, "catalog serial 7, not 8");
	expect("catalog=valid", "state=down,error=gone,applied=7", 7,
	    "nsd1: down, gone");
	expect("catalog=valid", "applied=7", 7, "nsd1: ?");
	expect("catalog=valid", "state=up", 7, "nsd1: has not applied");
	expect("catalog=valid", "state=up,applied=6", 7, "nsd1: has not applied");
	expect("catalog=valid", "state=up,applied=x", 7, "nsd1: has not applied");
	expect("catalog=valid", "state=up,applied=7,pending=2", 7, "nsd1: 2 pending");
	expect("catalog=valid", "state=up,applied=7,failed=1", 7, "nsd1: 1 failed");
	expect("catalog=valid", "state=up,applied=7,conflict=1", 7, "1 conflict");
	expect("catalog=valid", "state=up,applied=7,unassigned=1", 7, "1 unassigned");
	expect("catalog=valid", "state=up,applied=7,held=1", 7, "1 held");
	expect("catalog=valid", "state=up,applied=7,removing=1", 7, "1 removing");
	struct view none = {0};
	char why[VIEW_WHY_MAX];
	assert_false(view_is_settled(&none, 1, why));
	assert_string_equal(why, "no answer");
}

static void
view_lag__serials__are_of_a_circle(void **state)
{
	struct view v, none = {0};
	uint32_t lag = 99;
	(void)state;
	make(&v, "catalog=valid", "state=up,applied=5");
	assert_int_equal(view_lag(&v, NULL, 7, &lag), OK);
	assert_int_equal(lag, 0);
	assert_string_equal(v.backends[1].name, "nsd1"); /* in order of name */
	assert_int_equal(view_lag(&v, &v.backends[1], 7, &lag), OK);
	assert_int_equal(lag, 2);
	assert_int_equal(view_lag(&v, NULL, 6, &lag), ERR_RANGE);
	assert_int_equal(view_lag(&v, NULL, 4294967295, &lag), ERR_RANGE);
	assert_int_equal(view_lag(&none, NULL, 7, &lag), ERR_NOTFOUND);
	view_fini(&v);
	make(&v, "catalog=valid", "state=up");
	assert_int_equal(view_lag(&v, &v.backends[1], 7, &lag), ERR_NOTFOUND);
	view_fini(&v);
}

static void
view_take__reasons__are_all_kept_and_printable(void **state)
{
	struct view v;
	char text[VIEW_WHY_MAX];
	(void)state;
	make(&v, "health=degraded,health-reason=nsd1 is down,health-reason=\33[31m",
	    NULL);
	assert_int_equal(v.n_reasons, 2);
	assert_string_equal(v.reasons[0], "nsd1 is down");
	assert_string_equal(view_reasons(&v, text), "nsd1 is down; ?[31m");
	view_fini(&v);
}

static void
view_take__more_backends_than_any_has__is_refused(void **state)
{
	struct view v = {0};
	char name[16];
	(void)state;
	for (int i = 0; i < VIEW_BACKENDS_MAX; i++) {
		snprintf(name, sizeof(name), "b%d", i);
		assert_int_equal(take(&v, OBSERVED_BACKEND, name, "state=up"), OK);
	}
	assert_int_equal(take(&v, OBSERVED_BACKEND, "last", "state=up"), ERR_RANGE);
	view_fini(&v);
}

static void
view_take__agent_a_second_time__keeps_the_first(void **state)
{
	struct view v;
	(void)state;
	make(&v, "health=ok,health-reason=one", NULL);
	assert_int_equal(take(&v, OBSERVED_AGENT, ".", "agent=b,health-reason=two"),
	    OK);
	assert_string_equal(v.agent, "ams1");
	assert_int_equal(v.n_reasons, 1);
	view_fini(&v);
}

static void
view_pattern_find__name__is_found_or_not(void **state)
{
	struct view v = {0};
	(void)state;
	assert_null(view_pattern_find(&v, "primary"));
	assert_int_equal(take(&v, OBSERVED_PATTERN, "secondary", "hash=2"), OK);
	assert_int_equal(take(&v, OBSERVED_PATTERN, "primary", "hash=1"), OK);
	view_end(&v);
	assert_string_equal(view_pattern_find(&v, "primary")->hash, "1");
	assert_null(view_pattern_find(&v, "parked"));
	view_fini(&v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(view_is_settled__all_there__is_so),
	    cmocka_unit_test(view_is_settled__something_missing__says_what),
	    cmocka_unit_test(view_lag__serials__are_of_a_circle),
	    cmocka_unit_test(view_take__reasons__are_all_kept_and_printable),
	    cmocka_unit_test(view_take__more_backends_than_any_has__is_refused),
	    cmocka_unit_test(view_take__agent_a_second_time__keeps_the_first),
	    cmocka_unit_test(view_pattern_find__name__is_found_or_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
