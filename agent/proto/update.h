/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_UPDATE_H
#define AGENT_PROTO_UPDATE_H

#include "agent/catalog/catalog.h"
#include "agent/proto/core.h"
#include "agent/proto/rrlist.h"
#include "agent/store/store.h"
#include "agent/store/verb.h"
#include "agent/store/worklog.h"

/*
 * UPDATE (RFC 2136). What needs no state is decided in the loop's thread;
 * then the request is a job of the store's writer, with all it needs of its
 * own; the reply is made in the loop's thread again, after the commit.
 */

enum { UPDATE_HEAD_MAX = 12 + 255 + 4 };

struct staged;
struct transaction;

struct update {
	struct store_job job; /* first */
	struct request req;   /* holds session and view */
	struct msg msg;       /* its wire is head */
	uint8_t head[UPDATE_HEAD_MAX];
	const struct proto_catalog *catalog; /* NULL: none of ours */
	bool is_command;                     /* of _command.C, not C */
	enum verb_kind control; /* begin and those after it; VERB_KINDS: none */
	/* Of a begin, commit or abort, or what the UPDATE is staged in; held. */
	struct transaction *transaction;
	struct staged *staged; /* its place there; NULL: it is run at once */
	char source[WORK_SOURCE_MAX];
	struct rrlist prereqs, updates;
	size_t bytes; /* accounted */

	/* Decided beforehand: rcode and why; else NOERROR. */
	unsigned early_rcode;
	struct catalog_refusal early_why;

	/* The outcome. */
	unsigned rcode;
	struct catalog_refusal why;
	unsigned why_msg; /* of a transaction: which message, from 1 */
	uint32_t serial;
	bool again; /* the same bytes were answered before */
	bool changed;
	uint64_t seq;     /* of commands: their log entry; 0: none */
	bool reconfigure; /* is among them */
	bool release;     /* the same */
	uint64_t n_released;
	bool unlocked;                /* in any run of it */
	struct guard_verdict verdict; /* of a change */
};

/* Takes a signed UPDATE; answers it now or later. */
void update_receive(struct request *req);

/* In the writer: is C locked by another? Then it is refused. */
bool update_is_locked(struct update *u);
/* Sets the outcome. */
void update_refuse(struct update *u, unsigned rcode, unsigned rr, const char *reason);
/* "reason=... msg=N rr=M" */
void update_print_why(const struct update *u, char *out, size_t size);

/* The store's side: everything from the replay window to the new serial. */
enum err update_run(struct store_txn *txn, struct store_job *job);

#endif
