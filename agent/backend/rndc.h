/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_RNDC_H
#define AGENT_BACKEND_RNDC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/backend/backend.h"
#include "agent/backend/chan.h"
#include "agent/backend/rndc_msg.h"
#include "lib/addr.h"
#include "lib/err.h"
#include "lib/key.h"

/*
 * A client of BIND's control channel: one connection, made when it is needed,
 * one command after the other. named reads a command only when it has answered
 * the last; what comes early is lost, and the connection with it.
 */

enum {
	RNDC_WINDOW_S = 900, /* so long named remembers each command */
	RNDC_SLOT_S = 10,
	RNDC_SLOTS = RNDC_WINDOW_S / RNDC_SLOT_S,
	RNDC_CROWDED = 60000, /* commands in the window: named gets slow */
};

struct rndc {
	struct addr addr;
	struct key *key;
	struct chan chan;
	uint32_t serial;
	char nonce[RNDC_NONCE_MAX];
	int64_t used_ms; /* monotonic: the last command */
	bool sent;       /* of the last command: it may have been carried out */
	/* commands, by the time they were sent */
	unsigned counts[RNDC_SLOTS];
	int64_t slot; /* number of the last slot counted in */
	bool crowded;
	const char *backend; /* for messages */
};

/* Takes a reference of key. */
void rndc_init(struct rndc *rndc, const char *backend, const struct addr *addr,
    struct key *key, int cancel_fd, unsigned timeout_ms);
void rndc_fini(struct rndc *rndc);
/* Sign with that one from now on. Takes a reference. */
void rndc_set_key(struct rndc *rndc, struct key *key);

/*
 * Send a command and hear what named says of it: OK with *reply, whether that
 * is good or bad. ERR_RANGE: too long, and not sent. ERR_CLOSED, ERR_TIMEOUT,
 * ERR_CANCELED, ERR_AUTH, ERR_FORM, ERR_IO: no answer, and rndc->sent tells
 * whether it may have had an effect.
 */
NODISCARD enum err rndc_command(struct rndc *rndc, const char *command,
    struct rndc_reply *reply, struct backend_error *why);
PRINTF(4, 5)
NODISCARD enum err rndc_commandf(struct rndc *rndc, struct rndc_reply *reply,
    struct backend_error *why, const char *fmt, ...);
/* named drops a connection that is idle for 30 s: do not keep it for later. */
void rndc_disconnect(struct rndc *rndc);
/* How many commands named now remembers of us. */
unsigned rndc_n_remembered(const struct rndc *rndc);

#endif
