/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_KNOT_BATCH_H
#define AGENT_BACKEND_KNOT_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/backend/backend.h"
#include "agent/backend/knot.h"
#include "lib/err.h"

/* What the three files that carry out a batch share; see knot_apply.c. */

struct knot_task {
	struct backend_op *op;
	struct knot_found found;
	struct knot_items held; /* a zone to be changed: what it has */
	bool sent;              /* in the transaction under way */
};

struct knot_batch {
	struct knot *k;
	struct knot_task *tasks;
	size_t n;
	struct backend_error *why;
};

/* The zone has what its settings come to. */
void knot_task_settle_set(struct knot *k, struct knot_task *t,
    enum backend_result result);

/* ADD or CHANGE. */
bool knot_task_is_setting(const struct knot_task *t);
/* Is to be sent, as what the look at knotd makes of it. */
bool knot_task_is_addition(const struct knot_task *t);
bool knot_task_is_change(const struct knot_task *t);
bool knot_task_is_removal(const struct knot_task *t);

/* -- knot_commit.c ------------------------------------------------------------ */

/* Everything of the batch but PURGE, after the look, in its connection. Nothing
 * of it is open after OK. */
NODISCARD enum err knot_commit_batch(struct knot_batch *b);

/* -- knot_purge.c ------------------------------------------------------------- */

/* The same of PURGE. It may leave the connection. */
NODISCARD enum err knot_purge_batch(struct knot_batch *b);

#endif
