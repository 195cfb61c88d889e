/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_MEMBERLIST_H
#define LIB_MEMBERLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dname.h"
#include "lib/err.h"
#include "lib/pool.h"
#include "lib/props.h"
#include "lib/session.h"

/*
 * The members of the catalog as its transfer gives them, put together from
 * their records and sorted by zone. Names are kept as keys (dname_key).
 */

struct memberlist_entry {
	const uint8_t *zone; /* key; NULL: no PTR was seen */
	uint16_t zone_size;
	uint8_t id_size;
	const uint8_t *id;
	struct props props;
	unsigned n_other; /* records no option of ours can say: coo, other ext */
};

struct memberlist {
	struct memberlist_entry *items;
	size_t n, room;
	uint32_t serial;
	const uint8_t *soa; /* its RDATA; pool */
	size_t soa_size;
	struct pool pool;
	/* while reading */
	struct dname apex;
	bool sorted_by_id;
};

/* Told, for each record, how many members there are so far; its error ends the
 * loading and is returned. */
typedef enum err memberlist_step_fn(void *arg, size_t n);
/* AXFR of the catalog; step may be NULL. Fails with s->error; fini in either case. */
NODISCARD enum err memberlist_load(struct session *s, struct memberlist *members,
    memberlist_step_fn *step, void *arg);
void memberlist_fini(struct memberlist *members);

void memberlist_entry_zone(const struct memberlist_entry *m, struct dname *zone);
/* NULL: not a member. */
const struct memberlist_entry *memberlist_find(const struct memberlist *members,
    const struct dname *zone);

/* -- for memberlist_load, and its tests --------------------------------------- */

void memberlist_begin(struct memberlist *members, const struct dname *apex);
NODISCARD enum err memberlist_take(struct memberlist *members, const struct rr *rr);
void memberlist_end(struct memberlist *members);

#endif
