/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_YADIFA_TABLE_H
#define AGENT_BACKEND_YADIFA_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/dname.h"

/* The zones of the include file: a hash table, some 60 octets for each. */

struct yadifa_native;

struct yadifa_zone {
	struct yadifa_native *native; /* NULL: in a plain set of names */
	uint8_t size;
	uint8_t wire[];
};

struct yadifa_table {
	struct yadifa_zone **slots;
	size_t n_slots, n;
};

void yadifa_table_init(struct yadifa_table *t);
void yadifa_table_fini(struct yadifa_table *t); /* counts down the natives */
struct yadifa_zone *yadifa_table_find(const struct yadifa_table *t,
    const struct dname *name); /* or NULL */
/* Add or change; counts native->n_zones. Returns what it was under, or NULL. */
struct yadifa_native *yadifa_table_put(struct yadifa_table *t, const struct dname *name,
    struct yadifa_native *native);
struct yadifa_native *yadifa_table_drop(struct yadifa_table *t,
    const struct dname *name);
/* All of them in canonical order; free the array. */
struct yadifa_zone **yadifa_table_sorted(const struct yadifa_table *t);
void yadifa_zone_name(const struct yadifa_zone *zone, struct dname *name);

#endif
