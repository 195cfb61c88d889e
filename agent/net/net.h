/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_NET_NET_H
#define AGENT_NET_NET_H

#include <stddef.h>

#include "agent/proto/proto.h"
#include "lib/addr.h"
#include "lib/err.h"

/*
 * Sockets of the agent: UDP, TCP and TLS, on one libuv loop. Carries out the
 * effects of agent/proto.
 */

struct net;
struct tls_ctx;
struct uv_loop_s;

struct net_conf {
	const struct addr *listen;
	size_t n_listen;
	const struct addr *listen_tls;
	size_t n_listen_tls;
	struct tls_ctx *tls;      /* of a server; may be NULL without listen_tls */
	unsigned max_connections; /* 0: 1000, TCP and TLS together */
	unsigned max_transfers;   /* 0: 500; with one more its connection is closed */
	unsigned idle_s;          /* 0: 60; a connection without traffic is closed */
	unsigned stall_s;         /* 0: 10; a transfer without progress is closed, and
				   * a TLS handshake that takes longer */
	unsigned transfer_s;      /* 0: 120; oldest snapshot of a transfer */
};

/* The effects to hand to proto_new(); peers are this room's own. */
extern const struct proto_effects net_effects;

/* ERR_IO: an address cannot be bound; where says which and why, and as its file the
 * setting. */
NODISCARD enum err net_open(struct uv_loop_s *loop, const struct net_conf *conf,
    struct proto *proto, struct err_where *where, struct net **net);
/* What is listened on, in order of conf; a port 0 there (tests) was chosen by the
 * system. NULL past the last. */
const struct addr *net_address(const struct net *net, size_t n);
const struct addr *net_tls_address(const struct net *net, size_t n);
/*
 * Other addresses, and certificates for the connections that come from now on.
 * net_prepare opens the sockets that are new; ERR_IO: one cannot be, where says
 * which, and all is as it was. net_commit puts them in place and closes those that
 * are not in conf; requests that came by these are answered, and connections live
 * on. Within one callback of the loop: the two, or net_cancel, free change. Where a
 * new address takes in an old one, such as all of a machine's, that is closed before
 * the new one is opened. The limits in conf are not looked at.
 */
struct net_change;
NODISCARD enum err net_prepare(struct net *net, const struct net_conf *conf,
    struct err_where *where, struct net_change **change);
void net_cancel(struct net_change *change); /* takes NULL */
void net_commit(struct net_change *change);
/* Stops listening and reading, and closes every connection once the replies that
 * are due have left, after a second in any case; the loop must run until its handles
 * are closed, then closed() is called and *net is freed. */
void net_close(struct net *net, void (*closed)(void *arg), void *arg);

#endif
