/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_NET_TCP_H
#define AGENT_NET_TCP_H

#include "agent/net/hub.h"
#include "lib/addr.h"
#include "lib/err.h"

/* A listening TCP socket: it makes connections of what it accepts. */

struct tcp;

/* is_tls: with TLS from the first octet on. ERR_IO: errno tells. A port of 0 is one
 * of the system's choice; *addr then gets it. */
NODISCARD enum err tcp_open(struct hub *hub, struct addr *addr, bool is_tls,
    struct tcp **tcp);
/* Asynchronous: freed in its close callback. */
void tcp_close(struct tcp *tcp);

#endif
