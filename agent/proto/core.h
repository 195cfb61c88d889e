/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_CORE_H
#define AGENT_PROTO_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/given.h"
#include "agent/proto/limits.h"
#include "agent/proto/lock.h"
#include "agent/proto/proto.h"
#include "agent/proto/view.h"
#include "lib/addr.h"
#include "lib/msg.h"
#include "lib/tsig.h"

/* What the parts of this room share: the room itself, sessions, requests. */

enum {
	UPDATES_MAX = 16384,         /* queued at the writer, then SERVFAIL */
	UPDATE_BYTES_MAX = 64 << 20, /* memory of all UPDATEs under way */
	TRANSFERS_MAX = 1024,        /* asked for and not ended */
	UDP_SIZE_MAX = 1232,         /* larger replies are truncated */
	COMPLAINTS_PER_S = 10,       /* log lines about strangers */
	REPLAY_MAX = 1 << 20,        /* answers remembered */
};

struct proto {
	unsigned refs; /* proto_new, each session */
	struct store *store;
	struct view *view;
	struct proto_effects effects;
	void (*reconfigure)(void *arg); /* NULL: nobody cares */
	void *reconfigure_arg;
	size_t update_bytes;
	size_t staged_bytes; /* of transactions */
	uint64_t session_id; /* the last one given */
	int64_t clock_ms; /* at the start: how far the clock was past clock_boot_ms() */
	unsigned n_transfers;
	uint64_t complaint_s; /* second of the last complaint */
	unsigned n_complaints, n_muted;
	struct givens givens;                /* of _status.C */
	uint8_t out[MSG_MAX];                /* the reply under construction */
	struct locks locks;                  /* the writer's */
	struct key_use *uses;                /* of every key there ever was */
	const struct proto_outward *outward; /* NULL: no calls yet, or no more */
	void *net;                           /* of outward */
	struct follow *follows;
	struct announce *announces;
};

struct proto_session {
	unsigned refs; /* proto_open, each outstanding request */
	struct proto *proto;
	uint64_t id; /* from 1, never again */
	void *peer;
	enum transport transport;
	bool closed;
	unsigned n_outstanding;
	struct key_use *use;             /* of the key it counts for; NULL: none yet */
	struct transaction *transaction; /* begun here; NULL: none */
	uint64_t locked_until_ms;        /* it may hold a lock until then; 0: none */
	struct addr source_addr;         /* the last that was printed, for the next */
	char source[ADDR_TEXT_MAX + 8];  /* request; "": none was */
};

/* A request whose signature was looked at. */
struct request {
	struct proto_session *session;
	struct view *view;
	const struct proto_key *key; /* NULL: not signed */
	const struct msg *msg;
	struct addr from;
	struct tsig tsig;
	uint64_t now;
};

/* A request that is answered later holds its session and counts. */
void session_hold(struct proto_session *session);
void session_release(struct proto_session *session);

/* "192.0.2.1@4711/tcp", cut to fit. */
void request_source(const struct request *req, char *out, size_t size);

/* The one place where an error becomes an rcode. */
unsigned err_rcode(enum err err);

#endif
