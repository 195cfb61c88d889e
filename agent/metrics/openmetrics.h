/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_METRICS_OPENMETRICS_H
#define AGENT_METRICS_OPENMETRICS_H

#include "agent/metrics/facts.h"
#include "agent/metrics/process.h"
#include "lib/buf.h"

#define OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/*
 * The facts, and all counters, in the text format of OpenMetrics 1.0. No series is that
 * of a zone: their number does not grow with the catalog. nsherdd(8) lists them all.
 */
void openmetrics_write(struct buf *out, const struct facts *f, const struct process *p);

#endif
