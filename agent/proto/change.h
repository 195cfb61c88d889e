/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_CHANGE_H
#define AGENT_PROTO_CHANGE_H

#include <stdbool.h>

#include "agent/catalog/catalog.h"
#include "agent/proto/update.h"

/*
 * One change of C, made of one UPDATE or of several in their order (RFC 2136
 * section 3): rights over all they touch, then each one's prerequisites against
 * what those before it left, then the net after-image, then one serial. Rights
 * come first, so that nobody learns from the rest what he may not see.
 *
 * In the writer's thread. A refusal is OK, with rcode and why of the update.
 */
struct change {
	struct update *u; /* the request it is for: key, catalog, outcome */
	struct catalog_edit *edit;
	unsigned *first; /* of each part: how many records came before it */
	unsigned n_parts, room, n_rrs;
	bool denied; /* a record cannot be applied; why tells */
	/* The first prerequisite that does not hold; NOERROR: all do. */
	unsigned prereq_rcode, prereq_part, prereq_rr;
};

NODISCARD enum err change_begin(struct change *c, struct store_txn *txn,
    struct update *u, size_t bytes_max);
/* The next UPDATE's records, prescanned; copied. */
NODISCARD enum err change_add(struct change *c, const struct rrlist *prereqs,
    const struct rrlist *updates);
/* Judges and writes. The outcome is in the update. */
NODISCARD enum err change_end(struct change *c);
void change_fini(struct change *c);

#endif
