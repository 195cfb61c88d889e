/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_METRICS_OM_H
#define AGENT_METRICS_OM_H

#include <stdint.h>

#include "lib/buf.h"

/* The text format of OpenMetrics 1.0, a piece at a time. Failures stick in out. */

/* One metric family: its name is that of its samples, less the suffix that their type
 * has (_info, _total). unit: the end of the name, or NULL. */
void om_family(struct buf *out, const char *name, const char *type, const char *unit,
    const char *help);
/* One without a unit. */
void om_gauge(struct buf *out, const char *name, const char *help);

/* A sample is begun, given its labels, and ended by its value. */
struct om_sample {
	struct buf *out;
	unsigned n_labels;
};
struct om_sample om_begin(struct buf *out, const char *name);
void om_label(struct om_sample *s, const char *name, const char *value);
void om_end(const struct om_sample *s, uint64_t value);
void om_end_us(const struct om_sample *s, uint64_t us); /* in seconds */

/* A sample without labels, with one, and one for each state, NULL-terminated: 1 for
 * that which it is, 0 for the others; key NULL: none but the state. */
void om_plain(struct buf *out, const char *name, uint64_t value);
void om_labelled(struct buf *out, const char *name, const char *key, const char *text,
    uint64_t value);
void om_states(struct buf *out, const char *name, const char *key, const char *of,
    const char *const *states, const char *is);

#endif
