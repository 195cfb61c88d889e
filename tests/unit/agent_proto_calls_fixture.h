/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_AGENT_PROTO_CALLS_FIXTURE_H
#define TESTS_UNIT_AGENT_PROTO_CALLS_FIXTURE_H

#include "tests/unit/agent_proto_fixture.h"

/* A recorder in place of the connections that agent/proto makes, and a clock of the
 * test's. The test is the other end. */

enum { CALLS_MAX = 64 };

struct line {
	struct proto_call *call;
	struct addr server;
	char tls[32];
	bool open, is_udp;
	uint8_t sent[4096];
	size_t sent_size;
	unsigned n_sent;
	struct tsig tsig;
};

static struct net {
	uint64_t now, at;
	void (*fn)(void *arg);
	void *arg;
	struct line lines[CALLS_MAX];
	size_t n;
} net;

static inline void *
on_call(void *arg, struct proto_call *call, const struct addr *server, const char *tls)
{
	(void)arg;
	assert_true(net.n < CALLS_MAX);
	struct line *l = &net.lines[net.n++];
	*l = (struct line){.call = call, .server = *server, .open = true};
	snprintf(l->tls, sizeof(l->tls), "%s", tls);
	return l;
}

static inline void *
on_call_udp(void *arg, struct proto_call *call, const struct addr *server)
{
	struct line *l = on_call(arg, call, server, "");
	l->is_udp = true;
	return l;
}

static inline void
on_send(void *line, const uint8_t *msg, size_t size)
{
	struct line *l = line;
	assert_true(l->open && size <= sizeof(l->sent));
	memcpy(l->sent, msg, size);
	l->sent_size = size;
	l->n_sent++;
}

static inline void
on_hang_up(void *line)
{
	struct line *l = line;
	assert_true(l->open);
	l->open = false;
}

static inline void
on_timer(void *arg, uint64_t after_ms, void (*fn)(void *arg), void *fn_arg)
{
	(void)arg;
	net.at = net.now + after_ms;
	net.fn = fn;
	net.arg = fn_arg;
}

static inline uint64_t
on_now(void *arg)
{
	(void)arg;
	return net.now;
}

static const struct proto_outward outward = {.call = on_call,
    .send = on_send,
    .hang_up = on_hang_up,
    .timer = on_timer,
    .now_ms = on_now};

static inline struct line *
last_line(void)
{
	assert_true(net.n > 0);
	return &net.lines[net.n - 1];
}

/* The room as world_setup() has it, but closed: the test opens it as it wants it. */
static inline int
calls_setup(void **state)
{
	int rc = world_setup(state);
	world_close_proto(*state);
	memset(&net, 0, sizeof(net));
	net.now = 1000000;
	return rc;
}

static inline int
calls_teardown(void **state)
{
	struct world *w = *state;
	proto_leave(w->proto);
	for (size_t i = 0; i < net.n; i++)
		assert_false(net.lines[i].open);
	return world_teardown(state);
}

static inline void
up(void)
{
	last_line()->call->up(last_line()->call);
}

static inline void
down(const char *why)
{
	last_line()->open = false;
	last_line()->call->down(last_line()->call, why);
}

/* The next that is due. */
static inline void
tick(void)
{
	assert_true(net.at < UINT64_MAX / 4);
	if (net.at > net.now)
		net.now = net.at;
	net.fn(net.arg);
}

static inline void
read_sent(const struct line *l, struct msg *msg)
{
	assert_int_equal(msg_frame(l->sent, l->sent_size, msg), OK);
}

#endif
