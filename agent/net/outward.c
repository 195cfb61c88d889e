/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/net/outward.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#include "agent/net/octets.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/tls.h"

/*
 * A line is one connection of ours to another server. It is connected, made secure,
 * and then carries messages both ways; whoever called is told of each step, from
 * the loop and never from within a call of his own. What the server makes us hold is
 * one message and one read. It is for whoever called to lose patience.
 *
 * By UDP a line is a connected socket, so that only what comes from the server is
 * heard, and a port that is closed is heard of; each datagram is a message.
 */

enum {
	CHUNK = 64 << 10,
	READS_A_WAKE = 4, /* and a CHUNK: others on the loop want their turn */
	OUT_MAX = 1 << 20,
};

enum line_state { LINE_CONNECTS, LINE_SECURES, LINE_STANDS, LINE_GONE };

struct line {
	struct outward *o;
	struct proto_call *call;
	uv_poll_t poll;
	struct octets io;
	int events;
	int error; /* of a connect(2) that failed at once */
	enum line_state state;
	bool is_udp;
	char tls_name[256]; /* "": plain TCP */
	struct buf in, out;
	LIST_ENTRY(line) link;
};

struct outward {
	uv_loop_t *loop;
	uv_timer_t timer;
	void (*timer_fn)(void *arg);
	void *timer_arg;
	struct addr *listen;
	size_t n_listen;
	struct tls_ctx *tls;
	uint8_t *scratch; /* CHUNK octets, used within one callback */
	LIST_HEAD(, line) lines;
	unsigned n_handles; /* of libuv, not yet closed */
	void (*closed)(void *arg);
	void *closed_arg;
};

static void on_poll(uv_poll_t *poll, int status, int events);

/* -- the end ---------------------------------------------------------------- */

static void
release(struct outward *o)
{
	if (--o->n_handles > 0)
		return;
	void (*closed)(void *) = o->closed;
	void *arg = o->closed_arg;
	tls_ctx_unref(o->tls);
	free(o->listen);
	free(o->scratch);
	free(o);
	if (closed != NULL)
		closed(arg);
}

static void
on_line_closed(uv_handle_t *handle)
{
	struct line *l = handle->data;
	struct outward *o = l->o;

	buf_fini(&l->in);
	buf_fini(&l->out);
	free(l);
	release(o);
}

/* The memory stays until the loop has let go of it. */
static void
line_close(struct line *l)
{
	if (l->state == LINE_GONE)
		return;
	l->state = LINE_GONE;
	LIST_REMOVE(l, link);
	if (l->io.tls != NULL)
		tls_end(l->io.tls);
	tls_free(l->io.tls);
	l->io.tls = NULL;
	uv_close((uv_handle_t *)&l->poll, on_line_closed);
	close(l->io.fd);
}

static void
line_fail(struct line *l, const char *why)
{
	struct proto_call *call = l->call;
	char text[320];

	/* Whose text it is may go with the line. */
	strncpy(text, why, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	line_close(l);
	call->down(call, text);
}

static void
line_fail_tls(struct line *l)
{
	const char *why = tls_error(l->io.tls);

	line_fail(l, why[0] != '\0' ? why : "the connection was closed");
}

/* By errno, if it is plain. */
static void
line_fail_broken(struct line *l)
{
	if (l->io.tls != NULL)
		line_fail_tls(l);
	else
		line_fail(l, mem_errno_text(errno));
}

/* -- what passes ------------------------------------------------------------ */

static void
arm(struct line *l)
{
	int events = UV_READABLE;

	if (l->state == LINE_GONE)
		return;
	if (l->state == LINE_CONNECTS)
		events = UV_WRITABLE;
	else if (l->state == LINE_SECURES)
		events = tls_wants_output(l->io.tls) ? UV_WRITABLE : UV_READABLE;
	else if ((l->out.size > 0 && !l->io.out_waits_in) || l->io.in_waits_out)
		events |= UV_WRITABLE;
	if (events == l->events)
		return;
	l->events = events;
	uv_poll_start(&l->poll, events, on_poll);
}

/* False: the line is gone. */
static bool
send_some(struct line *l)
{
	size_t sent = 0;

	if (l->out.size == 0)
		return true;
	enum err err = octets_send(&l->io, l->out.data, l->out.size, &sent);
	if (err != OK && err != ERR_BUSY) {
		line_fail_broken(l);
		return false;
	}
	buf_consume(&l->out, sent);
	return true;
}

/* Hand over the messages that are whole. */
static void
hand_over(struct line *l)
{
	size_t at = 0;

	while (l->state == LINE_STANDS && l->in.size - at >= 2) {
		const uint8_t *p = l->in.data + at;
		size_t size = (size_t)p[0] << 8 | p[1];
		if (l->in.size - at - 2 < size)
			break;
		at += 2 + size;
		l->call->message(l->call, p + 2, size);
	}
	if (l->state == LINE_STANDS)
		buf_consume(&l->in, at);
}

static void
read_some(struct line *l)
{
	size_t total = 0;

	for (int i = 0; i < READS_A_WAKE && total < CHUNK && l->state == LINE_STANDS;
	     i++) {
		size_t size = 0;
		enum err err = octets_receive(&l->io, l->o->scratch, CHUNK, &size);
		if (err == ERR_BUSY)
			return;
		if (err == ERR_CLOSED && l->is_udp) /* a datagram of nothing */
			continue;
		if (err == ERR_CLOSED) {
			line_fail(l, "the connection was closed");
			return;
		}
		if (err != OK) {
			line_fail_broken(l);
			return;
		}
		total += size;
		if (l->is_udp) {
			l->call->message(l->call, l->o->scratch, size);
			continue;
		}
		buf_put(&l->in, l->o->scratch, size);
		hand_over(l);
	}
}

/* -- the beginning ---------------------------------------------------------- */

static void
stand(struct line *l)
{
	l->state = LINE_STANDS;
	l->call->up(l->call);
}

static void
secure(struct line *l)
{
	enum err err = tls_handshake(l->io.tls);

	if (err == OK)
		stand(l);
	else if (err != ERR_BUSY)
		line_fail_tls(l);
}

static void
connected(struct line *l)
{
	int error = l->error, one = 1;
	socklen_t size = sizeof(error);

	if (error == 0 &&
	    getsockopt(l->io.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		error = errno;
	if (error != 0) {
		line_fail(l, mem_errno_text(error));
		return;
	}
	if (!l->is_udp)
		setsockopt(l->io.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (l->tls_name[0] == '\0') {
		stand(l);
	} else if (tls_connect(l->o->tls, l->io.fd, l->tls_name, &l->io.tls) != OK) {
		line_fail(l, "not a name for TLS");
	} else {
		l->state = LINE_SECURES;
		secure(l);
	}
}

/* libuv says EBADF whatever it was. */
static const char *
why_broken(const struct line *l, int status)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(l->io.fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
	    error != 0)
		return mem_errno_text(error);
	return uv_strerror(status);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct line *l = poll->data;

	(void)events;
	if (status < 0 && l->state != LINE_CONNECTS) {
		line_fail(l, why_broken(l, status));
		return;
	}
	if (l->state == LINE_CONNECTS)
		connected(l);
	else if (l->state == LINE_SECURES)
		secure(l);
	if (l->state == LINE_STANDS && send_some(l))
		read_some(l);
	if (l->state == LINE_STANDS)
		(void)send_some(l); /* what was said to that */
	arm(l);
}

/* -- effects ---------------------------------------------------------------- */

static bool
is_loopback(const struct addr *a)
{
	if (addr_family(a) == AF_INET)
		return ntohl(a->u.in4.sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr);
}

/* A failure does no harm: the system then chooses. */
static void
bind_source(const struct outward *o, int fd, const struct addr *server)
{
	for (size_t i = 0; i < o->n_listen; i++) {
		struct addr a = o->listen[i];
		if (addr_family(&a) != addr_family(server) || addr_is_any(&a) ||
		    is_loopback(&a) != is_loopback(server))
			continue;
		addr_set_port(&a, 0);
		(void)bind(fd, &a.u.sa, addr_size(&a));
		return;
	}
}

/* What connect(2) says at once is told from the loop, too. */
static int
open_socket(const struct outward *o, const struct addr *server, int type, int *error)
{
	int fd = socket(addr_family(server), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	bind_source(o, fd, server);
	if (connect(fd, &server->u.sa, addr_size(server)) != 0 && errno != EINPROGRESS)
		*error = errno;
	return fd;
}

static struct line *
make_line(struct outward *o, struct proto_call *call, const struct addr *server,
    int type)
{
	int error = 0, fd = open_socket(o, server, type, &error);

	if (fd < 0)
		return NULL;
	struct line *l = mem_zalloc(sizeof(*l));
	l->o = o;
	l->call = call;
	l->io.fd = fd;
	l->error = error;
	l->is_udp = type == SOCK_DGRAM;
	if (uv_poll_init(o->loop, &l->poll, fd) != 0) {
		close(fd);
		free(l);
		return NULL;
	}
	o->n_handles++;
	l->poll.data = l;
	buf_init(&l->in, 0); /* one message and one read */
	buf_init(&l->out, OUT_MAX);
	LIST_INSERT_HEAD(&o->lines, l, link);
	arm(l);
	return l;
}

static void *
on_call(void *net, struct proto_call *call, const struct addr *server, const char *tls)
{
	struct outward *o = net;

	if (tls[0] != '\0' && o->tls == NULL)
		return NULL;
	struct line *l = make_line(o, call, server, SOCK_STREAM);
	if (l != NULL)
		strncpy(l->tls_name, tls, sizeof(l->tls_name) - 1);
	return l;
}

static void *
on_call_udp(void *net, struct proto_call *call, const struct addr *server)
{
	return make_line(net, call, server, SOCK_DGRAM);
}

static void
on_send(void *line, const uint8_t *msg, size_t size)
{
	struct line *l = line;

	assert(size <= UINT16_MAX);
	if (l->is_udp) { /* what is wrong comes back, or does not */
		(void)!send(l->io.fd, msg, size, MSG_DONTWAIT | MSG_NOSIGNAL);
		return;
	}
	buf_put_u16(&l->out, (uint16_t)size);
	buf_put(&l->out, msg, size);
	arm(l);
}

static void
on_hang_up(void *line)
{
	line_close(line);
}

static void
on_timer(uv_timer_t *timer)
{
	struct outward *o = timer->data;

	o->timer_fn(o->timer_arg);
}

static void
on_timer_set(void *net, uint64_t after_ms, void (*fn)(void *arg), void *arg)
{
	static const uint64_t day_ms = 86400000;
	struct outward *o = net;

	o->timer_fn = fn;
	o->timer_arg = arg;
	uv_timer_start(&o->timer, on_timer, after_ms < day_ms ? after_ms : day_ms, 0);
}

static uint64_t
on_now(void *net)
{
	(void)net;
	return (uint64_t)clock_ms();
}

const struct proto_outward outward_effects = {
    .call = on_call,
    .call_udp = on_call_udp,
    .send = on_send,
    .hang_up = on_hang_up,
    .timer = on_timer_set,
    .now_ms = on_now,
};

/* -- life ------------------------------------------------------------------- */

void
outward_set(struct outward *o, const struct outward_conf *conf)
{
	struct tls_ctx *old = o->tls;

	free(o->listen);
	o->listen = NULL;
	o->n_listen = conf->n_listen;
	if (conf->n_listen > 0)
		o->listen =
		    mem_dup(conf->listen, conf->n_listen * sizeof(*conf->listen));
	o->tls = conf->tls != NULL ? tls_ctx_ref(conf->tls) : NULL;
	tls_ctx_unref(old);
}

struct outward *
outward_open(struct uv_loop_s *loop, const struct outward_conf *conf)
{
	struct outward *o = mem_zalloc(sizeof(*o));

	o->loop = loop;
	o->scratch = mem_alloc(CHUNK);
	outward_set(o, conf);
	LIST_INIT(&o->lines);
	uv_timer_init(loop, &o->timer);
	o->timer.data = o;
	o->n_handles = 1;
	return o;
}

static void
on_closed(uv_handle_t *handle)
{
	release(handle->data);
}

void
outward_close(struct outward *o, void (*closed)(void *arg), void *arg)
{
	struct line *l;

	o->closed = closed;
	o->closed_arg = arg;
	while ((l = LIST_FIRST(&o->lines)) != NULL)
		line_close(l);
	uv_close((uv_handle_t *)&o->timer, on_closed);
}
