/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_NSD_CHAN_H
#define AGENT_BACKEND_NSD_CHAN_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include <openssl/types.h>

#include "agent/backend/backend.h"
#include "agent/backend/chan.h"
#include "lib/addr.h"
#include "lib/buf.h"
#include "lib/err.h"

/*
 * NSD's control protocol: one connection, one request, a reply of text lines,
 * end. NSD reads the control socket byte by byte and blocking, in the thread
 * that also does transfers and NOTIFY: a request is therefore complete in
 * memory before the connection is made, and is read while it is written.
 */

enum { NSD_LINE_MAX = 4096 };

struct nsd_chan {
	struct chan chan;
	const char *path; /* of a unix socket, the option's own text; or NULL, */
	struct addr addr; /* and then an address, with TLS */
	SSL_CTX *tls;
	/* Certificate, key and authority, and what they were when they were last read:
	 * who replaces them need not tell the agent. */
	const char *files[3];
	struct nsd_seen {
		dev_t dev;
		ino_t ino;
		off_t size;
		struct timespec changed;
	} seen[3];
	/* of the last request */
	bool sent; /* some of it may have been read: it may have had an effect */
	bool failed;
};

/*
 * From the options control, tls-cert, tls-key, tls-ca. Fails with where filled
 * and nothing held.
 */
NODISCARD enum err nsd_chan_init(struct nsd_chan *chan, const struct backend_conf *conf,
    struct err_where *where);
void nsd_chan_fini(struct nsd_chan *chan);

/* Starts a request: the magic. Add the command with its newline. */
void nsd_chan_begin(struct buf *request);

/* A line of the reply without its newline. An error ends the request. */
typedef enum err nsd_line_fn(void *arg, const char *line);

/*
 * Send and hear to the end. OK: the peer closed after a whole line. ERR_CLOSED:
 * nobody there, or closed in the middle; ERR_TIMEOUT: timeout_ms without a byte;
 * ERR_CANCELED; ERR_AUTH: TLS; ERR_IO; ERR_FORM: no text lines; or what fn
 * returned. why is filled.
 */
NODISCARD enum err nsd_chan_request(struct nsd_chan *chan, const struct buf *request,
    nsd_line_fn *fn, void *arg, struct backend_error *why);

/* A command without lists: at most 1022 octets, formatted. ERR_RANGE. */
PRINTF(5, 6)
NODISCARD enum err nsd_chan_command(struct nsd_chan *chan, nsd_line_fn *fn, void *arg,
    struct backend_error *why, const char *fmt, ...);

#endif
