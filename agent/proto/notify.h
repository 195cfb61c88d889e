/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_NOTIFY_H
#define AGENT_PROTO_NOTIFY_H

#include "agent/proto/core.h"

/* Takes a NOTIFY (RFC 1996): from the address of a primary of a catalog that is
 * followed, signed or not, or signed with its key, it has the SOA asked for. False,
 * and not answered: an unsigned one of anybody else. */
bool notify_receive(struct request *req);

#endif
