/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_ADAPT_H
#define AGENT_DEPLOY_ADAPT_H

/*
 * A running engine takes other keys and catalogs. In its thread, between two
 * turns, so that nothing else holds what is exchanged.
 */

struct deploy_backend_conf;
struct engine;

/* Takes next, of setup_copy. */
void adapt_conf(struct engine *e, struct deploy_backend_conf *next);
/* What the server could not take of the keys, once more when it is time. */
void adapt_retry(struct engine *e);

#endif
