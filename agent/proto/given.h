/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_GIVEN_H
#define AGENT_PROTO_GIVEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/snapshot.h"
#include "lib/buf.h"

/*
 * What clients were given of _status.C: for each serial the place in the past it
 * stood for, and its head, the records that are no zone's (the agent, backends,
 * patterns), as they were first told. The head is made of counts and times from
 * everywhere; so it is kept, not worked out again. Of a bounded number of serials
 * since the start or the last reload; who has another gets all of the zone.
 */

struct given {
	uint8_t catalog;
	uint32_t serial;
	uint64_t status_past, catalog_past; /* past_number() of both */
	struct buf head;                    /* by rrset_put() */
	size_t refs;                        /* the list, each transfer */
	struct given *next;                 /* newer */
};

struct givens {
	struct given *first, **last;
	size_t n, bytes;
	/* Serials up to this one were given by another configuration. */
	bool has_floor;
	uint32_t floor;
};

void givens_init(struct givens *g);
void givens_fini(struct givens *g);
/* Nothing that was given up to that serial counts any more. */
void givens_forget(struct givens *g, uint32_t floor);

/* NULL: unknown. Valid until it is released, when held. */
struct given *givens_find(struct givens *g, uint8_t catalog, uint32_t serial);
/* Takes what head holds. NULL: a serial that must not be used; head stays. */
struct given *givens_add(struct givens *g, const struct snapshot *s, struct buf *head);
struct given *given_hold(struct given *given);
void given_release(struct given *given); /* takes NULL */

#endif
