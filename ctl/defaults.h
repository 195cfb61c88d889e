/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_DEFAULTS_H
#define CTL_DEFAULTS_H

#include "ctl/options.h"
#include "lib/err.h"

/*
 * Agent, key and catalog where the command line names none: the environment
 * (NSHERD_SERVER, NSHERD_KEY, NSHERD_CATALOG), then ~/.config/nsherd/ctl.conf,
 * then /etc/nsherd/ctl.conf, the first that has it. Such a file:
 *
 *     [ctl]
 *     server  = 127.0.0.1@5300
 *     key     = ~/ctl.key
 *     catalog = catalog.example
 */
struct defaults {
	char *server, *key_file, *catalog; /* NULL: nowhere; owned */
};

/* Options first. A file that is not there is no fault, a broken one is:
 * ERR_INVALID with *where. Fini in either case. */
NODISCARD enum err defaults_load(const struct options *opt, struct defaults *d,
    struct err_where *where);
void defaults_fini(struct defaults *d);

#endif
