/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_STREAM_H
#define LIB_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/err.h"

/*
 * DNS messages over one TCP or TLS connection, the client's end: each has its size
 * in two octets before it (RFC 1035 section 4.2.2). Every call ends by a deadline,
 * or when a descriptor says so. While it writes it reads: both ends could else
 * wait for each other with full buffers.
 */

struct tls;
struct tls_ctx;

struct stream {
	struct addr server;
	struct tls *tls; /* NULL: plain TCP */
	int fd;          /* -1: never opened */
	int cancel_fd;   /* -1: none */
	/* What poll(2) is to wait for before reading and before writing goes on: with
	 * TLS each may have to do the other first. */
	short in_waits, out_waits;
	unsigned timeout_ms;
	enum err err;    /* sticky: the connection has ended, and why */
	char error[512]; /* the text of the last failure, or "" */
	uint8_t *in;     /* received octets: from in_pos to in_end not yet taken */
	size_t in_pos, in_end, in_room;
};

/*
 * Connect. The stream must be closed even if this fails: ERR_IO, ERR_TIMEOUT,
 * ERR_CANCELED. cancel_fd and what server points to stay the caller's.
 */
NODISCARD enum err stream_open(struct stream *s, const struct addr *server,
    unsigned timeout_ms, int cancel_fd);
void stream_close(struct stream *s);
/*
 * The same without waiting. ERR_BUSY: when the descriptor is ready for output ask
 * stream_connected(), which may say ERR_BUSY again.
 */
NODISCARD enum err stream_start(struct stream *s, const struct addr *server,
    unsigned timeout_ms, int cancel_fd);
NODISCARD enum err stream_connected(struct stream *s);
/*
 * Speak TLS from here on, with the server of that name (lib/tls.h). ERR_AUTH: it is
 * not that one, or what it speaks is not DNS over TLS; ERR_INVALID: no name. Also
 * ERR_CLOSED, ERR_TIMEOUT, ERR_CANCELED, ERR_IO. After a failure, close.
 */
NODISCARD enum err stream_secure(struct stream *s, struct tls_ctx *ctx,
    const char *name);
/* The same without waiting: start, then stream_secured() until it does not say
 * ERR_BUSY, each time when the descriptor is ready for *events of poll(2). */
NODISCARD enum err stream_secure_start(struct stream *s, struct tls_ctx *ctx,
    const char *name);
NODISCARD enum err stream_secured(struct stream *s, short *events);

/*
 * Write size octets: a message with its size before it. Messages that arrive
 * meanwhile are kept for stream_next(), at most queue_max octets of them: past
 * that, ERR_FORM. Also ERR_CLOSED, ERR_TIMEOUT, ERR_CANCELED, ERR_IO and, as
 * stream_next(), ERR_INVALID. After any of these nothing can be written any more.
 */
NODISCARD enum err stream_write(struct stream *s, const uint8_t *data, size_t size,
    size_t queue_max);

/*
 * The next message, without its size; valid until the next call. ERR_TIMEOUT and
 * ERR_CANCELED leave the stream as it was; ERR_CLOSED and ERR_IO end it, and
 * ERR_INVALID: the server wants a TLS certificate other than ours.
 */
NODISCARD enum err stream_next(struct stream *s, const uint8_t **msg, size_t *size);
/* A whole message has come that was not taken yet, of *size octets. */
bool stream_has_next(const struct stream *s, size_t *size);

/* Set the text of a failure, with the server's address in front; returns err. */
PRINTF(3, 4)
enum err stream_fail(struct stream *s, enum err err, const char *fmt, ...);
/* No more can be read or written: what was received is dropped. Keeps the text. */
void stream_end(struct stream *s, enum err err);

#endif
