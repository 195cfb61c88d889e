/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_STATUS_TEXT_H
#define AGENT_PROTO_STATUS_TEXT_H

#include "agent/proto/snapshot.h"
#include "agent/store/holds.h"
#include "agent/store/status.h"
#include "lib/member.h"

/*
 * The TXT records of _status.C as text. Each call empties rdata first and puts
 * one record's strings. `pending` is derived here: the member as it is now
 * against the state as it was last seen; and so is `held`, but of strays.
 */

/* What the status needs of a member; a copy. */
struct status_member {
	struct label id;
	struct dname zone;
	uint64_t seq, changed;
	char by[64];
	char pattern[MEMBER_GROUP_MAX];
	/* The guard holds what became of it: this is as the backends see it. */
	bool is_held;
	struct hold hold;
	struct label new_id; /* the catalog's own; empty: it has none, or the same */
};

void status_member_set(struct status_member *out, const struct member *m,
    const struct proto_catalog *catalog);
/* new_id: NULL, or the one in the catalog. */
void status_member_hold(struct status_member *out, const struct hold *h,
    const struct label *new_id);

/*
 * One zone on one backend (NULL: the agent has none). m NULL: no member any
 * more; then ERR_NOTFOUND where the backend has no record of it either.
 */
NODISCARD enum err status_text_zone(const struct snapshot *s, const struct dname *zone,
    const struct status_member *m, const struct proto_backend *backend,
    struct buf *rdata);
NODISCARD enum err status_text_backend(const struct snapshot *s,
    const struct proto_backend *backend, struct buf *rdata);
NODISCARD enum err status_text_pattern(const struct snapshot *s,
    const struct pattern_status *p, struct buf *rdata);
NODISCARD enum err status_text_agent(const struct snapshot *s, struct buf *rdata);

#endif
