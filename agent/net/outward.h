/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_NET_OUTWARD_H
#define AGENT_NET_OUTWARD_H

#include <stddef.h>

#include "agent/proto/proto.h"
#include "lib/addr.h"
#include "lib/err.h"

/*
 * The connections that the agent makes, TCP and TLS, and what it sends by UDP, on one
 * libuv loop: they carry out what agent/proto asks of others.
 */

struct outward;
struct tls_ctx;
struct uv_loop_s;

struct outward_conf {
	/* Where we listen: calls leave from such an address, where it fits, as others
	 * know us by it. */
	const struct addr *listen;
	size_t n_listen;
	struct tls_ctx *tls; /* of a client; may be NULL if nobody is called by TLS */
};

/* To hand to proto_go_out() together with the struct outward. */
extern const struct proto_outward outward_effects;

struct outward *outward_open(struct uv_loop_s *loop, const struct outward_conf *conf);
/* Of calls from now on. Copied; a reference is held. */
void outward_set(struct outward *o, const struct outward_conf *conf);
/* After proto_leave(). Asynchronous: closed() is called when all is freed. */
void outward_close(struct outward *o, void (*closed)(void *arg), void *arg);

#endif
