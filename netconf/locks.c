/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/locks.h"

#include "lib/clock.h"
#include "lib/order.h"
#include "netconf/act.h"
#include "netconf/candidate.h"
#include "netconf/datastore.h"
#include "netconf/peers.h"

static enum err
denied(struct request *rq, uint32_t holder, const char *why)
{
	rq->fault.session_id = holder;
	return fault_set(&rq->fault, NC_ERR_LOCK_DENIED, "%s", why);
}

/* One of the two numbers, if it is free. */
static enum err
take(struct request *rq, uint32_t *holder, time_t *since)
{
	struct gateway *gw = rq->gw;
	pthread_mutex_lock(&gw->lock);
	uint32_t now = *holder;
	if (now == 0) {
		*holder = rq->peer->id;
		*since = time(NULL);
	}
	pthread_mutex_unlock(&gw->lock);
	return now == 0 ? OK
			: denied(rq, now,
			      now == rq->peer->id ? "this session has that lock already"
						  : "another session has that lock");
}

static void
let_go(struct gateway *gw, uint32_t *holder, uint32_t id)
{
	pthread_mutex_lock(&gw->lock);
	if (*holder == id)
		*holder = 0;
	pthread_mutex_unlock(&gw->lock);
}

/* -- running -------------------------------------------------------------- */

static enum err
lock_agent(struct request *rq)
{
	struct msg msg;
	struct session *s = request_agent(rq);
	if (!s)
		return ERR_INVALID;
	enum err e = order_send(s, "lock", NULL, 0, NULL, &msg);
	if (e)
		return fault_unreachable(&rq->fault, s, e);
	if (msg_rcode(&msg) == RCODE_NOERROR)
		return OK;
	if (fault_is_reason(&msg, "locked")) {
		char why[SESSION_REASON_MAX];
		return denied(rq, 0, session_reason(&msg, why));
	}
	return fault_refused(&rq->fault, &msg);
}

static enum err
lock_running(struct request *rq)
{
	struct gateway *gw = rq->gw;
	enum err e = take(rq, &gw->running_lock, &gw->running_since);
	if (e)
		return e;
	e = lock_agent(rq);
	if (e)
		let_go(gw, &gw->running_lock, rq->peer->id);
	rq->peer->holds_running = !e;
	rq->peer->locked_ms = clock_ms();
	return e;
}

/* The caller has the peer's lock. */
static void
release_running(struct peer *p)
{
	struct msg msg;
	session_allow_ms(&p->agent, SESSION_TIMEOUT_MS);
	if (!p->agent.x || order_send(&p->agent, "unlock", NULL, 0, NULL, &msg)) {
		/* with the connection goes the lock */
		exchange_close(p->agent.x);
		p->agent.x = NULL;
	}
	p->holds_running = false;
	let_go(p->gw, &p->gw->running_lock, p->id);
}

static enum err
unlock_running(struct request *rq)
{
	if (!rq->peer->holds_running)
		return fault_set(&rq->fault, NC_ERR_OP_FAILED,
		    "this session does not have that lock");
	release_running(rq->peer);
	return OK;
}

/* -- the candidate -------------------------------------------------------- */

static enum err
lock_candidate(struct request *rq)
{
	struct gateway *gw = rq->gw;
	enum err e = act_check_update(rq);
	if (!e)
		e = take(rq, &gw->candidate_lock, &gw->candidate_since);
	if (!e && candidate_is_changed(gw->candidate)) {
		let_go(gw, &gw->candidate_lock, rq->peer->id);
		return denied(rq, 0,
		    "the candidate has changes that are not committed");
	}
	return e;
}

static enum err
unlock_candidate(struct request *rq)
{
	struct gateway *gw = rq->gw;
	pthread_mutex_lock(&gw->lock);
	bool mine = gw->candidate_lock == rq->peer->id;
	pthread_mutex_unlock(&gw->lock);
	if (!mine)
		return fault_set(&rq->fault, NC_ERR_OP_FAILED,
		    "this session does not have that lock");
	let_go(gw, &gw->candidate_lock, rq->peer->id);
	return OK;
}

/* -- operations ----------------------------------------------------------- */

struct nc_server_reply *
locks_lock(struct request *rq)
{
	enum err e = ERR_INVALID;
	switch (datastore_of(rq->rpc, "target")) {
	case DATASTORE_RUNNING: e = lock_running(rq); break;
	case DATASTORE_CANDIDATE: e = lock_candidate(rq); break;
	case DATASTORE_INLINE:
	case DATASTORE_OTHER:
		fault_element(&rq->fault, NC_ERR_BAD_ELEM, "target",
		    "no such datastore");
	}
	return e ? NULL : nc_server_reply_ok();
}

struct nc_server_reply *
locks_unlock(struct request *rq)
{
	enum err e = ERR_INVALID;
	switch (datastore_of(rq->rpc, "target")) {
	case DATASTORE_RUNNING: e = unlock_running(rq); break;
	case DATASTORE_CANDIDATE: e = unlock_candidate(rq); break;
	case DATASTORE_INLINE:
	case DATASTORE_OTHER:
		fault_element(&rq->fault, NC_ERR_BAD_ELEM, "target",
		    "no such datastore");
	}
	return e ? NULL : nc_server_reply_ok();
}

enum err
locks_check(struct request *rq, enum locks_store store)
{
	struct gateway *gw = rq->gw;
	pthread_mutex_lock(&gw->lock);
	uint32_t holder =
	    store == LOCKS_RUNNING ? gw->running_lock : gw->candidate_lock;
	pthread_mutex_unlock(&gw->lock);
	if (holder == 0 || holder == rq->peer->id)
		return OK;
	return fault_set(&rq->fault, NC_ERR_IN_USE, "session %u has locked it", holder);
}

void
locks_release_all(struct peer *p)
{
	struct gateway *gw = p->gw;
	pthread_mutex_lock(&gw->lock);
	bool had_candidate = gw->candidate_lock == p->id;
	pthread_mutex_unlock(&gw->lock);
	/* What a session left undone under its lock is not for others to commit. */
	if (had_candidate)
		candidate_discard(gw->candidate);
	let_go(gw, &gw->candidate_lock, p->id);
	let_go(gw, &gw->running_lock, p->id);
}

void
locks_release_now(struct peer *p)
{
	if (pthread_mutex_trylock(&p->lock) != 0)
		return;
	if (p->holds_running)
		release_running(p);
	locks_release_all(p);
	pthread_mutex_unlock(&p->lock);
}

/* -- keeping -------------------------------------------------------------- */

enum { AGAIN_MS = 30000 };

/* What else is sent on the connection does not prolong the lock. */
static void
keep(struct peer *p, bool now)
{
	struct msg msg;
	if (p->holds_running && (now || clock_ms() - p->locked_ms > AGAIN_MS)) {
		p->locked_ms = p->used_ms = clock_ms();
		session_allow_ms(&p->agent, SESSION_TIMEOUT_MS);
		enum err e = p->agent.x
				 ? order_send(&p->agent, "lock", NULL, 0, NULL, &msg)
				 : ERR_CLOSED;
		if (e || msg_rcode(&msg) != RCODE_NOERROR) {
			/* It believes to be alone, and is not: it has to know. */
			log_warn("lock", "session=%u lost=running", p->id);
			p->holds_running = false;
			exchange_close(p->agent.x);
			p->agent.x = NULL;
			nc_session_set_term_reason(p->nc, NC_SESSION_TERM_OTHER);
			nc_session_set_status(p->nc, NC_STATUS_INVALID);
		}
	}
}

void
locks_keep(struct gateway *gw, bool now)
{
	pthread_mutex_lock(&gw->lock);
	uint32_t holder = gw->running_lock;
	pthread_mutex_unlock(&gw->lock);
	struct peer *p = holder ? peers_get(gw, holder) : NULL;
	if (!p)
		return;
	/* Busy, it is asked again soon, and may take its time: others wait for us. */
	gw->is_lock_doubted = gw->is_lock_doubted || now;
	if (pthread_mutex_trylock(&p->lock) == 0) {
		keep(p, gw->is_lock_doubted);
		gw->is_lock_doubted = false;
		pthread_mutex_unlock(&p->lock);
	}
	peers_put(p);
}
