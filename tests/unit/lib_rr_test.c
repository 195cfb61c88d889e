/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/rr.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static enum err
read_rdata(uint16_t type, const void *wire, size_t size, struct buf *out)
{
	struct wire_in in;
	wire_in_init(&in, wire, size);
	return rr_rdata_read(&in, type, size, out);
}

static void
rr_rdata_read__good_rdata__is_lower_case_and_whole(void **state)
{
	static const struct {
		uint16_t type;
		const char *wire;
		size_t size;
		const char *want;
	} cases[] = {
	    {RR_A, "\1\2\3\4", 4, "\1\2\3\4"},
	    {RR_AAAA, "0123456789ABCDEF", 16, "0123456789ABCDEF"},
	    {RR_PTR, "\1A\0", 3, "\1a\0"},
	    {15, "\0\1\1A\0", 5, "\0\1\1a\0"},
	    {RR_TXT, "\1A\0\2BC", 6, "\1A\0\2BC"},
	    {RR_TXT, "\0", 1, "\0"},
	    {33, "\0\1\0\2\0\3\1X\0", 9, "\0\1\0\2\0\3\1x\0"},
	    {35, "\0\1\0\2\1U\0\1R\1X\0", 12, "\0\1\0\2\1U\0\1R\1x\0"},
	    {65280, "\1A\0\xff", 4, "\1A\0\xff"},
	    {65280, "", 0, ""},
	};
	struct buf out;
	(void)state;
	buf_init(&out, 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		buf_reset(&out);
		assert_int_equal(read_rdata(cases[i].type, cases[i].wire, cases[i].size,
				     &out),
		    OK);
		assert_int_equal(out.size, cases[i].size);
		if (out.size > 0)
			assert_memory_equal(out.data, cases[i].want, out.size);
	}
	buf_fini(&out);
}

static void
rr_rdata_read__rdata_of_no_such_type__is_refused(void **state)
{
	static const struct {
		uint16_t type;
		const char *wire;
		size_t size;
	} bad[] = {
	    {RR_A, "\1\2\3", 3},
	    {RR_A, "\1\2\3\4\5", 5},
	    {RR_A, "", 0},
	    {RR_AAAA, "0123456789ABCDE", 15},
	    {RR_PTR, "", 0},
	    {RR_PTR, "\1a", 2},
	    {RR_PTR, "\1a\0x", 4},
	    {RR_PTR, "\xc0", 1},
	    {RR_PTR, "\xc0\0", 2},
	    {RR_TXT, "", 0},
	    {RR_TXT, "\2a", 2},
	    {RR_TXT, "\1a\1", 3},
	    {RR_SOA, "\0\0", 2},
	    {RR_SOA,
		"\0\0"
		"0123456789012345678",
		21},
	    {RR_SOA,
		"\0\0"
		"012345678901234567890",
		23},
	    {15, "\0\1", 2},
	    {33, "\0\1\0\2\0\3", 6},
	};
	struct buf out;
	(void)state;
	buf_init(&out, 0);
	buf_puts(&out, "before");
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(read_rdata(bad[i].type, bad[i].wire, bad[i].size,
				     &out),
		    ERR_FORM);
		assert_string_equal(buf_text(&out), "before");
	}
	buf_fini(&out);
}

/* RDLENGTH bounds the name, on both sides (ldns reads on beyond it). */
static void
rr_rdata_read__name_beyond_rdlength__is_refused(void **state)
{
	static const uint8_t msg[] = "\1a\0\1b\xc0\0rest";
	struct buf out;
	(void)state;
	buf_init(&out, 0);
	for (size_t size = 1; size <= 8; size++) {
		struct wire_in in;
		wire_in_init(&in, msg, 11);
		in.pos = 3;
		assert_int_equal(rr_rdata_read(&in, RR_PTR, size, &out),
		    size == 4 ? OK : ERR_FORM);
	}
	assert_int_equal(out.size, 5);
	assert_memory_equal(out.data, "\1b\1a\0", 5);

	struct wire_in in;
	wire_in_init(&in, msg, 11);
	assert_int_equal(rr_rdata_read(&in, RR_PTR, 12, &out), ERR_RANGE);
	buf_fini(&out);
}

static void
rr_rdata_read__full_buffer__is_no_space(void **state)
{
	struct buf out;
	struct wire_in in;
	(void)state;
	buf_init(&out, 3);
	wire_in_init(&in, (const uint8_t *)"\1\2\3\4", 4);
	assert_int_equal(rr_rdata_read(&in, RR_A, 4, &out), ERR_SPACE);
	assert_int_equal(out.size, 0);
	buf_fini(&out);
}

static void
rr_write__names_in_rdata__are_compressed_for_old_types_only(void **state)
{
	uint8_t msg[256];
	struct wire_out out;
	struct rr rr = {.type = RR_PTR, .class = CLASS_IN, .ttl = 1};
	(void)state;
	assert_int_equal(dname_parse("a.b", &rr.owner), OK);
	rr.rdata = (const uint8_t *)"\1x\1b\0";
	rr.rdata_size = 5;
	wire_out_init(&out, msg, sizeof(msg));
	wire_put_bytes(&out, "123456789abc", 12);
	rr_write(&out, &rr);
	assert_int_equal(out.size, 12 + 5 + 10 + 4);
	assert_memory_equal(msg + 12, "\1a\1b\0\0\x0c\0\1\0\0\0\1\0\4\1x\xc0\x0e", 19);

	rr.type = 33; /* SRV: RFC 2782 forbids it */
	rr.rdata = (const uint8_t *)"\0\1\0\2\0\3\1x\1b\0";
	rr.rdata_size = 11;
	wire_out_init(&out, msg, sizeof(msg));
	wire_put_bytes(&out, "123456789abc", 12);
	rr_write(&out, &rr);
	assert_int_equal(out.size, 12 + 5 + 10 + 11);
	assert_memory_equal(msg + 27, rr.rdata, 11);

	/* RDATA that is not what its type says goes out as it is. */
	rr.type = RR_SOA;
	rr.rdata = (const uint8_t *)"\1x\1b\0\7";
	rr.rdata_size = 6;
	wire_out_init(&out, msg, sizeof(msg));
	wire_put_bytes(&out, "123456789abc", 12);
	rr_write(&out, &rr);
	assert_memory_equal(msg + 25, "\0\5\1x\xc0\x0e\7", 7);
}

static void
soa__read_and_written__is_the_same(void **state)
{
	struct soa soa = {.serial = 1,
		       .refresh = 2,
		       .retry = 3,
		       .expire = 4,
		       .minimum = 5},
		   got;
	struct buf out;
	(void)state;
	assert_int_equal(dname_parse("ns.example", &soa.mname), OK);
	assert_int_equal(dname_parse("host.example", &soa.rname), OK);
	buf_init(&out, 0);
	soa_write(&soa, &out);
	assert_int_equal(soa_read(out.data, out.size, &got), OK);
	assert_true(dname_equal(&got.mname, &soa.mname));
	assert_true(dname_equal(&got.rname, &soa.rname));
	assert_int_equal(got.serial, 1);
	assert_int_equal(got.minimum, 5);
	for (size_t size = 0; size < out.size; size++)
		assert_int_equal(soa_read(out.data, size, &got), ERR_FORM);
	buf_put_u8(&out, 0);
	assert_int_equal(soa_read(out.data, out.size, &got), ERR_FORM);
	buf_fini(&out);
}

static void
serial__arithmetic__is_rfc1982(void **state)
{
	(void)state;
	assert_true(serial_gt(1, 0));
	assert_false(serial_gt(0, 1));
	assert_false(serial_gt(7, 7));
	assert_true(serial_gt(0, UINT32_MAX));
	assert_true(serial_gt(0x7fffffff, 0));
	assert_false(serial_gt(0x80000000, 0));
	assert_false(serial_gt(0, 0x80000000));
	assert_int_equal(serial_next(1), 2);
	assert_int_equal(serial_next(UINT32_MAX), 1);
	assert_true(serial_gt(serial_next(UINT32_MAX), UINT32_MAX));
}

static void
rr_type_is_meta__questions_and_transport__are(void **state)
{
	static const uint16_t meta[] = {0, RR_OPT, RR_TKEY, RR_TSIG, RR_IXFR, RR_AXFR,
	    RR_MAILA, RR_MAILB, RR_ANY, 128};
	static const uint16_t data[] = {RR_A, RR_PTR, RR_TXT, 127, 256, 65280};
	(void)state;
	for (size_t i = 0; i < COUNT(meta); i++)
		assert_true(rr_type_is_meta(meta[i]));
	for (size_t i = 0; i < COUNT(data); i++)
		assert_false(rr_type_is_meta(data[i]));
}

static void
txt__strings__are_put_and_found(void **state)
{
	struct buf out;
	char text[400], value[8];
	(void)state;
	buf_init(&out, 0);
	txt_put(&out, "");
	txt_printf(&out, "state=%s", "serving");
	txt_put(&out, "stateless=1");
	txt_put(&out, "key");
	txt_put(&out, "empty=");
	assert_int_equal(txt_get(out.data, out.size, "state", value, sizeof(value)),
	    OK);
	assert_string_equal(value, "serving");
	assert_int_equal(txt_get(out.data, out.size, "state", value, 4), OK);
	assert_string_equal(value, "ser");
	assert_int_equal(txt_get(out.data, out.size, "empty", value, sizeof(value)),
	    OK);
	assert_string_equal(value, "");
	assert_int_equal(txt_get(out.data, out.size, "key", value, sizeof(value)),
	    ERR_NOTFOUND);
	assert_int_equal(txt_get(out.data, out.size, "stat", value, sizeof(value)),
	    ERR_NOTFOUND);

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	buf_reset(&out);
	txt_put(&out, text);
	txt_printf(&out, "%s", text);
	assert_int_equal(out.size, 512);

	const uint8_t *string;
	uint8_t size;
	size_t pos = 0;
	assert_true(txt_next(out.data, out.size, &pos, &string, &size));
	assert_int_equal(size, 255);
	assert_false(txt_next(out.data, out.size - 1, &pos, &string, &size));
	assert_true(txt_next(out.data, out.size, &pos, &string, &size));
	assert_false(txt_next(out.data, out.size, &pos, &string, &size));
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rr_rdata_read__good_rdata__is_lower_case_and_whole),
	    cmocka_unit_test(rr_rdata_read__rdata_of_no_such_type__is_refused),
	    cmocka_unit_test(rr_rdata_read__name_beyond_rdlength__is_refused),
	    cmocka_unit_test(rr_rdata_read__full_buffer__is_no_space),
	    cmocka_unit_test(
		rr_write__names_in_rdata__are_compressed_for_old_types_only),
	    cmocka_unit_test(soa__read_and_written__is_the_same),
	    cmocka_unit_test(serial__arithmetic__is_rfc1982),
	    cmocka_unit_test(rr_type_is_meta__questions_and_transport__are),
	    cmocka_unit_test(txt__strings__are_put_and_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
