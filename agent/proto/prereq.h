/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_PREREQ_H
#define AGENT_PROTO_PREREQ_H

#include "agent/catalog/catalog.h"
#include "agent/proto/rrlist.h"

/*
 * The prerequisites of an UPDATE (RFC 2136 section 3.2), already prescanned,
 * against the catalog before the edit. *rcode is NOERROR when all hold, else
 * that of the first that does not, with its number in *rr.
 */
NODISCARD enum err prereq_check(struct catalog_edit *edit, const struct rrlist *list,
    unsigned *rcode, unsigned *rr);

#endif
