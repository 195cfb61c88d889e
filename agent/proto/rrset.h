/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_RRSET_H
#define AGENT_PROTO_RRSET_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/rr.h"

/* Records of any owner in a buffer, to be compared; class IN, TTL 0. */

void rrset_put(struct buf *set, const struct rr *rr);
/* The record at *pos, which starts at 0; rr borrows from the set. False: no more. */
bool rrset_next(const struct buf *set, size_t *pos, struct rr *rr);
/* The next one that the other set lacks. */
bool rrset_next_missing(const struct buf *set, const struct buf *other, size_t *pos,
    struct rr *rr);

#endif
