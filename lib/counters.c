/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/counters.h"

struct counters counters;

const uint64_t counters_bounds_us[COUNTERS_BOUNDS] = {500, 1000, 2500, 5000, 10000,
    25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000};

void
histogram_add(struct histogram *h, uint64_t us)
{
	size_t i = 0;
	while (i < COUNTERS_BOUNDS && us > counters_bounds_us[i])
		i++;
	counter_add(&h->n[i]);
	atomic_fetch_add_explicit(&h->sum_us, us, memory_order_relaxed);
}
