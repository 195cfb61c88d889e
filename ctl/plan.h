/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_PLAN_H
#define CTL_PLAN_H

#include "ctl/ctl.h"
#include "ctl/diff.h"
#include "ctl/orders.h"
#include "lib/memberlist.h"
#include "lib/session.h"

/* What plan and sync have in common: the file, the catalog, the difference. */
struct plan {
	struct session s;
	struct orders orders;      /* what the file says */
	struct memberlist members; /* what the catalog has */
	struct diff diff;
};

/* Anything but EXIT_DONE was said on stderr. plan_fini() in any case. */
NODISCARD enum exit_status plan_make(struct plan *plan, const struct ctl *ctl);
void plan_fini(struct plan *plan);

/* The difference: a table of at most max_rows (the rest is counted), and a line. */
void plan_print(const struct plan *plan, const struct ctl *ctl, size_t max_rows);

#endif
