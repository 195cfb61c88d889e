/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_AUDIT_H
#define NETCONF_AUDIT_H

#include "lib/pool.h"
#include "lib/session.h"
#include "netconf/tree.h"

/* The last n entries of the history, asked for one by one, below `audit`. Fails with
 * session->error. */
NODISCARD enum err audit_read(struct session *session, unsigned long n,
    struct pool *pool, struct elem *audit);

#endif
