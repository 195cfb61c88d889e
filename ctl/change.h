/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_CHANGE_H
#define CTL_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/orders.h"
#include "lib/session.h"
#include "lib/wire.h"

/*
 * Many orders as few UPDATEs: chunks of zones, several on their way at once,
 * each guarded by prerequisites so that sending one again does no harm. A
 * chunk that is refused for one of its zones is sent again zone by zone, so
 * that each gets a verdict of its own.
 */

enum { CHANGE_CHUNK = 500, CHANGE_WINDOW = 16 };

/* What one kind of change writes for one zone; node is <id>.zones.C. */
struct change_kind {
	const char *doing, *done; /* "adding", "added" */
	/* n: how many zones of this message came before */
	void (*prereq)(const struct order *o, const struct dname *zone,
	    const struct dname *node, size_t n, struct wire_out *out);
	void (*update)(const struct order *o, const struct dname *zone,
	    const struct dname *node, struct wire_out *out);
	/* What a repeated message is answered when the first one was done. */
	unsigned again_rcode;
	bool again_proves_all; /* that answer speaks of all its zones */
};

/*
 * Send every open order that has an id; set state and reason of each. Any
 * failure of the connection was said on stderr.
 */
void change_run(struct session *s, const struct change_kind *kind,
    struct orders *orders);

#endif
