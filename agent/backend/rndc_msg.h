/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_RNDC_MSG_H
#define AGENT_BACKEND_RNDC_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/key.h"

/*
 * Messages of BIND's control channel. No sockets.
 *
 * A frame is a 32-bit length, a 32-bit version (1) and a table: entries of a
 * length octet, a key, a type octet (1 binary, 2 table, 3 list), a 32-bit length
 * and a value. Numbers are decimal text. The first entry, _auth, holds an HMAC
 * over all that follows it.
 */

enum {
	RNDC_REQUEST_MAX = 32768, /* named closes the connection beyond that */
	RNDC_REPLY_MAX = 1 << 20,
	RNDC_NONCE_MAX = 24,
	RNDC_ERR_MAX = 120,
};

struct rndc_request {
	uint32_t serial;
	uint64_t time_s;   /* Unix time */
	const char *nonce; /* "": none yet */
	const char *command;
};

struct rndc_reply {
	uint32_t serial;
	char nonce[RNDC_NONCE_MAX];
	bool good;              /* the command was carried out */
	char err[RNDC_ERR_MAX]; /* why not; the only portable form of it */
	char *text; /* malloced, never NULL; lines without the last newline */
};

/* The frame with its length. ERR_RANGE: the command is too long; ERR_IO: the
 * crypto library failed. */
NODISCARD enum err rndc_encode(const struct rndc_request *request,
    const struct key *key, struct buf *out);

/*
 * What follows the length of a frame. ERR_FORM: no reply; ERR_AUTH: not signed
 * with the key; ERR_IO: the crypto library failed. Nothing to free unless OK.
 */
NODISCARD enum err rndc_decode(const uint8_t *body, size_t size, const struct key *key,
    struct rndc_reply *reply);
/* It failed, for that reason. */
bool rndc_says(const struct rndc_reply *reply, const char *err);
void rndc_reply_fini(struct rndc_reply *reply);

#endif
