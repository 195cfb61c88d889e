/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_CATALOG_ARENA_H
#define AGENT_CATALOG_ARENA_H

#include <stddef.h>
#include <stdint.h>

/*
 * Memory that is freed all at once: what one edit holds. The first piece lies
 * in the arena itself, so that an ordinary UPDATE costs no further allocation.
 */

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;
	uint8_t *at;
	size_t left;
	size_t used;      /* octets handed out */
	size_t next_size; /* of the next chunk */
	_Alignas(16) uint8_t first[6144];
};

void arena_init(struct arena *arena);
void arena_fini(struct arena *arena);

/* Never NULL, aligned to 16, not cleared. */
void *arena_alloc(struct arena *arena, size_t size);
/* A copy; NULL for size 0. */
uint8_t *arena_copy(struct arena *arena, const void *data, size_t size);

#endif
