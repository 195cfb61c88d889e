/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_CALLS_H
#define AGENT_PROTO_CALLS_H

#include "agent/proto/core.h"

/*
 * What following and announcing share: the one timer, and one message to another
 * server with the replies to it.
 */

enum { NEVER_MS_BITS = 63 };
#define CALLS_NEVER ((uint64_t)1 << NEVER_MS_BITS)

/* Milliseconds of the net's clock; 0 without one. */
uint64_t calls_now(const struct proto *proto);
/* After whatever may have changed when something is due next. */
void calls_arm(struct proto *proto);
/* The configuration has changed. */
void calls_sync(struct proto *proto);

/* So that many do not all come at once: up to a tenth less, or any time up to ms. */
uint64_t calls_jitter(uint64_t ms);
uint64_t calls_spread(uint64_t ms);

/* A question that is under way. */
struct ask {
	uint16_t id;
	uint16_t type; /* of the question */
	enum opcode opcode;
	struct dname name;
	struct key *key; /* held; NULL: unsigned */
	struct tsig tsig;
	struct tsig_gap gap;
	bool has_reply; /* at least one message of it */
};

/* Takes the key's reference anew; ask_fini() lets it go. */
void ask_start(struct ask *ask, const struct proto_remote *to, enum opcode opcode,
    const struct dname *name, uint16_t type);
void ask_fini(struct ask *ask);
/* Signs and sends; soa: a record for the section, or NULL. */
NODISCARD enum err ask_send(struct ask *ask, struct proto *proto, void *line,
    const struct rr *soa, enum msg_section section);
/*
 * Does the message belong to it, and is it signed as it must be? why is filled
 * otherwise. In the midst of a transfer it need not be: what the last of its messages
 * completes counts only if ask_is_vouched(). The rcode of the message is the caller's
 * to look at.
 */
NODISCARD enum err ask_take(struct ask *ask, const uint8_t *wire, size_t size,
    struct msg *msg, char *why, size_t why_size);
/* Nothing of what came is without a signature that there should be. */
bool ask_is_vouched(const struct ask *ask);
/* "REFUSED reason=not-permitted": the rcode, and what the server says about it. */
void ask_print_rcode(const struct msg *msg, char *out, size_t size);

#endif
