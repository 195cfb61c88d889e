/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_LOG_ZONE_H
#define AGENT_PROTO_LOG_ZONE_H

#include "agent/catalog/catalog.h"
#include "agent/proto/snapshot.h"

/*
 * _log.C as a zone: <seq>._log.C TXT, the entries of the work log that are about
 * C or the agent as a whole. Its SOA is not in the walk.
 */

/* As catalog_each_at(). */
NODISCARD enum err log_zone_each_at(const struct snapshot *s, const struct dname *owner,
    uint16_t type, catalog_rr_fn *fn, void *arg, bool *exists);

struct log_walk;
struct log_walk *log_walk_new(const struct snapshot *s);
/* What was added since the client's serial, as a difference (RFC 1995). NULL: the
 * serial is unknown, or entries were pruned since and would have to be told. */
struct log_walk *log_walk_new_since(const struct snapshot *s, uint32_t serial);
void log_walk_free(struct log_walk *w); /* takes NULL */
/* rr is valid until the next call. ERR_NOTFOUND: the end. */
NODISCARD enum err log_walk_next(struct log_walk *w, struct rr *rr);

#endif
