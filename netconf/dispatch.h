/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_DISPATCH_H
#define NETCONF_DISPATCH_H

struct lyd_node;
struct ly_ctx;
struct nc_session;
struct nc_server_reply;

/* What the library calls for each RPC and action, in the thread that polls. */
struct nc_server_reply *dispatch_run(struct lyd_node *rpc, struct nc_session *session);
/* The same thread, when the library has written the reply, or has polled for nothing.
 */
void dispatch_end(void);
/* Before nc_server_init(): operations for which the library has something of its own.
 */
void dispatch_claim(const struct ly_ctx *ctx);

#endif
