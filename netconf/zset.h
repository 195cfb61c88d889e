/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_ZSET_H
#define NETCONF_ZSET_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/dname.h"
#include "lib/memberlist.h"
#include "lib/pool.h"
#include "lib/props.h"
#include "lib/session.h"

/*
 * Zones of which something is to be changed: as they were found in the catalog, and as
 * they are to be. Sorted by zone once zset_sort() was called.
 */

struct zone_edit {
	struct dname zone;
	bool had, has;
	bool hidden;     /* the key may not know whether it is there; had is false */
	bool odd;        /* it has records that props cannot say */
	struct label id; /* of the member; of one that is new: what it will be */
	struct props was, is;
};

struct zset {
	struct zone_edit *items;
	size_t n, room;
	struct pool pool;          /* of what the zones are to be */
	struct memberlist members; /* owns what they were */
};

void zset_init(struct zset *s);
void zset_fini(struct zset *s);
/* Append; a zone may come twice until zset_sort() folds twins. */
void zset_add(struct zset *s, const struct dname *zone);
void zset_sort(struct zset *s);
struct zone_edit *zset_find(const struct zset *s, const struct dname *zone);
/* Is it to be another than it was? */
bool zone_edit_is_change(const struct zone_edit *z);

/*
 * Fill s->members with what the catalog has of the zones: by queries of each, or for
 * many by a transfer; and set had, id, was, and the same as what is to be. ERR_DENIED:
 * the agent refused, *refused is the zone at fault or NULL. Fails with session->error.
 */
NODISCARD enum err zset_fetch(struct zset *s, struct session *session,
    const struct dname **refused);
/* The same for all zones of the catalog, and for those of the set that are none. */
NODISCARD enum err zset_fetch_all(struct zset *s, struct session *session);

#endif
