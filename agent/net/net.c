/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/net carries out the effects of agent/proto on sockets.
 *
 * Everything runs in the thread of one libuv loop. Descriptors are ours and
 * libuv only polls them, so that datagrams move in batches and a connection's
 * replies of one loop iteration leave in one write. Callbacks read and hand
 * messages over, and effects queue; what is queued is sent, and what a socket
 * waits for is decided, in one place: the prepare handle, right before the
 * loop goes to sleep (udp_settle, conn_settle_all). A timer runs while there
 * are connections and ends those that are idle, stalled, or hold a transfer's
 * snapshot too long.
 *
 * Nothing here knows DNS but the two octets in front of a message. What a peer
 * can make us hold is bounded in conn.c and udp.c; how many peers, here.
 */
#include "agent/net/net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/net/conn.h"
#include "agent/net/hub.h"
#include "agent/net/tcp.h"
#include "agent/net/udp.h"
#include "lib/mem.h"
#include "lib/tls.h"

enum { TICK_MS = 250, PORT_TRIES = 20, DRAIN_MS = 1000 };

struct listener {
	struct addr addr;
	struct udp *udp; /* NULL: TLS */
	struct tcp *tcp;
};

struct net {
	struct hub hub; /* first: drained() gets from it to us */
	uv_prepare_t prepare;
	uv_timer_t tick;
	bool is_ticking;
	bool is_draining; /* net_close() was called */
	uint64_t drain_until_ms;
	struct listener *listeners; /* n_plain of them, then those of TLS */
	size_t n_listeners, n_plain;
	void (*closed)(void *arg);
	void *closed_arg;
};

/* -- effects --------------------------------------------------------------- */

static void
on_reply(void *peer, const struct addr *to, const uint8_t *msg, size_t size)
{
	switch (((struct peer *)peer)->kind) {
	case PEER_UDP: udp_reply(peer, to, msg, size); break;
	case PEER_CONN: conn_reply(peer, msg, size); break;
	}
}

static void
on_transfer(void *peer, struct proto_transfer *t)
{
	switch (((struct peer *)peer)->kind) {
	case PEER_UDP: proto_transfer_free(t); break; /* never over UDP */
	case PEER_CONN: conn_transfer(peer, t); break;
	}
}

static void
on_close(void *peer)
{
	switch (((struct peer *)peer)->kind) {
	case PEER_UDP: break;
	case PEER_CONN: conn_end(peer); break;
	}
}

const struct proto_effects net_effects = {
    .reply = on_reply,
    .transfer = on_transfer,
    .close = on_close,
};

/* -- the end --------------------------------------------------------------- */

static void
on_handle_closed(uv_handle_t *handle)
{
	struct net *net = handle->data;

	hub_release(&net->hub);
}

static void
close_listener(struct listener *l)
{
	if (l->tcp != NULL)
		tcp_close(l->tcp);
	if (l->udp != NULL)
		udp_close(l->udp);
	l->tcp = NULL;
	l->udp = NULL;
}

static bool
is_drained(const struct net *net)
{
	for (size_t i = 0; i < net->n_listeners; i++)
		if (net->listeners[i].udp != NULL &&
		    !udp_is_drained(net->listeners[i].udp))
			return false;
	return net->hub.n_conns == 0;
}

/* Nothing is due any more, or it has to be given up. */
static void
close_all(struct net *net)
{
	struct conn *c;

	net->is_draining = false;
	for (size_t i = 0; i < net->n_listeners; i++)
		close_listener(&net->listeners[i]);
	net->n_listeners = net->n_plain = 0;
	while ((c = TAILQ_FIRST(&net->hub.conns)) != NULL)
		conn_shut(c);
	uv_close((uv_handle_t *)&net->prepare, on_handle_closed);
	uv_close((uv_handle_t *)&net->tick, on_handle_closed);
}

/* -- the loop -------------------------------------------------------------- */

static void
on_tick(uv_timer_t *timer)
{
	struct net *net = timer->data;

	conn_tick_all(&net->hub);
}

static void
on_prepare(uv_prepare_t *prepare)
{
	struct net *net = prepare->data;

	conn_settle_all(&net->hub);
	for (size_t i = 0; i < net->n_plain; i++)
		udp_settle(net->listeners[i].udp);
	if (net->is_draining &&
	    (is_drained(net) || uv_now(net->hub.loop) >= net->drain_until_ms)) {
		close_all(net);
		return;
	}
	bool want = net->hub.n_conns > 0 || net->is_draining;
	if (want && !net->is_ticking)
		uv_timer_start(&net->tick, on_tick, TICK_MS, TICK_MS);
	if (!want && net->is_ticking)
		uv_timer_stop(&net->tick);
	net->is_ticking = want;
}

/* -- life ------------------------------------------------------------------ */

static void
on_drained(struct hub *hub)
{
	struct net *net = (struct net *)hub;
	void (*closed)(void *) = net->closed;
	void *arg = net->closed_arg;

	if (hub->reserve_fd >= 0)
		close(hub->reserve_fd);
	tls_ctx_unref(hub->tls);
	free(hub->scratch);
	free(net->listeners);
	free(net);
	if (closed != NULL)
		closed(arg);
}

/* TCP and UDP on one port. Where the system chooses it for TCP, another socket
 * may have it for UDP: then once more. */
static enum err
open_listener(struct net *net, struct listener *l, const struct addr *addr)
{
	enum err err = ERR_IO;

	for (int i = 0; i < PORT_TRIES && err != OK; i++) {
		l->addr = *addr;
		err = tcp_open(&net->hub, &l->addr, false, &l->tcp);
		if (err == OK)
			err = udp_open(&net->hub, &l->addr, &l->udp);
		if (err == OK || addr_port(addr) != 0)
			break;
		int error = errno;
		close_listener(l);
		errno = error;
	}
	return err;
}

static struct net *
net_new(struct uv_loop_s *loop, const struct net_conf *conf, struct proto *proto)
{
	struct net *net = mem_zalloc(sizeof(*net));
	struct hub *hub = &net->hub;

	hub->loop = loop;
	hub->proto = proto;
	hub->max_connections = conf->max_connections ? conf->max_connections : 1000;
	hub->max_transfers = conf->max_transfers ? conf->max_transfers : 500;
	hub->idle_ms = 1000 * (uint64_t)(conf->idle_s ? conf->idle_s : 60);
	hub->stall_ms = 1000 * (uint64_t)(conf->stall_s ? conf->stall_s : 10);
	hub->transfer_ms = 1000 * (uint64_t)(conf->transfer_s ? conf->transfer_s : 120);
	hub->scratch = mem_alloc((size_t)UDP_BATCH * HUB_CHUNK);
	hub->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	hub->drained = on_drained;
	TAILQ_INIT(&hub->conns);
	TAILQ_INIT(&hub->dirty);
	uv_prepare_init(loop, &net->prepare);
	uv_timer_init(loop, &net->tick);
	net->prepare.data = net->tick.data = net;
	hub_hold(hub);
	hub_hold(hub);
	uv_prepare_start(&net->prepare, on_prepare);
	if (conf->tls != NULL)
		hub->tls = tls_ctx_ref(conf->tls);
	net->listeners = mem_zalloc(
	    (conf->n_listen + conf->n_listen_tls + 1) * sizeof(*net->listeners));
	return net;
}

static enum err
open_listeners(struct net *net, const struct net_conf *conf, const struct addr **at)
{
	enum err err = OK;

	for (size_t i = 0; i < conf->n_listen && err == OK; i++) {
		*at = &conf->listen[i];
		err = open_listener(net, &net->listeners[net->n_listeners++], *at);
		net->n_plain = net->n_listeners;
	}
	for (size_t i = 0; i < conf->n_listen_tls && err == OK; i++) {
		struct listener *l = &net->listeners[net->n_listeners++];
		*at = &conf->listen_tls[i];
		l->addr = **at;
		err = tcp_open(&net->hub, &l->addr, true, &l->tcp);
	}
	return err;
}

enum err
net_open(struct uv_loop_s *loop, const struct net_conf *conf, struct proto *proto,
    struct err_where *where, struct net **out)
{
	struct net *net = net_new(loop, conf, proto);
	const struct addr *at = NULL;
	enum err err = open_listeners(net, conf, &at);

	if (err != OK) {
		char text[ADDR_TEXT_MAX];
		err_at(where, "", 0, "cannot listen on %s: %s", addr_print(at, text),
		    mem_errno_text(errno));
		net_close(net, NULL, NULL);
		return err;
	}
	*out = net;
	return OK;
}

const struct addr *
net_address(const struct net *net, size_t n)
{
	return n < net->n_plain ? &net->listeners[n].addr : NULL;
}

const struct addr *
net_tls_address(const struct net *net, size_t n)
{
	size_t at = net->n_plain + n;

	return at < net->n_listeners ? &net->listeners[at].addr : NULL;
}

void
net_set_tls(struct net *net, struct tls_ctx *tls)
{
	struct tls_ctx *old = net->hub.tls;

	net->hub.tls = tls_ctx_ref(tls);
	tls_ctx_unref(old);
}

void
net_close(struct net *net, void (*closed)(void *arg), void *arg)
{
	net->closed = closed;
	net->closed_arg = arg;
	for (size_t i = 0; i < net->n_listeners; i++) {
		struct listener *l = &net->listeners[i];
		if (l->tcp != NULL)
			tcp_close(l->tcp);
		l->tcp = NULL;
		if (l->udp != NULL)
			udp_drain(l->udp);
	}
	conn_drain_all(&net->hub);
	net->is_draining = true;
	net->drain_until_ms = uv_now(net->hub.loop) + DRAIN_MS;
	if (is_drained(net))
		close_all(net);
}
