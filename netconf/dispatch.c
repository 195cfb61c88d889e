/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/dispatch.h"

#include <string.h>

#include <libyang/libyang.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "netconf/act.h"
#include "netconf/datastore.h"
#include "netconf/gateway.h"
#include "netconf/get.h"
#include "netconf/locks.h"
#include "netconf/monitor.h"
#include "netconf/peers.h"
#include "netconf/subscribe.h"

enum { LONG_MS = 500 };

/* -- kill-session --------------------------------------------------------- */

static struct nc_server_reply *
kill_session(struct request *rq)
{
	const struct lyd_node *arg = lyd_child(rq->rpc);
	uint32_t id =
	    arg && arg->schema ? (uint32_t)strtoul(lyd_get_value(arg), NULL, 10) : 0;
	if (id == rq->peer->id) {
		fault_set(&rq->fault, NC_ERR_INVALID_VALUE,
		    "a session does not kill itself: close-session");
		return NULL;
	}
	struct peer *victim = peers_get(rq->gw, id);
	if (!victim) {
		fault_set(&rq->fault, NC_ERR_INVALID_VALUE, "there is no session %u",
		    id);
		return NULL;
	}
	/* One's own, or with the right to command all. */
	enum err e = victim->user == rq->peer->user ? OK : act_check_admin(rq);
	if (!e) {
		nc_session_set_term_reason(victim->nc, NC_SESSION_TERM_KILLED);
		nc_session_set_killed_by(victim->nc, rq->peer->id);
		nc_session_set_status(victim->nc, NC_STATUS_INVALID);
		/* Who kills it mostly wants its locks, and at once. */
		locks_release_now(victim);
	}
	peers_put(victim);
	return e ? NULL : nc_server_reply_ok();
}

/* -- the table ------------------------------------------------------------ */

static const struct operation {
	const char *module, *name;
	request_fn *run;
} operations[] = {
    {"ietf-netconf", "get", get_get},
    {"ietf-netconf", "get-config", get_config},
    {"ietf-netconf", "edit-config", datastore_edit},
    {"ietf-netconf", "copy-config", datastore_copy},
    {"ietf-netconf", "delete-config", datastore_delete},
    {"ietf-netconf", "lock", locks_lock},
    {"ietf-netconf", "unlock", locks_unlock},
    {"ietf-netconf", "kill-session", kill_session},
    {"ietf-netconf", "commit", datastore_commit},
    {"ietf-netconf", "discard-changes", datastore_discard},
    {"ietf-netconf", "validate", datastore_validate},
    {"ietf-netconf-monitoring", "get-schema", monitor_schema},
    {"notifications", "create-subscription", subscribe_create},
    {"nsherd", "zone-command", act_zone_command},
    {"nsherd", "reconcile", act_reconcile},
    {"nsherd", "reconfigure", act_reconfigure},
    {"nsherd", "guard-release", act_release},
};

static request_fn *
find(const struct lysc_node *schema)
{
	if (schema->nodetype == LYS_ACTION)
		return strcmp(schema->module->name, "nsherd") == 0 ? act_on_zone : NULL;
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		if (strcmp(operations[i].name, schema->name) == 0 &&
		    strcmp(operations[i].module, schema->module->name) == 0)
			return operations[i].run;
	return NULL;
}

void
dispatch_claim(const struct ly_ctx *ctx)
{
	const struct lysc_node *node =
	    lys_find_path(ctx, NULL, "/ietf-netconf-monitoring:get-schema", 0);
	nc_rpc_clb run = dispatch_run;
	/* nc_set_rpc_callback() does the same, in a way that ISO C does not know. */
	if (node)
		memcpy(&((struct lysc_node *)(uintptr_t)node)->priv, &run, sizeof(run));
}

/* -- running -------------------------------------------------------------- */

/* Whom this thread replies to. When the library returns from that, its session may
 * be another thread's already, and have ended: it is not to be looked at. */
static _Thread_local struct peer *replying;

static void
begin_reply(struct peer *p)
{
	peers_hold(p);
	pthread_mutex_lock(&p->writing);
	atomic_store(&p->replying_since, clock_ms());
	replying = p;
}

void
dispatch_end(void)
{
	struct peer *p = replying;
	if (!p)
		return;
	replying = NULL;
	atomic_store(&p->replying_since, 0);
	pthread_mutex_unlock(&p->writing);
	peers_put(p);
}

static struct nc_server_reply *
try_once(struct request *rq, request_fn *run)
{
	struct nc_server_reply *reply = run(rq);
	if (rq->fault.lost || rq->fault.broken) {
		exchange_close(rq->peer->agent.x);
		rq->peer->agent.x = NULL;
	}
	if (rq->asked_agent) /* or it may be idle for longer than it looks */
		rq->peer->used_ms = clock_ms();
	return reply;
}

/* The lock went with the connection: who had it has to know. */
static void
lose_lock(struct request *rq)
{
	rq->peer->holds_running = false;
	log_warn("lock", "session=%u lost=running", rq->peer->id);
	nc_session_set_term_reason(rq->peer->nc, NC_SESSION_TERM_OTHER);
	nc_session_set_status(rq->peer->nc, NC_STATUS_INVALID);
}

static struct nc_server_reply *
run_locked(struct request *rq, request_fn *run)
{
	struct nc_server_reply *reply = NULL;
	if (nc_session_get_status(rq->peer->nc) != NC_STATUS_RUNNING)
		fault_set(&rq->fault, NC_ERR_OP_FAILED, "the session was ended");
	else
		reply = try_once(rq, run);
	if (rq->peer->holds_running && !rq->peer->agent.x) {
		lose_lock(rq);
	} else if (!reply && rq->fault.lost) {
		/* The agent had been started anew, say; nothing was done. */
		memset(&rq->fault, 0, sizeof(rq->fault));
		reply = try_once(rq, run);
	}
	if (reply)
		return reply;
	return fault_reply(rq->gw->ctx, &rq->fault);
}

static void
count(struct request *rq)
{
	bool failed = rq->fault.tag != 0;
	atomic_fetch_add(&rq->peer->count.in_rpcs, 1);
	atomic_fetch_add(&rq->gw->count.in_rpcs, 1);
	if (!failed)
		return;
	atomic_fetch_add(&rq->peer->count.out_errors, 1);
	atomic_fetch_add(&rq->gw->count.out_errors, 1);
}

struct nc_server_reply *
dispatch_run(struct lyd_node *rpc, struct nc_session *session)
{
	struct peer *peer = nc_session_get_data(session);
	struct request rq = {.peer = peer, .rpc = rpc};
	request_fn *run = find(rpc->schema);
	struct nc_server_reply *reply;
	int64_t began = clock_ms();
	if (!peer)
		return NULL; /* cannot be: it is not polled before */
	rq.gw = peer->gw;
	if (run) {
		pthread_mutex_lock(&peer->lock);
		reply = run_locked(&rq, run);
		pthread_mutex_unlock(&peer->lock);
	} else {
		fault_set(&rq.fault, NC_ERR_OP_NOT_SUPPORTED, "%s is not offered here",
		    rpc->schema->name);
		reply = fault_reply(rq.gw->ctx, &rq.fault);
	}
	count(&rq);
	log_debug("rpc", "session=%u user=%s op=%s error=\"%s\"", peer->id,
	    peer->user->name, rpc->schema->name, rq.fault.message);
	pool_fini(&rq.pool);
	if (clock_ms() - began > LONG_MS) /* it was large */
		mem_trim();
	begin_reply(peer);
	return reply;
}
