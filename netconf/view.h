/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_VIEW_H
#define NETCONF_VIEW_H

#include "lib/buf.h"
#include "netconf/filter.h"
#include "netconf/gateway.h"
#include "netconf/zset.h"

/* The zones of a reply: which ones, from where, as text. */

enum { VIEW_ENTRIES_MAX = 4096 };

struct view {
	struct request *rq;
	const struct filter *filter;
	bool config_only;
	const struct zset *changes; /* of the candidate; NULL: running */
	size_t max_zones;           /* 0: as many as the text has room for */
	/* set by view_plan() */
	const struct elem **entries; /* filters of one zone */
	size_t n_entries;
	bool wants_zones, whole, wants_state;
	struct dname *keys; /* all the zones that can pass; NULL: who knows */
	size_t n_keys;
	struct buf *out;
};

void view_plan(struct view *v);
void view_fini(struct view *v);
/* Append the zones that pass. ERR_SPACE: more than max-reply; all with the fault. */
NODISCARD enum err view_zones(struct view *v, struct buf *out);

#endif
