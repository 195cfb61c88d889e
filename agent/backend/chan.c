/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/chan.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/mem.h"

enum { CHUNK = 65536 };

void
chan_init(struct chan *chan, int cancel_fd, unsigned timeout_ms)
{
	memset(chan, 0, sizeof(*chan));
	chan->fd = -1;
	chan->cancel_fd = cancel_fd;
	chan->timeout_ms = timeout_ms;
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

/* Until one of events, or wait_ms (-1: until the deadline) are over. */
static enum err
wait_for(const struct chan *chan, int64_t deadline_ms, short events, int wait_ms,
    struct backend_error *why)
{
	struct pollfd fds[2] = {{.fd = events != 0 ? chan->fd : -1, .events = events},
	    {.fd = chan->cancel_fd, .events = POLLIN}};
	int64_t left = deadline_ms - clock_ms();

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
connect_unix(struct chan *chan, const struct sockaddr_un *sun,
    struct backend_error *why)
{
	int64_t deadline_ms = clock_ms() + chan->timeout_ms;
	struct ucred cred;
	socklen_t size = sizeof(cred);

	while (connect(chan->fd, (const struct sockaddr *)sun, sizeof(*sun)) == -1) {
		enum err err;

		/* A full backlog of a unix socket cannot be polled for. */
		if (errno != EAGAIN && errno != EINTR)
			return failed(chan, errno, why);
		err = wait_for(chan, deadline_ms, 0, 20, why);
		if (err != OK)
			return err;
	}
	chan->peer = 0;
	if (getsockopt(chan->fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0)
		chan->peer = cred.pid;
	return OK;
}

enum err
chan_open_unix(struct chan *chan, const char *path, struct backend_error *why)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	enum err err;

	chan_close(chan);
	snprintf(chan->peer_text, sizeof(chan->peer_text), "%s", path);
	if (strlen(path) >= sizeof(sun.sun_path))
		return backend_fail(why, ERR_RANGE, "%.100s...: the path is too long",
		    path);
	strcpy(sun.sun_path, path);
	chan->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (chan->fd == -1)
		return failed(chan, errno, why);
	err = connect_unix(chan, &sun, why);
	if (err != OK)
		chan_close(chan);
	return err;
}

/* -- talking ------------------------------------------------------------------ */

static enum err
send_some(const struct chan *chan, const uint8_t *out, size_t size, size_t *sent,
    struct backend_error *why)
{
	ssize_t n;

	if (*sent == size)
		return OK;
	n = send(chan->fd, out + *sent, size - *sent, MSG_NOSIGNAL);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? OK
							 : failed(chan, errno, why);
	*sent += (size_t)n;
	return OK;
}

static enum err
receive_some(const struct chan *chan, uint8_t *chunk, size_t *size,
    struct backend_error *why)
{
	ssize_t n = recv(chan->fd, chunk, CHUNK, 0);

	*size = 0;
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? OK
							 : failed(chan, errno, why);
	if (n == 0)
		return backend_fail(why, ERR_CLOSED, "%s closed the connection",
		    chan->peer_text);
	*size = (size_t)n;
	return OK;
}

enum err
chan_talk(struct chan *chan, const void *out, size_t size, size_t *sent,
    chan_feed_fn *fn, void *arg, struct backend_error *why)
{
	uint8_t *chunk = mem_alloc(CHUNK);
	int64_t deadline_ms = clock_ms() + chan->timeout_ms;
	bool done = false;
	enum err err = OK;

	*sent = 0;
	while (err == OK && !(done && *sent == size)) {
		size_t before = *sent, got = 0;
		bool moved;

		err = send_some(chan, out, size, sent, why);
		if (err == OK)
			err = receive_some(chan, chunk, &got, why);
		if (err == OK && got > 0)
			err = fn(arg, chunk, got, &done);
		if (err != OK || (done && *sent == size))
			break;
		moved = got > 0 || *sent > before;
		if (moved)
			deadline_ms = clock_ms() + chan->timeout_ms;
		err = wait_for(chan, deadline_ms,
		    *sent < size ? POLLIN | POLLOUT : POLLIN, moved ? 0 : -1, why);
	}
	free(chunk);
	return err;
}
