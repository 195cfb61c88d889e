/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/catalog/arena.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

enum { ALIGN = 16, CHUNK_MIN = 16 * 1024, CHUNK_MAX = 1024 * 1024 };

struct arena_chunk {
	struct arena_chunk *next;
	_Alignas(ALIGN) uint8_t data[];
};

void
arena_init(struct arena *arena)
{
	arena->chunks = NULL;
	arena->at = arena->first;
	arena->left = sizeof(arena->first);
	arena->used = 0;
	arena->next_size = CHUNK_MIN;
}

void
arena_fini(struct arena *arena)
{
	for (struct arena_chunk *c = arena->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	arena_init(arena);
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (size > arena->left) {
		size_t room = size > arena->next_size ? size : arena->next_size;
		struct arena_chunk *c = mem_alloc(sizeof(*c) + room);
		c->next = arena->chunks;
		arena->chunks = c;
		arena->at = c->data;
		arena->left = room;
		if (arena->next_size < CHUNK_MAX)
			arena->next_size *= 2;
	}
	void *p = arena->at;
	arena->at += size;
	arena->left -= size;
	arena->used += size;
	return p;
}

uint8_t *
arena_copy(struct arena *arena, const void *data, size_t size)
{
	if (size == 0)
		return NULL;
	return memcpy(arena_alloc(arena, size), data, size);
}
