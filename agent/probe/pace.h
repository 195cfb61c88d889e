/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROBE_PACE_H
#define AGENT_PROBE_PACE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * So many a second, evenly, with a small burst after a rest: the virtual
 * scheduling form of a token bucket, which needs no timer. Plain data.
 */
struct pace {
	unsigned rate;  /* a second; 0: no limit */
	unsigned burst; /* that may go at once; at least 1 */
	uint64_t next_us;
};

void pace_init(struct pace *pace, unsigned rate, unsigned burst);
/* One may go now, and is counted. */
bool pace_take(struct pace *pace, uint64_t now_us);
/* Microseconds until pace_take will be true; 0: now. */
uint64_t pace_wait_us(const struct pace *pace, uint64_t now_us);

uint64_t pace_now_us(void); /* CLOCK_MONOTONIC */

#endif
