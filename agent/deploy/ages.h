/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_AGES_H
#define AGENT_DEPLOY_AGES_H

#include <stddef.h>
#include <stdint.h>

/*
 * How old an entry of the work log is. It bears the time of day, by a clock that may
 * be set; when the log ended with which entry we have seen by one that may not. So
 * what the time of day says counts within those bounds, which are as close as we
 * looked often, and a clock that is set neither puts off what waits for its age nor
 * lets it go early. Of what was there before we looked for the first time, it is
 * known how old it is at the least.
 */

enum { AGES_MAX = 64 };

struct ages {
	struct {
		uint64_t seq, first_us, last_us; /* it was the last entry then */
	} seen[AGES_MAX];
	size_t n;
};

/* The log ends with seq at now_us (monotonic). span_us: the age that is of interest. */
void ages_note(struct ages *a, uint64_t seq, uint64_t now_us, uint64_t span_us);
/* Of entry seq at now_us; told_us: what the time of day makes of it. */
uint64_t ages_of(const struct ages *a, uint64_t seq, uint64_t told_us, uint64_t now_us);

#endif
