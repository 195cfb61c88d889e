/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_FOLLOW_H
#define AGENT_PROTO_FOLLOW_H

#include "agent/proto/core.h"

/*
 * Catalogs that are followed: their primaries are asked by SOA, IXFR and AXFR, at
 * the times the SOA tells or when a NOTIFY says so, and every valid version becomes
 * ours as one change.
 */

/* Make the list that of the configuration; reads the store for new ones. */
void follow_sync(struct proto *proto);
/* Do what is due; when something is next. */
void follow_run(struct proto *proto);
uint64_t follow_next(const struct proto *proto);
/* No more calls. */
void follow_hang_up(struct proto *proto);
/* With the last reference of proto. */
void follow_free_all(struct proto *proto);

/* Why the catalog cannot be answered from, as text for an Extended DNS Error, or
 * NULL: it can. */
const char *follow_why_not(const struct proto *proto, uint8_t catalog);
/* One that is told of a new version; primary: the number of the one that told, among
 * those of its configuration. serial NULL: it was not said. */
void follow_notified(struct proto *proto, uint8_t catalog, size_t primary,
    const uint32_t *serial);

#endif
