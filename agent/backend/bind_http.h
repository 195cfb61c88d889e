/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_BIND_HTTP_H
#define AGENT_BACKEND_BIND_HTTP_H

#include <stddef.h>

#include "agent/backend/backend.h"
#include "agent/backend/chan.h"
#include "lib/addr.h"
#include "lib/err.h"

typedef enum err bind_http_fn(void *arg, const char *data, size_t size);

/*
 * GET of named's statistics channel: fn has the body piece by piece. ERR_FORM:
 * no such answer; else as of chan.h, or what fn returned.
 */
NODISCARD enum err bind_http_get(struct chan *chan, const struct addr *addr,
    const char *path, bind_http_fn *fn, void *arg, struct backend_error *why);

#endif
