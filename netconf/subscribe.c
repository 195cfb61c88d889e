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
#include "netconf/schema.h"

/* All the changes that are told at once have room (watch.c), and again. */
enum { SEND_MS = 1000, QUEUE_MAX = 20000 };

/* A notification, of all to whom it is sent. */
struct notice {
	atomic_uint refs;
	struct nc_server_notif *notif;
};

struct link {
	struct link *next;
	struct notice *notice;
};

struct subscription {
	struct peer *peer;
	struct filter filter;
	struct pool pool;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows; under it nothing is taken */
	pthread_cond_t changed;
	struct link *first, *last;
	size_t n;
	bool ends;
};

static void *run(void *arg);

/* -- creating ------------------------------------------------------------- */

static enum err
read_filter(struct request *rq, struct subscription *sub)
{
	const char *select;
	if (!filter_of(rq->rpc, &sub->pool, &sub->filter, &select))
		return OK;
	if (select && !filter_from_xpath(&sub->pool, select, schema_ns, rq->gw->ctx,
			  &sub->filter))
		return OK;
	return fault_set(&rq->fault, NC_ERR_OP_NOT_SUPPORTED,
	    "of XPath, notifications are filtered by paths that compare with = "
	    "only");
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
	const struct lyd_node *stream = tree_child(rq->rpc, "stream");
	if (stream && stream->schema && strcmp(lyd_get_value(stream), "NETCONF") != 0)
		return fault_set(&rq->fault, NC_ERR_INVALID_VALUE,
		    "there is no such stream");
	if (tree_child(rq->rpc, "startTime"))
		return fault_element(&rq->fault, NC_ERR_BAD_ELEM, "startTime",
		    "nothing is replayed here");
	if (tree_child(rq->rpc, "stopTime"))
		return fault_element(&rq->fault, NC_ERR_MISSING_ELEM, "startTime",
		    "stopTime without startTime");
	return OK;
}

static void
notice_put(struct notice *notice)
{
	if (atomic_fetch_sub(&notice->refs, 1) > 1)
		return;
	nc_server_notif_free(notice->notif);
	free(notice);
}

static struct subscription *
subscription_new(struct peer *p)
{
	struct subscription *sub = mem_zalloc(sizeof(*sub));
	sub->peer = p;
	pthread_mutex_init(&sub->lock, NULL);
	pthread_cond_init(&sub->changed, NULL);
	return sub;
}

static void
subscription_free(struct subscription *sub)
{
	for (struct link *l = sub->n > 0 ? sub->first : NULL, *next; l; l = next) {
		next = l->next;
		notice_put(l->notice);
		free(l);
	}
	pthread_cond_destroy(&sub->changed);
	pthread_mutex_destroy(&sub->lock);
	pool_fini(&sub->pool);
	free(sub);
}

/* It stands, or not; has_one: there was one before. */
static enum err
subscription_start(struct subscription *sub, bool *has_one)
{
	struct gateway *gw = sub->peer->gw;
	enum err e = OK;
	pthread_mutex_lock(&gw->lock);
	*has_one = sub->peer->sub != NULL;
	if (!*has_one && pthread_create(&sub->thread, NULL, run, sub) != 0)
		e = ERR_IO;
	if (!*has_one && !e) {
		sub->peer->sub = sub;
		gw->n_subscriptions++;
	}
	pthread_mutex_unlock(&gw->lock);
	return *has_one ? ERR_INVALID : e;
}

struct nc_server_reply *
subscribe_create(struct request *rq)
{
	struct subscription *sub = subscription_new(rq->peer);
	bool has_one = false;
	enum err e = check_input(rq);
	if (!e)
		e = read_filter(rq, sub);
	if (!e)
		e = check_rights(rq);
	if (!e) {
		nc_session_inc_notif_status(rq->peer->nc);
		e = subscription_start(sub, &has_one);
		if (!e)
			return nc_server_reply_ok();
		nc_session_dec_notif_status(rq->peer->nc);
		fault_set(&rq->fault, NC_ERR_OP_FAILED,
		    has_one ? "this session has a subscription already"
			    : "no thread for a subscription");
	}
	subscription_free(sub);
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
	if (!sub)
		return;
	pthread_mutex_lock(&sub->lock);
	sub->ends = true;
	pthread_cond_signal(&sub->changed);
	pthread_mutex_unlock(&sub->lock);
	pthread_join(sub->thread, NULL);
	subscription_free(sub);
}

/* -- sending -------------------------------------------------------------- */

static struct notice *
next_notice(struct subscription *sub)
{
	pthread_mutex_lock(&sub->lock);
	while (!sub->ends && sub->n == 0)
		pthread_cond_wait(&sub->changed, &sub->lock);
	struct link *l = sub->ends ? NULL : sub->first;
	struct notice *notice = l ? l->notice : NULL;
	if (l) {
		sub->first = l->next;
		sub->n--;
	}
	pthread_mutex_unlock(&sub->lock);
	free(l);
	return notice;
}

static bool
ends(struct subscription *sub)
{
	pthread_mutex_lock(&sub->lock);
	bool so = sub->ends;
	pthread_mutex_unlock(&sub->lock);
	return so;
}

/* While a request comes in, the library writes nothing, and says so after a while. */
static bool
send_notice(struct subscription *sub, const struct notice *notice)
{
	struct peer *p = sub->peer;
	NC_MSG_TYPE sent = NC_MSG_WOULDBLOCK;
	while (sent == NC_MSG_WOULDBLOCK && !ends(sub) &&
	       nc_session_get_status(p->nc) == NC_STATUS_RUNNING) {
		pthread_mutex_lock(&p->writing);
		atomic_store(&p->notifying_since, clock_ms());
		sent = nc_server_notif_send(p->nc, notice->notif, SEND_MS);
		atomic_store(&p->notifying_since, 0);
		pthread_mutex_unlock(&p->writing);
	}
	return sent == NC_MSG_NOTIF;
}

/* Each has a thread, so that who does not read keeps nobody but himself waiting. */
static void *
run(void *arg)
{
	struct subscription *sub = arg;
	struct peer *p = sub->peer;
	struct notice *notice;
	while ((notice = next_notice(sub))) {
		if (send_notice(sub, notice)) {
			atomic_fetch_add(&p->count.out_notifications, 1);
			atomic_fetch_add(&p->gw->count.out_notifications, 1);
		}
		notice_put(notice);
	}
	nc_thread_destroy();
	return NULL;
}

struct sending {
	struct elem *event;
	struct notice *notice;
};

static void
drop(struct peer *p)
{
	log_warn("notification", "session=%u dropped=slow", p->id);
	nc_session_set_term_reason(p->nc, NC_SESSION_TERM_OTHER);
	nc_session_set_status(p->nc, NC_STATUS_INVALID);
}

static void
send_to(void *arg, struct peer *p)
{
	struct sending *s = arg;
	pthread_mutex_lock(&p->gw->lock);
	struct subscription *sub = p->sub; /* lives as long as the peer is held */
	pthread_mutex_unlock(&p->gw->lock);
	if (!sub || nc_session_get_status(p->nc) != NC_STATUS_RUNNING)
		return;
	struct elem root = {.name = "", .ns = "", .child = s->event};
	s->event->mark = TREE_UNMARKED;
	filter_mark(&sub->filter, &root);
	if (!s->event->mark)
		return;
	struct link *l = mem_alloc(sizeof(*l));
	*l = (struct link){.notice = s->notice};
	atomic_fetch_add(&s->notice->refs, 1);
	pthread_mutex_lock(&sub->lock);
	if (sub->n++ == 0)
		sub->first = l;
	else
		sub->last->next = l;
	sub->last = l;
	bool slow = sub->n == QUEUE_MAX;
	pthread_cond_signal(&sub->changed);
	pthread_mutex_unlock(&sub->lock);
	if (slow)
		drop(p);
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
	struct sending s = {.event = event, .notice = mem_alloc(sizeof(struct notice))};
	atomic_init(&s.notice->refs, 1);
	s.notice->notif = nc_server_notif_new(tree, at, NC_PARAMTYPE_FREE);
	if (s.notice->notif)
		peers_each(gw, send_to, &s);
	notice_put(s.notice);
}
