/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/stream.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/tls.h"

enum { READ_SIZE = 65536 };

/* -- failures ------------------------------------------------------------- */

enum err
stream_fail(struct stream *s, enum err err, const char *fmt, ...)
{
	char addr[ADDR_TEXT_MAX];
	va_list args;
	int n =
	    snprintf(s->error, sizeof(s->error), "%s: ", addr_print(&s->server, addr));

	va_start(args, fmt);
	vsnprintf(s->error + n, sizeof(s->error) - (size_t)n, fmt, args);
	va_end(args);
	return err;
}

static enum err
fail_errno(struct stream *s, int error)
{
	/* The peer's doing, or the system's. */
	enum err err = error == ECONNRESET || error == EPIPE ? ERR_CLOSED : ERR_IO;

	return stream_fail(s, err, "%s", mem_errno_text(error));
}

void
stream_end(struct stream *s, enum err err)
{
	if (s->err == OK)
		s->err = err;
	s->in_pos = s->in_end;
}

static enum err
ended(struct stream *s)
{
	return stream_fail(s, s->err, "the connection has ended: %s", err_str(s->err));
}

/* -- waiting -------------------------------------------------------------- */

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t
deadline_of(const struct stream *s)
{
	return now_ms() + s->timeout_ms;
}

static enum err
wait_for(struct stream *s, short events, int64_t deadline, short *revents)
{
	struct pollfd fds[] = {
	    {.fd = s->fd, .events = events},
	    {.fd = s->cancel_fd, .events = POLLIN}, /* poll(2) skips a -1 */
	};

	for (;;) {
		int64_t left = deadline - now_ms();
		int wait_ms = left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
		int n = poll(fds, 2, wait_ms);
		if (n < 0 && errno != EINTR)
			return fail_errno(s, errno);
		if (n > 0 && fds[1].revents != 0)
			return stream_fail(s, ERR_CANCELED, "canceled");
		if (n > 0) {
			*revents = fds[0].revents;
			return OK;
		}
		if (n == 0 && left <= wait_ms)
			return stream_fail(s, ERR_TIMEOUT, "no answer within %u.%03u s",
			    s->timeout_ms / 1000, s->timeout_ms % 1000);
	}
}

/* -- the connection ------------------------------------------------------- */

/* After connect(2) said that it goes on, and its end has come: what end. */
static enum err
connect_result(struct stream *s)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		error = errno;
	return error == 0 ? OK : stream_fail(s, ERR_IO, "%s", mem_errno_text(error));
}

enum err
stream_start(struct stream *s, const struct addr *server, unsigned timeout_ms,
    int cancel_fd)
{
	int one = 1;
	enum err err = OK;

	*s = (struct stream){.server = *server,
	    .cancel_fd = cancel_fd,
	    .in_waits = POLLIN,
	    .out_waits = POLLOUT,
	    .timeout_ms = timeout_ms};
	s->fd =
	    socket(addr_family(server), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		err = fail_errno(s, errno);
	/* Requests are whole when written: never hold one back for more. */
	else if (setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)
		err = fail_errno(s, errno);
	else if (connect(s->fd, &server->u.sa, addr_size(server)) == 0)
		return OK;
	else if (errno == EINPROGRESS || errno == EINTR)
		return ERR_BUSY;
	else
		err = stream_fail(s, ERR_IO, "%s", mem_errno_text(errno));
	s->err = err;
	return err;
}

enum err
stream_connected(struct stream *s)
{
	struct pollfd fd = {.fd = s->fd, .events = POLLOUT};

	if (poll(&fd, 1, 0) <= 0)
		return ERR_BUSY;
	s->err = connect_result(s);
	return s->err;
}

enum err
stream_open(struct stream *s, const struct addr *server, unsigned timeout_ms,
    int cancel_fd)
{
	short revents;
	enum err err = stream_start(s, server, timeout_ms, cancel_fd);

	if (err != ERR_BUSY)
		return err;
	err = wait_for(s, POLLOUT, deadline_of(s), &revents);
	s->err = err == OK ? connect_result(s) : err;
	return s->err;
}

/* Of lib/tls. */
static enum err
fail_tls(struct stream *s, enum err err)
{
	const char *text = tls_error(s->tls);

	return stream_fail(s, err, "%s",
	    text[0] != '\0' ? text : "the server closed the connection");
}

enum err
stream_secure_start(struct stream *s, struct tls_ctx *ctx, const char *name)
{
	if (tls_connect(ctx, s->fd, name, &s->tls) != OK)
		s->err = stream_fail(s, ERR_INVALID,
		    "\"%s\" cannot be the name of a server", name);
	return s->err;
}

enum err
stream_secured(struct stream *s, short *events)
{
	enum err err = tls_handshake(s->tls);

	if (err == ERR_BUSY)
		*events = tls_wants_output(s->tls) ? POLLOUT : POLLIN;
	else if (err != OK)
		s->err = fail_tls(s, err);
	return err;
}

enum err
stream_secure(struct stream *s, struct tls_ctx *ctx, const char *name)
{
	int64_t deadline = deadline_of(s);
	short events, revents;
	enum err err = stream_secure_start(s, ctx, name);

	while (err == OK && (err = stream_secured(s, &events)) == ERR_BUSY)
		err = wait_for(s, events, deadline, &revents);
	s->err = err;
	return err;
}

void
stream_close(struct stream *s)
{
	if (s->tls != NULL)
		tls_end(s->tls);
	tls_free(s->tls);
	s->tls = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	free(s->in);
	s->in = NULL;
	s->in_pos = s->in_end = s->in_room = 0;
}

/* -- reading -------------------------------------------------------------- */

/* Room for READ_SIZE octets at in_end. */
static void
make_room(struct stream *s)
{
	size_t kept = s->in_end - s->in_pos;

	/* Moving is cheap as long as it moves less than was taken since. */
	if (s->in_room - s->in_end < READ_SIZE && kept <= s->in_pos) {
		if (kept > 0)
			memmove(s->in, s->in + s->in_pos, kept);
		s->in_pos = 0;
		s->in_end = kept;
	}
	if (s->in_room - s->in_end < READ_SIZE) {
		s->in_room = 2 * s->in_end + READ_SIZE;
		s->in = mem_realloc(s->in, s->in_room);
	}
}

/* ERR_BUSY: nothing has come. The failures are said. */
static enum err
receive(struct stream *s, uint8_t *data, size_t room, size_t *n)
{
	if (s->tls != NULL) {
		enum err err = tls_read(s->tls, data, room, n);
		if (err != OK && err != ERR_BUSY)
			return fail_tls(s, err);
		s->in_waits =
		    err == ERR_BUSY && tls_wants_output(s->tls) ? POLLOUT : POLLIN;
		return err;
	}
	ssize_t got = recv(s->fd, data, room, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return ERR_BUSY;
	if (got < 0)
		return fail_errno(s, errno);
	if (got == 0)
		return stream_fail(s, ERR_CLOSED, "the server closed the connection");
	*n = (size_t)got;
	return OK;
}

static enum err
read_some(struct stream *s)
{
	size_t n = 0;

	make_room(s);
	enum err err = receive(s, s->in + s->in_end, s->in_room - s->in_end, &n);
	if (err == ERR_BUSY)
		return OK;
	s->in_end += n;
	s->err = err;
	return err;
}

/* Whether a whole message waits; its size goes to *size. */
bool
stream_has_next(const struct stream *s, size_t *size)
{
	size_t left = s->in_end - s->in_pos;

	if (left < 2)
		return false;
	*size = (size_t)s->in[s->in_pos] << 8 | s->in[s->in_pos + 1];
	return left - 2 >= *size;
}

enum err
stream_next(struct stream *s, const uint8_t **msg, size_t *size)
{
	int64_t deadline = deadline_of(s);
	short revents;

	/* What came before the end of the connection still counts. */
	while (!stream_has_next(s, size)) {
		if (s->err != OK)
			return ended(s);
		enum err err = wait_for(s, s->in_waits, deadline, &revents);
		if (err == OK)
			err = read_some(s);
		if (err != OK)
			return err;
	}
	*msg = s->in + s->in_pos + 2;
	s->in_pos += 2 + *size;
	return OK;
}

/* -- writing -------------------------------------------------------------- */

static enum err
write_tls(struct stream *s, const uint8_t *data, size_t size, size_t *sent)
{
	size_t n = 0;
	enum err err = tls_write(s->tls, data, size, &n);

	if (err != OK && err != ERR_BUSY)
		return fail_tls(s, err);
	*sent += n;
	s->out_waits = err == OK || tls_wants_output(s->tls) ? POLLOUT : POLLIN;
	return OK;
}

static enum err
write_some(struct stream *s, const uint8_t *data, size_t size, size_t *sent)
{
	if (s->tls != NULL)
		return write_tls(s, data, size, sent);
	ssize_t n = send(s->fd, data, size, MSG_NOSIGNAL);

	if (n >= 0)
		*sent += (size_t)n;
	else if (errno != EAGAIN && errno != EINTR)
		return fail_errno(s, errno);
	return OK;
}

enum err
stream_write(struct stream *s, const uint8_t *data, size_t size, size_t queue_max)
{
	int64_t deadline = deadline_of(s);
	size_t sent = 0;

	if (s->err != OK)
		return ended(s);
	enum err err = write_some(s, data, size, &sent);
	while (err == OK && sent < size) {
		short revents;
		err = wait_for(s, s->in_waits | s->out_waits, deadline, &revents);
		if (err == OK && (revents & (s->in_waits | ~POLLOUT)) != 0) {
			err = read_some(s);
			if (s->in_end - s->in_pos > queue_max)
				err = stream_fail(s, ERR_FORM,
				    "the server sends more than it was asked for");
		}
		if (err == OK && (revents & s->out_waits) != 0)
			err = write_some(s, data + sent, size - sent, &sent);
	}
	if (s->err == OK)
		s->err = err;
	return err;
}
