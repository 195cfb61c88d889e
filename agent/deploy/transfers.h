/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_TRANSFERS_H
#define AGENT_DEPLOY_TRANSFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dname.h"
#include "lib/settings.h"

/*
 * The new secondaries of one backend whose first transfer is still to come, as far
 * as the agent knows: given to the server, and not seen to be served. Counted for
 * each primary on its own, the first of a zone's list, so that the zones of one that
 * is away hold up no others. One that takes longer than the patience is not counted
 * any more: the server has to see to it, and others have their turn. One thread.
 */

enum { TRANSFER_GROUP_SLOTS = 256 };

struct transfer;
struct transfer_group;

struct transfers {
	unsigned max;         /* for each primary; 0: no limit */
	uint64_t patience_us; /* that long does one count */
	struct transfer **slots;
	size_t n_slots, n;
	struct transfer *first, *last; /* in order of time */
	struct transfer_group *groups[TRANSFER_GROUP_SLOTS];
};

void transfers_init(struct transfers *t, unsigned max, unsigned patience_s);
void transfers_fini(struct transfers *t);
/* May one more zone of that primary be given to the server? */
bool transfers_have_room(struct transfers *t, const struct settings *s);
/* It was, or is about to be. One that is counted already stays as it is. */
void transfers_begin(struct transfers *t, const struct dname *zone,
    const struct settings *s, uint64_t now_us);
/* It is served, or gone, or was not given after all. Others are no matter. */
void transfers_end(struct transfers *t, const struct dname *zone);
/* Those that took too long; how many. */
size_t transfers_expire(struct transfers *t, uint64_t now_us);
/* When the next will have; UINT64_MAX: there is none. */
uint64_t transfers_next_us(const struct transfers *t);

#endif
