/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/net/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/net/conn.h"
#include "lib/mem.h"

enum {
	/* The kernel may hold accept(2) for tens of ms while it enlarges the table of
	 * descriptors of a process with threads; the default limit of connections. */
	BACKLOG = 1024,
	ACCEPTS_A_WAKE = 64,
	PAUSE_MS = 100, /* when not even refusing is possible */
};

struct tcp {
	struct hub *hub;
	uv_poll_t poll;
	uv_timer_t pause;
	int fd;
	bool is_tls;
	unsigned n_handles;
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void
on_pause_end(uv_timer_t *timer)
{
	struct tcp *tcp = timer->data;

	uv_poll_start(&tcp->poll, UV_READABLE, on_poll);
}

/* The kernel keeps the listening socket readable: do not spin on it. */
static void
pause_listening(struct tcp *tcp)
{
	uv_poll_stop(&tcp->poll);
	uv_timer_start(&tcp->pause, on_pause_end, PAUSE_MS, 0);
}

static int
accept_one(struct tcp *tcp, struct sockaddr_storage *from)
{
	socklen_t size = sizeof(*from);

	return accept4(tcp->fd, (struct sockaddr *)from, &size,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* accept(2) takes a descriptor before it looks whether anybody waits. */
static bool
is_pending(const struct tcp *tcp)
{
	struct pollfd p = {.fd = tcp->fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/*
 * There is no descriptor left. Take one from an idle connection, else accept
 * with the reserve and close at once, so that the peer knows. False: neither.
 */
static bool
make_descriptor(struct tcp *tcp)
{
	struct hub *hub = tcp->hub;

	hub_complain(hub, "tcp accept connections=%u error=\"no descriptor left\"",
	    hub->n_conns);
	if (conn_evict(hub))
		return true;
	if (hub->reserve_fd < 0)
		return false;
	close(hub->reserve_fd);
	struct sockaddr_storage from;
	int fd = accept_one(tcp, &from);
	if (fd >= 0)
		close(fd);
	hub->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd >= 0;
}

static void
admit(struct tcp *tcp, int fd, const struct sockaddr_storage *sa)
{
	struct hub *hub = tcp->hub;
	struct addr from;

	if (addr_from_sockaddr((const struct sockaddr *)sa, &from) != OK) {
		close(fd);
		return;
	}
	if (hub->n_conns >= hub->max_connections && !conn_evict(hub)) {
		char text[ADDR_TEXT_MAX];
		hub_complain(hub, "tcp peer=%s refused connections=%u error=\"%s\"",
		    addr_print(&from, text), hub->n_conns, "all are busy");
		close(fd);
		return;
	}
	conn_open(hub, fd, &from, tcp->is_tls);
}

/* True: go on accepting. */
static bool
accept_failed(struct tcp *tcp)
{
	switch (errno) {
	case EAGAIN: return false;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		if (!is_pending(tcp))
			return false;
		if (make_descriptor(tcp))
			return true;
		pause_listening(tcp);
		return false;
	case EBADF:
	case EINVAL:
	case ENOTSOCK: /* cannot be; and would not end */
		hub_complain(tcp->hub, "tcp accept error=\"%s\"",
		    mem_errno_text(errno));
		pause_listening(tcp);
		return false;
	default: return true; /* of that one connection: accept(2), "Error handling" */
	}
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct tcp *tcp = poll->data;

	(void)events;
	if (status < 0) {
		hub_complain(tcp->hub, "tcp listen error=\"%s\"", uv_strerror(status));
		pause_listening(tcp);
		return;
	}
	for (int i = 0; i < ACCEPTS_A_WAKE; i++) {
		struct sockaddr_storage from = {0};
		int fd = accept_one(tcp, &from);
		if (fd >= 0)
			admit(tcp, fd, &from);
		else if (!accept_failed(tcp))
			return;
	}
}

/* -- life ------------------------------------------------------------------ */

static int
open_socket(struct addr *addr)
{
	int family = addr_family(addr), one = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	bool ok = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0;
	if (ok && family == AF_INET6)
		ok = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) == 0;
	socklen_t size = addr_size(addr);
	if (ok && bind(fd, &addr->u.sa, size) == 0 && listen(fd, BACKLOG) == 0 &&
	    getsockname(fd, &addr->u.sa, &size) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

enum err
tcp_open(struct hub *hub, struct addr *addr, bool is_tls, struct tcp **out)
{
	int fd = open_socket(addr);

	if (fd < 0)
		return ERR_IO;
	struct tcp *tcp = mem_zalloc(sizeof(*tcp));
	tcp->hub = hub;
	tcp->fd = fd;
	tcp->is_tls = is_tls;
	int rc = uv_poll_init(hub->loop, &tcp->poll, fd);
	if (rc != 0) {
		close(fd);
		free(tcp);
		errno = -rc;
		return ERR_IO;
	}
	uv_timer_init(hub->loop, &tcp->pause);
	hub_hold(hub);
	tcp->n_handles = 2;
	tcp->poll.data = tcp->pause.data = tcp;
	uv_poll_start(&tcp->poll, UV_READABLE, on_poll);
	*out = tcp;
	return OK;
}

static void
on_closed(uv_handle_t *handle)
{
	struct tcp *tcp = handle->data;

	if (--tcp->n_handles > 0)
		return;
	struct hub *hub = tcp->hub;
	free(tcp);
	hub_release(hub);
}

void
tcp_close(struct tcp *tcp)
{
	uv_close((uv_handle_t *)&tcp->poll, on_closed);
	uv_close((uv_handle_t *)&tcp->pause, on_closed);
	close(tcp->fd);
}
