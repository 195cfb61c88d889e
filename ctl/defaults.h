/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_DEFAULTS_H
#define CTL_DEFAULTS_H

#include "ctl/options.h"
#include "lib/err.h"

/*
 * Agent, key, catalog and TLS where the command line names none: the environment
 * (NSHERD_SERVER, NSHERD_KEY, NSHERD_CATALOG, NSHERD_TLS, NSHERD_TLS_CA,
 * NSHERD_TLS_CERT, NSHERD_TLS_KEY), then ~/.config/nsherd/ctl.conf, then
 * /etc/nsherd/ctl.conf, the first that has it. Such a file:
 *
 *     [ctl]
 *     server  = 192.0.2.1
 *     key     = ~/ctl.key
 *     catalog = catalog.example
 *     tls     = hub.example
 *     tls-ca  = ~/ca.pem
 */
struct defaults {
	char *server, *key_file, *catalog;       /* NULL: nowhere; owned */
	char *tls, *tls_ca, *tls_cert, *tls_key; /* tls "-": none wanted */
};

/* Options first. A file that is not there is no fault, a broken one is:
 * ERR_INVALID with *where. Fini in either case. */
NODISCARD enum err defaults_load(const struct options *opt, struct defaults *d,
    struct err_where *where);
void defaults_fini(struct defaults *d);

#endif
