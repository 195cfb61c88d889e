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

#include <arpa/inet.h>
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
	struct addr asked, addr; /* of the configuration; with the port it got */
	bool is_tls;             /* then there is no udp */
	struct udp *udp;
	struct tcp *tcp;
};

/* A UDP socket that is not listened on any more, but owes answers. */
struct retired {
	struct retired *next;
	struct udp *udp;
	uint64_t until_ms;
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
	struct retired *retired;
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
	return net->hub.n_conns == 0 && net->retired == NULL;
}

static void
settle_retired(struct net *net, bool all)
{
	uint64_t now = uv_now(net->hub.loop);

	for (struct retired **at = &net->retired, *r; (r = *at) != NULL;) {
		udp_settle(r->udp);
		if (!all && !udp_is_drained(r->udp) && now < r->until_ms) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		udp_close(r->udp);
		free(r);
	}
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
	settle_retired(net, true);
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
		if (net->listeners[i].udp != NULL)
			udp_settle(net->listeners[i].udp);
	settle_retired(net, false);
	if (net->is_draining &&
	    (is_drained(net) || uv_now(net->hub.loop) >= net->drain_until_ms)) {
		close_all(net);
		return;
	}
	bool want = net->hub.n_conns > 0 || net->is_draining || net->retired != NULL;
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
open_plain(struct net *net, struct listener *l)
{
	enum err err = ERR_IO;

	for (int i = 0; i < PORT_TRIES && err != OK; i++) {
		l->addr = l->asked;
		err = tcp_open(&net->hub, &l->addr, false, &l->tcp);
		if (err == OK)
			err = udp_open(&net->hub, &l->addr, &l->udp);
		if (err == OK)
			break;
		int error = errno;
		close_listener(l);
		errno = error;
		if (addr_port(&l->asked) != 0)
			break;
	}
	return err;
}

/* asked and is_tls are set. */
static enum err
open_listener(struct net *net, struct listener *l)
{
	l->addr = l->asked;
	return l->is_tls ? tcp_open(&net->hub, &l->addr, true, &l->tcp)
			 : open_plain(net, l);
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

/* The nth that conf wants; those of TLS come last. */
static struct listener
wanted(const struct net_conf *conf, size_t n)
{
	bool is_tls = n >= conf->n_listen;

	return (struct listener){.asked = is_tls ? conf->listen_tls[n - conf->n_listen]
						 : conf->listen[n],
	    .is_tls = is_tls};
}

static enum err
cannot_listen(const struct listener *l, struct err_where *where)
{
	char text[ADDR_TEXT_MAX];

	return err_at(where, l->is_tls ? "listen-tls" : "listen", 0,
	    "cannot listen on %s: %s", addr_print(&l->asked, text),
	    mem_errno_text(errno));
}

enum err
net_open(struct uv_loop_s *loop, const struct net_conf *conf, struct proto *proto,
    struct err_where *where, struct net **out)
{
	struct net *net = net_new(loop, conf, proto);

	for (size_t i = 0; i < conf->n_listen + conf->n_listen_tls; i++) {
		struct listener *l = &net->listeners[i];
		*l = wanted(conf, i);
		net->n_listeners++;
		net->n_plain += !l->is_tls;
		if (open_listener(net, l) == OK)
			continue;
		(void)cannot_listen(l, where);
		net_close(net, NULL, NULL);
		return ERR_IO;
	}
	*out = net;
	return OK;
}

/* -- other addresses ------------------------------------------------------- */

struct net_change {
	struct net *net;
	struct tls_ctx *tls;
	struct listener *listeners;
	bool *is_new;
	size_t n, n_plain;
	bool *stays; /* of those that are there */
};

static void
change_free(struct net_change *c)
{
	tls_ctx_unref(c->tls);
	free(c->listeners);
	free(c->is_new);
	free(c->stays);
	free(c);
}

/* The two cannot be listened on at a time. */
static bool
collide(const struct addr *a, const struct addr *b)
{
	return addr_family(a) == addr_family(b) && addr_port(a) == addr_port(b) &&
	       (addr_is_any(a) || addr_is_any(b) || addr_equal_host(a, b));
}

/* Returns whether there was one: its place may now be free. */
static bool
make_way(struct net_change *c, const struct addr *addr)
{
	bool any = false;

	for (size_t i = 0; i < c->net->n_listeners; i++) {
		struct listener *l = &c->net->listeners[i];
		if (c->stays[i] || l->tcp == NULL || !collide(&l->addr, addr))
			continue;
		close_listener(l);
		any = true;
	}
	return any;
}

static enum err
open_new(struct net_change *c, struct listener *l)
{
	enum err err = open_listener(c->net, l);

	if (err == OK || errno != EADDRINUSE || !make_way(c, &l->asked))
		return err;
	return open_listener(c->net, l);
}

/* What had to make way is opened again. */
static void
restore(struct net_change *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->is_new[i])
			close_listener(&c->listeners[i]);
	for (size_t i = 0; i < c->net->n_listeners; i++) {
		struct listener *l = &c->net->listeners[i];
		struct err_where where;
		if (l->tcp != NULL || open_listener(c->net, l) == OK)
			continue;
		(void)cannot_listen(l, &where);
		hub_complain(&c->net->hub, "%s", where.what);
	}
}

/* One that is there and does not stay for another: it does for this. */
static bool
take_over(struct net_change *c, struct listener *l)
{
	for (size_t i = 0; i < c->net->n_listeners; i++) {
		const struct listener *old = &c->net->listeners[i];
		if (c->stays[i] || old->is_tls != l->is_tls ||
		    !addr_equal(&old->asked, &l->asked))
			continue;
		c->stays[i] = true;
		*l = *old;
		return true;
	}
	return false;
}

enum err
net_prepare(struct net *net, const struct net_conf *conf, struct err_where *where,
    struct net_change **change)
{
	struct net_change *c = mem_zalloc(sizeof(*c));
	enum err err = OK;

	c->net = net;
	c->tls = conf->tls != NULL ? tls_ctx_ref(conf->tls) : NULL;
	c->n = conf->n_listen + conf->n_listen_tls;
	c->n_plain = conf->n_listen;
	c->listeners = mem_zalloc((c->n + 1) * sizeof(*c->listeners));
	c->is_new = mem_zalloc((c->n + 1) * sizeof(*c->is_new));
	c->stays = mem_zalloc((net->n_listeners + 1) * sizeof(*c->stays));
	for (size_t i = 0; i < c->n; i++) {
		c->listeners[i] = wanted(conf, i);
		c->is_new[i] = !take_over(c, &c->listeners[i]);
	}
	for (size_t i = 0; i < c->n && err == OK; i++) {
		if (!c->is_new[i])
			continue;
		err = open_new(c, &c->listeners[i]);
		if (err != OK)
			(void)cannot_listen(&c->listeners[i], where);
	}
	if (err != OK) {
		net_cancel(c);
		return err;
	}
	*change = c;
	return OK;
}

void
net_cancel(struct net_change *c)
{
	if (c == NULL)
		return;
	restore(c);
	change_free(c);
}

static void
retire(struct net *net, struct udp *udp)
{
	struct retired *r = mem_zalloc(sizeof(*r));

	r->udp = udp;
	r->until_ms = uv_now(net->hub.loop) + DRAIN_MS;
	r->next = net->retired;
	net->retired = r;
	udp_drain(udp);
}

void
net_commit(struct net_change *c)
{
	struct net *net = c->net;

	for (size_t i = 0; i < net->n_listeners; i++) {
		struct listener *l = &net->listeners[i];
		if (c->stays[i])
			continue;
		if (l->udp != NULL)
			retire(net, l->udp);
		l->udp = NULL;
		close_listener(l);
	}
	free(net->listeners);
	net->listeners = c->listeners;
	net->n_listeners = c->n;
	net->n_plain = c->n_plain;
	c->listeners = NULL;
	struct tls_ctx *old = net->hub.tls;
	net->hub.tls = c->tls;
	c->tls = old;
	change_free(c);
}

/* -- looking at it --------------------------------------------------------- */

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
