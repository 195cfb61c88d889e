/* SPDX-License-Identifier: BSD-2-Clause */
/* Key files: a fault has a line and a reason; what is read prints as the same key. */
#include <assert.h>
#include <string.h>

#include "lib/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_print(const struct key *key)
{
	struct buf out;
	struct key *again = NULL;
	struct err_where where = {.line = 0};
	size_t size, size_again;

	buf_init(&out, 0);
	key_print(key, &out);
	assert(key_parse(buf_text(&out), out.size, "again", &again, &where) == OK);
	assert(dname_equal(key_name(key), key_name(again)));
	assert(key_algorithm(key) == key_algorithm(again));
	const uint8_t *secret = key_secret(key, &size);
	const uint8_t *secret_again = key_secret(again, &size_again);
	assert(size == size_again && memcmp(secret, secret_again, size) == 0);
	key_unref(again);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct key *key = NULL;
	struct err_where where = {.line = 0};
	enum err err = key_parse((const char *)data, size, "f.key", &key, &where);

	assert(err == OK || err == ERR_INVALID);
	assert((err == OK) == (key != NULL));
	if (err != OK) {
		assert(where.what[0] != '\0' && where.line > 0);
		return 0;
	}
	check_print(key);
	key_unref(key);
	return 0;
}
