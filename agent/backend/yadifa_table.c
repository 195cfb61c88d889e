/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/yadifa_table.h"

#include <stdlib.h>
#include <string.h>

#include "agent/backend/yadifa_native.h"
#include "lib/hash.h"
#include "lib/mem.h"

/* Open addressing with linear probing; a removal moves up what came after. */

enum { SLOTS_MIN = 64 };

void
yadifa_table_init(struct yadifa_table *t)
{
	t->n = 0;
	t->n_slots = SLOTS_MIN;
	t->slots = mem_zalloc(t->n_slots * sizeof(t->slots[0]));
}

static void
count(struct yadifa_native *native, int change)
{
	if (native != NULL)
		native->n_zones += (size_t)change;
}

void
yadifa_table_fini(struct yadifa_table *t)
{
	for (size_t i = 0; i < t->n_slots; i++) {
		if (t->slots[i] != NULL)
			count(t->slots[i]->native, -1);
		free(t->slots[i]);
	}
	free(t->slots);
	t->slots = NULL;
	t->n = t->n_slots = 0;
}

/* Where the name is, or where it would go. */
static size_t
place(const struct yadifa_table *t, const uint8_t *wire, size_t size)
{
	size_t mask = t->n_slots - 1, i = hash_octets(wire, size) & mask;

	while (t->slots[i] != NULL && (t->slots[i]->size != size ||
					  memcmp(t->slots[i]->wire, wire, size) != 0))
		i = (i + 1) & mask;
	return i;
}

struct yadifa_zone *
yadifa_table_find(const struct yadifa_table *t, const struct dname *name)
{
	return t->slots[place(t, name->wire, name->size)];
}

static void
grow(struct yadifa_table *t)
{
	struct yadifa_zone **old = t->slots;
	size_t n_old = t->n_slots;

	t->n_slots *= 2;
	t->slots = mem_zalloc(t->n_slots * sizeof(t->slots[0]));
	for (size_t i = 0; i < n_old; i++) {
		if (old[i] != NULL)
			t->slots[place(t, old[i]->wire, old[i]->size)] = old[i];
	}
	free(old);
}

struct yadifa_native *
yadifa_table_put(struct yadifa_table *t, const struct dname *name,
    struct yadifa_native *native)
{
	size_t at = place(t, name->wire, name->size);
	struct yadifa_zone *zone = t->slots[at];
	struct yadifa_native *had = NULL;

	count(native, 1);
	if (zone != NULL) {
		had = zone->native;
		count(had, -1);
		zone->native = native;
		return had;
	}
	zone = mem_alloc(sizeof(*zone) + name->size);
	zone->native = native;
	zone->size = name->size;
	memcpy(zone->wire, name->wire, name->size);
	t->slots[at] = zone;
	if (++t->n * 3 > t->n_slots * 2)
		grow(t);
	return NULL;
}

struct yadifa_native *
yadifa_table_drop(struct yadifa_table *t, const struct dname *name)
{
	size_t mask = t->n_slots - 1, hole = place(t, name->wire, name->size);
	struct yadifa_zone *zone = t->slots[hole];
	struct yadifa_native *had;

	if (zone == NULL)
		return NULL;
	had = zone->native;
	count(had, -1);
	free(zone);
	t->slots[hole] = NULL;
	t->n--;
	for (size_t i = (hole + 1) & mask; t->slots[i] != NULL; i = (i + 1) & mask) {
		size_t home = hash_octets(t->slots[i]->wire, t->slots[i]->size) & mask;

		/* It stays if its home is behind the hole. */
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		t->slots[hole] = t->slots[i];
		t->slots[i] = NULL;
		hole = i;
	}
	return had;
}

void
yadifa_zone_name(const struct yadifa_zone *zone, struct dname *name)
{
	name->size = zone->size;
	memcpy(name->wire, zone->wire, zone->size);
}

static int
by_name(const void *a, const void *b)
{
	struct dname left, right;

	yadifa_zone_name(*(struct yadifa_zone *const *)a, &left);
	yadifa_zone_name(*(struct yadifa_zone *const *)b, &right);
	return dname_compare(&left, &right);
}

struct yadifa_zone **
yadifa_table_sorted(const struct yadifa_table *t)
{
	struct yadifa_zone **all = mem_alloc((t->n + 1) * sizeof(all[0]));
	size_t n = 0;

	for (size_t i = 0; i < t->n_slots; i++) {
		if (t->slots[i] != NULL)
			all[n++] = t->slots[i];
	}
	qsort(all, n, sizeof(all[0]), by_name);
	return all;
}
