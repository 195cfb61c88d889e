/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libyang/libyang.h>

#include "netconf/peers.h"
#include "netconf/text.h"

#define NCM          "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
#define NCM_DECLARED " xmlns:ncm=\"" NCM "\""

/* -- netconf-state -------------------------------------------------------- */

static void
put_capabilities(struct request *rq, struct elem *state)
{
	struct elem *list = tree_add(&rq->pool, state, NULL, "capabilities", NULL);
	const char **all = nc_server_get_cpblts_version(rq->gw->ctx, LYS_VERSION_1_0);
	for (size_t i = 0; all && all[i]; i++) {
		tree_leaf(&rq->pool, list, "capability", all[i]);
		lydict_remove(rq->gw->ctx, all[i]);
	}
	free(all);
}

static void
put_datastore(struct request *rq, struct elem *list, const char *name, uint32_t holder,
    time_t since)
{
	char text[24];
	struct elem *e = tree_add(&rq->pool, list, NULL, "datastore", NULL);
	tree_key(&rq->pool, e, "name", name);
	if (holder == 0)
		return;
	struct elem *locks = tree_add(&rq->pool, e, NULL, "locks", NULL);
	struct elem *lock = tree_add(&rq->pool, locks, NULL, "global-lock", NULL);
	snprintf(text, sizeof(text), "%u", holder);
	tree_leaf(&rq->pool, lock, "locked-by-session", text);
	tree_leaf(&rq->pool, lock, "locked-time",
	    text_time(&rq->pool, (uint64_t)since));
}

static void
put_datastores(struct request *rq, struct elem *state)
{
	struct gateway *gw = rq->gw;
	struct elem *list = tree_add(&rq->pool, state, NULL, "datastores", NULL);
	pthread_mutex_lock(&gw->lock);
	uint32_t running = gw->running_lock, candidate = gw->candidate_lock;
	time_t running_since = gw->running_since, candidate_since = gw->candidate_since;
	pthread_mutex_unlock(&gw->lock);
	put_datastore(rq, list, "running", running, running_since);
	put_datastore(rq, list, "candidate", candidate, candidate_since);
}

static void
put_schemas(struct request *rq, struct elem *state)
{
	struct elem *list = tree_add(&rq->pool, state, NULL, "schemas", NULL);
	const struct lys_module *m;
	uint32_t at = 0;
	while ((m = ly_ctx_get_module_iter(rq->gw->ctx, &at))) {
		static const char *const formats[] = {"ncm:yang", "ncm:yin"};
		for (size_t i = 0; i < 2; i++) {
			struct elem *e =
			    tree_add(&rq->pool, list, NULL, "schema", NULL);
			tree_key(&rq->pool, e, "identifier", m->name);
			tree_key(&rq->pool, e, "version",
			    m->revision ? m->revision : "");
			tree_key(&rq->pool, e, "format", formats[i])->attrs =
			    NCM_DECLARED;
			tree_leaf(&rq->pool, e, "namespace", m->ns);
			tree_leaf(&rq->pool, e, "location", "NETCONF");
		}
	}
}

static void
put_counters(struct pool *pool, struct elem *e, struct counters *c)
{
	char text[24];
	const struct {
		const char *leaf;
		unsigned value;
	} all[] = {
	    {"in-rpcs", atomic_load(&c->in_rpcs)},
	    {"in-bad-rpcs", atomic_load(&c->in_bad_rpcs)},
	    {"out-rpc-errors", atomic_load(&c->out_errors)},
	    {"out-notifications", atomic_load(&c->out_notifications)},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		snprintf(text, sizeof(text), "%u", all[i].value);
		tree_leaf(pool, e, all[i].leaf, text);
	}
}

struct listing {
	struct request *rq;
	struct elem *list;
};

static void
put_session(void *arg, struct peer *p)
{
	struct listing *l = arg;
	struct pool *pool = &l->rq->pool;
	char text[24];
	struct elem *e = tree_add(pool, l->list, NULL, "session", NULL);
	snprintf(text, sizeof(text), "%u", p->id);
	tree_key(pool, e, "session-id", text);
	struct elem *transport = tree_leaf(pool, e, "transport",
	    nc_session_get_ti(p->nc) == NC_TI_OPENSSL ? "ncm:netconf-tls"
						      : "ncm:netconf-ssh");
	transport->attrs = NCM_DECLARED;
	tree_leaf(pool, e, "username", p->user->name);
	tree_leaf(pool, e, "source-host", nc_session_get_host(p->nc));
	tree_leaf(pool, e, "login-time",
	    text_time(pool, (uint64_t)nc_session_get_start_time(p->nc)));
	put_counters(pool, e, &p->count);
}

static void
put_statistics(struct request *rq, struct elem *state)
{
	struct gateway *gw = rq->gw;
	char text[24];
	struct elem *e = tree_add(&rq->pool, state, NULL, "statistics", NULL);
	tree_leaf(&rq->pool, e, "netconf-start-time",
	    text_time(&rq->pool, (uint64_t)gw->started));
	snprintf(text, sizeof(text), "%u", atomic_load(&gw->n_bad_hellos));
	tree_leaf(&rq->pool, e, "in-bad-hellos", text);
	snprintf(text, sizeof(text), "%u", atomic_load(&gw->n_in_sessions));
	tree_leaf(&rq->pool, e, "in-sessions", text);
	snprintf(text, sizeof(text), "%u", atomic_load(&gw->n_dropped));
	tree_leaf(&rq->pool, e, "dropped-sessions", text);
	put_counters(&rq->pool, e, &gw->count);
}

void
monitor_state(struct request *rq, struct elem *root)
{
	struct elem *state = tree_add(&rq->pool, root, NCM, "netconf-state", NULL);
	put_capabilities(rq, state);
	put_datastores(rq, state);
	put_schemas(rq, state);
	struct listing l = {rq, tree_add(&rq->pool, state, NULL, "sessions", NULL)};
	peers_each(rq->gw, put_session, &l);
	put_statistics(rq, state);
}

/* -- the library of modules ----------------------------------------------- */

void
monitor_library(struct request *rq, struct elem *root)
{
	struct lyd_node *tree = NULL;
	if (ly_ctx_get_yanglib_data(rq->gw->ctx, &tree, "%u",
		(unsigned)ly_ctx_get_change_count(rq->gw->ctx)))
		return;
	tree_take(&rq->pool, root, tree);
	lyd_free_all(tree);
}

void
monitor_streams(struct request *rq, struct elem *root)
{
	struct elem *e = tree_add(&rq->pool, root,
	    "urn:ietf:params:xml:ns:netmod:notification", "netconf", NULL);
	e = tree_add(&rq->pool, e, NULL, "streams", NULL);
	e = tree_add(&rq->pool, e, NULL, "stream", NULL);
	tree_key(&rq->pool, e, "name", "NETCONF");
	tree_leaf(&rq->pool, e, "description",
	    "Changes of the states of zones, and alarms.");
	tree_leaf(&rq->pool, e, "replaySupport", "false");
}

/* -- get-schema ----------------------------------------------------------- */

static const struct lys_module *
find_module(struct request *rq, const char *name, const char *version)
{
	const struct lys_module *m, *found = NULL;
	uint32_t at = 0;
	unsigned n = 0;
	while ((m = ly_ctx_get_module_iter(rq->gw->ctx, &at))) {
		const char *revision = m->revision ? m->revision : "";
		if (strcmp(m->name, name) != 0 ||
		    (version && strcmp(version, revision) != 0))
			continue;
		found = m;
		n++;
	}
	if (n == 1)
		return found;
	fault_set(&rq->fault, n == 0 ? NC_ERR_INVALID_VALUE : NC_ERR_OP_FAILED,
	    n == 0 ? "there is no such module" : "there is more than one such module");
	if (n > 1)
		rq->fault.app_tag = "data-not-unique";
	return NULL;
}

struct nc_server_reply *
monitor_schema(struct request *rq)
{
	const char *name = tree_input(rq->rpc, "identifier"),
		   *version = tree_input(rq->rpc, "version"),
		   *format = tree_input(rq->rpc, "format");
	LYS_OUTFORMAT as = LYS_OUT_YANG;
	char *text = NULL;
	struct lyd_node *data = NULL;
	if (format && strcmp(format, "ietf-netconf-monitoring:yin") == 0)
		as = LYS_OUT_YIN;
	else if (format && strcmp(format, "ietf-netconf-monitoring:yang") != 0) {
		fault_set(&rq->fault, NC_ERR_INVALID_VALUE, "there is no such format");
		return NULL;
	}
	const struct lys_module *m =
	    find_module(rq, name ? name : "", version && *version ? version : NULL);
	if (!m)
		return NULL;
	if (lys_print_mem(&text, m, as, 0) || lyd_dup_single(rq->rpc, NULL, 0, &data) ||
	    lyd_new_any(data, NULL, "data", text, 1, LYD_ANYDATA_STRING, 1, NULL)) {
		lyd_free_all(data);
		fault_set(&rq->fault, NC_ERR_OP_FAILED, "the module cannot be printed");
		return NULL;
	}
	return nc_server_reply_data(data, NC_WD_UNKNOWN, NC_PARAMTYPE_FREE);
}
