/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ctl/words.h"

static char *words[WORDS_MAX];
static size_t n_words;

static enum err
split(char *line)
{
	return words_split(line, words, &n_words);
}

static void
words_split__plain_words__are_cut_at_blanks(void **state)
{
	(void)state;
	char line[] = "  shop.example\tsecondary   a=b \r";
	assert_int_equal(split(line), OK);
	assert_int_equal(n_words, 3);
	assert_string_equal(words[0], "shop.example");
	assert_string_equal(words[1], "secondary");
	assert_string_equal(words[2], "a=b");
}

static void
words_split__quotes_and_escapes__keep_blanks(void **state)
{
	(void)state;
	char line[] = "x a=\"b c\\\" d\" e\\ f # no more";
	assert_int_equal(split(line), OK);
	assert_int_equal(n_words, 3);
	assert_string_equal(words[1], "a=\"b c\\\" d\"");
	assert_string_equal(words[2], "e\\ f");
}

static void
words_split__empty_or_comment__has_no_words(void **state)
{
	(void)state;
	char empty[] = "", blank[] = " \t", comment[] = "  # x y";
	assert_int_equal(split(empty), OK);
	assert_int_equal(n_words, 0);
	assert_int_equal(split(blank), OK);
	assert_int_equal(n_words, 0);
	assert_int_equal(split(comment), OK);
	assert_int_equal(n_words, 0);
}

static void
words_split__unclosed__is_an_error(void **state)
{
	(void)state;
	char quote[] = "a \"b", backslash[] = "a b\\", escaped[] = "a \"b\\\"";
	assert_int_equal(split(quote), ERR_FORM);
	assert_int_equal(split(backslash), ERR_FORM);
	assert_int_equal(split(escaped), ERR_FORM);
}

static void
words_split__too_many__is_an_error(void **state)
{
	(void)state;
	char line[2 * (WORDS_MAX + 1) + 1];
	for (size_t i = 0; i <= WORDS_MAX; i++)
		memcpy(line + 2 * i, "a ", 3);
	assert_int_equal(split(line), ERR_RANGE);
	for (size_t i = 0; i < WORDS_MAX; i++)
		memcpy(line + 2 * i, "a ", 3);
	assert_int_equal(split(line), OK);
	assert_int_equal(n_words, WORDS_MAX);
}

static void
expect_decoded(const char *word, enum err err, const char *text)
{
	struct buf out;
	buf_init(&out, 0);
	assert_int_equal(words_decode(word, strlen(word), &out), err);
	if (!err)
		assert_string_equal(buf_text(&out), text);
	buf_fini(&out);
}

static void
words_decode__escapes__are_their_octets(void **state)
{
	(void)state;
	expect_decoded("abc", OK, "abc");
	expect_decoded("\"a b\"", OK, "a b");
	expect_decoded("\\065\\\"\\\\", OK, "A\"\\");
	expect_decoded("\"\"", OK, "");
	expect_decoded("\\256", ERR_FORM, NULL);
	expect_decoded("\\25", ERR_FORM, NULL);
	expect_decoded("\\", ERR_FORM, NULL);
	expect_decoded("\\1a3", ERR_FORM, NULL);
}

/* Every octet, every pair of octets: what is written is read again. */
static void
words_encode__any_octets__come_back(void **state)
{
	(void)state;
	struct buf text, back;
	buf_init(&text, 0);
	buf_init(&back, 0);
	for (unsigned value = 0; value < 0x20000; value++) {
		const uint8_t octets[] = {(uint8_t)(value >> 8), (uint8_t)value};
		bool as_item = value >= 0x10000;
		buf_reset(&text);
		buf_reset(&back);
		buf_puts(&text, "n=");
		if (as_item)
			words_encode_item(octets, 2, &text);
		else
			words_encode(octets, 2, &text);
		assert_int_equal(text.err, OK);
		char line[64];
		snprintf(line, sizeof(line), "%s", buf_text(&text));
		assert_int_equal(split(line), OK);
		assert_int_equal(n_words, 1);
		assert_int_equal(words_decode(words[0] + 2, strlen(words[0]) - 2,
				     &back),
		    OK);
		assert_int_equal(back.size, 2);
		assert_memory_equal(back.data, octets, 2);
	}
	buf_fini(&text);
	buf_fini(&back);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_split__plain_words__are_cut_at_blanks),
	    cmocka_unit_test(words_split__quotes_and_escapes__keep_blanks),
	    cmocka_unit_test(words_split__empty_or_comment__has_no_words),
	    cmocka_unit_test(words_split__unclosed__is_an_error),
	    cmocka_unit_test(words_split__too_many__is_an_error),
	    cmocka_unit_test(words_decode__escapes__are_their_octets),
	    cmocka_unit_test(words_encode__any_octets__come_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
