/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_HASH_H
#define LIB_HASH_H

#include <stddef.h>

/* FNV-1a of 64 bits, folded: where something stands in a table in memory. */
size_t hash_octets(const void *data, size_t size);

#endif
