/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_CONNECT_H
#define CTL_CONNECT_H

#include <stdbool.h>

#include "ctl/ctl.h"
#include "ctl/defaults.h"
#include "lib/memberlist.h"
#include "lib/session.h"
#include "lib/tls.h"

/* The session of a command: where it goes, by options, environment and files. */

/* Where to and as whom; texts as on the command line, NULL: not told. */
struct connect_way {
	const char *server, *key_file, *catalog, *tls; /* tls NULL or "-": none */
	struct tls_files tls_files;
};

/* What options and defaults say; it borrows from both. Anything but EXIT_DONE was
 * said on stderr. Fini of d in any case. */
NODISCARD enum exit_status connect_way_of(const struct options *opt, struct defaults *d,
    struct connect_way *way);
/*
 * Ready to connect, not connected. A key or certificates that `like` (NULL: nobody)
 * has from the same files are not read again. Anything but EXIT_DONE was said on
 * stderr. session_close() in any case.
 */
NODISCARD enum exit_status connect_prepare(struct session *s,
    const struct connect_way *way, const struct session *like);

/*
 * Connect as the options and defaults say. Anything but EXIT_DONE was said on
 * stderr. Call session_close() in any case.
 */
NODISCARD enum exit_status connect_open(struct session *s, const struct ctl *ctl);

/*
 * An agent that follows another refused, and told which: connect to that one, for
 * all that comes. By TLS, if the refusal names whom to expect there, or if the session
 * is by TLS. False: it did not tell, or told of one that cannot be reached so; the
 * session is then as it was.
 */
bool connect_move(struct session *s, const struct msg *msg);
/* After moves, connect to the agent that the user named again. Fails with s->error. */
NODISCARD enum err connect_return(struct session *s);

/* memberlist_load(), with a progress bar. */
NODISCARD enum err connect_read_members(struct session *s, struct memberlist *members);

#endif
