/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_OUTCOME_H
#define AGENT_DEPLOY_OUTCOME_H

#include "agent/deploy/batch.h"
#include "agent/deploy/judge.h"
#include "agent/deploy/record.h"

/* What came of a batch: on record, and under watch until it is seen. */

/* Into the ledger before the command is sent. */
void outcome_intent(struct engine *e, struct record *r, const struct item *it,
    enum backend_op_kind kind);
/* The native pattern could not be made: the item becomes a note. */
void outcome_refused(struct item *it, enum backend_result result, const char *text);
/* Once it is known what each item comes to, and before any of these: */
void outcome_begin(struct batch *b);
/* The operations before `to`, which the driver is done with; others follow. */
void outcome_portion(struct batch *b, size_t to);
/* Every item, after the driver is done or could not be reached. */
void outcome_record(struct batch *b);
/* A removed zone was seen gone: the ledger entry, the grave, the note. */
void outcome_gone(struct engine *e, struct record *r, const struct ledger_entry *entry);
/* Advance the mark and the backend's status, if there is anything new. */
void outcome_mark(struct engine *e, struct record *r);

#endif
