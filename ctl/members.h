/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_MEMBERS_H
#define CTL_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/pool.h"
#include "ctl/props.h"
#include "ctl/session.h"
#include "lib/dname.h"
#include "lib/err.h"

/*
 * The members of the catalog as its transfer gives them, put together from
 * their records and sorted by zone. Names are kept as keys (dname_key).
 */

struct member_entry {
	const uint8_t *zone; /* key; NULL: no PTR was seen */
	uint16_t zone_size;
	uint8_t id_size;
	const uint8_t *id;
	struct props props;
	unsigned n_other; /* records no option of ours can say: coo, other ext */
};

struct members {
	struct member_entry *items;
	size_t n, room;
	uint32_t serial;
	const uint8_t *soa; /* its RDATA; pool */
	size_t soa_size;
	struct pool pool;
	/* while reading */
	struct dname apex;
	bool sorted_by_id;
};

/* AXFR of the catalog. Fails with s->error; fini in either case. */
NODISCARD enum err members_load(struct session *s, struct members *members);
void members_fini(struct members *members);

void member_entry_zone(const struct member_entry *m, struct dname *zone);
/* NULL: not a member. */
const struct member_entry *members_find(const struct members *members,
    const struct dname *zone);

/* -- for members_load, and its tests --------------------------------------- */

void members_begin(struct members *members, const struct dname *apex);
NODISCARD enum err members_take(struct members *members, const struct rr *rr);
void members_end(struct members *members);

#endif
