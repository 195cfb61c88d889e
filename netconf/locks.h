/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_LOCKS_H
#define NETCONF_LOCKS_H

#include "netconf/gateway.h"

/*
 * Locks (RFC 6241 section 7.5). That of running is the agent's, on the connection of
 * the session, so that it keeps out everybody, and ends when either program does. That
 * of the candidate is ours, for the candidate is.
 */

request_fn locks_lock, locks_unlock;

/* May this session change that datastore? Else the fault: in-use. */
enum locks_store { LOCKS_RUNNING, LOCKS_CANDIDATE };
NODISCARD enum err locks_check(struct request *rq, enum locks_store store);

/* The session has ended. */
void locks_release_all(struct peer *peer);
/* The session is to end: they are released now, unless it is busy. */
void locks_release_now(struct peer *peer);
/* The agent forgets a lock after some minutes: it is taken anew, all the time. now: the
 * agent may be another, whoever has a lock is to know whether he still has it. */
void locks_keep(struct gateway *gw, bool now);

#endif
