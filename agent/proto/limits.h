/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_LIMITS_H
#define AGENT_PROTO_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/proto/proto.h"

/*
 * What one key may take of the agent: requests a second, connections and
 * transfers at a time, and refusals in the history. Counted for its name, over
 * reloads.
 */
struct key_use {
	struct dname name;
	struct key_use *next;
	/* The loop's. */
	unsigned n_connections, n_transfers;
	uint64_t filled_ms, credit; /* thousandths of a request */
	/* The writer's. */
	uint64_t log_s;
	unsigned log_credit, n_muted;
};

/* Sets `use` of every key. */
void limits_attach(struct key_use **uses, struct proto_conf *conf);
void limits_free(struct key_use *uses);

/* A connection of this key; false: it has as many as it may. */
bool limits_enter(const struct proto_key *key);
void limits_leave(struct key_use *use); /* takes NULL */
/* One request; false: too many in this second. */
bool limits_take(const struct proto_key *key);
/* May it begin another transfer? */
bool limits_transfer(const struct proto_key *key);

/*
 * In the writer: may a refusal go to the history? Refusals share its room with
 * changes, so that a key must not be able to push these out. *n_muted: how many
 * did not since the last that did.
 */
bool limits_may_log(struct key_use *use, uint64_t now_s, unsigned *n_muted);

#endif
