/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_NET_HUB_H
#define AGENT_NET_HUB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <uv.h>

#include "lib/err.h"

/*
 * What the sockets of one struct net share: the loop, the limits, one buffer to
 * read into, the lists of connections. For this room only.
 */

struct conn;
struct proto;
struct tls_ctx;

/* The first member of whatever is handed to agent/proto as a peer. */
enum peer_kind { PEER_UDP, PEER_CONN };

struct peer {
	enum peer_kind kind;
};

enum {
	/* One read of a connection; also room for UDP_BATCH datagrams. */
	HUB_CHUNK = 64 << 10,
	UDP_BATCH = 16,
	/* Requests of one peer whose replies are still to come. */
	HUB_OUTSTANDING_MAX = 4096,
};

TAILQ_HEAD(conn_list, conn);

struct hub {
	uv_loop_t *loop;
	struct proto *proto;
	unsigned max_connections, max_transfers;
	uint64_t idle_ms, stall_ms, transfer_ms;
	struct tls_ctx *tls; /* of new connections; NULL: no TLS */

	uint8_t *scratch; /* UDP_BATCH * HUB_CHUNK octets, used within one callback */
	int reserve_fd;   /* given up for a moment when there is no other left */

	struct conn_list conns; /* the one that was silent longest first */
	struct conn_list
	    dirty; /* those with something to settle before the next poll */
	unsigned n_conns, n_transfers;

	uint64_t complained_ms; /* when the last complaint was logged */
	unsigned n_unsaid;      /* complaints since then */

	unsigned n_handles; /* of libuv, not yet closed */
	void (*drained)(struct hub *hub);
};

/* log_warn, but not more often than every 10 s; says how many were left out. */
PRINTF(2, 3) void hub_complain(struct hub *hub, const char *fmt, ...);

/* Count a handle; its close callback gives it back, and the last one back calls
 * drained, which may free the hub. */
void hub_hold(struct hub *hub);
void hub_release(struct hub *hub);

#endif
