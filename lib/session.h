/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_SESSION_H
#define LIB_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dname.h"
#include "lib/err.h"
#include "lib/exchange.h"
#include "lib/wire.h"

/*
 * The connection to one agent: where it is, which key and which catalog, and
 * why something failed, in plain words.
 */

enum { SESSION_TIMEOUT_MS = 20000, SESSION_TLS_NAME_MAX = 256 };

struct session {
	struct exchange *x;
	struct exchange_conf conf;
	struct dname catalog; /* C */
	struct dname status;  /* _status.C */
	char catalog_text[DNAME_TEXT_MAX];
	char server[ADDR_TEXT_MAX];
	char tls_name[SESSION_TLS_NAME_MAX]; /* "": plain TCP */
	/* Whence key and certificates came, also for a move to TLS; owned, NULL: not
	 * told. */
	char *key_file, *tls_cert, *tls_key, *tls_ca;
	unsigned n_moves;           /* from one agent to the one it follows */
	struct exchange_conf named; /* the first of them, after a move */
	char named_tls_name[SESSION_TLS_NAME_MAX];
	char origin[64];  /* on whose behalf UPDATEs are sent; "": not told */
	char error[1024]; /* of the last failure */
};

/* Nothing but the time limit is set: conf.server, key and tls are the caller's to
 * fill, and belong to the session from then on; then the catalog. */
void session_init(struct session *s);
/* ERR_RANGE: the name is too long for a catalog. */
NODISCARD enum err session_set_catalog(struct session *s, const struct dname *catalog);
void session_close(struct session *s);

/* A new connection in place of the old one. Fails with s->error. */
NODISCARD enum err session_reopen(struct session *s);
/*
 * The same without waiting, as exchange_start() and exchange_opened(): ERR_BUSY is no
 * failure. What is received then is ERR_TIMEOUT where nothing has come yet.
 */
NODISCARD enum err session_start(struct session *s);
NODISCARD enum err session_started(struct session *s);
/* Sets s->error; returns err. */
PRINTF(3, 4)
enum err session_fail(struct session *s, enum err err, const char *fmt, ...);
/* Who waits for something has so much time left: no answer is waited for longer,
 * but for a second in any case. */
void session_limit_ms(struct session *s, uint64_t left_ms);
/* Some answers take long to make. */
void session_allow_ms(struct session *s, unsigned ms);
/* Once the descriptor is readable nothing is waited for: ERR_CANCELED. */
void session_cancel_by(struct session *s, int fd);
/* The error means that the connection is gone, but another may do. */
bool session_is_lost(enum err err);

/* A request of that opcode with its question (for UPDATE, its zone). */
struct wire_out *session_begin(struct session *s, enum opcode opcode,
    const struct dname *name, uint16_t type);
/* Adds EDNS, so that a refusal can be explained, and sends what session_begin()
 * gave. ERR_SPACE: it does not fit, nothing was sent. Else as exchange_send, with
 * s->error. */
NODISCARD enum err session_send(struct session *s, struct wire_out *out, uint16_t *id);
/* A query of all records at and below a member's node, <id>.zones.C. */
NODISCARD enum err session_send_node(struct session *s, const struct dname *node,
    uint16_t *id);
/* As exchange_receive, with s->error. */
NODISCARD enum err session_receive(struct session *s, struct msg *msg);
NODISCARD enum err session_query(struct session *s, const struct dname *name,
    uint16_t type, struct msg *msg);
/* The serial of a zone. ERR_NOTFOUND: the answer has none. */
NODISCARD enum err session_serial(struct session *s, const struct dname *zone,
    uint32_t *serial);
/* The same of an answer that was already received; s->error stays as it is. */
NODISCARD enum err session_read_serial(const struct msg *msg, uint32_t *serial);
/* AXFR. ERR_DENIED: refused. fn's own error is returned with s->error as fn
 * left it. */
NODISCARD enum err session_transfer(struct session *s, const struct dname *zone,
    exchange_rr_fn *fn, void *arg);
/* AXFR in steps, as exchange_transfer_begin() and exchange_transfer_go_on(). */
NODISCARD enum err session_transfer_begin(struct session *s, const struct dname *zone,
    exchange_rr_fn *fn, void *arg);
NODISCARD enum err session_transfer_go_on(struct session *s);
/* IXFR from that serial; NULL: AXFR. */
NODISCARD enum err session_transfer_since(struct session *s, const struct dname *zone,
    const uint32_t *serial, exchange_rr_fn *fn, void *arg);

/*
 * Why a reply is no success, in plain words: the agent's own text (EDE) where
 * it gave one. Returns out.
 */
enum { SESSION_REASON_MAX = 512 };
char *session_reason(const struct msg *msg, char out[static SESSION_REASON_MAX]);
/* The reply was refused for one of its records, which the text names. */
bool session_blames_record(const struct msg *msg);
/* The agent is busy or has just started: the same request is welcome soon. */
bool session_says_later(const struct msg *msg);

#endif
