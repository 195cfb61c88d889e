/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_AUDIT_H
#define NETCONF_AUDIT_H

#include "lib/pool.h"
#include "lib/session.h"
#include "netconf/tree.h"

/* The last lines of the history, at most n, below `audit`. Fails with session->error.
 */
NODISCARD enum err audit_read(struct session *session, unsigned long n,
    struct pool *pool, struct elem *audit);

#endif
