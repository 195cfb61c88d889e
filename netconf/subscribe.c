/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/subscribe.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libyang/libyang.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "netconf/filter.h"
#include "netconf/peers.h"

enum { SEND_MS = 1000 };

struct subscription {
	struct filter filter;
	struct pool pool;
};

/* -- creating ------------------------------------------------------------- */

static const struct lyd_node *
find_child(const struct lyd_node *rpc, const char *name)
{
	for (const struct lyd_node *c = lyd_child(rpc); c; c = c->next)
		if (strcmp(tree_name(c), name) == 0)
			return c;
	return NULL;
}

static const char *
ns_of(void *arg, const char *module, size_t size)
{
	const struct gateway *gw = arg;
	const struct lys_module *m;
	uint32_t at = 0;
	while ((m = ly_ctx_get_module_iter(gw->ctx, &at)))
		if (m->implemented && strlen(m->name) == size &&
		    memcmp(m->name, module, size) == 0)
			return m->ns;
	return NULL;
}

static enum err
read_filter(struct request *rq, struct subscription *sub)
{
	const struct lyd_node *node = find_child(rq->rpc, "filter");
	const char *type = NULL, *select = NULL;
	sub->filter = (struct filter){.all = !node, .root = {.name = "", .ns = ""}};
	if (!node || !node->schema)
		return OK;
	for (const struct lyd_meta *m = node->meta; m; m = m->next) {
		if (strcmp(m->name, "type") == 0)
			type = lyd_get_meta_value(m);
		if (strcmp(m->name, "select") == 0)
			select = lyd_get_meta_value(m);
	}
	if (type && strcmp(type, "xpath") == 0) {
		if (select &&
		    !filter_from_xpath(&sub->pool, select, ns_of, rq->gw, &sub->filter))
			return OK;
		return fault_set(&rq->fault, NC_ERR_OP_NOT_SUPPORTED,
		    "of XPath, notifications are filtered by paths that compare with = "
		    "only");
	}
	const struct lyd_node_any *any =
	    (const struct lyd_node_any *)(const void *)node;
	if (any->value_type == LYD_ANYDATA_DATATREE)
		tree_take(&sub->pool, &sub->filter.root, any->value.tree);
	return OK;
}

/* The events are of all zones: they are for who may read of all. */
static enum err
check_rights(struct request *rq)
{
	struct msg msg;
	struct session *s = request_agent(rq);
	if (!s)
		return ERR_INVALID;
	enum err e = session_query(s, &s->status, RR_TXT, &msg);
	if (e)
		return fault_unreachable(&rq->fault, s, e);
	return msg_rcode(&msg) == RCODE_NOERROR ? OK : fault_refused(&rq->fault, &msg);
}

static enum err
check_input(struct request *rq)
{
	const struct lyd_node *stream = find_child(rq->rpc, "stream");
	if (stream && stream->schema && strcmp(lyd_get_value(stream), "NETCONF") != 0)
		return fault_set(&rq->fault, NC_ERR_INVALID_VALUE,
		    "there is no such stream");
	if (find_child(rq->rpc, "startTime"))
		return fault_element(&rq->fault, NC_ERR_BAD_ELEM, "startTime",
		    "nothing is replayed here");
	if (find_child(rq->rpc, "stopTime"))
		return fault_element(&rq->fault, NC_ERR_MISSING_ELEM, "startTime",
		    "stopTime without startTime");
	return OK;
}

static void
subscription_free(struct subscription *sub)
{
	pool_fini(&sub->pool);
	free(sub);
}

struct nc_server_reply *
subscribe_create(struct request *rq)
{
	struct gateway *gw = rq->gw;
	struct subscription *sub = mem_zalloc(sizeof(*sub));
	enum err e = check_input(rq);
	if (!e)
		e = read_filter(rq, sub);
	if (!e)
		e = check_rights(rq);
	pthread_mutex_lock(&gw->lock);
	bool has_one = rq->peer->sub != NULL;
	if (!e && !has_one) {
		rq->peer->sub = sub;
		gw->n_subscriptions++;
	}
	pthread_mutex_unlock(&gw->lock);
	if (!e && !has_one) {
		nc_session_inc_notif_status(rq->peer->nc);
		return nc_server_reply_ok();
	}
	subscription_free(sub);
	if (!e)
		fault_set(&rq->fault, NC_ERR_OP_FAILED,
		    "this session has a subscription already");
	return NULL;
}

void
subscribe_end(struct peer *p)
{
	pthread_mutex_lock(&p->gw->lock);
	struct subscription *sub = p->sub;
	p->sub = NULL;
	if (sub)
		p->gw->n_subscriptions--;
	pthread_mutex_unlock(&p->gw->lock);
	if (sub)
		subscription_free(sub);
}

/* -- sending
 * ---------------------------------------------------------------------------- */

struct sending {
	struct elem *event;
	struct nc_server_notif *notif;
};

static void
send_to(void *arg, struct peer *p)
{
	struct sending *s = arg;
	pthread_mutex_lock(&p->gw->lock);
	const struct subscription *sub = p->sub; /* lives as long as the peer is held */
	pthread_mutex_unlock(&p->gw->lock);
	if (!sub || nc_session_get_status(p->nc) != NC_STATUS_RUNNING)
		return;
	struct elem root = {.name = "", .ns = "", .child = s->event};
	s->event->mark = TREE_UNMARKED;
	filter_mark(&sub->filter, &root);
	if (!s->event->mark)
		return;
	atomic_store(&p->notifying_since, clock_ms());
	NC_MSG_TYPE sent = nc_server_notif_send(p->nc, s->notif, SEND_MS);
	atomic_store(&p->notifying_since, 0);
	if (sent == NC_MSG_NOTIF) {
		atomic_fetch_add(&p->count.out_notifications, 1);
		atomic_fetch_add(&p->gw->count.out_notifications, 1);
		return;
	}
	/* It does not read, and the others are not to wait for it. */
	log_warn("notification", "session=%u dropped=slow", p->id);
	nc_session_set_term_reason(p->nc, NC_SESSION_TERM_OTHER);
	nc_session_set_status(p->nc, NC_STATUS_INVALID);
}

void
subscribe_send(struct gateway *gw, struct elem *event, struct lyd_node *tree)
{
	struct timespec now;
	char *at = NULL;
	clock_gettime(CLOCK_REALTIME, &now);
	if (ly_time_ts2str(&now, &at)) {
		lyd_free_all(tree);
		return;
	}
	struct sending s = {.event = event,
	    .notif = nc_server_notif_new(tree, at, NC_PARAMTYPE_FREE)};
	if (s.notif)
		peers_each(gw, send_to, &s);
	nc_server_notif_free(s.notif);
}
