/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_FETCH_H
#define NETCONF_FETCH_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/dname.h"
#include "lib/err.h"
#include "lib/memberlist.h"
#include "lib/rr.h"
#include "lib/session.h"

/*
 * Some zones out of many, by two questions each, many of them on their way at once:
 * its status tells the id, and under that is all of the member.
 */

/* A record of the status of zone i. */
typedef void fetch_status_fn(void *arg, size_t i, const struct rr *rr);

struct fetch {
	struct session *session;
	const struct dname *zones;
	size_t n;
	struct memberlist *members; /* filled; those that are none are missing */
	struct label *held_ids; /* NULL, or n: ids that servers have of zones that the
				 * guard holds: to come back under */
	bool *hidden; /* NULL, or n: set for those that the key may not know of, which
		       * are ERR_DENIED without it */
	fetch_status_fn *on_status; /* NULL: nobody wants to know */
	void *arg;
	/* set by fetch_zones() */
	const struct dname *refused; /* the zone of ERR_DENIED */
	struct label *ids;
	size_t n_odd; /* whose status stands under an id that is not known */
};

/* ERR_DENIED: refused. Fails with session->error. members is to be freed in any case.
 */
NODISCARD enum err fetch_zones(struct fetch *f);

#endif
