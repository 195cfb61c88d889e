/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/net/conn_inside.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/proto/proto.h"
#include "lib/mem.h"
#include "lib/tls.h"

/* How connections begin, what time they are given, and how they end. */

enum { LINGER_MS = 2000, ENGAGED_IDLE_MS = 300000, STRANGER_MS = 2000 };

/* -- limits ---------------------------------------------------------------- */

/* Who edits under a lock or in a transaction may think for a while. */
static uint64_t
idle_limit(const struct conn *c)
{
	uint64_t limit = c->hub->idle_ms;

	if (proto_is_engaged(c->session) && limit < ENGAGED_IDLE_MS)
		limit = ENGAGED_IDLE_MS;
	return limit;
}

/* Why the connection has to go now, or NULL. */
static const char *
overdue(const struct conn *c, uint64_t now)
{
	const struct hub *hub = c->hub;
	const struct transfer *transfer;

	if (c->state == STATE_LINGER)
		return now - c->active_ms > LINGER_MS ? "" : NULL;
	if (!c->is_secured && now - c->active_ms > hub->stall_ms)
		return "the TLS handshake takes too long";
	if (((c->events & UV_WRITABLE) || c->io.out_waits_in) &&
	    now - c->progress_ms > hub->stall_ms)
		return "reads nothing";
	TAILQ_FOREACH (transfer, &c->transfers, link)
		if (proto_transfer_age_ms(transfer->t) > hub->transfer_ms)
			return "the transfer takes too long";
	if (conn_is_idle(c) && now - c->active_ms > idle_limit(c))
		return "";
	return NULL;
}

void
conn_tick_all(struct hub *hub)
{
	uint64_t now = uv_now(hub->loop);
	struct conn *c = TAILQ_FIRST(&hub->conns);

	while (c != NULL) {
		struct conn *next = TAILQ_NEXT(c, link);
		const char *why = overdue(c, now);
		if (why != NULL && why[0] != '\0') {
			char from[ADDR_TEXT_MAX];
			hub_complain(hub, "%s peer=%s dropped why=\"%s\"", conn_kind(c),
			    addr_print(&c->from, from), why);
		}
		if (why != NULL)
			conn_destroy(c);
		else if (c->events == 0)
			conn_mark_dirty(c); /* may be blocked no longer */
		c = next;
	}
}

/* Whoever has a key signs at once; who did not in that time is in the way of those
 * who do, whatever he keeps the connection busy with. */
static bool
is_stranger(const struct conn *c)
{
	return !proto_is_known(c->session) &&
	       uv_now(c->hub->loop) - c->opened_ms > STRANGER_MS;
}

bool
conn_evict(struct hub *hub)
{
	struct conn *c;

	TAILQ_FOREACH (c, &hub->conns, link) {
		if (is_stranger(c) ||
		    (conn_is_idle(c) && !proto_is_engaged(c->session))) {
			conn_destroy(c);
			return true;
		}
	}
	return false;
}

/* -- life ------------------------------------------------------------------ */

void
conn_open(struct hub *hub, int fd, const struct addr *from, bool is_tls)
{
	int one = 1;
	struct conn *c = mem_zalloc(sizeof(*c));

	c->peer.kind = PEER_CONN;
	c->hub = hub;
	c->io.fd = fd;
	c->from = *from;
	int rc = uv_poll_init(hub->loop, &c->poll, fd);
	if (rc != 0) {
		hub_complain(hub, "tcp accept error=\"%s\"", uv_strerror(rc));
		close(fd);
		free(c);
		return;
	}
	hub_hold(hub);
	c->poll.data = c;
	buf_init(&c->out, CONN_OUT_MAX);
	TAILQ_INIT(&c->transfers);
	TAILQ_INSERT_TAIL(&hub->conns, c, link);
	hub->n_conns++;
	c->opened_ms = c->active_ms = c->progress_ms = uv_now(hub->loop);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (is_tls)
		c->io.tls = tls_accept(hub->tls, fd);
	c->is_secured = !is_tls;
	c->session =
	    proto_open(hub->proto, &c->peer, is_tls ? TRANSPORT_TLS : TRANSPORT_TCP);
	conn_mark_dirty(c);
}

static void
on_closed(uv_handle_t *handle)
{
	struct conn *c = handle->data;
	struct hub *hub = c->hub;

	free(c);
	hub_release(hub);
}

void
conn_destroy(struct conn *c)
{
	struct hub *hub = c->hub;

	proto_close(c->session);
	conn_drop_transfers(c);
	if (c->is_dirty)
		TAILQ_REMOVE(&hub->dirty, c, dirty_link);
	TAILQ_REMOVE(&hub->conns, c, link);
	hub->n_conns--;
	conn_drop_input(c);
	buf_fini(&c->out);
	if (c->io.tls != NULL)
		tls_end(c->io.tls);
	tls_free(c->io.tls);
	uv_close((uv_handle_t *)&c->poll, on_closed);
	close(c->io.fd);
}

void
conn_shut(struct conn *c)
{
	if (c->is_secured && conn_takes_output(c)) {
		conn_flush(c);
		conn_say_end(c);
	}
	conn_destroy(c);
}

static void
drain(struct conn *c)
{
	if (!c->is_secured || !conn_takes_output(c)) {
		conn_destroy(c);
		return;
	}
	conn_drop_transfers(c);
	conn_drop_input(c);
	c->state = STATE_LAST;
	conn_mark_dirty(c);
}

void
conn_drain_all(struct hub *hub)
{
	struct conn *c = TAILQ_FIRST(&hub->conns);

	while (c != NULL) {
		struct conn *next = TAILQ_NEXT(c, link);
		drain(c);
		c = next;
	}
}
