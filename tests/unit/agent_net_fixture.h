/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_AGENT_NET_FIXTURE_H
#define TESTS_UNIT_AGENT_NET_FIXTURE_H

/*
 * The sockets alone. In place of agent/proto stands a peer for them that does
 * what the first octet of a message says, so that every effect and its timing
 * is the test's: E echo, D echo later, N nothing, B a large reply, T a
 * transfer, X a transfer that fails, C echo and close.
 */
#include "tests/unit/test.h"

#include "agent/net/net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <uv.h>

#include "lib/mem.h"

/* -- the double ------------------------------------------------------------ */

enum { BIG = 60000 };

struct proto_session {
	struct proto_session *next;
	void *peer;
	enum transport transport;
	unsigned outstanding;
	bool closed;
};

struct later {
	struct later *next;
	struct proto_session *session;
	struct addr to;
	size_t size;
	uint8_t msg[64];
};

struct proto_transfer {
	unsigned n, at;
	bool fails;
	uint8_t id;
};

static struct later *laters;
static unsigned n_sessions, n_received, n_transfers_alive;
static uint64_t transfer_age_ms;

struct proto_session *
proto_open(struct proto *proto, void *peer, enum transport transport)
{
	(void)proto;
	struct proto_session *s = mem_zalloc(sizeof(*s));
	s->peer = peer;
	s->transport = transport;
	n_sessions++;
	return s;
}

static inline void
drop_session(struct proto_session *s)
{
	if (s->closed && s->outstanding == 0)
		free(s);
}

void
proto_close(struct proto_session *s)
{
	n_sessions--;
	s->closed = true;
	drop_session(s);
}

unsigned
proto_outstanding(const struct proto_session *s)
{
	return s->outstanding;
}

static inline void
answer_later(struct proto_session *s, const struct addr *to, const uint8_t *msg,
    size_t size)
{
	struct later *l = mem_zalloc(sizeof(*l)), **end = &laters;
	while (*end != NULL)
		end = &(*end)->next;
	l->session = s;
	l->to = *to;
	l->size = size < sizeof(l->msg) ? size : sizeof(l->msg);
	memcpy(l->msg, msg, l->size);
	*end = l;
	s->outstanding++;
}

static inline void
answer_laters(void)
{
	struct later *l;
	while ((l = laters) != NULL) {
		laters = l->next;
		l->session->outstanding--;
		if (!l->session->closed)
			net_effects.reply(l->session->peer, &l->to, l->msg, l->size);
		drop_session(l->session);
		free(l);
	}
}

static inline void
start_transfer(struct proto_session *s, const uint8_t *msg, size_t size)
{
	struct proto_transfer *t = mem_zalloc(sizeof(*t));
	t->fails = msg[0] == 'X';
	t->n = size >= 4 ? (unsigned)(msg[2] << 8 | msg[3]) : 1;
	t->id = size >= 2 ? msg[1] : 0;
	n_transfers_alive++;
	net_effects.transfer(s->peer, t);
}

void
proto_receive(struct proto_session *s, const struct addr *from, const uint8_t *msg,
    size_t size)
{
	static uint8_t big[BIG];

	n_received++;
	if (size == 0)
		return;
	switch (msg[0]) {
	case 'D': answer_later(s, from, msg, size); break;
	case 'N': break;
	case 'B':
		big[0] = 'B';
		net_effects.reply(s->peer, from, big, sizeof(big));
		break;
	case 'T':
	case 'X': start_transfer(s, msg, size); break;
	case 'C':
		net_effects.reply(s->peer, from, msg, size);
		net_effects.close(s->peer);
		break;
	default: net_effects.reply(s->peer, from, msg, size); break;
	}
}

/* Message i of n: 'T' id, i in two octets, and 16000 octets of it. */
enum { TRANSFER_MSG = 16004 };

enum err
proto_transfer_next(struct proto_transfer *t, uint8_t *out, size_t room, size_t *size,
    bool *last)
{
	if (t->fails && t->at == 1)
		return ERR_CORRUPT;
	assert_true(room >= TRANSFER_MSG);
	memset(out, t->at & 0xff, TRANSFER_MSG);
	out[0] = 'T';
	out[1] = t->id;
	out[2] = (uint8_t)(t->at >> 8);
	out[3] = (uint8_t)t->at;
	*size = TRANSFER_MSG;
	*last = ++t->at == t->n;
	return OK;
}

bool
proto_is_known(const struct proto_session *session)
{
	(void)session;
	return true;
}

bool
proto_is_engaged(const struct proto_session *session)
{
	(void)session;
	return false;
}

uint64_t
proto_transfer_age_ms(const struct proto_transfer *t)
{
	(void)t;
	return transfer_age_ms;
}

void
proto_transfer_free(struct proto_transfer *t)
{
	n_transfers_alive--;
	free(t);
}

/* -- a net under test ------------------------------------------------------ */

struct fixture {
	uv_loop_t loop;
	struct net *net;
	struct addr addr;
	bool is_closed;
};

static inline uint64_t
now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static inline struct addr
address(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(text, 0, &a), OK);
	return a;
}

static inline struct fixture *
start_on(const char *host, struct net_conf conf)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	struct addr listen_on = address(host);
	struct err_where where = {0};

	n_received = 0;
	transfer_age_ms = 0;
	assert_int_equal(uv_loop_init(&f->loop), 0);
	conf.listen = &listen_on;
	conf.n_listen = 1;
	assert_int_equal(net_open(&f->loop, &conf, NULL, &where, &f->net), OK);
	f->addr = *net_address(f->net, 0);
	assert_null(net_address(f->net, 1));
	return f;
}

static inline struct fixture *
start(struct net_conf conf)
{
	return start_on("127.0.0.1", conf);
}

static inline void
on_closed(void *arg)
{
	((struct fixture *)arg)->is_closed = true;
}

static inline void
stop(struct fixture *f)
{
	net_close(f->net, on_closed, f);
	assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
	assert_true(f->is_closed);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	answer_laters();
	assert_int_equal(n_sessions, 0);
	assert_int_equal(n_transfers_alive, 0);
	free(f);
}

/* Let the loop run until fd can be read (false: not within ms). */
static inline bool
run_until_readable(struct fixture *f, int fd, unsigned ms)
{
	uint64_t end = now_ms() + ms;
	do {
		uv_run(&f->loop, UV_RUN_NOWAIT);
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, 1) == 1)
			return true;
	} while (now_ms() < end);
	return false;
}

static inline void
run_for(struct fixture *f, unsigned ms)
{
	uint64_t end = now_ms() + ms;
	do {
		uv_run(&f->loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 1);
	} while (now_ms() < end);
}

static inline int
make_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	assert_true(fd >= 0);
	/* Length and message are two sends here, and none may wait for the other. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static inline int
connect_to(const struct addr *to)
{
	int fd = make_socket(addr_family(to));
	assert_int_equal(connect(fd, &to->u.sa, addr_size(to)), 0);
	return fd;
}

static inline int
connect_slow(const struct addr *to)
{
	int fd = make_socket(addr_family(to)), size = 4096;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	assert_int_equal(connect(fd, &to->u.sa, addr_size(to)), 0);
	return fd;
}

static inline void
send_all(struct fixture *f, int fd, const void *data, size_t size)
{
	size_t at = 0;
	uint64_t end = now_ms() + 10000;
	while (at < size) {
		ssize_t n = send(fd, (const char *)data + at, size - at,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			at += (size_t)n;
		else
			uv_run(&f->loop, UV_RUN_NOWAIT);
		assert_true(now_ms() < end);
	}
}

static inline void
send_msg(struct fixture *f, int fd, const void *msg, size_t size)
{
	uint8_t head[2] = {(uint8_t)(size >> 8), (uint8_t)size};
	send_all(f, fd, head, 2);
	send_all(f, fd, msg, size);
}

static inline void
send_text(struct fixture *f, int fd, const char *text)
{
	send_msg(f, fd, text, strlen(text));
}

/* Exactly size octets; fewer at the end of the connection. */
static inline size_t
recv_all(struct fixture *f, int fd, void *out, size_t size)
{
	size_t at = 0;
	while (at < size && run_until_readable(f, fd, 5000)) {
		ssize_t n = recv(fd, (char *)out + at, size - at, MSG_DONTWAIT);
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	return at;
}

/* The next message; SIZE_MAX: the end of the connection. */
static inline size_t
recv_msg(struct fixture *f, int fd, uint8_t *out)
{
	uint8_t head[2];
	if (recv_all(f, fd, head, 2) != 2)
		return SIZE_MAX;
	size_t size = (size_t)(head[0] << 8 | head[1]);
	return recv_all(f, fd, out, size) == size ? size : SIZE_MAX;
}

static inline void
expect_text(struct fixture *f, int fd, const char *text)
{
	static uint8_t msg[65536];
	size_t size = recv_msg(f, fd, msg);
	assert_int_equal(size, strlen(text));
	assert_memory_equal(msg, text, size);
}

static inline void
expect_end(struct fixture *f, int fd, unsigned ms)
{
	char c;
	assert_true(run_until_readable(f, fd, ms));
	ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT);
	assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
}

#endif
