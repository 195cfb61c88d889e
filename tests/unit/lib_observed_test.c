/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/observed.h"

static struct dname
name(const char *text)
{
	struct dname out;
	assert_int_equal(dname_parse(text, &out), OK);
	return out;
}

static void
expect_kind(const char *owner_text, enum observed_kind kind, const char *text)
{
	struct dname status = name("_status.cat.example"), owner = name(owner_text), of;
	char printed[DNAME_TEXT_MAX];
	enum observed_kind got;
	observed_classify(&owner, &status, &got, &of);
	assert_int_equal(got, kind);
	if (text)
		assert_string_equal(dname_print_short(&of, printed), text);
}

static void
observed_classify__each_kind__is_told_apart(void **state)
{
	(void)state;
	expect_kind("_status.cat.example", OBSERVED_AGENT, NULL);
	expect_kind("a.example._status.cat.example", OBSERVED_ZONE, "a.example");
	expect_kind("example._status.cat.example", OBSERVED_ZONE, "example");
	expect_kind("_tcp.example._status.cat.example", OBSERVED_ZONE, "_tcp.example");
	expect_kind("nsd1._backend._status.cat.example", OBSERVED_BACKEND, "nsd1");
	expect_kind("sec._pattern._status.cat.example", OBSERVED_PATTERN, "sec");
	expect_kind("a1._id._status.cat.example", OBSERVED_ID, "a1");
	expect_kind("_backend._status.cat.example", OBSERVED_OTHER, NULL);
	expect_kind("x._new._status.cat.example", OBSERVED_OTHER, NULL);
	expect_kind("cat.example", OBSERVED_OTHER, NULL);
	expect_kind("a.zones.cat.example", OBSERVED_OTHER, NULL);
}

static void
observed_owner__short_name__stands_below_status(void **state)
{
	(void)state;
	struct dname status = name("_status.cat.example"), zone = name("a.example");
	struct dname owner, expected = name("a.example._status.cat.example");
	const struct label none = {0};
	assert_int_equal(observed_owner(&zone, &none, &status, &owner), OK);
	assert_true(dname_equal(&owner, &expected));
}

static void
observed_owner__odd_name__stands_by_its_id(void **state)
{
	(void)state;
	struct dname status = name("_status.cat.example"), odd = name("a._x");
	struct dname owner, expected = name("i1._id._status.cat.example");
	const struct label none = {0}, id = label_of("i1");
	char text[300];
	snprintf(text, sizeof(text), "%060d.%060d.%060d.%060d", 1, 2, 3, 4);
	struct dname lengthy = name(text);
	assert_int_equal(observed_owner(&odd, &none, &status, &owner), ERR_NOTFOUND);
	assert_int_equal(observed_owner(&odd, &id, &status, &owner), OK);
	assert_true(dname_equal(&owner, &expected));
	assert_int_equal(observed_owner(&lengthy, &none, &status, &owner),
	    ERR_NOTFOUND);
	assert_int_equal(observed_owner(&lengthy, &id, &status, &owner), OK);
	assert_true(dname_equal(&owner, &expected));
}

static void
observed_zone__pieces__are_joined(void **state)
{
	(void)state;
	struct buf rdata;
	char zone[DNAME_TEXT_MAX], piece[256];
	buf_init(&rdata, 0);
	txt_put(&rdata, "backend=nsd1");
	struct rr rr = {.type = RR_TXT, .rdata = rdata.data};
	rr.rdata_size = (uint16_t)rdata.size;
	assert_null(observed_zone(&rr, zone));
	txt_put(&rdata, "zone=x.");
	txt_put(&rdata, "id=a1");
	txt_put(&rdata, "zone=_tcp");
	rr.rdata = rdata.data;
	rr.rdata_size = (uint16_t)rdata.size;
	assert_string_equal(observed_zone(&rr, zone), "x._tcp");
	struct dname id, about;
	assert_int_equal(dname_parse("a1", &id), OK);
	assert_int_equal(observed_zone_of(OBSERVED_ID, &id, &rr, &about), OK);
	assert_string_equal(dname_print_short(&about, zone), "x._tcp");
	assert_int_equal(observed_zone_of(OBSERVED_ZONE, &id, &rr, &about), OK);
	assert_true(dname_equal(&about, &id));
	assert_int_equal(observed_zone_of(OBSERVED_BACKEND, &id, &rr, &about),
	    ERR_NOTFOUND);
	/* more than any name has */
	memset(piece, 'a', 255);
	memcpy(piece, "zone=", 5);
	piece[255] = '\0';
	for (int i = 0; i < 5; i++)
		txt_put(&rdata, piece);
	rr.rdata = rdata.data;
	rr.rdata_size = (uint16_t)rdata.size;
	assert_null(observed_zone(&rr, zone));
	assert_int_equal(observed_zone_of(OBSERVED_ID, &id, &rr, &about), ERR_NOTFOUND);
	buf_fini(&rdata);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(observed_classify__each_kind__is_told_apart),
	    cmocka_unit_test(observed_owner__short_name__stands_below_status),
	    cmocka_unit_test(observed_zone__pieces__are_joined),
	    cmocka_unit_test(observed_owner__odd_name__stands_by_its_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
