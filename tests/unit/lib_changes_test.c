/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/changes.h"

static struct dname
dn(const char *text)
{
	struct dname name;
	assert_int_equal(dname_parse(text, &name), OK);
	return name;
}

struct fixture {
	struct changes c;
	struct buf told;
};

static int
setup(void **state)
{
	struct fixture *f = test_malloc(sizeof(*f));
	struct dname status = dn("_status.c.");
	changes_init(&f->c, &status);
	buf_init(&f->told, 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	changes_fini(&f->c);
	buf_fini(&f->told);
	test_free(f);
	return 0;
}

static void
tell(void *arg, const struct zone_change *c)
{
	struct buf *told = arg;
	buf_printf(told, "%s %s %s>%s", c->zone, c->backend,
	    c->was.state ? c->was.state : "-", c->is.state ? c->is.state : "-");
	if (c->is.serial)
		buf_printf(told, " %s", c->is.serial);
	if (c->is.error)
		buf_printf(told, " !%s", c->is.error);
	buf_puts(told, "\n");
}

static enum err
take(struct fixture *f, const char *line)
{
	struct buf rdata;
	struct rr rr;
	char text[512];
	unsigned serial;
	if (sscanf(line, "SOA %u", &serial) == 1)
		snprintf(text, sizeof(text), "_status.c. 0 IN SOA . . %u 1 1 1 1",
		    serial);
	else
		snprintf(text, sizeof(text), "%s", line);
	buf_init(&rdata, 0);
	assert_int_equal(rr_parse(text, &rdata, &rr), OK);
	enum err err = changes_take(&f->c, &rr);
	buf_fini(&rdata);
	return err;
}

/* All records are taken; what was told is compared. */
static void
transfer(struct fixture *f, const char *const *lines, const char *expected)
{
	buf_reset(&f->told);
	for (; *lines; lines++)
		assert_int_equal(take(f, *lines), OK);
	changes_end(&f->c, tell, &f->told);
	assert_string_equal(buf_text(&f->told), expected);
}

#define TRANSFER(f, expected, ...) \
	transfer(f, (const char *const[]){__VA_ARGS__, NULL}, expected)

#define ZONE(zone, backend, rest) \
	zone "._status.c. 0 IN TXT \"backend=" backend "\" " rest

static void
first(struct fixture *f)
{
	assert_null(changes_begin(&f->c));
	TRANSFER(f, "", "SOA 5", "_status.c. 0 IN TXT \"agent=a\"",
	    ZONE("a.example", "n1", "state=pending"),
	    ZONE("a.example", "k1", "state=serving serial=7 seen=1"), "SOA 5");
}

static void
changes__first_transfer__tells_nothing(void **state)
{
	struct fixture *f = *state;
	first(f);
	assert_int_equal(*changes_begin(&f->c), 5);
	TRANSFER(f, "", "SOA 5"); /* nothing newer */
}

static void
changes__differences__tell_old_and_new(void **state)
{
	struct fixture *f = *state;
	first(f);
	changes_begin(&f->c);
	TRANSFER(f,
	    "a.example n1 pending>serving 3\n"
	    "b.example n1 ->failed !no \"such\" file\n",
	    "SOA 6", "SOA 5", ZONE("a.example", "n1", "state=pending"), "SOA 6",
	    ZONE("a.example", "n1", "state=serving serial=3"),
	    ZONE("b.example", "n1", "state=failed \"error=no \\\"such\\\" file\""),
	    "SOA 6");
	assert_int_equal(*changes_begin(&f->c), 6);
	TRANSFER(f, "a.example n1 serving>-\n", "SOA 8", "SOA 6",
	    ZONE("a.example", "n1", "state=serving serial=3"), "SOA 8", "SOA 8");
}

static void
changes__only_seen_again__is_none(void **state)
{
	struct fixture *f = *state;
	first(f);
	changes_begin(&f->c);
	TRANSFER(f, "", "SOA 6", "SOA 5",
	    ZONE("a.example", "k1", "state=serving serial=7 seen=1"), "SOA 6",
	    ZONE("a.example", "k1", "state=serving serial=7 seen=2"), "SOA 6");
	changes_begin(&f->c);
	TRANSFER(f, "a.example k1 serving>serving 8\n", "SOA 7", "SOA 6",
	    ZONE("a.example", "k1", "state=serving serial=7 seen=2"), "SOA 7",
	    ZONE("a.example", "k1", "state=serving serial=8 seen=3"), "SOA 7");
}

static void
changes__all_instead__tells_the_same(void **state)
{
	struct fixture *f = *state;
	first(f);
	changes_begin(&f->c);
	TRANSFER(f,
	    "a.example n1 pending>serving\n"
	    "x._tcp n1 ->pending\n"
	    "a.example k1 serving>-\n",
	    "SOA 99", "_status.c. 0 IN TXT \"agent=a\"",
	    ZONE("a.example", "n1", "state=serving"),
	    ZONE("m1._id", "n1", "state=pending zone=x._tcp"), "SOA 99");
}

static void
changes__transfer_breaks_off__next_is_of_all(void **state)
{
	struct fixture *f = *state;
	first(f);
	changes_begin(&f->c);
	changes_spoil(&f->c); /* no connection: nothing had come */
	assert_non_null(changes_begin(&f->c));
	assert_int_equal(take(f, "SOA 6"), OK);
	assert_int_equal(take(f, "SOA 5"), OK);
	assert_int_equal(take(f, ZONE("a.example", "n1", "state=pending")), OK);
	changes_spoil(&f->c);
	assert_null(changes_begin(&f->c));
	TRANSFER(f, "a.example k1 serving>failed 7\n", "SOA 6",
	    "_status.c. 0 IN TXT \"agent=a\"", ZONE("a.example", "n1", "state=pending"),
	    ZONE("a.example", "k1", "state=failed serial=7"), "SOA 6");
}

static void
changes__some_zones_and_a_backend__no_others(void **state)
{
	struct fixture *f = *state;
	struct dname zones[] = {dn("B.example")};
	f->c.zones = zones;
	f->c.n_zones = 1;
	f->c.backend = "n1";
	first(f);
	assert_int_equal(f->c.n, 0);
	changes_begin(&f->c);
	TRANSFER(f, "b.example n1 ->pending\n", "SOA 6", "SOA 5", "SOA 6",
	    ZONE("b.example", "n1", "state=pending"),
	    ZONE("b.example", "k1", "state=pending"),
	    ZONE("c.example", "n1", "state=pending"), "SOA 6");
}

/* With two at most: what differs is told, all instead is not, until there are two. */
static void
changes__more_than_are_kept__differences_are_told(void **state)
{
	struct fixture *f = *state;
	f->c.keep_max = 2;
	first(f);
	assert_int_equal(f->c.n, 2);
	changes_begin(&f->c);
	TRANSFER(f, "b.example n1 ->pending\n", "SOA 6", "SOA 5", "SOA 6",
	    ZONE("b.example", "n1", "state=pending"), "SOA 6");
	assert_int_equal(f->c.n, 0);
	changes_begin(&f->c);
	TRANSFER(f, "b.example n1 pending>failed\n", "SOA 7", "SOA 6",
	    ZONE("b.example", "n1", "state=pending"), "SOA 7",
	    ZONE("b.example", "n1", "state=failed"), "SOA 7");
	assert_false(f->c.skipped);
	assert_int_equal(f->c.n, 0);
	changes_begin(&f->c);
	TRANSFER(f, "", "SOA 8", "_status.c. 0 IN TXT \"agent=a\"",
	    ZONE("a.example", "n1", "state=pending"),
	    ZONE("a.example", "k1", "state=pending"),
	    ZONE("b.example", "n1", "state=serving"), "SOA 8");
	assert_true(f->c.skipped);
	assert_int_equal(f->c.n, 0);
	changes_begin(&f->c);
	TRANSFER(f, "", "SOA 9", "_status.c. 0 IN TXT \"agent=a\"",
	    ZONE("a.example", "n1", "state=pending"),
	    ZONE("a.example", "k1", "state=pending"), "SOA 9");
	assert_true(f->c.skipped);
	assert_int_equal(f->c.n, 2);
	changes_begin(&f->c);
	TRANSFER(f, "a.example k1 pending>serving\n", "SOA 10",
	    "_status.c. 0 IN TXT \"agent=a\"", ZONE("a.example", "n1", "state=pending"),
	    ZONE("a.example", "k1", "state=serving"), "SOA 10");
	assert_false(f->c.skipped);
}

static void
changes__many_zones__all_are_found_again(void **state)
{
	struct fixture *f = *state;
	char line[128];
	changes_begin(&f->c);
	assert_int_equal(take(f, "SOA 1"), OK);
	for (int i = 0; i < 5000; i++) {
		snprintf(line, sizeof(line), ZONE("z%d", "n1", "state=pending"), i);
		assert_int_equal(take(f, line), OK);
	}
	assert_int_equal(take(f, "SOA 1"), OK);
	changes_end(&f->c, tell, &f->told);
	assert_int_equal(f->c.n, 5000);
	changes_begin(&f->c);
	TRANSFER(f, "z4711 n1 pending>-\n", "SOA 2", "SOA 1",
	    ZONE("z4711", "n1", "state=pending"), "SOA 2", "SOA 2");
	assert_int_equal(f->c.n, 4999);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(changes__first_transfer__tells_nothing),
	    TEST(changes__differences__tell_old_and_new),
	    TEST(changes__only_seen_again__is_none),
	    TEST(changes__all_instead__tells_the_same),
	    TEST(changes__transfer_breaks_off__next_is_of_all),
	    TEST(changes__some_zones_and_a_backend__no_others),
	    TEST(changes__more_than_are_kept__differences_are_told),
	    TEST(changes__many_zones__all_are_found_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
