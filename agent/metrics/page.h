/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_METRICS_PAGE_H
#define AGENT_METRICS_PAGE_H

#include "agent/metrics/facts.h"
#include "lib/buf.h"

/* The facts as one page for people, which is only read: lib/html. */
void page_write(struct buf *out, const struct facts *f);

#endif
