/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_VIEW_H
#define AGENT_PROTO_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/proto/proto.h"

/*
 * The configuration as of one moment: a deep copy, immutable, counted by the
 * loop's thread. A request keeps the one it came under until it is answered,
 * so that a reload needs to wait for nobody; the writer only reads it.
 */

enum zone_kind { ZONE_CATALOG, ZONE_STATUS, ZONE_COMMAND, ZONE_LOG };

struct view_zone {
	enum zone_kind kind;
	struct dname name;
	const struct proto_catalog *catalog;
};

struct view {
	unsigned refs;
	struct proto_conf conf; /* keys in order of name */
	struct view_zone *zones;
	size_t n_zones;
	struct dname *reserved; /* names of the catalogs: all zones lie below */
};

struct view *view_new(const struct proto_conf *conf);
struct view *view_ref(struct view *view);
void view_unref(struct view *view); /* takes NULL */

/* NULL: no such key. */
const struct proto_key *view_find_key(const struct view *view,
    const struct dname *name);
/* The zone a name lies in, the deepest of several; NULL: none of ours. */
const struct view_zone *view_zone_of(const struct view *view, const struct dname *name);
/* By its number in the store; NULL: none. */
const struct proto_catalog *view_catalog(const struct view *view, uint8_t nr);
/* The nth backend that serves the catalog; NULL past the last. */
const struct proto_backend *view_backend(const struct view *view, uint8_t catalog,
    size_t n);

#endif
