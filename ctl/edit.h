/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_EDIT_H
#define CTL_EDIT_H

#include "ctl/await.h"
#include "ctl/change.h"
#include "ctl/ctl.h"
#include "ctl/orders.h"

/* What add, del and set have in common: read the orders, send them, wait if
 * asked to, and say what became of each. */

/* Gives every order an id, or refuses it. Fails with s->error. */
typedef enum err edit_ids_fn(struct session *s, struct orders *orders);

struct edit {
	const struct change_kind *change;
	enum orders_lines lines;
	edit_ids_fn *ids;
	enum await_end end;
};

enum exit_status edit_run(struct ctl *ctl, const struct edit *edit);

#endif
