/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "agent/probe/question.h"
#include "agent/probe/target.h"
#include "lib/mem.h"

/*
 * Questions by UDP, from a few connected sockets: the kernel then passes on
 * only what comes from the server, and tells at once when nobody listens. Each
 * is replaced after some questions, and with it the source port.
 */

enum { QUESTIONS_PER_SOCKET = 256 };

struct probe_udp {
	uv_udp_t handle;
	struct probe_target *target;
	struct probe_udp *next; /* of those retired */
	unsigned n_sent, n_flying;
};

static void
free_socket(uv_handle_t *handle)
{
	free(handle->data);
}

static void
close_socket(struct probe_udp *u)
{
	uv_close((uv_handle_t *)&u->handle, free_socket);
}

static void
drop_if_idle(struct probe_udp *u)
{
	struct probe_target *t = u->target;
	struct probe_udp **at = &t->retired;
	if (u->n_flying > 0)
		return;
	while (*at != NULL && *at != u)
		at = &(*at)->next;
	if (*at == NULL)
		return; /* still in use */
	*at = u->next;
	close_socket(u);
}

/* The ask is no longer under way by UDP. */
static void
land(struct probe_target *t, struct ask *ask)
{
	struct probe_udp *u = ask->udp;
	ask_list_del(&t->udp_asks, ask);
	ask->udp = NULL;
	u->n_flying--;
	drop_if_idle(u);
}

static void
take_reply(struct probe_udp *u, const uint8_t *wire, size_t size)
{
	struct probe_target *t = u->target;
	struct probe_result result;
	struct dname zone;
	if (size < 2)
		return;
	uint16_t id = (uint16_t)(wire[0] << 8 | wire[1]);
	for (struct ask *ask = t->udp_asks.first; ask != NULL; ask = ask->next) {
		if (ask->udp != u || ask->id != id)
			continue;
		ask_zone(ask, &zone);
		enum err err = question_read(&zone, id, ask->tsig, wire, size, &result);
		if (err == ERR_NOTFOUND)
			continue;
		land(t, ask);
		if (err == OK)
			target_finish(t, ask, &result);
		else
			target_try_tcp(t, ask);
		return;
	}
}

/* Nobody listens: no need to wait for those. */
static void
give_up(struct probe_udp *u)
{
	struct probe_target *t = u->target;
	u->n_flying++; /* it must not go while we look at it */
	for (struct ask *ask = t->udp_asks.first, *next; ask != NULL; ask = next) {
		next = ask->next;
		if (ask->udp != u)
			continue;
		land(t, ask);
		target_try_tcp(t, ask);
	}
	u->n_flying--;
	drop_if_idle(u);
}

static void
allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct probe_udp *u = handle->data;
	(void)suggested;
	buf->base = (char *)probe_read_buffer(u->target->probe);
	buf->len = 65536;
}

static void
received(uv_udp_t *handle, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
    unsigned flags)
{
	struct probe_udp *u = handle->data;
	struct probe_target *t = u->target;
	(void)from; /* connected: from the server */
	if (n == 0 || (flags & UV_UDP_PARTIAL) != 0)
		return;
	if (n < 0)
		give_up(u);
	else
		take_reply(u, (const uint8_t *)buf->base, (size_t)n);
	target_pump(t);
}

static struct probe_udp *
open_socket(struct probe_target *t)
{
	struct probe_udp *u = mem_zalloc(sizeof(*u));
	u->target = t;
	if (uv_udp_init(probe_loop(t->probe), &u->handle) != 0) {
		free(u);
		return NULL;
	}
	u->handle.data = u;
	if (uv_udp_connect(&u->handle, &t->conf.server.u.sa) != 0 ||
	    uv_udp_recv_start(&u->handle, allocate, received) != 0) {
		close_socket(u);
		return NULL;
	}
	return u;
}

/* The next in turn; a used-up one retires, and goes when its last answer came. */
static struct probe_udp *
pick_socket(struct probe_target *t)
{
	struct probe_udp **at = &t->sockets[t->next_socket++ % TARGET_SOCKETS];
	if (*at != NULL && (*at)->n_sent >= QUESTIONS_PER_SOCKET) {
		struct probe_udp *old = *at;
		*at = NULL;
		old->next = t->retired;
		t->retired = old;
		drop_if_idle(old);
	}
	if (*at == NULL)
		*at = open_socket(t);
	return *at;
}

bool
probe_udp_send(struct probe_target *t, struct ask *ask)
{
	uint8_t wire[QUESTION_MAX];
	size_t size;
	struct dname zone;
	struct probe_udp *u = pick_socket(t);
	if (u == NULL)
		return false;
	ask_zone(ask, &zone);
	ask->id = probe_random(t->probe);
	if (t->conf.key != NULL && ask->tsig == NULL)
		ask->tsig = mem_zalloc(sizeof(*ask->tsig));
	if (question_write(&zone, ask->id, t->conf.key, ask->tsig, wire, &size) != OK)
		return false;
	uv_buf_t buf = uv_buf_init((char *)wire, (unsigned)size);
	int rc = uv_udp_try_send(&u->handle, &buf, 1, NULL);
	if (rc == UV_EAGAIN || rc == UV_ENOBUFS || rc == UV_ENOMEM)
		return false;
	u->n_sent++;
	if (rc < 0) { /* such as the refusal of an earlier question */
		target_try_tcp(t, ask);
		return true;
	}
	u->n_flying++;
	ask->udp = u;
	ask->deadline_ms = probe_now_ms() + t->conf.timeout_ms;
	ask_list_add(&t->udp_asks, ask);
	return true;
}

void
probe_udp_expire(struct probe_target *t, uint64_t now_ms)
{
	struct ask *ask;
	while ((ask = t->udp_asks.first) != NULL && ask->deadline_ms <= now_ms) {
		land(t, ask);
		target_try_tcp(t, ask);
	}
}

void
probe_udp_close(struct probe_target *t)
{
	while (t->udp_asks.first != NULL)
		ask_list_del(&t->udp_asks, t->udp_asks.first);
	for (size_t i = 0; i < TARGET_SOCKETS; i++) {
		if (t->sockets[i] != NULL)
			close_socket(t->sockets[i]);
		t->sockets[i] = NULL;
	}
	while (t->retired != NULL) {
		struct probe_udp *u = t->retired;
		t->retired = u->next;
		close_socket(u);
	}
}
