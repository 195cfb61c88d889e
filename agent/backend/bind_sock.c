/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/bind_sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/mem.h"

void
bind_sock_init(struct bind_sock *s, const char *kind, const struct addr *addr,
    int cancel_fd, unsigned timeout_ms)
{
	char text[ADDR_TEXT_MAX];

	s->fd = -1;
	s->cancel_fd = cancel_fd;
	s->timeout_ms = timeout_ms;
	snprintf(s->what, sizeof(s->what), "%s %s", kind, addr_print(addr, text));
}

/* Until fd has one of events. */
static enum err
wait_for(struct bind_sock *s, short events, struct backend_error *why)
{
	int64_t deadline_ms = clock_ms() + s->timeout_ms;

	for (;;) {
		struct pollfd fds[2] = {{.fd = s->fd, .events = events},
		    {.fd = s->cancel_fd, .events = POLLIN}};
		int64_t left = deadline_ms - clock_ms();
		int n = poll(fds, 2, left > 0 ? (int)left : 0);

		if (n == -1 && errno != EINTR)
			return backend_fail(why, ERR_IO, "poll: %s",
			    mem_errno_text(errno));
		if (n > 0 && fds[1].revents != 0)
			return backend_fail(why, ERR_CANCELED, "canceled");
		if (n > 0)
			return OK;
		if (left <= 0)
			return backend_fail(why, ERR_TIMEOUT,
			    "%s: no answer within %u s", s->what, s->timeout_ms / 1000);
	}
}

enum err
bind_sock_sleep(int cancel_fd, unsigned ms, struct backend_error *why)
{
	struct pollfd fd = {.fd = cancel_fd, .events = POLLIN};

	return poll(&fd, 1, (int)ms) > 0 ? backend_fail(why, ERR_CANCELED, "canceled")
					 : OK;
}

static enum err
failed(struct bind_sock *s, int error, struct backend_error *why)
{
	bool absent = error == ECONNREFUSED || error == ECONNRESET || error == EPIPE;

	return backend_fail(why, absent ? ERR_CLOSED : ERR_IO, "%s: %s", s->what,
	    mem_errno_text(error));
}

enum err
bind_sock_open(struct bind_sock *s, const struct addr *addr, struct backend_error *why)
{
	int error = 0, yes = 1;
	socklen_t size = sizeof(error);
	enum err err = OK;

	bind_sock_close(s);
	s->fd =
	    socket(addr_family(addr), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd == -1)
		return failed(s, errno, why);
	/* Each frame is one segment as far as we can help it. */
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (connect(s->fd, &addr->u.sa, addr_size(addr)) == -1) {
		if (errno != EINPROGRESS && errno != EINTR)
			error = errno;
		else
			err = wait_for(s, POLLOUT, why);
		if (err == OK && error == 0 &&
		    getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1)
			error = errno;
		if (err == OK && error != 0)
			err = failed(s, error, why);
	}
	if (err != OK)
		bind_sock_close(s);
	return err;
}

void
bind_sock_close(struct bind_sock *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
}

enum err
bind_sock_send(struct bind_sock *s, const void *data, size_t size,
    struct backend_error *why)
{
	const char *at = data;

	while (size > 0) {
		ssize_t n = send(s->fd, at, size, MSG_NOSIGNAL);
		enum err err;

		if (n >= 0) {
			at += n;
			size -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return failed(s, errno, why);
		err = wait_for(s, POLLOUT, why);
		if (err != OK)
			return err;
	}
	return OK;
}

enum err
bind_sock_receive(struct bind_sock *s, void *data, size_t room, size_t *size,
    struct backend_error *why)
{
	for (;;) {
		enum err err = wait_for(s, POLLIN, why);
		ssize_t n;

		if (err != OK)
			return err;
		n = recv(s->fd, data, room, 0);
		if (n >= 0) {
			*size = (size_t)n;
			return OK;
		}
		if (errno != EAGAIN && errno != EINTR)
			return failed(s, errno, why);
	}
}
