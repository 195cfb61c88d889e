/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_POOL_H
#define LIB_POOL_H

#include <stddef.h>

/*
 * Memory that lives and goes as one: a list of a million zones is two small
 * pieces each. Pieces never move.
 */
struct pool {
	struct pool_chunk *chunks;
};

/* A pool of zeroes is an empty pool. */
void pool_fini(struct pool *pool);
/* Zeroed, aligned for any type. */
void *pool_zalloc(struct pool *pool, size_t size);
/* Aligned for bytes only. */
void *pool_dup(struct pool *pool, const void *data, size_t size);
char *pool_strdup(struct pool *pool, const char *text);

#endif
