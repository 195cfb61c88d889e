/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_CANDIDATE_H
#define NETCONF_CANDIDATE_H

#include <stdbool.h>

#include "netconf/edit.h"
#include "netconf/zset.h"

/*
 * The candidate datastore: running, and what is to be changed in it. What others
 * change in running meanwhile is seen in it, too; but where they changed the same
 * zones, commit is refused. One for all sessions (RFC 6241 section 8.3). Any thread.
 */

struct candidate;

struct candidate *candidate_new(void);
void candidate_free(struct candidate *c); /* takes NULL */

NODISCARD enum err candidate_edit(struct candidate *c, struct edit *edit,
    struct session *session, struct fault *fault);
NODISCARD enum err candidate_commit(struct candidate *c, struct session *session,
    struct fault *fault);
void candidate_discard(struct candidate *c);
bool candidate_is_changed(struct candidate *c);
/* What is to be changed, as a set of its own; to be freed. */
void candidate_copy(struct candidate *c, struct zset *set);

/* The same for running: read, apply, and commit unless it is only a test. */
NODISCARD enum err candidate_edit_running(struct edit *edit, struct session *session,
    bool test_only, struct fault *fault);

#endif
