/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_TRANSFER_H
#define AGENT_PROTO_TRANSFER_H

#include "agent/proto/core.h"

/* Takes a signed AXFR or IXFR query; zone: the one its name lies in, or NULL. */
void transfer_receive(struct request *req, const struct view_zone *zone);

#endif
