/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_TELEMETRY_H
#define AGENT_TELEMETRY_H

#include "lib/addr.h"
#include "lib/err.h"

/*
 * What the agent publishes of itself, see agent/metrics: gathers the facts from the
 * store, whenever somebody asks, and has the listener follow the configuration.
 * Everything here is of the loop's thread.
 */

struct conf;
struct rooms;
struct telemetry;
struct telemetry_change;

/* Publishes nothing before the first change. rooms must live as long, with store and
 * deploy. */
struct telemetry *telemetry_new(struct rooms *rooms);
void telemetry_free(struct telemetry *t); /* takes NULL */

/* In two steps, as in a reload. The conf was wired. ERR_IO: an address cannot be
 * listened on, and nothing has happened; where says which. */
NODISCARD enum err telemetry_prepare(struct telemetry *t, const struct conf *conf,
    struct err_where *where, struct telemetry_change **change);
void telemetry_cancel(struct telemetry_change *change); /* takes NULL */
void telemetry_commit(struct telemetry_change *change);

/* Every second or so: ends what takes too long. */
void telemetry_tick(struct telemetry *t);

const struct addr *telemetry_address(const struct telemetry *t, size_t n);

#endif
