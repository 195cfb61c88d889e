/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_ZONETREE_H
#define NETCONF_ZONETREE_H

#include "lib/observed.h"
#include "lib/pool.h"
#include "lib/props.h"
#include "lib/rr.h"
#include "netconf/tree.h"

/* One zone, and what is told of the agent, as the module nsherd has it. */

/* `zone`, below parent. id NULL: that is not wanted. */
struct elem *zonetree_zone(struct pool *pool, struct elem *parent, const char *domain,
    const struct props *props, const struct label *id);
/* One `backend-state` of it. */
void zonetree_state(struct pool *pool, struct elem *zone, const struct rr *rr);

/* `backends`, `patterns`, `catalogs` below dns-server, each from its status record. */
void zonetree_backend(struct pool *pool, struct elem *backends, const char *name,
    const struct rr *rr);
void zonetree_pattern(struct pool *pool, struct elem *patterns, const char *name,
    const struct rr *rr);
void zonetree_catalog(struct pool *pool, struct elem *catalogs, const char *name,
    const struct rr *rr);

/* A state that the module has, or NULL. */
const char *zonetree_known_state(const char *state);

#endif
