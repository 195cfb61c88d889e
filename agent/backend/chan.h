/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_CHAN_H
#define AGENT_BACKEND_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/backend/backend.h"
#include "lib/addr.h"
#include "lib/err.h"

#define CHAN_ANSWER_MAX \
	(UINT64_C(2) << 30) /* octets: all of 10 million zones, and more */

/*
 * A stream socket to a name server's control channel. No call waits without
 * looking at cancel_fd, none beyond timeout_ms without an octet moved. Failures
 * fill why: ERR_CLOSED (nobody there, or closed), ERR_TIMEOUT, ERR_CANCELED,
 * ERR_IO; the last also for an answer that does not end: what a driver keeps of
 * it would have no bound.
 */
struct chan {
	int fd; /* -1: not open */
	int cancel_fd;
	unsigned timeout_ms;
	char peer_text[128]; /* for messages */
	pid_t peer;          /* who made a unix socket listen; 0: not known */
	int64_t deadline_ms; /* of the wait for an octet that is under way */
	uint64_t answer_max; /* octets since what was sent last; CHAN_ANSWER_MAX */
	uint64_t answer_size;
};

/* peer_text: "rndc 127.0.0.1@953". */
void chan_init(struct chan *chan, const char *peer_text, int cancel_fd,
    unsigned timeout_ms);

/* ERR_RANGE: the path is too long for a socket. */
NODISCARD enum err chan_open_unix(struct chan *chan, const char *path,
    struct backend_error *why);
NODISCARD enum err chan_open_tcp(struct chan *chan, const struct addr *addr,
    struct backend_error *why);
void chan_close(struct chan *chan);

/* -- one after the other ------------------------------------------------------ */

/* All of it; as one write where the kernel has room for it. */
NODISCARD enum err chan_send(struct chan *chan, const void *data, size_t size,
    struct backend_error *why);
/* Something. *size 0: the other end closed. */
NODISCARD enum err chan_receive(struct chan *chan, void *data, size_t room,
    size_t *size, struct backend_error *why);

/* -- both at once ------------------------------------------------------------- */

/* Octets of the answer. *done: there are no more to come; more is an error. */
typedef enum err chan_feed_fn(void *arg, const uint8_t *data, size_t size, bool *done);

/*
 * Send all size octets and hear the answer out, so that neither end waits for
 * the other with full buffers. *sent counts what the other end may have seen,
 * also after a failure. An error of fn ends it and is returned.
 */
NODISCARD enum err chan_talk(struct chan *chan, const void *out, size_t size,
    size_t *sent, chan_feed_fn *fn, void *arg, struct backend_error *why);

/*
 * The parts of that, for a talk of another form. What moves at once without a
 * wait, which may be nothing: *size 0. *end: the other end closed. Then a wait
 * for an octet to come or, if sending, to go; if something moved, that is but a
 * look at cancel_fd, and the time for the next octet begins.
 */
NODISCARD enum err chan_send_some(struct chan *chan, const void *data, size_t room,
    size_t *size, struct backend_error *why);
NODISCARD enum err chan_receive_some(struct chan *chan, void *data, size_t room,
    size_t *size, bool *end, struct backend_error *why);
NODISCARD enum err chan_wait(struct chan *chan, bool sending, bool moved,
    struct backend_error *why);

/* Just wait. ERR_CANCELED. */
NODISCARD enum err chan_sleep(int cancel_fd, unsigned ms, struct backend_error *why);

#endif
