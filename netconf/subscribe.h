/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_SUBSCRIBE_H
#define NETCONF_SUBSCRIBE_H

#include "netconf/gateway.h"
#include "netconf/tree.h"

/* Subscriptions to the one stream (RFC 5277), without replay. */

request_fn subscribe_create;
void subscribe_end(struct peer *peer);

/* Send it to all whom it interests: the event as elements, and as libyang's tree, which
 * is taken. Who does not read is put off. */
void subscribe_send(struct gateway *gw, struct elem *event, struct lyd_node *tree);

#endif
