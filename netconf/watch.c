/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <libyang/libyang.h>

#include "lib/changes.h"
#include "lib/mem.h"
#include "lib/observed.h"
#include "netconf/locks.h"
#include "netconf/schema.h"
#include "netconf/subscribe.h"
#include "netconf/zonetree.h"

enum { PAUSE_MS = 1000, ALARMS_MAX = 256, EVENTS_MAX = 10000, KEEP_MAX = 20000 };

/* Something that is wrong, or was. */
struct alarm {
	char resource[DNAME_TEXT_MAX];
	const char *kind;
	char text[OBSERVED_VALUE_MAX];
	bool is_on;
};

struct watch {
	struct gateway *gw;
	pthread_t thread;
	int stop_fd;
	struct session s;
	struct changes changes;
	const struct lys_module *module;
	struct alarm alarms[ALARMS_MAX];
	size_t n_alarms;
	size_t n_events; /* of this transfer */
	bool lost;
};

/* -- notifications -------------------------------------------------------- */

/* Both forms of an event, leaf by leaf. */
struct event {
	struct pool pool;
	struct elem *e;
	struct lyd_node *tree;
};

static bool
event_begin(struct watch *w, struct event *event, const char *name)
{
	memset(event, 0, sizeof(*event));
	event->e = tree_add(&event->pool, NULL, SCHEMA_NS, name, NULL);
	return !lyd_new_inner(NULL, w->module, name, 0, &event->tree);
}

/* What the module has no room for is left out. */
static void
event_put(struct event *event, const char *leaf, const char *value)
{
	if (!value || !event->tree)
		return;
	/* The library prints it as it is. */
	const char *clean = tree_clean(&event->pool, value);
	if (!lyd_new_term(event->tree, NULL, leaf, clean, 0, NULL))
		tree_leaf(&event->pool, event->e, leaf, clean);
}

static void
event_send(struct watch *w, struct event *event)
{
	if (event->tree)
		subscribe_send(w->gw, event->e, event->tree);
	pool_fini(&event->pool);
}

static bool
has_readers(struct gateway *gw)
{
	pthread_mutex_lock(&gw->lock);
	bool some = gw->n_subscriptions > 0;
	pthread_mutex_unlock(&gw->lock);
	return some;
}

static void
tell_skipped(struct watch *w, const char *why)
{
	struct event event;
	event_begin(w, &event, "states-skipped");
	event_put(&event, "reason", why);
	event_send(w, &event);
}

static void
tell_change(void *arg, const struct zone_change *c)
{
	struct watch *w = arg;
	struct event event;
	if (++w->n_events > EVENTS_MAX || !has_readers(w->gw))
		return;
	event_begin(w, &event, "zone-state-change");
	event_put(&event, "domain", c->zone);
	event_put(&event, "backend", c->backend);
	event_put(&event, "old-state", zonetree_known_state(c->was.state));
	event_put(&event, "new-state", zonetree_known_state(c->is.state));
	event_put(&event, "serial", c->is.serial);
	event_put(&event, "pattern", c->is.pattern);
	event_put(&event, "member-id", c->is.id);
	event_put(&event, "last-command", c->is.last_command);
	event_put(&event, "error", c->is.error);
	event_send(w, &event);
}

/* -- alarms --------------------------------------------------------------- */

static struct alarm *
find_alarm(struct watch *w, const char *kind, const char *resource)
{
	for (size_t i = 0; i < w->n_alarms; i++)
		if (strcmp(w->alarms[i].kind, kind) == 0 &&
		    strcmp(w->alarms[i].resource, resource) == 0)
			return &w->alarms[i];
	if (w->n_alarms == ALARMS_MAX)
		return NULL;
	struct alarm *a = &w->alarms[w->n_alarms++];
	*a = (struct alarm){.kind = kind};
	snprintf(a->resource, sizeof(a->resource), "%s", resource);
	return a;
}

static void
set_alarm(struct watch *w, const char *kind, const char *resource, bool on,
    const char *text)
{
	struct event event;
	struct alarm *a = find_alarm(w, kind, resource);
	if (!a || a->is_on == on)
		return;
	a->is_on = on;
	if (on)
		log_warn("alarm", "kind=%s resource=%s", kind, resource);
	else
		log_info("alarm", "kind=%s resource=%s cleared", kind, resource);
	event_begin(w, &event, "alarm");
	event_put(&event, "kind", kind);
	event_put(&event, "resource", resource);
	event_put(&event, "cleared", on ? "false" : "true");
	event_put(&event, "text", text);
	event_send(w, &event);
}

static void
take_facts(struct watch *w, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	char value[OBSERVED_VALUE_MAX], error[OBSERVED_VALUE_MAX], text[DNAME_TEXT_MAX];
	const char *why = observed_get(rr, "error", error);
	if (kind == OBSERVED_BACKEND && observed_get(rr, "state", value))
		set_alarm(w, "backend-down", dname_print_short(name, text),
		    strcmp(value, "up") != 0, why);
	if (kind != OBSERVED_AGENT)
		return;
	if (observed_get(rr, "guard", value))
		set_alarm(w, "guard-holding", w->s.catalog_text,
		    strcmp(value, "holding") == 0, NULL);
	if (observed_get(rr, "catalog", value))
		set_alarm(w, "catalog", w->s.catalog_text, strcmp(value, "valid") != 0,
		    why);
}

/* -- the transfer --------------------------------------------------------- */

static enum err
take_rr(void *arg, const struct rr *rr)
{
	struct watch *w = arg;
	enum observed_kind kind;
	struct dname name;
	enum err e = changes_take(&w->changes, rr);
	if (e || rr->type != RR_TXT || w->changes.xfr.state == XFR_DELETED)
		return e;
	observed_classify(&rr->owner, &w->changes.status, &kind, &name);
	take_facts(w, kind, &name, rr);
	return OK;
}

static enum err
look(struct watch *w)
{
	enum err e = w->s.x ? OK : session_reopen(&w->s);
	if (!e)
		e = session_transfer_since(&w->s, &w->s.status,
		    changes_begin(&w->changes), take_rr, w);
	if (e) {
		changes_spoil(&w->changes);
		exchange_close(w->s.x);
		w->s.x = NULL;
		return e;
	}
	w->n_events = 0;
	changes_end(&w->changes, tell_change, w);
	if (w->changes.skipped)
		tell_skipped(w, "the agent gave all states, not what changed");
	else if (w->n_events > EVENTS_MAX)
		tell_skipped(w, "more changes at once than are told one by one");
	return OK;
}

/* Is the agent perhaps not the one of before? */
static bool
look_and_tell(struct watch *w)
{
	enum err e = look(w);
	bool broke = session_is_lost(e);
	if (broke && !w->lost)
		e = look(w); /* it had only been idle for too long */
	if (e == ERR_CANCELED)
		return false;
	if (e && !w->lost)
		log_warn("watch", "error=\"%s\"", w->s.error);
	w->lost = e != OK;
	set_alarm(w, "agent-unreachable", w->s.server, w->lost, w->s.error);
	return broke;
}

static void *
run(void *arg)
{
	struct watch *w = arg;
	while (!atomic_load(&w->gw->is_stopping)) {
		bool broke = look_and_tell(w);
		locks_keep(w->gw, broke);
		for (unsigned i = 0; i < PAUSE_MS / 50; i++) {
			if (atomic_load(&w->gw->is_stopping))
				break;
			usleep(50000);
		}
	}
	nc_thread_destroy();
	return NULL;
}

enum err
watch_start(struct gateway *gw, struct watch **watch)
{
	struct watch *w = mem_zalloc(sizeof(*w));
	*watch = w;
	w->gw = gw;
	w->module = ly_ctx_get_module_implemented(gw->ctx, "nsherd");
	w->stop_fd = eventfd(0, EFD_CLOEXEC);
	peer_configure(&w->s, gw->conf, gw->conf->key);
	if (w->stop_fd >= 0)
		session_cancel_by(&w->s, w->stop_fd);
	changes_init(&w->changes, &w->s.status);
	w->changes.keep_max = KEEP_MAX;
	if (pthread_create(&w->thread, NULL, run, w) == 0)
		return OK;
	w->thread = 0;
	return ERR_IO;
}

void
watch_stop(struct watch *w)
{
	const uint64_t one = 1;
	if (!w)
		return;
	if (w->stop_fd >= 0 && write(w->stop_fd, &one, sizeof(one)) < 0)
		log_warn("watch", "eventfd");
	if (w->thread)
		pthread_join(w->thread, NULL);
	changes_fini(&w->changes);
	session_close(&w->s);
	if (w->stop_fd >= 0)
		close(w->stop_fd);
	free(w);
}
