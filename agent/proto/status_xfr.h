/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_STATUS_XFR_H
#define AGENT_PROTO_STATUS_XFR_H

#include "agent/proto/given.h"
#include "agent/proto/snapshot.h"

/* _status.C as a transfer gives it: all of it, or what changed (RFC 1995). */

struct status_xfr;

/*
 * Of that snapshot, which must stay. client: the serial of an IXFR, NULL for an
 * AXFR; all of it is given as well where the difference is not known, or is not
 * smaller. Its serial may be made to grow. *xfr NULL: the client has it already.
 */
NODISCARD enum err status_xfr_new(struct snapshot *s, struct store *store,
    struct givens *givens, const uint32_t *client, struct status_xfr **xfr);
void status_xfr_free(struct status_xfr *x); /* takes NULL */
/* The records without the SOAs that frame them all; valid until the next call.
 * ERR_NOTFOUND: the end. */
NODISCARD enum err status_xfr_next(struct status_xfr *x, struct rr *rr);

#endif
