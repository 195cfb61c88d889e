/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_GRAVES_H
#define AGENT_DEPLOY_GRAVES_H

#include "agent/deploy/batch.h"

struct engine;

/* Now and then: the data of zones removed longer ago than the catalog's
 * purge-after. */
void graves_step(struct engine *e, struct batch *b);

#endif
