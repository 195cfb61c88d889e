/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_EDIT_H
#define NETCONF_EDIT_H

#include <stdbool.h>

#include "netconf/fault.h"
#include "netconf/tree.h"
#include "netconf/zset.h"

/*
 * The configuration of an edit-config (RFC 6241 section 7.2), applied to zones: pure,
 * no agent is asked here.
 */

enum edit_op {
	EDIT_MERGE,
	EDIT_REPLACE,
	EDIT_CREATE,
	EDIT_DELETE,
	EDIT_REMOVE,
	EDIT_NONE,
};

struct edit {
	const struct elem *config; /* its children are what was sent */
	enum edit_op default_op;
	bool whole; /* set by edit_scan(): all zones of the catalog are touched */
};

/* The names of the zones that it is about, into the set, which is sorted then. Only
 * what can be known without looking at the catalog is refused. */
NODISCARD enum err edit_scan(struct edit *edit, struct zset *set, struct fault *fault);

/* What the zones are to be, starting from what the set says that they are. */
NODISCARD enum err edit_apply(const struct edit *edit, struct zset *set,
    struct fault *fault);

#endif
