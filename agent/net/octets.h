/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_NET_OCTETS_H
#define AGENT_NET_OCTETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* The octets of a connection that never waits, ours or another's: as they come, or
 * through TLS. */

struct tls;

struct octets {
	int fd;
	struct tls *tls;   /* NULL: plain TCP */
	bool in_waits_out; /* TLS has something to send before it reads on, */
	bool out_waits_in; /* or something to read before it sends on */
	bool eof;          /* the peer has sent its last */
};

/* Room: TLS_RECORD_MAX (lib/tls.h) at least. ERR_BUSY: nothing is there; ERR_CLOSED:
 * the peer has sent its last (eof is set, also when that comes with data); anything
 * else: broken, for which errno or tls_error() has the reason. */
NODISCARD enum err octets_receive(struct octets *o, uint8_t *data, size_t room,
    size_t *size);
/* As much as the kernel takes. ERR_BUSY: nothing; anything else: broken. */
NODISCARD enum err octets_send(struct octets *o, const uint8_t *data, size_t size,
    size_t *sent);

#endif
