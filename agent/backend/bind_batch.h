/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_BIND_BATCH_H
#define AGENT_BACKEND_BIND_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/backend/bind.h"
#include "lib/err.h"

/* What bind_apply.c and bind_change.c share: one call of apply. */

/* A full disk may be mended at any time; of a batch only one zone tries. */
enum { BIND_FULL_RETRY_S = 60 };

struct bind_batch {
	struct bind *b;
	struct bind_task *tasks;
	size_t n;
	struct bind_lines lines; /* for the journal, when all is done */
	bool full;               /* the new-zone database is */
	struct backend_error *why;
};

/* -- bind_apply.c -- */

bool bind_is_kind(const struct bind_task *t, enum backend_op_kind kind); /* and open */
void bind_settle_foreign(struct bind_task *t);
/* In named's words. */
void bind_settle_refused(struct bind_task *t, const struct rndc_reply *reply);
/* `VERB TARGET BODY`. If it may have been carried out unseen, t is UNKNOWN. */
NODISCARD enum err bind_order(struct bind_batch *ba, struct bind_task *t,
    const char *verb, bool with_body, struct rndc_reply *reply);
NODISCARD enum err bind_find_task(struct bind_batch *ba, struct bind_task *t);
/* Not gone: it is settled. */
NODISCARD enum err bind_delete(struct bind_batch *ba, struct bind_task *t, bool *gone);
/* Out of the bulk file. */
NODISCARD enum err bind_drop_from_bulk(struct bind_batch *ba,
    bool (*which)(const struct bind_task *t));

/* -- bind_change.c -- */

NODISCARD enum err bind_apply_changes(struct bind_batch *ba);
/* One that was found. It is then settled, or renewing, or still to be added. */
NODISCARD enum err bind_change_one(struct bind_batch *ba, struct bind_task *t);
bool bind_is_renewing(const struct bind_task *t);
/* Delete those, so that they can be added. */
NODISCARD enum err bind_delete_renewing(struct bind_batch *ba);
/* named did not take it: add it again as it was. Its result stays. */
NODISCARD enum err bind_put_back(struct bind_batch *ba, struct bind_task *t);
/* Changes of zones in the bulk file, into the file. */
void bind_save_modified(struct bind_batch *ba);

#endif
