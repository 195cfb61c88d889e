/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_TRANSACTION_H
#define AGENT_PROTO_TRANSACTION_H

#include <stdbool.h>

#include "agent/proto/update.h"

/*
 * A transaction: the UPDATEs of C that came on one connection, under one key,
 * between the verbs begin and commit. They are kept as they came; commit applies
 * them as one change, or none.
 *
 * The loop's thread collects, the writer reads once commit has closed the
 * collection; `accepted` is the writer's alone.
 */

enum {
	TRANSACTION_BYTES_MAX = 64 << 20,   /* of messages, one transaction */
	TRANSACTIONS_BYTES_MAX = 256 << 20, /* all of them, then SERVFAIL */
	TRANSACTION_EDIT_MAX = 512 << 20,   /* memory while one is applied */
};

/* One UPDATE in it. */
struct staged {
	uint64_t time_signed;
	uint8_t mac[TSIG_MAC_MAX];
	uint8_t mac_size;
	bool accepted; /* run, and not bytes that were answered before */
	uint16_t size;
	uint8_t wire[];
};

struct transaction;

/* For the key and the catalog of a begin. */
struct transaction *transaction_new(const struct update *u);
struct transaction *transaction_ref(struct transaction *t);
void transaction_unref(struct transaction *t); /* takes NULL */

/* In the writer: its begin was accepted. What is staged in one that never was, is
 * refused. */
void transaction_begin(struct transaction *t);
bool transaction_has_begun(const struct transaction *t);

bool transaction_is_for(const struct transaction *t, const struct request *req,
    const struct proto_catalog *catalog);
/* Something on the connection failed or was lost: commit will be refused. */
void transaction_spoil(struct transaction *t);

/*
 * Keep the message of an UPDATE of C. Returns the reason why not (and spoils t),
 * or NULL, with u->staged set.
 */
const char *transaction_add(struct transaction *t, struct update *u,
    const struct msg *msg);

/* In the writer, for a commit. A refusal is OK, with rcode and why. */
NODISCARD enum err transaction_run(struct store_txn *txn, struct update *u);

#endif
