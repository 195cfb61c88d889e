/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_CHAN_H
#define AGENT_BACKEND_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/backend/backend.h"
#include "lib/err.h"

/*
 * A stream socket to a name server's control channel. No call waits without
 * looking at cancel_fd, none beyond timeout_ms without an octet moved. Failures
 * fill why: ERR_CLOSED (nobody there, or closed), ERR_TIMEOUT, ERR_CANCELED,
 * ERR_IO.
 */
struct chan {
	int fd; /* -1: not open */
	int cancel_fd;
	unsigned timeout_ms;
	char peer_text[128]; /* for messages */
	pid_t peer;          /* process at the other end; 0: not known */
};

void chan_init(struct chan *chan, int cancel_fd, unsigned timeout_ms);

/* ERR_RANGE: the path is too long for a socket. */
NODISCARD enum err chan_open_unix(struct chan *chan, const char *path,
    struct backend_error *why);
void chan_close(struct chan *chan);

/* Octets of the answer. *done: there are no more to come; more is an error. */
typedef enum err chan_feed_fn(void *arg, const uint8_t *data, size_t size, bool *done);

/*
 * Send all size octets and hear the answer out, both at once, so that neither
 * end waits for the other with full buffers. *sent counts what the other end may
 * have seen, also after a failure. An error of fn ends it and is returned.
 */
NODISCARD enum err chan_talk(struct chan *chan, const void *out, size_t size,
    size_t *sent, chan_feed_fn *fn, void *arg, struct backend_error *why);

/* Just wait. ERR_CANCELED. */
NODISCARD enum err chan_sleep(int cancel_fd, unsigned ms, struct backend_error *why);

#endif
