/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_COMMAND_H
#define AGENT_PROTO_COMMAND_H

#include "agent/proto/update.h"

/*
 * An UPDATE of _command.C: verbs, each the addition of a TXT record
 *
 *     <zone>._command.C      "<verb>" ["backend=<name>"]
 *     <id>._id._command.C    the same, for names that do not fit there
 *     _all._command.C        for every zone, or none in particular
 *
 * What is accepted becomes one entry of the work log.
 */

/* What needs no state. Returns the reason why not, with *rr, or NULL. */
const char *command_scan(const struct update *u, unsigned *rr);

/* In the writer: all records or none. A refusal is OK, with rcode and why. */
NODISCARD enum err command_run(struct store_txn *txn, struct update *u);

/* The entry of the work log for verbs that were taken. */
NODISCARD enum err command_append(struct store_txn *txn, struct update *u,
    struct buf *text);

#endif
