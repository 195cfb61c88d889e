/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_PEERS_H
#define NETCONF_PEERS_H

#include "netconf/gateway.h"

/*
 * The table of sessions. The library's own must not be asked while it polls. What is
 * borrowed from here is given back with peers_put(), or who removes a session waits
 * forever.
 */

/* NULL: no such user, or too many sessions; the session is then the caller's to free.
 */
struct peer *peers_add(struct gateway *gw, struct nc_session *nc);
/* The session ended: its locks are released, its subscription goes, nobody uses it
 * any more when this returns; then free the nc_session. */
void peers_remove(struct gateway *gw, struct nc_session *nc);
/* NULL: no such session. */
struct peer *peers_get(struct gateway *gw, uint32_t id);
/* Of the library's session, which is only compared; NULL: it has ended. */
struct peer *peers_of(struct gateway *gw, const struct nc_session *nc);
void peers_hold(struct peer *peer); /* once more */
void peers_put(struct peer *peer);

/* Each peer, borrowed for the call, without gateway.lock. */
typedef void peers_fn(void *arg, struct peer *peer);
void peers_each(struct gateway *gw, peers_fn *fn, void *arg);

#endif
