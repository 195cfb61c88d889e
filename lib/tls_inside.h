/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_TLS_INSIDE_H
#define LIB_TLS_INSIDE_H

#include <stdatomic.h>
#include <stdbool.h>

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "lib/tls.h"

/* Between tls_ctx.c (certificates and rules) and tls.c (connections). */

struct tls_ctx {
	atomic_uint refs;
	SSL_CTX *ssl;
	BIO_METHOD *socket; /* of tls_bio_method() */
	bool is_server;
};

struct tls {
	struct tls_ctx *ctx;
	SSL *ssl;
	int fd;
	bool eof;            /* the socket has no more input */
	bool is_ready;       /* the handshake is done */
	bool is_mute;        /* nothing more can be sent */
	bool wants_output;   /* of the last ERR_BUSY */
	const char *refusal; /* of our callbacks, or NULL: the library's words */
	char name[256];      /* that the server must have, at the client's end */
	char names[160];     /* of a peer's certificate that was not accepted */
	char error[320];
};

/* A socket without SIGPIPE, whose data is a struct tls. NULL: no memory. */
BIO_METHOD *tls_bio_method(void);
int tls_on_verify(int is_good, X509_STORE_CTX *store);

#endif
