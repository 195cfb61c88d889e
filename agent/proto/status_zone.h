/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_STATUS_ZONE_H
#define AGENT_PROTO_STATUS_ZONE_H

#include "agent/catalog/catalog.h"
#include "agent/proto/snapshot.h"

/*
 * _status.C as a zone: by owner, and as a whole. Its SOA is not here.
 *
 *     _status.C                     TXT the agent; NS
 *     <backend>._backend._status.C  TXT
 *     <pattern>._pattern._status.C  TXT
 *     <zone>._status.C              TXT for each backend
 *     <id>._id._status.C            the same, where that name is too long, or
 *                                   its last label begins with "_"; its zone=
 *                                   is the name, in pieces if it is long
 */

/* As catalog_each_at(). key: a narrowed one sees its own zones alone, anything
 * else is ERR_DENIED. */
NODISCARD enum err status_zone_each_at(const struct snapshot *s,
    const struct proto_key *key, const struct dname *owner, uint16_t type,
    catalog_rr_fn *fn, void *arg, bool *exists);

struct status_walk;
struct status_walk *status_walk_new(const struct snapshot *s);
void status_walk_free(struct status_walk *w); /* takes NULL */
/* From the first zone on. */
struct status_walk *status_walk_new_zones(const struct snapshot *s);
/* rr is valid until the next call. ERR_NOTFOUND: the end. */
NODISCARD enum err status_walk_next(struct status_walk *w, struct rr *rr);
/* The same, but the first zone is the end. */
NODISCARD enum err status_walk_next_head(struct status_walk *w, struct rr *rr);

/* The records of one zone, with the owner they have in the walk. Reads single
 * records alone, so the snapshot may be used as of the past (past.h). */
NODISCARD enum err status_zone_each_of(const struct snapshot *s,
    const struct dname *zone, catalog_rr_fn *fn, void *arg);

/* Inside: the owner a zone has in _status.C. */
NODISCARD enum err status_zone_owner(const struct dname *apex, const struct dname *zone,
    const struct label *id, struct dname *owner);
/* Is that the zone's name below _status.C, and not its id? */
bool status_zone_fits(const struct dname *apex, const struct dname *zone);
/* <label>.<branch>._status.C; names with odd characters stay one label. */
NODISCARD enum err status_branch_owner(const struct dname *apex, const char *branch,
    const char *name, struct dname *owner);

#endif
