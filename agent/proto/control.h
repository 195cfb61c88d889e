/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_CONTROL_H
#define AGENT_PROTO_CONTROL_H

#include "agent/proto/update.h"

/*
 * The verbs about the connection itself: begin, commit, abort, lock, unlock, at
 * _all._command.C, each alone in its UPDATE. They end with the connection.
 * Begin, commit and abort need the right `update`, the others `admin`.
 */

/* Is there one among the records? Sets u->control. Returns the reason why it
 * cannot be, or NULL. */
const char *control_scan(struct update *u, const struct dname *apex);

/* In the loop's thread, when it has come: begin opens the collection, commit and
 * abort close it. Returns a reason to refuse it, or NULL. */
const char *control_take(struct update *u);
/* An UPDATE of C: staged, when there is a transaction for it. The same. */
const char *control_stage(struct update *u, const struct msg *msg);
/* In the writer. */
NODISCARD enum err control_run(struct store_txn *txn, struct update *u);
/* In the loop's thread, once it was committed, or was not. */
void control_done(struct update *u);

/* The connection ends. */
void control_end(struct proto_session *session);
/* A message on the connection was lost or refused before it was understood. */
void control_spoil(struct proto_session *session);

#endif
