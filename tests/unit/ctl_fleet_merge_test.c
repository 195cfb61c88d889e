/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/fleet_diff.h"
#include "ctl/fleet_view.h"
#include "lib/buf.h"
#include "lib/dname.h"

/*
 * Agents by what they would send: "zone backend state serial pattern id [error]" for
 * each row, "-" for what is not told, rows separated by "/"; before them the catalog's
 * serial and the patterns that the agent knows, separated by commas.
 */
struct side {
	uint32_t serial;
	const char *patterns, *rows;
	bool is_hub;
};

enum { SIDES_MAX = 8 };

struct fixture {
	struct view views[SIDES_MAX];
	struct diff_side sides[SIDES_MAX];
	struct diffing d;
};

static struct dname
name_of(const char *text)
{
	struct dname name;
	assert_int_equal(dname_parse(text, &name), OK);
	return name;
}

static void
take(struct view *v, enum observed_kind kind, const char *name, const char *words)
{
	char copy[512], *save, *word;
	struct dname owner = name_of(name);
	struct buf rdata;
	buf_init(&rdata, 0);
	snprintf(copy, sizeof(copy), "%s", words);
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		txt_put(&rdata, word);
	const struct rr rr = {.type = RR_TXT,
	    .rdata = rdata.data,
	    .rdata_size = (uint16_t)rdata.size};
	assert_int_equal(view_take(v, kind, &owner, &rr), OK);
	buf_fini(&rdata);
}

static void
make_view(struct view *v, const struct side *s)
{
	char copy[256], words[64], *save, *word;
	snprintf(words, sizeof(words), "agent=a catalog=valid catalog-serial=%" PRIu32,
	    s->serial);
	take(v, OBSERVED_AGENT, ".", words);
	snprintf(copy, sizeof(copy), "%s", s->patterns);
	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save))
		take(v, OBSERVED_PATTERN, word, "hash=1");
	view_end(v);
}

static enum err
put_row(struct spool *spool, char *row)
{
	static const char *const keys[] = {"backend", "state", "serial", "pattern",
	    "id", "error", "waiting"};
	char *save, *word = strtok_r(row, " ", &save);
	struct dname zone = name_of(word);
	struct buf rdata;
	buf_init(&rdata, 0);
	for (size_t i = 0; i < 7 && (word = strtok_r(NULL, " ", &save)); i++)
		if (strcmp(word, "-") != 0 || i == 0)
			txt_printf(&rdata, "%s=%s", keys[i], word);
	const struct rr rr = {.type = RR_TXT,
	    .rdata = rdata.data,
	    .rdata_size = (uint16_t)rdata.size};
	enum err e = spool_put(spool, &zone, &rr);
	buf_fini(&rdata);
	return e;
}

static void
fill(struct spool *spool, const char *rows)
{
	char copy[1024], *save, *row;
	assert_int_equal(spool_begin(spool), OK);
	snprintf(copy, sizeof(copy), "%s", rows);
	for (row = strtok_r(copy, "/", &save); row; row = strtok_r(NULL, "/", &save))
		assert_int_equal(put_row(spool, row), OK);
	assert_int_equal(spool_rewind(spool), OK);
}

/* What is found: "side:why:backend:pattern:count" each, in any order. */
static void
expect(const struct side *sides, size_t n, uint32_t serial, const char *causes)
{
	struct fixture f = {0};
	char got[1024] = "";
	size_t size = 0;
	f.d = (struct diffing){.sides = f.sides,
	    .n = n,
	    .has_serial = true,
	    .serial = serial};
	for (size_t i = 0; i < n; i++) {
		make_view(&f.views[i], &sides[i]);
		f.sides[i].view = &f.views[i];
		f.sides[i].is_in = sides[i].rows != NULL;
		f.sides[i].is_hub = sides[i].is_hub;
		if (sides[i].rows)
			fill(&f.sides[i].spool, sides[i].rows);
	}
	diff_merge(&f.d);
	for (size_t i = 0; i < f.d.n_causes; i++) {
		const struct cause *c = &f.d.causes[i];
		char one[128];
		snprintf(one, sizeof(one), "%zu:%s:%s:%s:%" PRIu64 " ", c->peer,
		    diff_why_code(c->why), c->backend ? c->backend : "",
		    c->pattern ? c->pattern : "", c->n_zones);
		size += (size_t)snprintf(got + size, sizeof(got) - size, "%s", one);
		if (!strstr(causes, one))
			fail_msg("not expected: %s, but %s", one, causes);
	}
	if (size != strlen(causes))
		fail_msg("found \"%s\", not \"%s\"", got, causes);
	for (size_t i = 0; i < n; i++) {
		spool_fini(&f.sides[i].spool);
		view_fini(&f.views[i]);
	}
	diff_end(&f.d);
}

#define N(array) (sizeof(array) / sizeof(*(array)))

static void
diff_merge__all_alike__finds_nothing(void **state)
{
	static const struct side sides[] = {
	    {9, "p", "a.example - pending - p i1/b.example - pending - p i2", true},
	    {9, "p", "a.example n1 serving 5 p i1/b.example n1 serving 7 p i2", false},
	    {9, "p",
		"a.example n1 serving 5 p i1/a.example n2 serving 5 p i1/"
		"b.example n1 serving 7 p i2/b.example n2 serving 7 p i2",
		false},
	};
	(void)state;
	expect(sides, N(sides), 9, "");
	expect(sides + 1, 2, 9, "");
}

static void
diff_merge__states__are_told_by_backend(void **state)
{
	static const struct side sides[] = {
	    {9, "p",
		"a.example n1 serving 5 p i1/b.example n1 serving 5 p i2/"
		"c.example n1 serving 5 p i3/d.example n1 serving 5 p i4/"
		"e.example n1 serving 5 p i5/f.example n1 serving 5 p i6/"
		"g.example n1 serving 5 p i7",
		true},
	    {9, "p",
		"a.example n1 failed - p i1 why/b.example n1 conflict - p i2/"
		"c.example n1 pending - p i3/d.example n1 applied - p i4/"
		"e.example n1 held 5 p i5/f.example n1 removing - p i6/"
		"g.example n1 dancing - p i7",
		false},
	};
	(void)state;
	expect(sides, N(sides), 9,
	    "1:failed:n1:p:1 1:conflict:n1:p:1 1:pending:n1:p:1 1:applied:n1:p:1 "
	    "1:held:n1:p:1 1:removing:n1:p:1 1:unknown-state:n1:p:1 ");
}

static void
diff_merge__pattern_not_there__is_told_apart_from_unassigned(void **state)
{
	static const struct side sides[] = {
	    {9, "p,q", "a.example n1 serving 5 p i1/b.example n1 serving 5 q i2",
		false},
	    {9, "q", "a.example n1 unassigned - p i1/b.example n1 unassigned - q i2",
		false},
	};
	(void)state;
	expect(sides, N(sides), 9, "1:pattern-missing:n1:p:1 1:unassigned:n1:q:1 ");
}

static void
diff_merge__older_serial__is_that_of_who_has_it(void **state)
{
	static const struct side sides[] = {
	    {9, "p", "a.example n1 serving 4294967290 p i1", false},
	    {9, "p", "a.example n1 serving 3 p i1/a.example n2 serving 2 p i1", false},
	};
	(void)state;
	/* 3 is newer than 2^32 - 6 (RFC 1982) */
	expect(sides, N(sides), 9, "0:serial-older:n1:p:1 1:serial-older:n2:p:1 ");
}

static void
diff_merge__missing__only_where_the_hub_has_it(void **state)
{
	static const struct side sides[] = {
	    {9, "p", "b.example n1 serving 5 p i2", true},
	    {9, "p", "a.example n1 serving 5 p i1/b.example n1 serving 5 p i2", false},
	    {8, "p", "c.example n1 removing - p i3", false},
	};
	(void)state;
	expect(sides, N(sides), 9, "1:extra:n1:p:1 2:missing:::1 2:removing:n1:p:1 ");
}

static void
diff_merge__no_hub__goes_by_those_that_are_not_behind(void **state)
{
	static const struct side sides[] = {
	    {9, "p", "b.example n1 serving 5 p i2", false},
	    {7, "p", "a.example n1 serving 5 p i1", false},
	};
	(void)state;
	expect(sides, N(sides), 9, "1:extra:n1:p:1 1:missing:::1 ");
}

static void
diff_merge__ids_and_patterns__differ_unless_behind(void **state)
{
	static const struct side sides[] = {
	    {9, "p,q", "a.example n1 serving 5 p i1/b.example n1 serving 5 p i2", true},
	    {9, "p,q", "a.example n1 serving 5 p x1/b.example n1 serving 5 q i2",
		false},
	    {8, "p,q", "a.example n1 serving 5 p x1/b.example n1 serving 5 q i2",
		false},
	};
	(void)state;
	expect(sides, N(sides), 9, "1:other-id:n1:p:1 1:other-pattern:n1:q:1 ");
}

static void
diff_merge__many_zones__are_one_cause_with_examples(void **state)
{
	static const struct side sides[] = {
	    {9, "p",
		"a.example n1 serving 5 p i1/b.example n1 serving 5 p i2/"
		"c.example n1 serving 5 p i3/d.example n1 serving 5 p i4",
		true},
	    {9, "p",
		"a.example n1 failed - p i1/b.example n1 serving 5 p i2/"
		"c.example n1 failed - p i3/d.example n1 failed - p i4",
		false},
	    {9, "p", NULL, false}, /* did not answer: nothing is missing there */
	};
	(void)state;
	expect(sides, N(sides), 9, "1:failed:n1:p:3 ");
}

static void
spool__zones_out_of_order__are_refused(void **state)
{
	struct spool spool = {0};
	char first[] = "b.example n1 serving 5 p i1",
	     again[] = "b.example n2 serving 5 p i1",
	     second[] = "a.example n1 serving 5 p i1";
	(void)state;
	assert_int_equal(spool_begin(&spool), OK);
	assert_int_equal(put_row(&spool, first), OK);
	assert_int_equal(put_row(&spool, again), OK);
	assert_int_equal(put_row(&spool, second), ERR_INVALID);
	spool_fini(&spool);
}

static void
spool__rows_of_one_zone_without_end__are_refused(void **state)
{
	struct spool spool = {0};
	enum err e = OK;
	int n = 0;
	(void)state;
	assert_int_equal(spool_begin(&spool), OK);
	for (; n < 10000 && !e; n++) {
		char row[] = "a.example n1 serving 5 p i1";
		e = put_row(&spool, row);
	}
	assert_int_equal(e, ERR_RANGE);
	assert_int_equal(n, SPOOL_ROWS_MAX + 1);
	spool_fini(&spool);
}

static void
diff_merge__backends_without_end__are_few_causes(void **state)
{
	struct fixture f = {0};
	uint64_t n = 0;
	(void)state;
	f.d = (struct diffing){.sides = f.sides, .n = 1};
	f.sides[0].view = &f.views[0];
	f.sides[0].is_in = true;
	assert_int_equal(spool_begin(&f.sides[0].spool), OK);
	for (int i = 10000; i < 13000; i++) {
		char row[64];
		snprintf(row, sizeof(row), "z%d n%d failed - p%d i", i, i, i);
		assert_int_equal(put_row(&f.sides[0].spool, row), OK);
	}
	assert_int_equal(spool_rewind(&f.sides[0].spool), OK);
	diff_merge(&f.d);
	assert_int_equal(f.d.n_causes, CAUSES_OF_PEER + 1);
	for (size_t i = 0; i < f.d.n_causes; i++)
		n += f.d.causes[i].n_zones;
	assert_int_equal(n, 3000);
	spool_fini(&f.sides[0].spool);
	diff_end(&f.d);
}

static void
spool__rows__come_back_as_they_were(void **state)
{
	struct spool spool = {0};
	struct spool_row row;
	char one[] = "a.example n1 serving 4294967295 p i1",
	     two[] = "www.a.example n1 failed - - - no-luck",
	     three[] = "x.a.example n1 pending - - - - apply-delay";
	struct dname zone, expected = name_of("www.a.example");
	(void)state;
	assert_int_equal(spool_begin(&spool), OK);
	assert_int_equal(put_row(&spool, one), OK);
	assert_int_equal(put_row(&spool, two), OK);
	assert_int_equal(put_row(&spool, three), OK);
	assert_int_equal(spool_rewind(&spool), OK);
	assert_int_equal(spool_next(&spool, &row), OK);
	assert_true(row.has_serial && row.serial == 4294967295);
	assert_string_equal(row.pattern, "p");
	assert_string_equal(row.error, "");
	assert_int_equal(spool_next(&spool, &row), OK);
	assert_int_equal(dname_from_key(row.key, row.key_size, &zone), OK);
	assert_true(dname_equal(&zone, &expected));
	assert_int_equal(row.state, SPOOL_FAILED);
	assert_false(row.has_serial);
	assert_string_equal(row.id, "");
	assert_string_equal(row.error, "no-luck");
	assert_int_equal(spool_next(&spool, &row), OK);
	assert_string_equal(row.error, "waits for apply-delay");
	assert_int_equal(spool_next(&spool, &row), ERR_NOTFOUND);
	spool_fini(&spool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(diff_merge__all_alike__finds_nothing),
	    cmocka_unit_test(diff_merge__states__are_told_by_backend),
	    cmocka_unit_test(
		diff_merge__pattern_not_there__is_told_apart_from_unassigned),
	    cmocka_unit_test(diff_merge__older_serial__is_that_of_who_has_it),
	    cmocka_unit_test(diff_merge__missing__only_where_the_hub_has_it),
	    cmocka_unit_test(diff_merge__no_hub__goes_by_those_that_are_not_behind),
	    cmocka_unit_test(diff_merge__ids_and_patterns__differ_unless_behind),
	    cmocka_unit_test(diff_merge__many_zones__are_one_cause_with_examples),
	    cmocka_unit_test(spool__zones_out_of_order__are_refused),
	    cmocka_unit_test(spool__rows_of_one_zone_without_end__are_refused),
	    cmocka_unit_test(diff_merge__backends_without_end__are_few_causes),
	    cmocka_unit_test(spool__rows__come_back_as_they_were),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
