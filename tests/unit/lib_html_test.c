/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "lib/buf.h"
#include "lib/html.h"

static void
html_text__markup_and_octets__are_text(void **state)
{
	struct buf out;
	(void)state;
	buf_init(&out, 0);
	html_text(&out, "<script>alert('1')</script> \"a\" & b\n\xc3\xa9");
	assert_string_equal(buf_text(&out),
	    "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &quot;a&quot; &amp; b"
	    "\\x0a\\xc3\\xa9");
	buf_fini(&out);
}

/* What a browser compares: the hash of what stands within the element. */
static void
html_policy__style__is_the_one_of_the_page(void **state)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	unsigned char base64[64];
	struct buf out;
	(void)state;
	buf_init(&out, 0);
	html_begin(&out, "a < b", false);
	html_end(&out);
	const char *page = buf_text(&out);
	const char *from = strstr(page, "<style>");
	const char *to = strstr(page, "</style>");
	assert_non_null(from);
	assert_non_null(to);
	from += strlen("<style>");
	assert_null(memchr(from, '<', (size_t)(to - from)));
	SHA256((const unsigned char *)from, (size_t)(to - from), hash);
	EVP_EncodeBlock(base64, hash, sizeof(hash));
	char *policy = html_policy();
	assert_non_null(strstr(policy, "default-src 'none'"));
	assert_non_null(strstr(policy, (const char *)base64));
	assert_non_null(strstr(page, "<title>a &lt; b</title>"));
	free(policy);
	buf_fini(&out);
}

static void
html_begin__in_a_file__says_its_policy(void **state)
{
	struct buf out;
	(void)state;
	buf_init(&out, 0);
	html_begin(&out, "a", true);
	assert_non_null(strstr(buf_text(&out),
	    "<meta http-equiv=\"Content-Security-Policy\" "
	    "content=\"default-src &#39;none&#39;; style-src &#39;sha256-"));
	buf_fini(&out);
}

static void
html_time__any__is_utc(void **state)
{
	char text[HTML_TIME_MAX];
	(void)state;
	assert_string_equal(html_time(0, text), "1970-01-01 00:00:00 UTC");
	assert_string_equal(html_time(1795367531, text), "2026-11-22 17:12:11 UTC");
	assert_string_equal(html_time(UINT64_MAX, text), "");
}

static void
html_cell_state__known_words__have_their_mood(void **state)
{
	struct buf out;
	(void)state;
	buf_init(&out, 0);
	html_cell_state(&out, "failed");
	html_cell_state(&out, "<b>");
	html_cell_number(&out, UINT64_MAX);
	assert_string_equal(buf_text(&out),
	    "<td class=\"s bad\">failed</td><td class=\"s\">&lt;b&gt;</td>"
	    "<td class=\"n\">18446744073709551615</td>");
	assert_string_equal(html_mood("serving"), "good");
	assert_string_equal(html_mood("pending"), "busy");
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(html_text__markup_and_octets__are_text),
	    cmocka_unit_test(html_policy__style__is_the_one_of_the_page),
	    cmocka_unit_test(html_begin__in_a_file__says_its_policy),
	    cmocka_unit_test(html_time__any__is_utc),
	    cmocka_unit_test(html_cell_state__known_words__have_their_mood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
