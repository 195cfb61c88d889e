/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_ANNOUNCE_H
#define AGENT_PROTO_ANNOUNCE_H

#include "agent/proto/core.h"

/*
 * NOTIFY (RFC 1996) to those that follow us: after every change, and once at the
 * start. By UDP, and where that is not answered by TCP, or over TLS if so configured;
 * changes that follow each other quickly go in one.
 */

void announce_sync(struct proto *proto);
/* C has another serial. */
void announce_changed(struct proto *proto, uint8_t catalog);
void announce_run(struct proto *proto);
uint64_t announce_next(const struct proto *proto);
void announce_hang_up(struct proto *proto);
void announce_free_all(struct proto *proto);

#endif
