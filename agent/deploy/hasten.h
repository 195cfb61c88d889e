/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_HASTEN_H
#define AGENT_DEPLOY_HASTEN_H

struct engine;

/*
 * At the start, in the engine's thread: zones whose retry was put off for more than a
 * minute are due now. Their times are of the run before, whose clock may have been
 * hours ahead; and who starts the agent again expects to have them tried.
 */
void hasten_retries(struct engine *e);

#endif
