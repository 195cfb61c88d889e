/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/peers.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "netconf/locks.h"
#include "netconf/subscribe.h"
#include "netconf/transport.h"

enum { IDLE_MS = 20000 };

/* -- the agent ------------------------------------------------------------ */

void
peer_configure(struct session *s, const struct conf *conf, struct key *key)
{
	session_init(s);
	s->conf.server = conf->server;
	s->conf.key = key_ref(key);
	addr_print(&conf->server, s->server);
	if (conf->server_tls) {
		s->conf.tls = tls_ctx_ref(conf->server_tls_ctx);
		s->conf.tls_name = conf->server_tls;
	}
	if (session_set_catalog(s, &conf->catalog))
		log_fatal("agent", "catalog too long"); /* was looked at before */
}

struct session *
request_agent(struct request *rq)
{
	struct peer *p = rq->peer;
	int64_t now = clock_ms();
	/* The agent lets go of idle connections: not just when we write. */
	bool stale = p->agent.x && !p->holds_running && now - p->used_ms > IDLE_MS;
	p->used_ms = now;
	rq->asked_agent = true;
	session_allow_ms(&p->agent, SESSION_TIMEOUT_MS);
	if (p->agent.x && !stale)
		return &p->agent;
	enum err e = session_reopen(&p->agent);
	if (!e)
		return &p->agent;
	fault_set(&rq->fault, NC_ERR_OP_FAILED, "the agent: %s", p->agent.error);
	return NULL;
}

/* -- the table ------------------------------------------------------------ */

struct peer *
peers_add(struct gateway *gw, struct nc_session *nc)
{
	const char *name = nc_session_get_username(nc);
	const struct conf_user *user = name ? conf_find_user(gw->conf, name) : NULL;
	if (!user) {
		log_warn("session", "user=\"%s\" refused=no-such-user",
		    name ? name : "-");
		return NULL;
	}
	struct peer *p = mem_zalloc(sizeof(*p));
	p->gw = gw;
	p->nc = nc;
	p->id = nc_session_get_id(nc);
	p->user = user;
	p->refs = 1;
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->writing, NULL);
	peer_configure(&p->agent, gw->conf, user->key);
	memcpy(p->agent.origin, user->name, sizeof(p->agent.origin));

	pthread_mutex_lock(&gw->lock);
	bool full = gw->n_peers >= gw->conf->max_sessions;
	if (!full) {
		p->next = gw->peers;
		gw->peers = p;
		gw->n_peers++;
	}
	pthread_mutex_unlock(&gw->lock);
	if (full) {
		log_warn("session", "user=%s refused=max-sessions", user->name);
		session_close(&p->agent);
		pthread_mutex_destroy(&p->lock);
		pthread_mutex_destroy(&p->writing);
		free(p);
		return NULL;
	}
	nc_session_set_data(nc, p);
	atomic_fetch_add(&gw->n_in_sessions, 1);
	return p;
}

struct peer *
peers_get(struct gateway *gw, uint32_t id)
{
	pthread_mutex_lock(&gw->lock);
	struct peer *p = gw->peers;
	while (p && (p->id != id || p->is_dead))
		p = p->next;
	if (p)
		p->refs++;
	pthread_mutex_unlock(&gw->lock);
	return p;
}

struct peer *
peers_of(struct gateway *gw, const struct nc_session *nc)
{
	pthread_mutex_lock(&gw->lock);
	struct peer *p = gw->peers;
	while (p && (p->nc != nc || p->is_dead))
		p = p->next;
	if (p)
		p->refs++;
	pthread_mutex_unlock(&gw->lock);
	return p;
}

void
peers_hold(struct peer *p)
{
	pthread_mutex_lock(&p->gw->lock);
	p->refs++;
	pthread_mutex_unlock(&p->gw->lock);
}

void
peers_put(struct peer *p)
{
	pthread_mutex_lock(&p->gw->lock);
	p->refs--;
	pthread_cond_broadcast(&p->gw->freed);
	pthread_mutex_unlock(&p->gw->lock);
}

void
peers_each(struct gateway *gw, peers_fn *fn, void *arg)
{
	pthread_mutex_lock(&gw->lock);
	struct peer **all = mem_alloc((gw->n_peers + 1) * sizeof(struct peer *));
	size_t n = 0;
	for (struct peer *p = gw->peers; p; p = p->next)
		if (!p->is_dead) {
			p->refs++;
			all[n++] = p;
		}
	pthread_mutex_unlock(&gw->lock);
	for (size_t i = 0; i < n; i++) {
		fn(arg, all[i]);
		peers_put(all[i]);
	}
	free(all);
}

static void
wait_alone(struct gateway *gw, struct peer *p)
{
	pthread_mutex_lock(&gw->lock);
	p->is_dead = true;
	while (p->refs > 1)
		pthread_cond_wait(&gw->freed, &gw->lock);
	for (struct peer **at = &gw->peers; *at; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			gw->n_peers--;
			break;
		}
	pthread_mutex_unlock(&gw->lock);
}

void
peers_remove(struct gateway *gw, struct nc_session *nc)
{
	struct peer *p = nc_session_get_data(nc);
	if (!p)
		return;
	nc_session_set_data(nc, NULL);
	/* Dead, it is cut off by nobody else; and who writes to it is waited for. */
	if (atomic_load(&p->notifying_since) || atomic_load(&p->replying_since))
		transport_cut(nc);
	wait_alone(gw, p);
	subscribe_end(p);
	locks_release_all(p);
	session_close(&p->agent); /* with it goes the agent's lock */
	log_info("session", "id=%u user=%s end=%d", p->id, p->user->name,
	    (int)nc_session_get_term_reason(nc));
	pthread_mutex_destroy(&p->lock);
	pthread_mutex_destroy(&p->writing);
	free(p);
}
