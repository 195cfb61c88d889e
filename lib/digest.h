/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_DIGEST_H
#define LIB_DIGEST_H

#include <stddef.h>

/* SHA-256 as text, to name and compare things by what is in them. */

enum { DIGEST_HEX_MAX = 64 };

/* The first n_digits (at most DIGEST_HEX_MAX) hex digits and a NUL. */
char *digest_hex(const void *data, size_t size, size_t n_digits, char *out);

#endif
