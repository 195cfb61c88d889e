/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_EXCHANGE_H
#define LIB_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/err.h"
#include "lib/key.h"
#include "lib/msg.h"
#include "lib/tsig.h"

/*
 * The client's side of DNS over TCP, blocking with a deadline: one connection,
 * signed requests, several outstanding at once, transfers. For nsherdctl, the
 * gateway, and drivers that speak DNS to their server.
 */

struct exchange;

struct exchange_conf {
	struct addr server;
	struct key *key;     /* NULL: unsigned */
	unsigned timeout_ms; /* for each wait */
	int cancel_fd;       /* readable: give up with ERR_CANCELED; -1: none */
};

/* ERR_IO, ERR_TIMEOUT, ERR_CANCELED. The text of a failure: exchange_error(). */
NODISCARD enum err exchange_open(const struct exchange_conf *conf, struct exchange **x);
void exchange_close(struct exchange *x); /* takes NULL */
const char *exchange_error(const struct exchange *x);

/*
 * Requests are built in place: exchange_begin gives an empty message with room
 * for 65535 octets less TSIG; fill it with msg_start and so on (its id is
 * chosen by exchange_send). exchange_send signs and writes; *id tells which
 * reply belongs to it. Replies of a pipelined peer may come in any order.
 */
struct wire_out *exchange_begin(struct exchange *x);
NODISCARD enum err exchange_send(struct exchange *x, uint16_t *id);

/*
 * The next reply, verified. *msg is valid until the next call. ERR_AUTH: the
 * reply is not signed as it must be; ERR_FORM: no DNS message; ERR_CLOSED,
 * ERR_TIMEOUT, ERR_CANCELED, ERR_IO.
 */
NODISCARD enum err exchange_receive(struct exchange *x, struct msg *msg);

/* exchange_send, then its one reply. */
NODISCARD enum err exchange_once(struct exchange *x, struct msg *msg);

/*
 * AXFR (serial NULL) or IXFR of a zone: fn for every record in order, SOAs
 * included. fn's error ends it. *rcode is set when the server refused
 * (ERR_DENIED); its EDE text, if any, is in exchange_error().
 */
typedef enum err exchange_rr_fn(void *arg, const struct rr *rr);
NODISCARD enum err exchange_transfer(struct exchange *x, const struct dname *zone,
    const uint32_t *serial, exchange_rr_fn *fn, void *arg, unsigned *rcode);

/* One question, one reply. */
NODISCARD enum err exchange_query(struct exchange *x, const struct dname *name,
    uint16_t type, uint16_t class, struct msg *msg);

#endif
