/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_COUNTERS_H
#define LIB_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the program has done since its start, in numbers. Like the log this is one
 * thing that every thread and every room shares: they add, and whoever publishes the
 * numbers reads. Nothing is decided by them, so that no order among them is needed.
 */

enum {
	COUNTERS_RCODES = 24,    /* and what is above counts as the last */
	COUNTERS_CATALOGS = 256, /* by their number in the store; 0: none of ours */
	COUNTERS_BACKENDS = 256, /* the same */
	COUNTERS_BOUNDS = 13,
};

enum count_transport { COUNT_UDP, COUNT_TCP, COUNT_TLS, COUNT_TRANSPORTS };
enum count_stranger {
	COUNT_UNSIGNED,
	COUNT_BADKEY,
	COUNT_BADSIG,
	COUNT_BADTIME,
	COUNT_BADTRUNC,
	COUNT_TSIG_FORM,
	COUNT_STRANGERS
};
enum count_direction { COUNT_IN, COUNT_OUT, COUNT_DIRECTIONS };
enum count_transfer { COUNT_AXFR, COUNT_IXFR, COUNT_TRANSFERS };
enum count_outcome { COUNT_OK, COUNT_FAILED, COUNT_OUTCOMES };
enum count_op { COUNT_REMOVE, COUNT_PURGE, COUNT_CHANGE, COUNT_ADD, COUNT_OPS };
enum count_result {
	COUNT_DONE,
	COUNT_CONFLICT,
	COUNT_RETRY,
	COUNT_REJECTED,
	COUNT_UNKNOWN,
	COUNT_RESULTS
};
enum count_store { COUNT_STORE_CATALOG, COUNT_STORE_STATUS, COUNT_STORES };

typedef _Atomic uint64_t counter;

/* How long something took: how often not more than each bound and more than the one
 * before; the last is for what took longer than all. */
struct histogram {
	counter n[COUNTERS_BOUNDS + 1];
	counter sum_us;
};

struct counters {
	counter requests[COUNT_TRANSPORTS];
	counter responses[COUNTERS_RCODES];
	counter strangers[COUNT_STRANGERS];
	counter updates[COUNTERS_CATALOGS][COUNTERS_RCODES];
	counter transfers[COUNTERS_CATALOGS][COUNT_DIRECTIONS][COUNT_TRANSFERS]
			 [COUNT_OUTCOMES];
	counter connections[COUNT_TRANSPORTS]; /* open now */
	counter ops[COUNTERS_BACKENDS][COUNT_OPS][COUNT_RESULTS];
	struct histogram commits[COUNT_STORES];
};

extern struct counters counters;

/* In microseconds, ascending. */
extern const uint64_t counters_bounds_us[COUNTERS_BOUNDS];

static inline void
counter_add(counter *c)
{
	atomic_fetch_add_explicit(c, 1, memory_order_relaxed);
}

/* Of what is now, and can be less again. */
static inline void
counter_drop(counter *c)
{
	atomic_fetch_sub_explicit(c, 1, memory_order_relaxed);
}

static inline uint64_t
counter_get(const counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

static inline size_t
counters_rcode(unsigned rcode)
{
	return rcode < COUNTERS_RCODES ? rcode : COUNTERS_RCODES - 1;
}

void histogram_add(struct histogram *h, uint64_t us);

#endif
