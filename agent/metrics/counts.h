/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_METRICS_COUNTS_H
#define AGENT_METRICS_COUNTS_H

#include "agent/metrics/facts.h"
#include "lib/buf.h"

/* All of lib/counters, for the catalogs and backends there are. */
void counts_write(struct buf *out, const struct facts *f);

#endif
