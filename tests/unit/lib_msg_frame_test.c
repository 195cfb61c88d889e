/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "lib/msg.h"

/* Messages are put together here octet by octet: msg.h's own builder would not
 * build most of them. */
struct draft {
	uint8_t wire[MSG_MAX + 16];
	size_t size;
};

static void
put(struct draft *d, const char *octets, size_t size)
{
	assert_true(d->size + size <= sizeof(d->wire));
	memcpy(d->wire + d->size, octets, size);
	d->size += size;
}

#define PUT(d, literal) put(d, literal, sizeof(literal) - 1)

static void
start(struct draft *d, const char *header)
{
	d->size = 0;
	put(d, header, MSG_HEADER);
	PUT(d, "\1C\0\0\6\0\1"); /* C. IN SOA */
}

/* An UPDATE of C. with so many additional records. */
#define UPDATE(n_prereq, n_update, n_additional) \
	"\x12\x34\x28\0\0\1\0" n_prereq "\0" n_update "\0" n_additional

#define OPT_RR  "\0\0\x29\x10\0\0\0\0\0\0\0"
#define TSIG_RR "\1k\0\0\xfa\0\xff\0\0\0\0\0\2xx"
#define PTR_RR  "\xc0\x0c\0\x0c\0\1\0\0\0\0\0\4\1x\xc0\x0c"

static enum err
frame(const struct draft *d, struct msg *msg)
{
	/* A block of just that size, so that the sanitizer sees a step too far. */
	uint8_t *copy = malloc(d->size);
	assert_non_null(copy);
	memcpy(copy, d->wire, d->size);
	enum err err = msg_frame(copy, d->size, msg);
	free(copy);
	msg->wire = d->wire;
	return err;
}

static void
msg_frame__update__finds_sections_opt_and_tsig(void **state)
{
	static struct draft d;
	struct msg msg;
	(void)state;
	start(&d, UPDATE("\1", "\1", "\2"));
	PUT(&d, "\1u\xc0\x0c\0\x0c\0\xfe\0\0\0\0\0\0");
	PUT(&d, PTR_RR);
	PUT(&d, OPT_RR TSIG_RR);
	assert_int_equal(frame(&d, &msg), OK);
	assert_int_equal(msg.id, 0x1234);
	assert_int_equal(msg_opcode(&msg), OPCODE_UPDATE);
	assert_int_equal(msg.qtype, RR_SOA);
	assert_int_equal(msg.qclass, CLASS_IN);
	assert_memory_equal(msg.qname.wire, "\1c\0", 3);
	assert_int_equal(msg.start[MSG_ZONE], 12);
	assert_int_equal(msg.start[MSG_PREREQ], 19);
	assert_int_equal(msg.start[MSG_UPDATES], 33);
	assert_int_equal(msg.start[MSG_ADDITIONAL], 49);
	assert_int_equal(msg.opt_at, 49);
	assert_true(msg.has_opt);
	assert_int_equal(msg.udp_size, 4096);
	assert_int_equal(msg.tsig_at, 60);
	assert_int_equal(msg.end, 60);
	assert_int_equal(msg.count[MSG_ADDITIONAL], 2);
}

static void
msg_frame__shorter_than_a_header__is_out_of_range(void **state)
{
	uint8_t wire[MSG_HEADER] = {0};
	struct msg msg;
	(void)state;
	for (size_t size = 0; size < MSG_HEADER; size++)
		assert_int_equal(msg_frame(wire, size, &msg), ERR_RANGE);
	assert_int_equal(msg_frame(wire, MSG_HEADER, &msg), ERR_FORM);
	wire[2] = 0x80; /* a reply may have no question */
	assert_int_equal(msg_frame(wire, MSG_HEADER, &msg), OK);
}

static void
msg_frame__every_cut__is_malformed(void **state)
{
	static struct draft d;
	struct msg msg;
	(void)state;
	start(&d, UPDATE("\1", "\1", "\2"));
	PUT(&d, "\1u\xc0\x0c\0\x0c\0\xfe\0\0\0\0\0\0" PTR_RR OPT_RR TSIG_RR);
	size_t whole = d.size;
	for (d.size = MSG_HEADER; d.size < whole; d.size++) {
		assert_int_equal(frame(&d, &msg), ERR_FORM);
		assert_int_equal(msg.id, 0x1234);
		assert_int_equal(msg.count[MSG_QUESTION], d.size >= 19);
		assert_int_equal(msg.count[MSG_ADDITIONAL], 0);
		assert_int_equal(msg.tsig_at, 0);
		assert_false(msg.has_opt);
	}
}

struct bad_message {
	const char *header;
	const char *records;
	size_t size;
};

#define BAD(header, records)                         \
	{                                            \
		header, records, sizeof(records) - 1 \
	}

static void
msg_frame__malformed__is_told_with_its_question(void **state)
{
	static const struct bad_message bad[] = {
	    /* trailing octets, also behind TSIG */
	    BAD(UPDATE("\0", "\0", "\0"), "x"),
	    BAD(UPDATE("\0", "\0", "\1"), TSIG_RR "x"),
	    /* records that are not there */
	    BAD(UPDATE("\0", "\1", "\0"), ""),
	    /* TSIG not last, twice, or in another section */
	    BAD(UPDATE("\0", "\0", "\2"), TSIG_RR PTR_RR),
	    BAD(UPDATE("\0", "\0", "\2"), TSIG_RR OPT_RR),
	    BAD(UPDATE("\0", "\0", "\2"), TSIG_RR TSIG_RR),
	    BAD(UPDATE("\0", "\1", "\0"), TSIG_RR),
	    BAD(UPDATE("\1", "\0", "\0"), TSIG_RR),
	    /* TSIG with another class, or a TTL */
	    BAD(UPDATE("\0", "\0", "\1"), "\1k\0\0\xfa\0\1\0\0\0\0\0\2xx"),
	    BAD(UPDATE("\0", "\0", "\1"), "\1k\0\0\xfa\0\xff\0\0\0\1\0\2xx"),
	    /* OPT twice, elsewhere, or with an owner */
	    BAD(UPDATE("\0", "\0", "\2"), OPT_RR OPT_RR),
	    BAD(UPDATE("\0", "\1", "\0"), OPT_RR),
	    BAD(UPDATE("\0", "\0", "\1"), "\1a\0\0\x29\x10\0\0\0\0\0\0\0"),
	    /* names */
	    BAD(UPDATE("\0", "\1", "\0"), "\xc0\x13\0\x0c\0\1\0\0\0\0\0\0"),
	    BAD(UPDATE("\0", "\1", "\0"), "\xc0\xff\0\x0c\0\1\0\0\0\0\0\0"),
	    BAD(UPDATE("\0", "\1", "\0"), "\1a\xc0\x13\0\x0c\0\1\0\0\0\0\0\0"),
	    BAD(UPDATE("\0", "\1", "\0"), "\x40\0\0\x0c\0\1\0\0\0\0\0\0"),
	    /* RDLENGTH */
	    BAD(UPDATE("\0", "\1", "\0"), "\xc0\x0c\0\x0c\0\1\0\0\0\0\0\5\1x\xc0\x0c"),
	    BAD(UPDATE("\0", "\1", "\0"), "\xc0\x0c\0\x0c\0\1\0\0\0\0\0\3\1x\xc0\x0c"),
	    BAD(UPDATE("\0", "\1", "\0"), "\xc0\x0c\0\x0c\0\1\0\0\0\0\xff\xff"),
	    /* two questions */
	    BAD("\x12\x34\x28\0\0\2\0\0\0\0\0\0", "\1d\0\0\6\0\1"),
	};
	static struct draft d;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct msg msg;
		start(&d, bad[i].header);
		put(&d, bad[i].records, bad[i].size);
		if (frame(&d, &msg) != ERR_FORM)
			fail_msg("case %zu was taken", i);
		assert_int_equal(msg.id, 0x1234);
		assert_int_equal(msg.qtype, RR_SOA);
		assert_int_equal(msg.count[MSG_QUESTION], 1);
	}
}

#define NXDOMAIN(flags, n_authority, n_additional) \
	"\x12\x34" flags "\0\1\0\0\0" n_authority "\0" n_additional
#define SOA_RR \
	"\xc0\x0c\0\6\0\1\0\0\0\0\0\x16\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void
msg_frame__nxdomain_with_an_uncounted_soa__is_counted(void **state)
{
	static const struct bad_message good[] = {
	    BAD(NXDOMAIN("\x84\3", "\0", "\0"), SOA_RR),
	    BAD(NXDOMAIN("\x84\3", "\0", "\1"), SOA_RR OPT_RR),
	    BAD(NXDOMAIN("\x84\3", "\0", "\1"), SOA_RR TSIG_RR),
	    BAD(NXDOMAIN("\x84\3", "\0", "\2"), SOA_RR OPT_RR TSIG_RR),
	    BAD(NXDOMAIN("\x84\3", "\1", "\1"), SOA_RR TSIG_RR),
	};
	static struct draft d;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		unsigned additional = (uint8_t)good[i].header[11];
		struct msg msg;

		start(&d, good[i].header);
		put(&d, good[i].records, good[i].size);
		if (frame(&d, &msg) != OK)
			fail_msg("case %zu was not taken", i);
		assert_int_equal(msg.count[MSG_AUTHORITY], 1);
		assert_int_equal(msg.count[MSG_ADDITIONAL], additional);
		assert_int_equal(msg.start[MSG_AUTHORITY], MSG_HEADER + 7);
		assert_int_equal(msg.has_opt, i == 1 || i == 3);
		assert_int_equal(msg.tsig_at != 0, i >= 2);
	}
}

static void
msg_frame__anything_else_uncounted__is_malformed(void **state)
{
	static const struct bad_message bad[] = {
	    /* NOERROR, a query, an UPDATE */
	    BAD(NXDOMAIN("\x84\0", "\0", "\0"), SOA_RR),
	    BAD(NXDOMAIN("\4\3", "\0", "\0"), SOA_RR),
	    BAD(NXDOMAIN("\xac\3", "\0", "\0"), SOA_RR),
	    /* not SOA, two of it, one beside another, and what is no record */
	    BAD(NXDOMAIN("\x84\3", "\0", "\0"), PTR_RR),
	    BAD(NXDOMAIN("\x84\3", "\0", "\1"), PTR_RR OPT_RR),
	    BAD(NXDOMAIN("\x84\3", "\0", "\0"), SOA_RR SOA_RR),
	    BAD(NXDOMAIN("\x84\3", "\1", "\0"), SOA_RR SOA_RR),
	    BAD(NXDOMAIN("\x84\3", "\0", "\0"), SOA_RR "x"),
	    BAD(NXDOMAIN("\x84\3", "\0", "\0"), "x"),
	    BAD(NXDOMAIN("\x84\3", "\0", "\0"), SOA_RR TSIG_RR),
	    BAD(NXDOMAIN("\x84\3", "\0", "\1"), TSIG_RR SOA_RR),
	};
	static struct draft d;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct msg msg;

		start(&d, bad[i].header);
		put(&d, bad[i].records, bad[i].size);
		if (frame(&d, &msg) != ERR_FORM)
			fail_msg("case %zu was taken", i);
		assert_int_equal(msg.tsig_at, 0);
		assert_false(msg.has_opt);
		assert_int_equal(msg.count[MSG_AUTHORITY], 0);
	}
}

/* -- pointers ------------------------------------------------------------ */

enum { RR_FIXED = 10 };

/* A record of an unknown type, whose RDATA is filled in by the caller. */
static size_t
put_blob(struct draft *d, size_t size)
{
	uint8_t fixed[1 + RR_FIXED] = {0, 0xff, 0, 0, 1, 0, 0, 0, 0,
	    (uint8_t)(size >> 8), (uint8_t)size};
	put(d, (const char *)fixed, sizeof(fixed));
	size_t at = d->size;
	memset(d->wire + at, 0, size);
	d->size += size;
	return at;
}

static void
put_pointer(struct draft *d, size_t at, size_t target)
{
	d->wire[at] = (uint8_t)(0xc0 | target >> 8);
	d->wire[at + 1] = (uint8_t)target;
}

/* A bare record whose owner is a pointer. */
static void
put_pointing_rr(struct draft *d, size_t target)
{
	size_t at = d->size;
	PUT(d, "\xc0\x0c\xff\0\0\1\0\0\0\0\0\0");
	put_pointer(d, at, target);
}

static void
set_count(struct draft *d, enum msg_section section, unsigned n)
{
	d->wire[4 + 2 * section] = (uint8_t)(n >> 8);
	d->wire[5 + 2 * section] = (uint8_t)n;
}

static void
msg_frame__chain_of_pointers__127_hops_and_no_more(void **state)
{
	static struct draft d;
	(void)state;
	for (unsigned hops = 126; hops <= 129; hops++) {
		struct msg msg;
		start(&d, UPDATE("\0", "\0", "\0"));
		size_t at = put_blob(&d, 1 + 2 * 130), prev = at;
		for (unsigned i = 0; i < 130; i++) {
			put_pointer(&d, at + 1 + 2 * i, prev);
			prev = at + 1 + 2 * i;
		}
		/* Near ones first, so that far ones build on what is known. */
		put_pointing_rr(&d, at + 1 + 2 * 60);
		put_pointing_rr(&d, at + 1 + 2 * (hops - 2));
		set_count(&d, MSG_UPDATES, 3);
		assert_int_equal(frame(&d, &msg), hops <= 127 ? OK : ERR_FORM);
	}
}

static void
msg_frame__name_in_parts__255_octets_and_no_more(void **state)
{
	static struct draft d;
	(void)state;
	for (size_t from = 0; from < 8; from++) {
		struct msg msg;
		start(&d, UPDATE("\0", "\0", "\0"));
		size_t at = put_blob(&d, 255);
		memset(d.wire + at, 1, 255);
		d.wire[at + 254] = 0;
		put_pointing_rr(&d, at + 6);
		size_t owner = d.size;
		PUT(&d, "\3abc\xc0\0\xff\0\0\1\0\0\0\0\0\0");
		put_pointer(&d, owner + 4, at + 2 * (from / 2));
		set_count(&d, MSG_UPDATES, 3);
		/* 255 - from + 4 octets */
		assert_int_equal(frame(&d, &msg), from >= 4 ? OK : ERR_FORM);
	}
}

static unsigned
add_pointing_rrs(struct draft *d, unsigned n, size_t first, size_t step,
    size_t n_targets)
{
	unsigned i = 0;
	for (; d->size + 12 <= MSG_MAX; i++)
		put_pointing_rr(d, first + step * (i % n_targets));
	set_count(d, MSG_UPDATES, n + i);
	return n + i;
}

/* Both would cost 100 ms and more, followed anew for each record. */
static void
msg_frame__thousands_of_long_chains__end_at_once(void **state)
{
	static struct draft d;
	struct msg msg;
	(void)state;
	start(&d, UPDATE("\0", "\0", "\0"));
	size_t at = put_blob(&d, 16350), prev = at;
	for (size_t i = at + 1; i + 2 <= at + 16350; i += 2) {
		put_pointer(&d, i, prev);
		prev = i;
	}
	add_pointing_rrs(&d, 1, prev, 0, 1);
	assert_int_equal(frame(&d, &msg), ERR_FORM);

	start(&d, UPDATE("\0", "\0", "\0"));
	at = put_blob(&d, 255);
	prev = at;
	for (unsigned i = 0; i < 126; i++) {
		put_pointer(&d, at + 1 + 2 * i, prev);
		prev = at + 1 + 2 * i;
	}
	unsigned n = add_pointing_rrs(&d, 1, prev, 0, 1);
	assert_true(n > 5000);
	assert_int_equal(frame(&d, &msg), OK);
	assert_int_equal(msg.count[MSG_UPDATES], n);
}

/* What framing lets pass, a walk must be able to read, and the other way round:
 * one cut of a name more or less and they would not agree. */
static void
msg_frame__random_names__agree_with_reading(void **state)
{
	static struct draft d;
	unsigned seed = 3, n_good = 0;
	(void)state;
	for (int i = 0; i < 30000; i++) {
		struct msg msg;
		start(&d, UPDATE("\0", "\2", "\0"));
		size_t at = put_blob(&d, 40);
		for (size_t j = 0; j < 40; j++) {
			unsigned r = (unsigned)rand_r(&seed);
			static const uint8_t common[] = {0, 0, 1, 2, 0xc0, 30, 35, 40};
			d.wire[at + j] = r & 1 ? common[r / 2 % 8] : (uint8_t)(r >> 8);
		}
		put_pointing_rr(&d, at + (unsigned)rand_r(&seed) % 40);

		struct wire_in in;
		struct dname name;
		wire_in_init(&in, d.wire, d.size);
		in.pos = d.size - 12;
		wire_get_name(&in, &name);
		bool good = frame(&d, &msg) == OK;
		assert_int_equal(good, in.err == OK);
		n_good += good;
	}
	assert_in_range(n_good, 1000, 29000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(msg_frame__update__finds_sections_opt_and_tsig),
	    cmocka_unit_test(msg_frame__shorter_than_a_header__is_out_of_range),
	    cmocka_unit_test(msg_frame__every_cut__is_malformed),
	    cmocka_unit_test(msg_frame__malformed__is_told_with_its_question),
	    cmocka_unit_test(msg_frame__nxdomain_with_an_uncounted_soa__is_counted),
	    cmocka_unit_test(msg_frame__anything_else_uncounted__is_malformed),
	    cmocka_unit_test(msg_frame__chain_of_pointers__127_hops_and_no_more),
	    cmocka_unit_test(msg_frame__name_in_parts__255_octets_and_no_more),
	    cmocka_unit_test(msg_frame__thousands_of_long_chains__end_at_once),
	    cmocka_unit_test(msg_frame__random_names__agree_with_reading),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
