/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

static void
mem_alloc__zero_octets__is_a_pointer(void **state)
{
	(void)state;
	void *a = mem_alloc(0), *b = mem_zalloc(0), *c = mem_dup(NULL, 0);
	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(c);
	a = mem_realloc(a, 0);
	assert_non_null(a);
	free(a);
	free(b);
	free(c);
}

static void
mem_grow__element_by_element__doubles(void **state)
{
	unsigned *array = NULL;
	size_t room = 0, n_moves = 0;
	(void)state;
	for (size_t n = 0; n < 1000; n++) {
		size_t was = room;
		array = mem_grow(array, n, &room, sizeof(*array));
		n_moves += room != was;
		assert_true(n < room);
		array[n] = (unsigned)n;
	}
	assert_in_range(n_moves, 1, 10);
	for (size_t n = 0; n < 1000; n++)
		assert_int_equal(array[n], n);
	array = mem_grow(array, 5000, &room, sizeof(*array));
	assert_true(room > 5000);
	free(array);
}

static void
mem_printf__formats__into_new_memory(void **state)
{
	(void)state;
	char *text = mem_printf("%s-%d", "a", 7);
	char *copy = mem_strdup(text);
	assert_string_equal(copy, "a-7");
	free(text);
	free(copy);
}

static void
mem_wipe__secret__is_gone(void **state)
{
	char secret[] = "secret";
	(void)state;
	mem_wipe(secret, sizeof(secret));
	for (size_t i = 0; i < sizeof(secret); i++)
		assert_int_equal(secret[i], 0);
	mem_wipe(NULL, 0);
}

static void
mem_errno_text__any_number__has_a_text(void **state)
{
	(void)state;
	assert_string_equal(mem_errno_text(ENOENT), strerror(ENOENT));
	assert_true(strlen(mem_errno_text(99999)) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mem_alloc__zero_octets__is_a_pointer),
	    cmocka_unit_test(mem_grow__element_by_element__doubles),
	    cmocka_unit_test(mem_printf__formats__into_new_memory),
	    cmocka_unit_test(mem_wipe__secret__is_gone),
	    cmocka_unit_test(mem_errno_text__any_number__has_a_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
