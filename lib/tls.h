/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_TLS_H
#define LIB_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/*
 * TLS 1.3 for DNS (RFC 7858, RFC 9103), both ends: ALPN "dot" is required, no
 * session is resumed, no early data is taken. Nothing here waits: a call that
 * cannot go on returns ERR_BUSY and is called again when the socket is ready.
 * Never raises SIGPIPE.
 */

/* Certificates and rules, shared by connections; immutable, any thread. */
struct tls_ctx;

struct tls_files {
	const char *cert; /* PEM: ours, then what leads from it to its authority */
	const char *key;  /* PEM, not to be read by others */
	const char *ca;   /* PEM: authorities that the peer's certificate is held to */
};

/*
 * The server's end: cert and key; ca NULL: clients need no certificate, otherwise
 * one is required. Fails with *where: ERR_NOTFOUND, ERR_IO or ERR_INVALID, the
 * file and what is wrong with it (not PEM, key that does not fit, not valid now,
 * key that others can read or that has a passphrase).
 */
NODISCARD enum err tls_server_new(const struct tls_files *files,
    struct err_where *where, struct tls_ctx **ctx);
/* The client's: ca NULL: the authorities of the system; cert and key NULL: none is
 * shown. Fails in the same way. */
NODISCARD enum err tls_client_new(const struct tls_files *files,
    struct err_where *where, struct tls_ctx **ctx);
/* Until when the first certificate of the file is valid: Unix time. Fails as above. */
NODISCARD enum err tls_expiry(const char *cert, struct err_where *where,
    int64_t *unix_time);
struct tls_ctx *tls_ctx_ref(struct tls_ctx *ctx);
void tls_ctx_unref(struct tls_ctx *ctx); /* takes NULL */

/* One connection. Its descriptor stays the caller's, who closes it later. */
struct tls;

enum { TLS_RECORD_MAX = 16384 };

/* Holds a reference to ctx. */
struct tls *tls_accept(struct tls_ctx *ctx, int fd);
/* The server must show a certificate for that name, which may be an address.
 * ERR_INVALID: no name. */
NODISCARD enum err tls_connect(struct tls_ctx *ctx, int fd, const char *name,
    struct tls **tls);
void tls_free(struct tls *tls); /* takes NULL */

/*
 * First until OK. ERR_BUSY: wait, see below. ERR_AUTH: the peer's certificate, or
 * what it speaks, is not acceptable, or ours is not to it; ERR_CLOSED, ERR_IO.
 * After a failure there is nothing but tls_error() and tls_free().
 */
NODISCARD enum err tls_handshake(struct tls *tls);

/*
 * At least one octet into data, or ERR_BUSY; ERR_CLOSED: the end of what the peer
 * sends (something can still be written). ERR_IO: broken; ERR_INVALID: the peer
 * does not accept our certificate, which a client is told only here. With room for
 * TLS_RECORD_MAX nothing received is held back, so that polling the socket tells
 * of all there is.
 */
NODISCARD enum err tls_read(struct tls *tls, void *data, size_t room, size_t *n);
/*
 * As many octets as the kernel takes, at least one, else ERR_BUSY: the next call
 * must then have the same data, or more behind it. ERR_IO, ERR_CLOSED.
 */
NODISCARD enum err tls_write(struct tls *tls, const void *data, size_t size, size_t *n);
/* After ERR_BUSY: the socket must become writable, not readable, to go on. */
bool tls_wants_output(const struct tls *tls);
/* Say that we send no more, if the kernel takes it now. */
void tls_end(struct tls *tls);

/* One line about the call that failed, "" if the peer just went. */
const char *tls_error(const struct tls *tls);

#endif
