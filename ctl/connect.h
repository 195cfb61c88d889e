/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_CONNECT_H
#define CTL_CONNECT_H

#include <stdbool.h>

#include "ctl/ctl.h"
#include "lib/memberlist.h"
#include "lib/session.h"

/* The session of a command: where it goes, by options, environment and files. */

/*
 * Connect as the options and defaults say. Anything but EXIT_DONE was said on
 * stderr. Call session_close() in any case.
 */
NODISCARD enum exit_status connect_open(struct session *s, const struct ctl *ctl);

/*
 * An agent that follows another refused, and told which: connect to that one, for
 * all that comes. By TLS, if we were told to use it, and only then. False: it did not
 * tell, or told of one that cannot be reached so; the session is then as it was.
 */
bool connect_move(struct session *s, const struct msg *msg);

/* memberlist_load(), with a progress bar. */
NODISCARD enum err connect_read_members(struct session *s, struct memberlist *members);

#endif
