/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_HEXFILE_H
#define TESTS_UNIT_HEXFILE_H

#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

/*
 * Messages in tests/data/, one on a line: a label, a blank, hexadecimal. Tests
 * run at the root of the repository.
 */

static inline unsigned
hexfile_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	assert_non_null(at);
	return (unsigned)(at - digits);
}

static inline size_t
hexfile_load(const char *path, const char *label, uint8_t *out, size_t room)
{
	char line[8192];
	size_t n_label = strlen(label), size = 0;
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, label, n_label) != 0 || line[n_label] != ' ')
			continue;
		for (const char *at = line + n_label + 1; *at != '\n'; at += 2) {
			assert_true(size < room);
			out[size++] =
			    (uint8_t)(hexfile_digit(at[0]) << 4 | hexfile_digit(at[1]));
		}
		break;
	}
	fclose(f);
	assert_true(size > 0);
	return size;
}

#endif
