/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/probe/pace.h"

#include <time.h>

static uint64_t
step_us(const struct pace *pace)
{
	uint64_t step = UINT64_C(1000000) / pace->rate;
	return step > 0 ? step : 1;
}

void
pace_init(struct pace *pace, unsigned rate, unsigned burst)
{
	*pace = (struct pace){.rate = rate, .burst = burst > 0 ? burst : 1};
}

uint64_t
pace_wait_us(const struct pace *pace, uint64_t now_us)
{
	if (pace->rate == 0)
		return 0;
	uint64_t credit = (pace->burst - 1) * step_us(pace);
	return pace->next_us > now_us + credit ? pace->next_us - now_us - credit : 0;
}

bool
pace_take(struct pace *pace, uint64_t now_us)
{
	if (pace->rate == 0)
		return true;
	if (pace_wait_us(pace, now_us) > 0)
		return false;
	if (pace->next_us < now_us)
		pace->next_us = now_us;
	pace->next_us += step_us(pace);
	return true;
}

uint64_t
pace_now_us(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}
