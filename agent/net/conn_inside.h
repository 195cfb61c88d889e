/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_NET_CONN_INSIDE_H
#define AGENT_NET_CONN_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <uv.h>

#include "agent/net/conn.h"
#include "agent/net/octets.h"
#include "lib/buf.h"

/* A connection, as conn.c (what passes through it), conn_io.c (how it gets there) and
 * conn_life.c (how it begins and ends) see it. */

struct transfer {
	TAILQ_ENTRY(transfer) link;
	struct proto_transfer *t;
};

enum conn_state {
	STATE_OPEN,
	STATE_ENDING, /* send what is queued, read no more requests */
	STATE_LAST,   /* the same, and the replies that are still to come */
	STATE_LINGER, /* all is sent and we said so: wait for the peer's end */
	STATE_DEAD,   /* to be destroyed by the next settle */
};

enum { CONN_OUT_MAX = 4 << 20 }; /* queued; beyond it the connection is given up */

struct conn {
	struct peer peer;
	struct hub *hub;
	struct proto_session *session;
	uv_poll_t poll;
	struct octets io;
	bool is_secured; /* the TLS handshake is over, or there is none */
	int events; /* waited for. UV_WRITABLE alone may be set with nothing unsent: the
		     * kernel says so only when a third of its buffer is free */
	struct addr from;
	enum conn_state state;
	bool is_dirty;
	uint8_t *in; /* what came and was not handed over yet, or NULL */
	size_t in_size, in_room;
	struct buf out;
	size_t out_at;                    /* octets of out that are sent */
	TAILQ_HEAD(, transfer) transfers; /* one after the other */
	unsigned n_transfers;
	uint64_t opened_ms;
	uint64_t active_ms;   /* a whole message came, or a reply was queued */
	uint64_t progress_ms; /* the kernel took output, or we began to wait for that */
	TAILQ_ENTRY(conn) link, dirty_link;
};

/* Nothing is under way and nothing due. */
bool conn_is_idle(const struct conn *c);
/* Replies are still sent. */
bool conn_takes_output(const struct conn *c);
/* To be settled before the loop sleeps. */
void conn_mark_dirty(struct conn *c);
/* Something happened: the last one to be closed for being idle. */
void conn_mark_active(struct conn *c);
void conn_drop_input(struct conn *c);
void conn_drop_transfers(struct conn *c);
/* Send what the kernel takes. True: that was all. */
bool conn_flush(struct conn *c);

/* -- conn_io.c --------------------------------------------------------------- */

/* "tcp" or "tls", for the log. */
const char *conn_kind(const struct conn *c);
/* Go on with the TLS handshake: is_secured, or another state, or neither yet. */
void conn_secure(struct conn *c);
/* octets_receive(), with a word in the log when what is broken is TLS. */
NODISCARD enum err conn_receive(struct conn *c, uint8_t *data, size_t room,
    size_t *size);
/* We send no more. False: the peer is gone. */
bool conn_end_output(struct conn *c);
/* After that: throw away what still comes, for a close with unread input would be
 * a reset and could destroy the last replies on their way. False: that was all. */
bool conn_read_rest(struct conn *c);
/* Both at once, as far as the peer's octets are here. */
void conn_say_end(struct conn *c);

#endif
