/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/digest.h"

#include <assert.h>
#include <stdint.h>

#include <openssl/sha.h>

#include "lib/log.h"

char *
digest_hex(const void *data, size_t size, size_t n_digits, char *out)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t hash[SHA256_DIGEST_LENGTH];

	assert(n_digits <= DIGEST_HEX_MAX);
	if (SHA256(data, size, hash) == NULL)
		log_fatal("digest", "no SHA-256");
	for (size_t i = 0; i < n_digits; i++)
		out[i] = hex[(hash[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 0xf];
	out[n_digits] = '\0';
	return out;
}
