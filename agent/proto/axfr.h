/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_AXFR_H
#define AGENT_PROTO_AXFR_H

#include "agent/proto/snapshot.h"

/* All records of C but the SOA, one at a time, in constant memory. */

struct axfr;

struct axfr *axfr_new(const struct snapshot *s);
void axfr_free(struct axfr *a); /* takes NULL */
/* rr is valid until the next call. ERR_NOTFOUND: the end. */
NODISCARD enum err axfr_next(struct axfr *a, struct rr *rr);

#endif
