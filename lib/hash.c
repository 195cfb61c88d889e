/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/hash.h"

#include <stdint.h>

size_t
hash_octets(const void *data, size_t size)
{
	const uint8_t *p = data;
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < size; i++)
		h = (h ^ p[i]) * UINT64_C(1099511628211);
	return (size_t)(h ^ h >> 32);
}
