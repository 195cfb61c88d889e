/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_RIGHTS_H
#define AGENT_PROTO_RIGHTS_H

#include <stdbool.h>

#include "agent/proto/proto.h"
#include "lib/member.h"

/*
 * What a key may do. A key with zones or patterns is narrowed: it deals with
 * members of such zones and patterns alone, and what does not exist is to it as
 * what it may not see.
 */

bool rights_have(const struct proto_key *key, enum right right);
bool rights_narrowed(const struct proto_key *key);

bool rights_zone(const struct proto_key *key, const struct dname *zone);
bool rights_pattern(const struct proto_key *key, const char *pattern);
/* Its zone, and all its groups; without a group, the catalog's default. */
bool rights_member(const struct proto_key *key, const struct proto_catalog *catalog,
    const struct member *m);
/* A node of an UPDATE, before and after; NULL: no member there. */
bool rights_node(const struct proto_key *key, const struct proto_catalog *catalog,
    const struct member *before, const struct member *after);

#endif
