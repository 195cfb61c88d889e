/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_ASK_H
#define CTL_ASK_H

#include <stddef.h>

#include "ctl/orders.h"
#include "lib/dname.h"
#include "lib/err.h"
#include "lib/session.h"

/* Many questions over one connection, several on their way at once. */

/* The name to ask for, number i. ERR_NOTFOUND: none, go on with the next. */
typedef enum err ask_name_fn(void *arg, size_t i, struct dname *owner);
/* Its answer, whatever the rcode. An error ends the asking. */
typedef enum err ask_answer_fn(void *arg, size_t i, const struct msg *msg);

/* TXT queries 0 to n - 1. Fails with s->error; after any failure answers may be
 * outstanding and the session is good only for session_reopen(). */
NODISCARD enum err ask_txt(struct session *s, size_t n, ask_name_fn *name,
    ask_answer_fn *answer, void *arg);

/*
 * Find the id of every open order that has none, by the status of its zone
 * for few zones and by a transfer of the catalog for many. An order that is
 * not in the catalog, or not this key's to see, becomes ORDER_REFUSED. Fails
 * with s->error.
 */
NODISCARD enum err ask_ids(struct session *s, struct orders *orders);

/*
 * For zones that are to be added: the id that a zone had, if servers have it yet
 * because the guard holds that it is gone: so that it comes back as it was. Fails with
 * s->error.
 */
NODISCARD enum err ask_held_ids(struct session *s, struct orders *orders);

#endif
