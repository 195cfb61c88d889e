/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_QUERY_H
#define AGENT_PROTO_QUERY_H

#include "agent/proto/core.h"

/* Takes a signed query and answers it, transfers included. */
void query_receive(struct request *req);

#endif
