/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_GATEWAY_H
#define NETCONF_GATEWAY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <nc_server.h>

#include "lib/pool.h"
#include "lib/session.h"
#include "netconf/conf.h"
#include "netconf/fault.h"

/*
 * What the parts of the gateway share. Of locks, a peer's is taken first, then the
 * candidate's; under gateway.lock nothing else is taken and nothing waits.
 */

struct candidate;
struct subscription;
struct watch;

struct counters {
	atomic_uint in_rpcs, in_bad_rpcs, out_errors, out_notifications;
};

/* One NETCONF session, and its own connection to the agent, with its user's key. */
struct peer {
	struct gateway *gw;
	struct nc_session *nc;
	uint32_t id;
	const struct conf_user *user;
	struct peer *next;
	unsigned refs; /* gateway.lock: the table's, and of those who work with it */
	bool is_dead;  /* the same: is not to be found any more */
	struct subscription *sub; /* the same; NULL: none */
	struct counters count;
	/* clock_ms() at which something began to be written to it; 0: nothing is. */
	atomic_llong replying_since, notifying_since;
	/* Of who writes to it: of two, the library would give up the one. Held while
	 * nothing else is taken. */
	pthread_mutex_t writing;

	pthread_mutex_t lock; /* of what follows: an RPC, or who keeps the lock */
	struct session agent;
	int64_t used_ms;    /* clock_ms() of the last time */
	bool holds_running; /* the agent's lock */
	int64_t locked_ms;  /* clock_ms() of when that was taken, or taken anew */
};

struct gateway {
	struct conf *conf;
	struct ly_ctx *ctx;
	struct nc_pollsession *ps;
	pthread_mutex_t adding; /* to ps */
	atomic_bool is_stopping;
	atomic_uint n_running; /* threads, not the main one */
	time_t started;
	struct counters count;
	atomic_uint n_in_sessions, n_dropped, n_bad_hellos;

	pthread_mutex_t lock;
	pthread_cond_t freed; /* a peer's refs went down */
	struct peer *peers;
	unsigned n_peers, n_subscriptions;
	/* Who holds the locks; 0: nobody. */
	uint32_t running_lock, candidate_lock;
	time_t running_since, candidate_since;
	bool is_lock_doubted; /* locks_keep()'s alone */
	struct candidate *candidate;
	struct watch *watch;
};

/* One RPC. */
struct request {
	struct gateway *gw;
	struct peer *peer;
	struct lyd_node *rpc;
	struct pool pool; /* for the time of the RPC */
	bool asked_agent; /* on the peer's connection */
	struct fault fault;
};

/* A reply, or NULL and the fault set. */
typedef struct nc_server_reply *request_fn(struct request *rq);

/* The agent, connected; NULL and the fault. The caller has the peer's lock. */
struct session *request_agent(struct request *rq);
/* A connection to the agent with that key, not opened yet; to be closed. */
void peer_configure(struct session *s, const struct conf *conf, struct key *key);

#endif
