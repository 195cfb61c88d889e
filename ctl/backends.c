/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/commands.h"
#include "ctl/inventory.h"
#include "ctl/row.h"

enum exit_status
backends_run(struct ctl *ctl)
{
	return inventory_run(ctl, OBSERVED_BACKEND, &row_backends);
}
