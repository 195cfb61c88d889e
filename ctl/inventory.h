/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_INVENTORY_H
#define CTL_INVENTORY_H

#include "ctl/ctl.h"
#include "ctl/row.h"
#include "lib/observed.h"

/* The table of all _status records of one kind: backends, patterns. */
enum exit_status inventory_run(struct ctl *ctl, enum observed_kind kind,
    const struct row_table *table);

#endif
