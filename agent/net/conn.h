/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_NET_CONN_H
#define AGENT_NET_CONN_H

#include "agent/net/hub.h"
#include "lib/addr.h"

struct conn;
struct proto_transfer;

/*
 * One TCP or TLS connection (RFC 7766, RFC 7858): messages behind two octets of length,
 * many of them in a row without waiting for replies, transfers in between.
 *
 * What a peer can make us hold is bounded: one message and one read of input;
 * reading stops while much output waits or many replies are outstanding.
 * Effects only queue; all sending, closing and arming happens in conn_settle().
 */

/* Takes fd, which is non-blocking; closes it on failure, which is logged. With TLS
 * the hub's certificates of this moment are the connection's until its end. */
void conn_open(struct hub *hub, int fd, const struct addr *from, bool is_tls);
/* At once, with what is queued lost; freed in its close callback. */
void conn_destroy(struct conn *conn);
/* No time is left: what the kernel takes without waiting still goes out. */
void conn_shut(struct conn *conn);

/* The effects of agent/proto. */
void conn_reply(struct conn *conn, const uint8_t *msg, size_t size);
void conn_transfer(struct conn *conn, struct proto_transfer *t);
void conn_end(struct conn *conn);

/* The agent ends: every connection takes no more requests, sends no more of a
 * transfer, and goes once the replies that are due have left. */
void conn_drain_all(struct hub *hub);
/* Settle every connection on the dirty list. */
void conn_settle_all(struct hub *hub);
/* Enforce the time limits of every connection; a few times a second. */
void conn_tick_all(struct hub *hub);
/* Close the connection that has been idle longest. False: none is idle. */
bool conn_evict(struct hub *hub);

#endif
