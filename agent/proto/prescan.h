/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_PRESCAN_H
#define AGENT_PROTO_PRESCAN_H

#include "agent/proto/rrlist.h"

/* The form of an UPDATE's sections, before anything is looked up. Returns the
 * rcode; *rr is the number of the record at fault. */

/* RFC 2136 section 3.2. */
unsigned prescan_prereqs(const struct rrlist *list, const struct dname *zone,
    unsigned *rr);
/* RFC 2136 section 3.4.1. */
unsigned prescan_updates(const struct rrlist *list, const struct dname *zone,
    unsigned *rr);

#endif
