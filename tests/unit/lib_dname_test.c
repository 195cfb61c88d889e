/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dname.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct dname
name(const char *text)
{
	struct dname n;
	assert_int_equal(dname_parse(text, &n), OK);
	return n;
}

/* A random name with octets of every kind, and a seed so that it comes back. */
static struct dname
random_name(unsigned *seed)
{
	struct dname n = dname_root;
	unsigned n_labels = (unsigned)rand_r(seed) % 6;
	for (unsigned i = 0; i < n_labels; i++) {
		struct label label;
		label.size =
		    (uint8_t)(1 + (unsigned)rand_r(seed) %
				      (rand_r(seed) % 4 ? 4 : DNAME_LABEL_MAX));
		for (unsigned j = 0; j < label.size; j++) {
			unsigned r = (unsigned)rand_r(seed);
			uint8_t c = (uint8_t)(r % 3 ? r >> 8 : (r >> 8) % 4);
			label.data[j] = c >= 'A' && c <= 'Z' ? c + 32 : c;
		}
		if (dname_prepend(&label, &n, &n) != OK)
			break;
	}
	return n;
}

static int
sign(int value)
{
	return (value > 0) - (value < 0);
}

static void
dname_parse__good_text__prints_canonically(void **state)
{
	static const char *const cases[][2] = {
	    {".", "."},
	    {"example", "example."},
	    {"Example.COM.", "example.com."},
	    {"*._tcp.a-b.example", "*._tcp.a-b.example."},
	    {"a\\.b.c", "a\\.b.c."},
	    {"a\\046b.c", "a\\.b.c."},
	    {"\\000\\255\\065.c", "\\000\\255a.c."},
	    {"a\\ b.c", "a\\032b.c."},
	    {"\\@.\\$.\\\"", "\\@.\\$.\\\"."},
	    {"a/b.c", "a/b.c."},
	    {"\\\\.c", "\\\\.c."},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dname n = name(cases[i][0]);
		char text[DNAME_TEXT_MAX];
		assert_string_equal(dname_print(&n, text), cases[i][1]);
	}
}

static void
dname_parse__no_name__is_refused_and_leaves_the_result(void **state)
{
	static const char *const bad[] = {"", "..", ".a", "a..b", "a..", "\\", "a\\",
	    "\\1", "\\12", "\\1a2", "\\256", "\\999", "a b", "a\tb", "a\nb", "\xc3\xa9",
	    "a.\x7f", "\\\n"};
	struct dname n = name("untouched.");
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(dname_parse(bad[i], &n), ERR_FORM);
	struct dname same = name("untouched");
	assert_true(dname_equal(&n, &same));
}

static void
dname_parse__limits__are_63_and_255(void **state)
{
	char text[300], label[65];
	struct dname n;
	(void)state;
	memset(label, 'a', 64);
	label[64] = '\0';
	assert_int_equal(dname_parse(label, &n), ERR_FORM);
	label[63] = '\0';
	assert_int_equal(dname_parse(label, &n), OK);

	/* 3 * 64 + 62 + 1 = 255 */
	snprintf(text, sizeof(text), "%s.%s.%s.%.61s", label, label, label, label);
	n = name(text);
	assert_int_equal(n.size, 255);
	strcat(text, ".");
	assert_int_equal(name(text).size, 255);
	snprintf(text, sizeof(text), "%s.%s.%s.%.62s", label, label, label, label);
	assert_int_equal(dname_parse(text, &n), ERR_FORM);

	/* 127 labels of one octet */
	text[0] = '\0';
	for (int i = 0; i < 127; i++)
		strcat(text, "a.");
	n = name(text);
	assert_int_equal(n.size, 255);
	assert_int_equal(dname_n_labels(&n), 127);
	strcat(text, "a");
	assert_int_equal(dname_parse(text, &n), ERR_FORM);
}

static void
dname_print__longest_texts__fit(void **state)
{
	struct dname n = dname_root;
	struct label label = {.size = 63};
	char text[DNAME_TEXT_MAX];
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(dname_prepend(&label, &n, &n), OK);
	label.size = 61;
	assert_int_equal(dname_prepend(&label, &n, &n), OK);
	assert_int_equal(n.size, 255);
	assert_true(strlen(dname_print(&n, text)) < DNAME_TEXT_MAX);
	struct dname again = name(text);
	assert_true(dname_equal(&n, &again));
	char file[DNAME_FILE_MAX];
	assert_int_equal(strlen(dname_print_file(&n, file)), 2 + 64);
}

static void
dname_print_plain__specials__are_ddd(void **state)
{
	static const char *const cases[][2] = {
	    {".", "."},
	    {"Example.com.", "example.com"},
	    {"*._x.a-b", "*._x.a-b"},
	    {"a\\.b/c.d", "a\\046b\\047c.d"},
	    {"%s\\\"\\;{}", "\\037s\\034\\059\\123\\125"},
	    {"\\@", "\\064"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dname n = name(cases[i][0]);
		char text[DNAME_TEXT_MAX];
		assert_string_equal(dname_print_plain(&n, text), cases[i][1]);
		struct dname again = name(text);
		assert_true(dname_equal(&n, &again));
	}
	struct dname n = name("a.b.");
	char text[DNAME_TEXT_MAX];
	assert_string_equal(dname_print_short(&n, text), "a.b");
	assert_string_equal(dname_print_short(&dname_root, text), ".");
}

static void
dname_print_file__240_and_beyond__is_a_hash(void **state)
{
	char text[DNAME_TEXT_MAX], file[DNAME_FILE_MAX], label[64];
	(void)state;
	memset(label, 'x', 63);
	label[63] = '\0';
	for (int n = 46; n <= 49; n++) {
		snprintf(text, sizeof(text), "%s.%s.%s.%.*s", label, label, label, n,
		    label);
		struct dname zone = name(text);
		dname_print_file(&zone, file);
		if (strlen(text) <= 240)
			assert_string_equal(file, text);
		else
			assert_memory_equal(file, "h-", 2);
	}
}

static void
dname_print_file__hash__is_sha256_of_the_wire_form(void **state)
{
	/* Four labels of 60 "a"; the digest is from another program. */
	char text[DNAME_TEXT_MAX] = "", file[DNAME_FILE_MAX];
	(void)state;
	for (int i = 0; i < 4; i++) {
		size_t n = strlen(text);
		memset(text + n, 'a', 60);
		strcpy(text + n + 60, ".");
	}
	struct dname zone = name(text);
	assert_string_equal(dname_print_file(&zone, file),
	    "h-84a668d04a56062fcc3b76d98c7cd9a8cada3ea7c7a38f3249330bf27223be39");
	assert_string_equal(dname_print_file(&dname_root, file), "@");
	zone = name("\\046\\047");
	assert_string_equal(dname_print_file(&zone, file), "\\046\\047");
}

static void
dname_copy_lower__every_octet_at_every_place__only_letters_change(void **state)
{
	uint8_t in[24], out[25];

	(void)state;
	for (size_t size = 0; size <= sizeof(in); size++)
		for (unsigned c = 0; c < 256 * sizeof(in); c++) {
			memset(in, 'Q', sizeof(in));
			memset(out, 0xee, sizeof(out));
			in[c / 256] = (uint8_t)c;
			dname_copy_lower(out, in, size);
			for (size_t i = 0; i < size; i++)
				assert_int_equal(out[i],
				    in[i] >= 'A' && in[i] <= 'Z' ? in[i] + 32 : in[i]);
			assert_int_equal(out[size], 0xee);
		}
}

static void
dname_from_wire__only_whole_plain_names(void **state)
{
	struct dname n;
	(void)state;
	assert_int_equal(dname_from_wire((const uint8_t *)"\1A\0", 3, &n), OK);
	struct dname a = name("a");
	assert_true(dname_equal(&n, &a));
	assert_int_equal(dname_from_wire((const uint8_t *)"\1a\0x", 4, &n), ERR_FORM);
	assert_int_equal(dname_from_wire((const uint8_t *)"\1a", 2, &n), ERR_FORM);
	assert_int_equal(dname_from_wire((const uint8_t *)"\2a", 2, &n), ERR_FORM);
	assert_int_equal(dname_from_wire((const uint8_t *)"\xc0\0", 2, &n), ERR_FORM);
	assert_int_equal(dname_from_wire((const uint8_t *)"", 0, &n), ERR_FORM);
	assert_int_equal(dname_from_wire((const uint8_t *)"", 1, &n), OK);
	assert_true(dname_equal(&n, &dname_root));
	uint8_t big[300];
	memset(big, 1, sizeof(big));
	big[254] = 0;
	assert_int_equal(dname_from_wire(big, 255, &n), OK);
	big[254] = 1;
	big[256] = 0;
	assert_int_equal(dname_from_wire(big, 257, &n), ERR_FORM);
}

/* The example of RFC 4034 section 6.1. */
static void
dname_compare__rfc4034_example__is_in_order(void **state)
{
	static const char *const order[] = {"example", "a.example",
	    "yljkjljk.a.example", "Z.a.example", "zABC.a.EXAMPLE", "z.example",
	    "\\001.z.example", "*.z.example", "\\200.z.example"};
	(void)state;
	for (size_t i = 0; i < COUNT(order); i++) {
		for (size_t j = 0; j < COUNT(order); j++) {
			struct dname a = name(order[i]), b = name(order[j]);
			assert_int_equal(sign(dname_compare(&a, &b)),
			    (i > j) - (i < j));
		}
	}
}

static void
dname_key__random_names__order_and_round_trip(void **state)
{
	unsigned seed = 1;
	struct dname previous = dname_root;
	(void)state;
	for (int i = 0; i < 50000; i++) {
		struct dname n = random_name(&seed), back;
		uint8_t a[DNAME_KEY_MAX], b[DNAME_KEY_MAX];
		if (i % 3 == 0 && dname_n_labels(&previous) > 0)
			dname_strip(&previous, 1, &n);
		size_t na = dname_key(&n, a), nb = dname_key(&previous, b);
		assert_true(na < DNAME_KEY_MAX);
		int order = memcmp(a, b, na < nb ? na : nb);
		if (order == 0)
			order = (na > nb) - (na < nb);
		assert_int_equal(sign(order), sign(dname_compare(&n, &previous)));
		assert_int_equal(dname_from_key(a, na, &back), OK);
		assert_true(dname_equal(&n, &back));
		previous = n;
	}
}

static void
dname_key__longest__fits(void **state)
{
	struct dname n = dname_root;
	struct label label = {.size = 63}; /* of NULs, which are doubled */
	uint8_t key[DNAME_KEY_MAX];
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(dname_prepend(&label, &n, &n), OK);
	label.size = 61;
	assert_int_equal(dname_prepend(&label, &n, &n), OK);
	size_t size = dname_key(&n, key);
	assert_int_equal(size, 2 * 250 + 3);
	assert_int_equal(dname_key(&dname_root, key), 0);
}

static void
dname_from_key__what_no_name_gives__is_refused(void **state)
{
	static const struct {
		const char *key;
		size_t size;
	} bad[] = {{"\0", 1}, {"a\0", 2}, {"\0a", 2}, {"a\0\0b", 4}, {"\1", 1},
	    {"\1\3", 2}, {"\1\0", 2}, {"A", 1}, {"a\1", 2}};
	uint8_t big[600];
	struct dname n = name("untouched");
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(dname_from_key((const uint8_t *)bad[i].key,
				     bad[i].size, &n),
		    ERR_FORM);
	memset(big, 'a', sizeof(big));
	assert_int_equal(dname_from_key(big, 64, &n), ERR_FORM);
	for (size_t i = 1; i < sizeof(big); i += 2)
		big[i] = 0;
	assert_int_equal(dname_from_key(big, 255, &n), ERR_FORM);
	assert_int_equal(dname_from_key(big, 253, &n), OK);
	assert_int_equal(dname_n_labels(&n), 127);
}

static void
dname_is_below__relations__are_by_label(void **state)
{
	struct dname apex = name("example"), below = name("a.b.example"),
		     other = name("anexample"), root = dname_root;
	/* "\7example" as octets inside a label is not the name. */
	struct dname inside = name("x\\007example");
	(void)state;
	assert_true(dname_is_at_or_below(&apex, &apex));
	assert_false(dname_is_below(&apex, &apex));
	assert_true(dname_is_below(&below, &apex));
	assert_false(dname_is_at_or_below(&other, &apex));
	assert_false(dname_is_at_or_below(&inside, &apex));
	assert_false(dname_is_at_or_below(&apex, &below));
	assert_true(dname_is_below(&apex, &root));
	assert_true(dname_is_at_or_below(&root, &root));
}

static void
dname_strip_and_join__parts__give_the_whole(void **state)
{
	struct dname n = name("a.b.c.example"), out, want = name("c.example");
	struct label label;
	(void)state;
	dname_strip(&n, 2, &out);
	assert_true(dname_equal(&out, &want));
	assert_int_equal(dname_join(n.wire, 4, &out, &out), OK);
	assert_true(dname_equal(&out, &n));
	dname_strip(&n, 99, &out);
	assert_true(dname_equal(&out, &dname_root));
	assert_int_equal(dname_first_label(&out, &label), ERR_NOTFOUND);
	assert_int_equal(dname_first_label(&n, &label), OK);
	assert_true(label_is(&label, "a"));
	assert_int_equal(dname_join(n.wire, 3, &out, &out), ERR_FORM);
	assert_int_equal(dname_join((const uint8_t *)"\0", 1, &out, &out), ERR_FORM);
	assert_int_equal(dname_join(n.wire, 0, &n, &out), OK);
	assert_true(dname_equal(&out, &n));
}

static void
dname_prepend__beyond_255__is_refused(void **state)
{
	struct dname n = dname_root;
	struct label label = label_of("a");
	(void)state;
	for (int i = 0; i < 127; i++)
		assert_int_equal(dname_prepend(&label, &n, &n), OK);
	assert_int_equal(n.size, 255);
	assert_int_equal(dname_prepend(&label, &n, &n), ERR_RANGE);
	assert_int_equal(n.size, 255);
}

static void
label_of__text__is_lower_case(void **state)
{
	struct label a = label_of("Zones"), b = label_of("zones"), c = label_of("zone");
	(void)state;
	assert_true(label_equal(&a, &b));
	assert_false(label_equal(&a, &c));
	assert_true(label_is(&a, "zones"));
	assert_false(label_is(&a, "zone"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dname_parse__good_text__prints_canonically),
	    cmocka_unit_test(dname_parse__no_name__is_refused_and_leaves_the_result),
	    cmocka_unit_test(dname_parse__limits__are_63_and_255),
	    cmocka_unit_test(dname_print__longest_texts__fit),
	    cmocka_unit_test(dname_print_plain__specials__are_ddd),
	    cmocka_unit_test(dname_print_file__240_and_beyond__is_a_hash),
	    cmocka_unit_test(dname_print_file__hash__is_sha256_of_the_wire_form),
	    cmocka_unit_test(
		dname_copy_lower__every_octet_at_every_place__only_letters_change),
	    cmocka_unit_test(dname_from_wire__only_whole_plain_names),
	    cmocka_unit_test(dname_compare__rfc4034_example__is_in_order),
	    cmocka_unit_test(dname_key__random_names__order_and_round_trip),
	    cmocka_unit_test(dname_key__longest__fits),
	    cmocka_unit_test(dname_from_key__what_no_name_gives__is_refused),
	    cmocka_unit_test(dname_is_below__relations__are_by_label),
	    cmocka_unit_test(dname_strip_and_join__parts__give_the_whole),
	    cmocka_unit_test(dname_prepend__beyond_255__is_refused),
	    cmocka_unit_test(label_of__text__is_lower_case),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
