/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_INTAKE_H
#define AGENT_DEPLOY_INTAKE_H

#include <stdbool.h>

#include "agent/deploy/batch.h"

/* Where the zones of a batch come from in the normal course. */

/* Those that were named while they were under way. */
void intake_again(struct batch *b);
/* The log after the mark. Returns whether there is more of it. */
bool intake_log(struct batch *b);
/* Retries that are due. */
void intake_due(struct batch *b);
/* Additions that were put off, in the order of the log. */
void intake_late(struct batch *b);

#endif
