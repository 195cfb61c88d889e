/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/pool.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

enum { CHUNK_SIZE = 65536 };

struct pool_chunk {
	struct pool_chunk *next;
	size_t used, room;
	alignas(max_align_t) uint8_t data[];
};

void
pool_fini(struct pool *pool)
{
	while (pool->chunks) {
		struct pool_chunk *next = pool->chunks->next;
		free(pool->chunks);
		pool->chunks = next;
	}
}

static struct pool_chunk *
chunk_with(struct pool *pool, size_t size)
{
	struct pool_chunk *c = pool->chunks;
	if (c && c->room - c->used >= size)
		return c;
	size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
	c = mem_alloc(sizeof(*c) + room);
	c->used = 0;
	c->room = room;
	c->next = pool->chunks;
	pool->chunks = c;
	return c;
}

void *
pool_zalloc(struct pool *pool, size_t size)
{
	enum { ALIGN = alignof(max_align_t) };
	struct pool_chunk *c = chunk_with(pool, size + ALIGN);
	c->used = (c->used + ALIGN - 1) / ALIGN * ALIGN;
	void *zeroes = c->data + c->used;
	memset(zeroes, 0, size);
	c->used += size;
	return zeroes;
}

void *
pool_dup(struct pool *pool, const void *data, size_t size)
{
	struct pool_chunk *c = chunk_with(pool, size);
	uint8_t *copy = c->data + c->used;
	if (size)
		memcpy(copy, data, size);
	c->used += size;
	return copy;
}

char *
pool_strdup(struct pool *pool, const char *text)
{
	return pool_dup(pool, text, strlen(text) + 1);
}
