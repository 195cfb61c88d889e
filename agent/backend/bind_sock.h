/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_BIND_SOCK_H
#define AGENT_BACKEND_BIND_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/backend/backend.h"
#include "lib/addr.h"
#include "lib/err.h"

/*
 * A TCP connection that never waits without looking at cancel_fd, and never
 * beyond timeout_ms without progress. ERR_CLOSED: nobody there, or closed;
 * ERR_TIMEOUT; ERR_CANCELED; ERR_IO. why is filled, and begins with what.
 */
struct bind_sock {
	int fd; /* -1: not connected */
	int cancel_fd;
	unsigned timeout_ms;
	char what[96]; /* "rndc 127.0.0.1@953" */
};

void bind_sock_init(struct bind_sock *s, const char *kind, const struct addr *addr,
    int cancel_fd, unsigned timeout_ms);
NODISCARD enum err bind_sock_open(struct bind_sock *s, const struct addr *addr,
    struct backend_error *why);
void bind_sock_close(struct bind_sock *s);
/* As one write where the kernel has room for it. */
NODISCARD enum err bind_sock_send(struct bind_sock *s, const void *data, size_t size,
    struct backend_error *why);
/* *size 0: the other side closed. */
NODISCARD enum err bind_sock_receive(struct bind_sock *s, void *data, size_t room,
    size_t *size, struct backend_error *why);
/* Just wait, but for cancel_fd. */
NODISCARD enum err bind_sock_sleep(int cancel_fd, unsigned ms,
    struct backend_error *why);

#endif
