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
 * The client's side of DNS over TCP or TLS, blocking with a deadline: one connection,
 * signed requests, several outstanding at once, transfers. For nsherdctl, the
 * gateway, and drivers that speak DNS to their server.
 */

struct exchange;
struct tls_ctx;

enum { EXCHANGE_MAX = 1024 }; /* requests outstanding at once */

struct exchange_conf {
	struct addr server;
	struct key *key;      /* NULL: unsigned */
	unsigned timeout_ms;  /* to connect, to send, and for each reply message */
	int cancel_fd;        /* readable: give up with ERR_CANCELED; -1: none */
	struct tls_ctx *tls;  /* of a client; NULL: plain TCP */
	const char *tls_name; /* that the server's certificate must have */
};

/*
 * ERR_IO, ERR_TIMEOUT, ERR_CANCELED; with TLS also ERR_AUTH (not that server, or no
 * DNS over TLS), ERR_CLOSED, ERR_INVALID (no name). *x is made even then, for
 * exchange_error(), and is to be closed. It holds a reference to the key.
 */
NODISCARD enum err exchange_open(const struct exchange_conf *conf, struct exchange **x);
void exchange_close(struct exchange *x); /* takes NULL */
/*
 * The same without waiting, now or later: its timeout is 0, whatever conf says.
 * exchange_opened() is asked until it does not say ERR_BUSY any more; then requests
 * may be sent (they must fit into the system's buffers, a hundred small ones do), and
 * exchange_receive() says ERR_TIMEOUT where nothing has come yet. Each time when
 * the descriptor of exchange_wait_for() is ready for *events of poll(2); -1: do not
 * wait, something has come already.
 */
NODISCARD enum err exchange_start(const struct exchange_conf *conf,
    struct exchange **x);
NODISCARD enum err exchange_opened(struct exchange *x);
int exchange_wait_for(const struct exchange *x, short *events);
/* From now on, in place of exchange_conf's. */
void exchange_set_timeout(struct exchange *x, unsigned timeout_ms);
void exchange_set_cancel(struct exchange *x, int cancel_fd);

/*
 * One line about the last call that failed, with the server's address. After a
 * reply whose rcode is not NOERROR: that rcode, and the text of its Extended DNS
 * Error. Otherwise "". Valid until the next call.
 */
const char *exchange_error(const struct exchange *x);

/*
 * Requests are built in place: exchange_begin gives an empty message with room
 * for 65535 octets less TSIG; fill it with msg_start and so on (its id is
 * chosen by exchange_send). exchange_send signs and writes; *id tells which
 * reply belongs to it. Replies of a pipelined peer may come in any order; those
 * that come while exchange_send waits are kept for exchange_receive.
 *
 * ERR_SPACE: larger than a message can be; ERR_BUSY: EXCHANGE_MAX replies are
 * outstanding, receive one first. ERR_CLOSED, ERR_TIMEOUT, ERR_CANCELED, ERR_IO,
 * ERR_INVALID (TLS: the server wants another certificate), ERR_FORM (unasked-for
 * replies): this request was not sent as a whole, and the
 * connection has ended but for the replies that had come.
 */
struct wire_out *exchange_begin(struct exchange *x);
NODISCARD enum err exchange_send(struct exchange *x, uint16_t *id);

/*
 * The next reply, verified. *msg is valid until the next call. ERR_AUTH: the
 * reply is not signed as it must be; *msg is then set, but nobody vouches for
 * it. ERR_FORM: no DNS message, or one that belongs to no request: the
 * connection has ended, as with ERR_CLOSED, ERR_IO and ERR_INVALID. ERR_TIMEOUT and
 * ERR_CANCELED: still outstanding, may be called again. ERR_NOTFOUND: nothing is
 * outstanding.
 */
NODISCARD enum err exchange_receive(struct exchange *x, struct msg *msg);

/* exchange_send, then its one reply. ERR_BUSY: others are outstanding. */
NODISCARD enum err exchange_once(struct exchange *x, struct msg *msg);

/*
 * AXFR (serial NULL) or IXFR of a zone: fn for every record in order, SOAs
 * included; records of a message that is not verified never get there, but the
 * transfer may still fail after some did. fn's error ends it. *rcode is set when
 * the server refused (ERR_DENIED); its EDE text, if any, is in exchange_error().
 * With a key, every message must be signed. ERR_FORM: no proper transfer.
 * ERR_BUSY: other replies are outstanding. After a failure, other than a refusal
 * at the start, the connection has ended.
 */
typedef enum err exchange_rr_fn(void *arg, const struct rr *rr);
NODISCARD enum err exchange_transfer(struct exchange *x, const struct dname *zone,
    const uint32_t *serial, exchange_rr_fn *fn, void *arg, unsigned *rcode);

/*
 * The same in steps: begin, then go on until that does not say ERR_BUSY, which it
 * does after some messages at the latest, so that one server cannot keep who asks
 * many to itself. fn itself must not return ERR_BUSY then.
 */
NODISCARD enum err exchange_transfer_begin(struct exchange *x, const struct dname *zone,
    const uint32_t *serial, exchange_rr_fn *fn, void *arg);
NODISCARD enum err exchange_transfer_go_on(struct exchange *x, unsigned *rcode);

/* One question, with OPT, and one reply; as exchange_once. */
NODISCARD enum err exchange_query(struct exchange *x, const struct dname *name,
    uint16_t type, uint16_t class, struct msg *msg);

#endif
