/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_COMMIT_H
#define NETCONF_COMMIT_H

#include "lib/session.h"
#include "netconf/fault.h"
#include "netconf/zset.h"

enum commit_end {
	COMMIT_DONE,   /* on the agent's disk; or nothing was to be changed */
	COMMIT_MOVED,  /* somebody changed those zones meanwhile: nothing was done */
	COMMIT_FAILED, /* the fault says why: nothing was done, or it says it may be */
};

/*
 * What the set says, as one change of the catalog or none: an UPDATE, or begin,
 * UPDATEs and commit. Each zone's records are prerequisites: of its member alone if
 * loose, for the sake of records that cannot be told exactly.
 */
enum commit_end commit_run(struct session *session, struct zset *set, bool loose,
    struct fault *fault);

#endif
