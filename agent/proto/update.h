/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_UPDATE_H
#define AGENT_PROTO_UPDATE_H

#include "agent/catalog/catalog.h"
#include "agent/proto/core.h"
#include "agent/proto/rrlist.h"
#include "agent/store/store.h"

/*
 * UPDATE (RFC 2136). What needs no state is decided in the loop's thread;
 * then the request is a job of the store's writer, with all it needs of its
 * own; the reply is made in the loop's thread again, after the commit.
 */

enum { UPDATE_HEAD_MAX = 12 + 255 + 4 };

struct update {
	struct store_job job; /* first */
	struct request req;   /* holds session and view */
	struct msg msg;       /* its wire is head */
	uint8_t head[UPDATE_HEAD_MAX];
	const struct proto_catalog *catalog; /* NULL: none of ours */
	bool is_command;                     /* of _command.C, not C */
	char source[64];
	struct rrlist prereqs, updates;
	size_t bytes; /* accounted */

	/* Decided beforehand: rcode and why; else NOERROR. */
	unsigned early_rcode;
	struct catalog_refusal early_why;

	/* The outcome. */
	unsigned rcode;
	struct catalog_refusal why;
	uint32_t serial;
	bool again; /* the same bytes were answered before */
	bool changed;
	uint64_t seq;     /* of commands: their log entry; 0: none */
	bool reconfigure; /* is among them */
};

/* Takes a signed UPDATE; answers it now or later. */
void update_receive(struct request *req);

/* The store's side: everything from the replay window to the new serial. */
enum err update_run(struct store_txn *txn, struct store_job *job);

#endif
