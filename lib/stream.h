/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_STREAM_H
#define LIB_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/err.h"

/*
 * DNS messages over one TCP connection, the client's end: each has its size in
 * two octets before it (RFC 1035 section 4.2.2). Every call ends by a deadline,
 * or when a descriptor says so. While it writes it reads: both ends could else
 * wait for each other with full buffers.
 */

struct stream {
	struct addr server;
	int fd;        /* -1: never opened */
	int cancel_fd; /* -1: none */
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
 * Write size octets: a message with its size before it. Messages that arrive
 * meanwhile are kept for stream_next(), at most queue_max octets of them: past
 * that, ERR_FORM. Also ERR_CLOSED, ERR_TIMEOUT, ERR_CANCELED, ERR_IO. After any
 * of these nothing can be written any more.
 */
NODISCARD enum err stream_write(struct stream *s, const uint8_t *data, size_t size,
    size_t queue_max);

/*
 * The next message, without its size; valid until the next call. ERR_TIMEOUT and
 * ERR_CANCELED leave the stream as it was; ERR_CLOSED and ERR_IO end it.
 */
NODISCARD enum err stream_next(struct stream *s, const uint8_t **msg, size_t *size);

/* Set the text of a failure, with the server's address in front; returns err. */
PRINTF(3, 4)
enum err stream_fail(struct stream *s, enum err err, const char *fmt, ...);
/* No more can be read or written: what was received is dropped. Keeps the text. */
void stream_end(struct stream *s, enum err err);

#endif
