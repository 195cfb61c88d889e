/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_TRANSACT_H
#define CTL_TRANSACT_H

#include "ctl/diff.h"
#include "lib/memberlist.h"
#include "lib/session.h"

/*
 * A difference becomes one change of the catalog, or none: begin, UPDATEs,
 * commit, with the SOA the difference was made from as prerequisite.
 *
 * Anything but EXIT_DONE was said on stderr; then nothing was changed, unless
 * the answer to the commit was not seen, which is said.
 */
NODISCARD enum exit_status transact(struct session *s, const struct memberlist *members,
    const struct diff *diff);

#endif
