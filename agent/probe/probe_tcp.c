/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "agent/probe/question.h"
#include "agent/probe/target.h"
#include "lib/buf.h"
#include "lib/mem.h"

/*
 * Questions by TCP: one for each connection, and few connections. This is the
 * last try: what fails here is silence.
 */

struct probe_tcp {
	uv_tcp_t handle;
	uv_connect_t connect;
	uv_write_t write;
	struct probe_target *target;
	struct ask *ask; /* NULL: closing */
	struct buf in;
	uint8_t out[2 + QUESTION_MAX];
	size_t out_size;
};

static void
free_connection(uv_handle_t *handle)
{
	struct probe_tcp *c = handle->data;
	buf_fini(&c->in);
	free(c);
}

/* The ask leaves the connection, which closes. */
static struct ask *
hang_up(struct probe_tcp *c)
{
	struct ask *ask = c->ask;
	ask_list_del(&c->target->tcp_asks, ask);
	ask->tcp = NULL;
	c->ask = NULL;
	uv_close((uv_handle_t *)&c->handle, free_connection);
	return ask;
}

static void
fail(struct probe_tcp *c)
{
	struct probe_target *t = c->target;
	if (c->ask == NULL)
		return;
	target_silent(t, hang_up(c));
	target_pump(t);
}

static void
take_reply(struct probe_tcp *c, const uint8_t *wire, size_t size)
{
	struct probe_target *t = c->target;
	struct probe_result result;
	struct dname zone;
	ask_zone(c->ask, &zone);
	enum err err =
	    question_read(&zone, c->ask->id, c->ask->tsig, wire, size, &result);
	if (err == ERR_SPACE || err == ERR_NOTFOUND) { /* nonsense, by TCP */
		fail(c);
		return;
	}
	target_finish(t, hang_up(c), &result);
	target_pump(t);
}

static void
allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct probe_tcp *c = handle->data;
	(void)suggested;
	buf->base = (char *)probe_read_buffer(c->target->probe);
	buf->len = 65536;
}

static void
received(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct probe_tcp *c = stream->data;
	if (c->ask == NULL || n == 0)
		return;
	if (n > 0)
		buf_put(&c->in, buf->base, (size_t)n);
	if (n < 0 || c->in.err != OK) {
		fail(c);
		return;
	}
	if (c->in.size < 2)
		return;
	size_t size = (size_t)c->in.data[0] << 8 | c->in.data[1];
	if (c->in.size >= 2 + size)
		take_reply(c, c->in.data + 2, size);
}

static void
written(uv_write_t *req, int status)
{
	struct probe_tcp *c = req->data;
	if (status != 0)
		fail(c);
}

static void
connected(uv_connect_t *req, int status)
{
	struct probe_tcp *c = req->data;
	if (c->ask == NULL)
		return;
	uv_buf_t buf = uv_buf_init((char *)c->out, (unsigned)c->out_size);
	c->write.data = c;
	if (status != 0 ||
	    uv_read_start((uv_stream_t *)&c->handle, allocate, received) != 0 ||
	    uv_write(&c->write, (uv_stream_t *)&c->handle, &buf, 1, written) != 0)
		fail(c);
}

static bool
write_question(struct probe_tcp *c)
{
	struct probe_target *t = c->target;
	struct ask *ask = c->ask;
	struct dname zone;
	size_t size;
	ask_zone(ask, &zone);
	ask->id = probe_random(t->probe);
	if (t->conf.key != NULL && ask->tsig == NULL)
		ask->tsig = mem_zalloc(sizeof(*ask->tsig));
	if (question_write(&zone, ask->id, t->conf.key, ask->tsig, c->out + 2, &size) !=
	    OK)
		return false;
	c->out[0] = (uint8_t)(size >> 8);
	c->out[1] = (uint8_t)size;
	c->out_size = 2 + size;
	return true;
}

void
probe_tcp_start(struct probe_target *t, struct ask *ask)
{
	struct probe_tcp *c = mem_zalloc(sizeof(*c));
	c->target = t;
	if (uv_tcp_init(probe_loop(t->probe), &c->handle) != 0) {
		free(c);
		target_silent(t, ask);
		return;
	}
	c->handle.data = c;
	c->connect.data = c;
	c->ask = ask;
	buf_init(&c->in, 2 + 65535 + 65536);
	ask->tcp = c;
	ask->deadline_ms = probe_now_ms() + t->conf.timeout_ms;
	ask_list_add(&t->tcp_asks, ask);
	/* A failure here is told without a pump: the caller is one. */
	if (!write_question(c) || uv_tcp_connect(&c->connect, &c->handle,
				      &t->conf.server.u.sa, connected) != 0)
		target_silent(t, hang_up(c));
}

void
probe_tcp_expire(struct probe_target *t, uint64_t now_ms)
{
	struct ask *ask;
	while ((ask = t->tcp_asks.first) != NULL && ask->deadline_ms <= now_ms)
		target_silent(t, hang_up(ask->tcp));
}

void
probe_tcp_close(struct probe_target *t)
{
	while (t->tcp_asks.first != NULL)
		(void)hang_up(t->tcp_asks.first->tcp);
	while (t->tcp_waiting.first != NULL)
		ask_list_del(&t->tcp_waiting, t->tcp_waiting.first);
}
