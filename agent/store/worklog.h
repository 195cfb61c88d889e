/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_STORE_WORKLOG_H
#define AGENT_STORE_WORKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/store.h"
#include "lib/buf.h"
#include "lib/dname.h"

/*
 * The work log: the only door between accepting and deploying. One sequence
 * (64 bits, never reused) for the whole agent. IXFR history and _log.C are
 * views of it. Pruned by size from its old end, a little with each of some appends.
 */

enum work_kind {
	WORK_MEMBER = 1, /* a catalog went from serial_from to serial_to */
	WORK_COMMAND,    /* a verb; text */
	WORK_RELEASE,    /* the guard lets go what it held: del removals, add others */
	WORK_PATTERN,    /* patterns were read again */
	WORK_RESYNC,     /* reconcile now */
	WORK_REFUSED,    /* history only: a signed request that was refused; text */
};

enum { WORK_SOURCE_MAX = 136 };

struct work {
	uint64_t seq; /* given by worklog_append */
	enum work_kind kind;
	bool held;       /* the guard holds the removals in it: no backend sees them */
	uint8_t catalog; /* its number; 0: none */
	uint64_t time;   /* Unix */
	uint32_t serial_from, serial_to;
	char by[64]; /* key, cut to fit */
	/* Address and transport, and then, if the client told on whose behalf it came,
	 * " origin=" and that. */
	char source[WORK_SOURCE_MAX];
	/* Records taken and given, packed by work_rr_put, SOAs not among them. */
	const uint8_t *del, *add;
	size_t del_size, add_size;
	const char *text; /* never NULL when read */
};

/* A record with its owner relative to C. */
struct work_rr {
	const uint8_t *prefix; /* labels in front of C, no root */
	uint8_t prefix_size;
	uint16_t type;
	uint32_t ttl;
	uint16_t rdata_size;
	const uint8_t *rdata;
};

void work_rr_put(struct buf *out, const struct work_rr *rr);
/* Returns false at the end or on damage; *pos starts at 0. */
bool work_rr_next(const uint8_t *data, size_t size, size_t *pos, struct work_rr *rr);

/* Sets w->seq. Sticky in txn. */
void worklog_append(struct store_txn *txn, struct work *w);

/* First and last sequence present; 0 and 0 for an empty log. */
NODISCARD enum err worklog_range(struct store_txn *txn, uint64_t *first,
    uint64_t *last);

/* Since the entry of that sequence nothing was pruned; 0: nothing ever was. */
NODISCARD enum err worklog_pruned_at(struct store_txn *txn, uint64_t *seq);

/*
 * Call visit for each entry after `after`, oldest first, at most max. The entry
 * is valid only during the call. ERR_NOTFOUND: entries after `after` were
 * pruned (reconcile, or AXFR). Any other failure is that of visit.
 */
typedef enum err worklog_visit_fn(void *arg, const struct work *w);
NODISCARD enum err worklog_each(struct store_txn *txn, uint64_t after, size_t max,
    worklog_visit_fn *visit, void *arg);

/*
 * The entry by which the catalog left the serial. ERR_NOTFOUND: unknown or
 * pruned. All later entries of the catalog are then present.
 */
NODISCARD enum err worklog_find_serial(struct store_txn *txn, uint8_t catalog,
    uint32_t serial, uint64_t *seq);

#endif
