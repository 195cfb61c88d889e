/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_NET_UDP_H
#define AGENT_NET_UDP_H

#include "agent/net/hub.h"
#include "lib/addr.h"
#include "lib/err.h"

/*
 * A UDP socket. Several datagrams are read, and several replies written, by one
 * system call. On a wildcard address a reply leaves from the address that the
 * request came to.
 */

struct udp;

/* ERR_IO: errno tells. addr's port must not be 0. */
NODISCARD enum err udp_open(struct hub *hub, const struct addr *addr, struct udp **udp);
/* The agent ends: read no more requests. */
void udp_drain(struct udp *udp);
/* Every request that was read is answered, and the answer sent. */
bool udp_is_drained(const struct udp *udp);
/* Asynchronous: freed in its close callback. */
void udp_close(struct udp *udp);

/* Queue a reply; sent by the next udp_settle(). Dropped when too many wait. */
void udp_reply(struct udp *udp, const struct addr *to, const uint8_t *msg, size_t size);
/* Send what is queued; stop or resume reading. */
void udp_settle(struct udp *udp);

#endif
