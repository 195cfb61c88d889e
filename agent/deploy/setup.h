/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_SETUP_H
#define AGENT_DEPLOY_SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/deploy/deploy.h"

/*
 * Copies of what the configuration says of a backend, so that nothing here
 * depends on how long that lives, and what makes two of them differ.
 */

/* A deep copy; of the keys, a reference. */
struct deploy_backend_conf *setup_copy(const struct deploy_backend_conf *conf);
void setup_free(struct deploy_backend_conf *conf); /* takes NULL */

/* All but keys and catalogs: what a running engine does not change. A probe key with
 * another secret counts. */
bool setup_is_same(const struct deploy_backend_conf *a,
    const struct deploy_backend_conf *b);
bool setup_has_same_keys(const struct deploy_backend_conf *a,
    const struct deploy_backend_conf *b);
bool setup_has_same_catalogs(const struct deploy_backend_conf *a,
    const struct deploy_backend_conf *b);
/* NULL: it does not serve that one. */
const struct deploy_catalog *setup_catalog(const struct deploy_backend_conf *conf,
    uint8_t nr);

/* Exchange what the two have of keys; of catalogs. */
void setup_swap_keys(struct deploy_backend_conf *a, struct deploy_backend_conf *b);
void setup_swap_catalogs(struct deploy_backend_conf *a, struct deploy_backend_conf *b);

#endif
