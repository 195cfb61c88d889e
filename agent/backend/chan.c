/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/chan.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/mem.h"

enum { CHUNK = 65536, BACKLOG_MS = 20 };

void
chan_init(struct chan *chan, const char *peer_text, int cancel_fd, unsigned timeout_ms)
{
	memset(chan, 0, sizeof(*chan));
	chan->fd = -1;
	chan->cancel_fd = cancel_fd;
	chan->timeout_ms = timeout_ms;
	chan->answer_max = CHAN_ANSWER_MAX;
	snprintf(chan->peer_text, sizeof(chan->peer_text), "%s", peer_text);
}

void
chan_close(struct chan *chan)
{
	if (chan->fd != -1)
		close(chan->fd);
	chan->fd = -1;
}

/* -- waiting ------------------------------------------------------------------ */

enum err
chan_sleep(int cancel_fd, unsigned ms, struct backend_error *why)
{
	struct pollfd fd = {.fd = cancel_fd, .events = POLLIN};

	return poll(&fd, 1, (int)ms) > 0 ? backend_fail(why, ERR_CANCELED, "canceled")
					 : OK;
}

static void
moved_on(struct chan *chan)
{
	chan->deadline_ms = clock_ms() + chan->timeout_ms;
}

/* Until one of events, or wait_ms (-1: until the deadline) are over. */
static enum err
wait_for(const struct chan *chan, short events, int wait_ms, struct backend_error *why)
{
	struct pollfd fds[2] = {{.fd = events != 0 ? chan->fd : -1, .events = events},
	    {.fd = chan->cancel_fd, .events = POLLIN}};
	int64_t left = chan->deadline_ms - clock_ms();

	if (left <= 0 && wait_ms != 0)
		return backend_fail(why, ERR_TIMEOUT, "%s: no answer within %u s",
		    chan->peer_text, chan->timeout_ms / 1000);
	if (wait_ms < 0 || wait_ms > left)
		wait_ms = left > 0 ? (int)left : 0;
	if (poll(fds, 2, wait_ms) == -1 && errno != EINTR)
		return backend_fail(why, ERR_IO, "poll: %s", mem_errno_text(errno));
	if (fds[1].revents != 0)
		return backend_fail(why, ERR_CANCELED, "canceled");
	return OK;
}

enum err
chan_wait(struct chan *chan, bool sending, bool moved, struct backend_error *why)
{
	if (moved)
		moved_on(chan);
	return wait_for(chan, sending ? POLLIN | POLLOUT : POLLIN, moved ? 0 : -1, why);
}

static enum err
failed(const struct chan *chan, int error, struct backend_error *why)
{
	bool absent = error == ENOENT || error == ECONNREFUSED || error == ECONNRESET ||
		      error == EPIPE;

	return backend_fail(why, absent ? ERR_CLOSED : ERR_IO, "%s: %s",
	    chan->peer_text, mem_errno_text(error));
}

/* -- connecting --------------------------------------------------------------- */

static enum err
finish_connect(struct chan *chan, struct backend_error *why)
{
	struct pollfd fd = {.fd = chan->fd, .events = POLLOUT};
	int error = 0;
	socklen_t size = sizeof(error);

	while (poll(&fd, 1, 0) == 0) {
		enum err err = wait_for(chan, POLLOUT, -1, why);

		if (err != OK)
			return err;
	}
	if (getsockopt(chan->fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1)
		error = errno;
	return error == 0 ? OK : failed(chan, error, why);
}

static enum err
connect_to(struct chan *chan, const struct sockaddr *sa, socklen_t size,
    struct backend_error *why)
{
	bool is_unix = sa->sa_family == AF_UNIX;

	while (connect(chan->fd, sa, size) == -1) {
		enum err err;

		if (!is_unix && (errno == EINPROGRESS || errno == EINTR))
			return finish_connect(chan, why);
		/* A full backlog of a unix socket cannot be polled for. */
		if (!is_unix || (errno != EAGAIN && errno != EINTR))
			return failed(chan, errno, why);
		err = wait_for(chan, 0, BACKLOG_MS, why);
		if (err != OK)
			return err;
	}
	return OK;
}

static enum err
open_at(struct chan *chan, const struct sockaddr *sa, socklen_t size,
    struct backend_error *why)
{
	enum err err;

	chan_close(chan);
	chan->peer = 0;
	chan->answer_size = 0;
	moved_on(chan);
	chan->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (chan->fd == -1)
		return failed(chan, errno, why);
	err = connect_to(chan, sa, size, why);
	if (err != OK)
		chan_close(chan);
	return err;
}

enum err
chan_open_unix(struct chan *chan, const char *path, struct backend_error *why)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct ucred cred;
	socklen_t size = sizeof(cred);
	enum err err;

	if (strlen(path) >= sizeof(sun.sun_path))
		return backend_fail(why, ERR_RANGE, "%.100s...: the path is too long",
		    path);
	strcpy(sun.sun_path, path);
	err = open_at(chan, (const struct sockaddr *)&sun, sizeof(sun), why);
	if (err == OK &&
	    getsockopt(chan->fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0)
		chan->peer = cred.pid;
	return err;
}

enum err
chan_open_tcp(struct chan *chan, const struct addr *addr, struct backend_error *why)
{
	int yes = 1;
	enum err err = open_at(chan, &addr->u.sa, addr_size(addr), why);

	/* Each frame is one segment as far as we can help it. */
	if (err == OK &&
	    setsockopt(chan->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) == -1)
		errno = 0; /* slower, no worse */
	return err;
}

/* -- moving octets ------------------------------------------------------------ */

enum err
chan_send_some(struct chan *chan, const void *data, size_t room, size_t *size,
    struct backend_error *why)
{
	ssize_t n = room > 0 ? send(chan->fd, data, room, MSG_NOSIGNAL) : 0;

	*size = n > 0 ? (size_t)n : 0;
	return n == -1 && errno != EAGAIN && errno != EINTR ? failed(chan, errno, why)
							    : OK;
}

enum err
chan_receive_some(struct chan *chan, void *data, size_t room, size_t *size, bool *end,
    struct backend_error *why)
{
	ssize_t n = recv(chan->fd, data, room, 0);

	*size = n > 0 ? (size_t)n : 0;
	*end = n == 0;
	chan->answer_size += *size;
	if (chan->answer_size > chan->answer_max)
		return backend_fail(why, ERR_IO,
		    "%s: an answer of more than %" PRIu64 " octets", chan->peer_text,
		    chan->answer_max);
	return n == -1 && errno != EAGAIN && errno != EINTR ? failed(chan, errno, why)
							    : OK;
}

enum err
chan_send(struct chan *chan, const void *data, size_t size, struct backend_error *why)
{
	const char *at = data;
	size_t n;
	enum err err = OK;

	chan->answer_size = 0;
	moved_on(chan);
	while (err == OK && size > 0) {
		err = chan_send_some(chan, at, size, &n, why);
		at += n;
		size -= n;
		if (n > 0)
			moved_on(chan);
		else if (err == OK)
			err = wait_for(chan, POLLOUT, -1, why);
	}
	return err;
}

enum err
chan_receive(struct chan *chan, void *data, size_t room, size_t *size,
    struct backend_error *why)
{
	bool end = false;
	enum err err = OK;

	*size = 0;
	moved_on(chan);
	while (err == OK && *size == 0 && !end) {
		err = wait_for(chan, POLLIN, -1, why);
		if (err == OK)
			err = chan_receive_some(chan, data, room, size, &end, why);
	}
	return err;
}

enum err
chan_talk(struct chan *chan, const void *out, size_t size, size_t *sent,
    chan_feed_fn *fn, void *arg, struct backend_error *why)
{
	uint8_t *chunk = mem_alloc(CHUNK);
	bool done = false, end = false;
	enum err err = OK;

	*sent = 0;
	chan->answer_size = 0;
	moved_on(chan);
	while (err == OK && !(done && *sent == size)) {
		size_t put, got = 0;

		err = chan_send_some(chan, (const uint8_t *)out + *sent, size - *sent,
		    &put, why);
		*sent += put;
		if (err == OK)
			err = chan_receive_some(chan, chunk, CHUNK, &got, &end, why);
		if (err == OK && end)
			err = backend_fail(why, ERR_CLOSED, "%s closed the connection",
			    chan->peer_text);
		if (err == OK && got > 0)
			err = fn(arg, chunk, got, &done);
		if (err == OK && !(done && *sent == size))
			err = chan_wait(chan, *sent<size, put + got> 0, why);
	}
	free(chunk);
	return err;
}
