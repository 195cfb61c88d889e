/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_MOVED_H
#define AGENT_DEPLOY_MOVED_H

#include "lib/err.h"

struct engine;

/*
 * Before anything is done: is the zone directory the one that the server was told of,
 * or, if another one was configured, are the zones' files there? ERR_NOTFOUND: they
 * are where they were; where->what says so.
 */
NODISCARD enum err moved_check(struct engine *e, struct err_where *where);

#endif
