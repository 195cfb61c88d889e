/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_IXFR_H
#define AGENT_PROTO_IXFR_H

#include "agent/proto/snapshot.h"

/* IXFR of C (RFC 1995): a view of the work log. */

/*
 * The log entry to begin with for a client that has the serial. ERR_NOTFOUND:
 * unknown, pruned, the SOA was changed since, or an AXFR would be smaller.
 */
NODISCARD enum err ixfr_find(const struct snapshot *s, uint32_t serial, uint64_t *seq);

struct ixfr;

/* The differences without the SOAs that frame them all. */
struct ixfr *ixfr_new(const struct snapshot *s, uint64_t seq, uint32_t serial);
void ixfr_free(struct ixfr *x); /* takes NULL */
/* rr is valid until the next call. ERR_NOTFOUND: the end. */
NODISCARD enum err ixfr_next(struct ixfr *x, struct rr *rr);

#endif
