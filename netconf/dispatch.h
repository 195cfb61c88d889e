/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_DISPATCH_H
#define NETCONF_DISPATCH_H

struct lyd_node;
struct ly_ctx;
struct nc_session;
struct nc_server_reply;

/* What the library calls for each RPC and action, in the thread that polls. */
struct nc_server_reply *dispatch_run(struct lyd_node *rpc, struct nc_session *session);
/* Before nc_server_init(): operations for which the library has something of its own.
 */
void dispatch_claim(const struct ly_ctx *ctx);

#endif
