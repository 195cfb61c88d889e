/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/key.h"

#define SECRET "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="
#define DIGITS "12345678901234567890123456789012"

static enum err
parse(const char *text, struct key **key, struct err_where *where)
{
	/* Exactly as large: without the NUL, so that ASan sees the end. */
	size_t size = strlen(text);
	char *copy = test_malloc(size + 1);
	memcpy(copy + 1, text, size);
	memset(where, 0, sizeof(*where));
	*key = NULL;
	enum err err = key_parse(copy + 1, size, "k.key", key, where);
	test_free(copy);
	return err;
}

static void
assert_digits(struct key *key)
{
	size_t size;
	const uint8_t *secret = key_secret(key, &size);

	assert_int_equal(size, 32);
	assert_memory_equal(secret, DIGITS, 32);
	assert_string_equal(key_name_text(key), "ctl.example");
	assert_int_equal(key_algorithm(key), KEY_SHA256);
}

static void
key_parse__files_of_named__are_read(void **state)
{
	static const char *const good[] = {
	    "key \"ctl.example\" {\n\talgorithm hmac-sha256;\n\tsecret \"" SECRET
	    "\";\n};\n",
	    "key ctl.example. { secret " SECRET "; algorithm HMAC-SHA256.; };",
	    "# one\n// two\n/* three\n * */ key /**/CTL.Example{algorithm\n"
	    "\"hmac-sha256\"/*x*/;secret\"" SECRET "\";}; # end",
	    "\r\n\tkey \"ctl.example\" {\r\n algorithm hmac-sha256;\r\n secret \"" SECRET
	    "\";\r\n};\r\n",
	    /* Only the first one counts. */
	    "key \"ctl.example\" { algorithm hmac-sha256; secret \"" SECRET "\"; };\n"
	    "key \"other\" { algorithm hmac-md5; };\n\"",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct key *key;
		struct err_where where;
		assert_int_equal(parse(good[i], &key, &where), OK);
		assert_digits(key);
		assert_string_equal(where.what, "");
		key_unref(key);
	}
}

static void
key_parse__faults__have_line_and_reason(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *what;
	} bad[] = {
	    {"", 1, "not a key file"},
	    {"hmac-sha256:ctl.example:" SECRET, 1, "not a key file"},
	    {"\n\nzone \"x\" { };", 3, "not a key file"},
	    {"\"key\" x {};", 1, "not a key file"},
	    {"key {", 1, "the name of the key is missing"},
	    {"key \"\" {", 1, "no valid name"},
	    {"key \"a..b\" {", 1, "no valid name"},
	    {"key \"a\nb\" {", 1, "quoted string does not end"},
	    {"key \"a", 1, "quoted string does not end"},
	    {"key a\n;", 2, "an opening brace is missing"},
	    {"key a {\n algorithm\n ;", 3, "name of the algorithm is missing"},
	    {"key a {\n algorithm hmac-sha256\n secret", 3, "a semicolon is missing"},
	    {"key a {\n algorithm hmac-md5;", 2, "hmac-md5 is not allowed"},
	    {"key a {\n algorithm hmac-md5.sig-alg.reg.int;", 2, "is not allowed"},
	    {"key a {\n algorithm HMAC-SHA1;", 2, "is not allowed"},
	    {"key a {\n algorithm hmac-sha256-128;", 2, "is not allowed"},
	    {"key a {\n algorithm " SECRET ";", 2, "unknown algorithm"},
	    {"key a {\n algorithm hmac-sha256;\nalgorithm hmac-sha256;", 3, "second"},
	    {"key a {\n secret \"AAAA\";\nsecret \"AAAA\";", 3, "a second secret"},
	    {"key a {\n secret \"AAA\";", 2, "not base64"},
	    {"key a {\n secret \"\";", 2, "not base64"},
	    {"key a {\n secret \"AA AA\";", 2, "not base64"},
	    {"key a {\n server 1;", 2, "only algorithm and secret"},
	    {"key a {\n { };", 2, "only algorithm and secret"},
	    {"key a { algorithm hmac-sha256; };", 1, "no secret"},
	    {"key a { secret \"AAAA\"; };", 1, "no algorithm"},
	    {"key a { secret \"AAAA\"; ", 1, "only algorithm and secret"},
	    {"key a { algorithm hmac-sha256; secret \"AAAA\"; }\n", 2,
		"semicolon after"},
	    {"\n/* never\n\n", 2, "a comment does not end"},
	    {"\n/*/", 2, "a comment does not end"},
	    {"key /", 1, "an opening brace is missing"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct key *key;
		struct err_where where;
		assert_int_equal(parse(bad[i].text, &key, &where), ERR_INVALID);
		assert_null(key);
		assert_string_equal(where.file, "k.key");
		assert_non_null(strstr(where.what, bad[i].what));
		assert_int_equal(where.line, bad[i].line);
		assert_null(strstr(where.what, "MTIz")); /* never the secret */
	}
}

static void
key_parse__nul_or_endless_word__is_an_error(void **state)
{
	struct key *key = NULL;
	struct err_where where = {.line = 0};
	char text[2000];

	(void)state;
	assert_int_equal(key_parse("key a\0b {", 9, "f", &key, &where), ERR_INVALID);
	assert_string_equal(where.what, "a NUL octet");
	memset(text, 'a', sizeof(text));
	memset(&where, 0, sizeof(where));
	assert_int_equal(key_parse(text, sizeof(text), "f", &key, &where), ERR_INVALID);
	assert_string_equal(where.what, "a word is too long");
}

static void
key_print__then_parse__is_the_same_key(void **state)
{
	static const char *const names[] = {"ctl.example", ".", "a\\.b.c",
	    "we\\\"ird\\\\.x", "\\000\\255", "*._x"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct dname name;
		struct key *key, *again;
		struct buf out;
		struct err_where where = {.line = 0};
		size_t size, size_again;

		assert_int_equal(dname_parse(names[i], &name), OK);
		assert_int_equal(key_generate(&name, (enum key_alg)(i % 3), &key), OK);
		buf_init(&out, 0);
		key_print(key, &out);
		assert_int_equal(key_parse(buf_text(&out), out.size, "f", &again,
				     &where),
		    OK);
		assert_true(dname_equal(key_name(key), key_name(again)));
		assert_int_equal(key_algorithm(key), key_algorithm(again));
		const uint8_t *secret = key_secret(key, &size);
		assert_int_equal(size, key_alg_mac_size(key_algorithm(key)));
		assert_memory_equal(secret, key_secret(again, &size_again), size);
		assert_int_equal(size, size_again);
		buf_fini(&out);
		key_unref(key);
		key_unref(again);
	}
}

static void
key_print__form__is_that_of_tsig_keygen(void **state)
{
	struct key *key;
	struct err_where where;
	struct buf out;

	(void)state;
	assert_int_equal(parse("key ctl.example {algorithm hmac-sha256;secret " SECRET
			       ";};",
			     &key, &where),
	    OK);
	buf_init(&out, 0);
	key_print(key, &out);
	assert_string_equal(buf_text(&out),
	    "key \"ctl.example\" {\n\talgorithm hmac-sha256;\n\tsecret \"" SECRET
	    "\";\n};\n");
	buf_fini(&out);
	key_unref(key);
}

static void
key_secret_parse__every_size__round_trip(void **state)
{
	uint8_t secret[KEY_SECRET_MAX], again[KEY_SECRET_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)(i * 7 + 3);
	for (size_t size = 1; size <= sizeof(secret); size++) {
		struct key *key;
		struct buf out;
		size_t size_again;
		assert_int_equal(key_new(&dname_root, KEY_SHA512, secret, size, &key),
		    OK);
		buf_init(&out, 0);
		key_secret_print(key, &out);
		assert_int_equal(key_secret_parse(buf_text(&out), again, &size_again),
		    OK);
		assert_int_equal(size_again, size);
		assert_memory_equal(again, secret, size);
		buf_fini(&out);
		key_unref(key);
	}
}

static void
key_secret_parse__not_base64_or_too_long__is_an_error(void **state)
{
	static const char *const bad[] = {"", "A", "AA", "AAA", "====", "A===", "AAA=A",
	    "AA==AAAA", "AAAA=", "AAA-", "AA=A", " AAAA", "AAAA ", "AAAA\n",
	    "AB==", "AAB=", "\303\244AA"};
	uint8_t secret[KEY_SECRET_MAX];
	size_t size;
	char text[700];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(key_secret_parse(bad[i], secret, &size), ERR_FORM);
	memset(text, 'A', sizeof(text));
	text[684] = '\0'; /* 513 octets */
	assert_int_equal(key_secret_parse(text, secret, &size), ERR_RANGE);
	text[683] = '=';
	assert_int_equal(key_secret_parse(text, secret, &size), OK);
	assert_int_equal(size, 512);
}

static void
key_new__no_or_too_large_secret__is_invalid(void **state)
{
	static const uint8_t secret[KEY_SECRET_MAX + 1];
	struct key *key;

	(void)state;
	assert_int_equal(key_new(&dname_root, KEY_SHA256, secret, 0, &key),
	    ERR_INVALID);
	assert_int_equal(key_new(&dname_root, KEY_SHA256, secret, sizeof(secret), &key),
	    ERR_INVALID);
}

static void
key_alg_parse__names__are_told_apart(void **state)
{
	enum key_alg alg = KEY_SHA256;
	struct dname name;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(key_alg_parse(key_alg_str((enum key_alg)i), &alg), OK);
		assert_int_equal(alg, i);
		assert_int_equal(dname_parse(key_alg_str(alg), &name), OK);
		assert_true(dname_equal(&name, key_alg_name(alg)));
	}
	assert_int_equal(key_alg_parse("Hmac-SHA384.", &alg), OK);
	assert_int_equal(alg, KEY_SHA384);
	assert_int_equal(key_alg_parse("hmac-md5", &alg), ERR_UNSUPPORTED);
	assert_int_equal(key_alg_parse("hmac-md5.sig-alg.reg.int.", &alg),
	    ERR_UNSUPPORTED);
	assert_int_equal(key_alg_parse("hmac-sha224", &alg), ERR_UNSUPPORTED);
	assert_int_equal(key_alg_parse("", &alg), ERR_INVALID);
	assert_int_equal(key_alg_parse(".", &alg), ERR_INVALID);
	assert_int_equal(key_alg_parse("sha256", &alg), ERR_INVALID);
	assert_int_equal(key_alg_parse("hmac-sha256..", &alg), ERR_INVALID);
	assert_int_equal(key_alg_parse("hmac-sha256-and-much-more-than-fits-here",
			     &alg),
	    ERR_INVALID);
}

static void
write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
key_load__file__is_read_if_others_cannot(void **state)
{
	static const char text[] =
	    "key ctl.example {algorithm hmac-sha256;secret " SECRET ";};";
	char dir[] = "/tmp/lib_key_test.XXXXXX", path[64];
	struct err_where where = {.line = 0};
	struct key *key = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/k", dir);
	assert_int_equal(key_load(path, &key, &where), ERR_NOTFOUND);
	assert_string_equal(where.file, path);
	assert_string_equal(where.what, "No such file or directory");

	write_file(path, text, 0640);
	memset(&where, 0, sizeof(where));
	assert_int_equal(key_load(path, &key, &where), OK);
	assert_digits(key);
	key_unref(key);

	static const mode_t open_modes[] = {0604, 0644, 0602, 0666};
	for (size_t i = 0; i < sizeof(open_modes) / sizeof(open_modes[0]); i++) {
		assert_int_equal(chmod(path, open_modes[i]), 0);
		memset(&where, 0, sizeof(where));
		assert_int_equal(key_load(path, &key, &where), ERR_INVALID);
		assert_non_null(strstr(where.what, "others may read or write"));
	}

	FILE *f = fopen(path, "w");
	assert_non_null(f);
	for (unsigned i = 0; i < 65536; i++)
		putc('\n', f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
	memset(&where, 0, sizeof(where));
	assert_int_equal(key_load(path, &key, &where), ERR_INVALID);
	assert_non_null(strstr(where.what, "too large"));

	assert_int_equal(unlink(path), 0);
	assert_int_equal(chmod(dir, 0700), 0);
	memset(&where, 0, sizeof(where));
	assert_int_equal(key_load(dir, &key, &where), ERR_IO);
	assert_int_equal(rmdir(dir), 0);
}

static void
keyring__many_keys__are_found_and_none_twice(void **state)
{
	struct keyring *ring = keyring_new();
	struct dname name;
	struct key *key;
	char text[32];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "k%u.example", i * 37 % 100);
		assert_int_equal(dname_parse(text, &name), OK);
		assert_int_equal(key_generate(&name, KEY_SHA256, &key), OK);
		assert_int_equal(keyring_add(ring, key), OK);
		assert_int_equal(keyring_add(ring, key), ERR_EXISTS);
		key_unref(key); /* the ring has its own */
	}
	for (unsigned i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "K%u.EXAMPLE", i);
		assert_int_equal(dname_parse(text, &name), OK);
		key = keyring_find(ring, &name);
		assert_non_null(key);
		assert_true(dname_equal(key_name(key), &name));
	}
	assert_int_equal(dname_parse("k100.example", &name), OK);
	assert_null(keyring_find(ring, &name));
	assert_null(keyring_find(ring, &dname_root));
	for (unsigned i = 0; i < 100; i++)
		assert_true(keyring_find(ring, key_name(keyring_at(ring, i))) ==
			    keyring_at(ring, i));
	assert_null(keyring_at(ring, 100));
	key = key_ref(key);
	assert_true(keyring_ref(ring) == ring);
	keyring_unref(ring);
	keyring_unref(ring);
	assert_string_equal(key_name_text(key), "k99.example");
	key_unref(key);
	key_unref(NULL);
	keyring_unref(NULL);
}

static struct keyring *
ring_of(const char *names)
{
	static const uint8_t secret[] = "sixteen octets..";
	struct keyring *ring = keyring_new();

	for (const char *c = names; *c != '\0'; c++) {
		struct dname name;
		struct key *key;
		char text[] = {*c | 0x20, '\0'};
		assert_int_equal(dname_parse(text, &name), OK);
		/* a capital letter has a secret of its own */
		assert_int_equal(key_new(&name, KEY_SHA256, secret, *c & 0x20 ? 16 : 15,
				     &key),
		    OK);
		assert_int_equal(keyring_add(ring, key), OK);
		key_unref(key);
	}
	return ring;
}

static bool
rings_equal(const char *a, const char *b)
{
	struct keyring *ring = ring_of(a), *other = ring_of(b);
	bool equal = keyring_equal(ring, other);

	keyring_unref(ring);
	keyring_unref(other);
	return equal;
}

static void
keyring_equal__order_and_one_key__only_the_second_counts(void **state)
{
	(void)state;
	assert_true(rings_equal("", ""));
	assert_true(rings_equal("abc", "cab"));
	assert_false(rings_equal("abc", "ab"));
	assert_false(rings_equal("ab", "abc"));
	assert_false(rings_equal("abc", "abd"));
	assert_false(rings_equal("abc", "aBc"));
}

static void
key_equal__one_part_differs__is_false(void **state)
{
	(void)state;
	static const uint8_t secret[] = "sixteen octets..",
			     other[] = "sixteen octets.,";
	struct dname a, b;
	struct key *keys[6];

	assert_int_equal(dname_parse("a.example", &a), OK);
	assert_int_equal(dname_parse("b.example", &b), OK);
	assert_int_equal(key_new(&a, KEY_SHA256, secret, 16, &keys[0]), OK);
	assert_int_equal(key_new(&a, KEY_SHA256, secret, 16, &keys[1]), OK);
	assert_int_equal(key_new(&b, KEY_SHA256, secret, 16, &keys[2]), OK);
	assert_int_equal(key_new(&a, KEY_SHA384, secret, 16, &keys[3]), OK);
	assert_int_equal(key_new(&a, KEY_SHA256, secret, 15, &keys[4]), OK);
	assert_int_equal(key_new(&a, KEY_SHA256, other, 16, &keys[5]), OK);
	assert_true(key_equal(keys[0], keys[1]));
	for (size_t i = 2; i < 6; i++)
		assert_false(key_equal(keys[0], keys[i]));
	for (size_t i = 0; i < 6; i++)
		key_unref(keys[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(key_parse__files_of_named__are_read),
	    cmocka_unit_test(key_parse__faults__have_line_and_reason),
	    cmocka_unit_test(key_parse__nul_or_endless_word__is_an_error),
	    cmocka_unit_test(key_print__then_parse__is_the_same_key),
	    cmocka_unit_test(key_print__form__is_that_of_tsig_keygen),
	    cmocka_unit_test(key_secret_parse__every_size__round_trip),
	    cmocka_unit_test(key_secret_parse__not_base64_or_too_long__is_an_error),
	    cmocka_unit_test(key_new__no_or_too_large_secret__is_invalid),
	    cmocka_unit_test(key_alg_parse__names__are_told_apart),
	    cmocka_unit_test(key_equal__one_part_differs__is_false),
	    cmocka_unit_test(key_load__file__is_read_if_others_cannot),
	    cmocka_unit_test(keyring__many_keys__are_found_and_none_twice),
	    cmocka_unit_test(keyring_equal__order_and_one_key__only_the_second_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
