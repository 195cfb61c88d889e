/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/get.h"

#include <string.h>

#include <libyang/libyang.h>

#include "lib/observed.h"
#include "netconf/audit.h"
#include "netconf/candidate.h"
#include "netconf/datastore.h"
#include "netconf/filter.h"
#include "netconf/monitor.h"
#include "netconf/peers.h"
#include "netconf/schema.h"
#include "netconf/view.h"
#include "netconf/zonetree.h"

struct get {
	struct request *rq;
	struct filter filter;
	const char *select; /* an XPath that is no plain path */
	bool config_only;
	struct zset changes; /* of the candidate */
	bool from_candidate;
	struct elem root; /* all but the zones */
	struct buf out;
};

/* -- the filter ----------------------------------------------------------- */

static enum err
no_select(struct fault *fault)
{
	strcpy(fault->attr, "select");
	return fault_element(fault, NC_ERR_MISSING_ATTR, "filter",
	    "an XPath filter without select");
}

static enum err
read_xpath(struct get *g, const char *select)
{
	struct request *rq = g->rq;
	if (!select)
		return no_select(&rq->fault);
	enum err e =
	    filter_from_xpath(&rq->pool, select, schema_ns, rq->gw->ctx, &g->filter);
	if (e == ERR_UNSUPPORTED) {
		g->select = select;
		g->filter =
		    (struct filter){.all = true, .root = {.ns = "", .name = ""}};
		return OK;
	}
	return e ? fault_set(&rq->fault, NC_ERR_INVALID_VALUE,
		       "an XPath with a prefix that nothing here has")
		 : OK;
}

static enum err
read_filter(struct get *g)
{
	const char *select;
	return filter_of(g->rq->rpc, &g->rq->pool, &g->filter, &select)
		   ? read_xpath(g, select)
		   : OK;
}

/* Does it ask for something at or below that path, or for all above? */
static bool
asks(const struct get *g, const char *ns, const char *const *path, size_t n)
{
	const struct elem *found;
	bool whole;
	return filter_at(&g->filter, ns, path, n, &found, 1, &whole) > 0 || whole;
}

/* -- the agent's state
 * ------------------------------------------------------------------ */

struct head {
	struct get *g;
	struct elem *backends, *patterns, *catalogs;
};

static enum err
take_head(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct head *h = arg;
	struct pool *pool = &h->g->rq->pool;
	char text[DNAME_TEXT_MAX];
	dname_print_short(name, text);
	if (kind == OBSERVED_BACKEND)
		zonetree_backend(pool, h->backends, text, rr);
	else if (kind == OBSERVED_PATTERN)
		zonetree_pattern(pool, h->patterns, text, rr);
	else if (kind == OBSERVED_AGENT)
		zonetree_catalog(pool, h->catalogs, h->g->rq->peer->agent.catalog_text,
		    rr);
	return OK;
}

/* By a connection of its own, for the transfer is broken off before the zones. */
static enum err
read_head(struct get *g, struct elem *top)
{
	struct request *rq = g->rq;
	struct session s;
	struct head h = {.g = g};
	h.patterns = tree_add(&rq->pool, top, NULL, "patterns", NULL);
	h.backends = tree_add(&rq->pool, top, NULL, "backends", NULL);
	h.catalogs = tree_add(&rq->pool, top, NULL, "catalogs", NULL);
	peer_configure(&s, rq->gw->conf, rq->peer->user->key);
	enum err e = session_reopen(&s);
	if (!e)
		e = observed_transfer_head(&s, take_head, &h);
	if (e == ERR_DENIED && g->filter.all)
		e = OK; /* it may see its own zones alone: the rest is not there */
	if (e)
		fault_aside(&rq->fault, &s, e);
	session_close(&s);
	return e;
}

static enum err
read_audit(struct get *g, struct elem *top)
{
	struct request *rq = g->rq;
	struct session s;
	peer_configure(&s, rq->gw->conf, rq->peer->user->key);
	enum err e = session_reopen(&s);
	if (!e)
		e = audit_read(&s, rq->gw->conf->audit_lines, &rq->pool,
		    tree_add(&rq->pool, top, NULL, "audit", NULL));
	if (e)
		fault_aside(&rq->fault, &s, e);
	session_close(&s);
	return e;
}

/* The history is large: only who names it is to have it. */
static bool
names_audit(const struct get *g)
{
	for (const struct elem *c = g->filter.root.child; c; c = c->next) {
		const struct elem *a = tree_find(c, "audit");
		if (a && (!*a->ns || strcmp(a->ns, SCHEMA_NS) == 0))
			return true;
	}
	return false;
}

static enum err
read_state(struct get *g)
{
	static const char *const paths[][2] = {{"dns-server", "patterns"},
	    {"dns-server", "backends"}, {"dns-server", "catalogs"}};
	struct elem *top =
	    tree_add(&g->rq->pool, &g->root, SCHEMA_NS, "dns-server", NULL);
	enum err e = OK;
	bool some = false;
	for (size_t i = 0; i < 3; i++)
		some = some || asks(g, SCHEMA_NS, paths[i], 2);
	if (some)
		e = read_head(g, top);
	return !e && names_audit(g) ? read_audit(g, top) : e;
}

static void
read_own(struct get *g)
{
	static const struct {
		const char *ns, *name;
		void (*read)(struct request *rq, struct elem *root);
	} all[] = {
	    {"urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring", "netconf-state",
		monitor_state},
	    {"urn:ietf:params:xml:ns:yang:ietf-yang-library", "yang-library",
		monitor_library},
	    {"urn:ietf:params:xml:ns:yang:ietf-yang-library", "modules-state", NULL},
	    {"urn:ietf:params:xml:ns:netmod:notification", "netconf", monitor_streams},
	};
	bool done = false;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const char *path[] = {all[i].name};
		if (!asks(g, all[i].ns, path, 1))
			continue;
		/* The library makes both of its trees at once. */
		if (all[i].read == monitor_library || !all[i].read) {
			if (!done)
				monitor_library(g->rq, &g->root);
			done = true;
		} else {
			all[i].read(g->rq, &g->root);
		}
	}
}

/* -- printing
 * --------------------------------------------------------------------------- */

/* dns-server has the zones, as text, and the rest, as elements. */
static enum err
print_server(struct get *g)
{
	struct view v = {.rq = g->rq,
	    .filter = &g->filter,
	    .config_only = g->config_only,
	    .changes = g->from_candidate ? &g->changes : NULL};
	struct elem *top = tree_find(&g->root, "dns-server");
	struct buf zones;
	if (g->select)
		v.max_zones = g->rq->gw->conf->max_xpath_zones;
	buf_init(&zones, g->rq->gw->conf->max_reply);
	view_plan(&v);
	enum err e = v.wants_zones ? view_zones(&v, &zones) : OK;
	bool some = zones.size > 0;
	for (struct elem *c = top ? top->child : NULL; c; c = c->next)
		some = some || c->mark;
	if (!e && some) {
		buf_puts(&g->out, "<dns-server xmlns=\"" SCHEMA_NS "\">");
		if (zones.size > 0) {
			buf_puts(&g->out, "<zones>");
			buf_put(&g->out, zones.data, zones.size);
			buf_puts(&g->out, "</zones>");
		}
		for (struct elem *c = top ? top->child : NULL; c; c = c->next)
			tree_print(c, SCHEMA_NS, &g->out);
		buf_puts(&g->out, "</dns-server>");
	}
	buf_fini(&zones);
	view_fini(&v);
	return e;
}

static void
mark_server(struct elem *top)
{
	for (struct elem *c = top->child; c && top->mark == TREE_WHOLE; c = c->next)
		c->mark = TREE_WHOLE;
}

static enum err
print_all(struct get *g)
{
	struct elem *top = tree_find(&g->root, "dns-server");
	filter_mark(&g->filter, &g->root);
	if (top && strcmp(top->ns, SCHEMA_NS) == 0)
		mark_server(top);
	enum err e = print_server(g);
	for (struct elem *c = g->root.child; c && !e; c = c->next)
		if (c != top)
			tree_print(c, "", &g->out);
	if (!e && g->out.err) {
		fault_set(&g->rq->fault, NC_ERR_TOO_BIG,
		    "more than one reply may have");
		e = ERR_SPACE;
	}
	return e;
}

/* -- other XPath
 * -------------------------------------------------------------------------- */

static void
mark_found(const struct ly_set *set)
{
	for (uint32_t i = 0; i < set->count; i++) {
		struct lyd_node *n = set->dnodes[i];
		n->priv = (void *)(uintptr_t)TREE_WHOLE;
		for (n = lyd_parent(n); n; n = lyd_parent(n))
			if (!n->priv)
				n->priv = (void *)(uintptr_t)TREE_PARTLY;
	}
}

/* The text that all of it is, evaluated by libyang. */
static enum err
evaluate(struct get *g)
{
	struct request *rq = g->rq;
	struct lyd_node *tree = NULL;
	struct ly_set *set = NULL;
	struct elem root = {.name = "", .ns = ""};
	LY_ERR e = lyd_parse_data_mem(rq->gw->ctx, buf_text(&g->out), LYD_XML,
	    LYD_PARSE_ONLY | LYD_PARSE_OPAQ, 0, &tree);
	buf_reset(&g->out);
	if (!e && tree)
		e = lyd_find_xpath(tree, g->select, &set);
	if (e)
		fault_set(&rq->fault, NC_ERR_INVALID_VALUE, "XPath: %s",
		    ly_errmsg(rq->gw->ctx));
	if (set)
		mark_found(set);
	tree_take(&rq->pool, &root, tree);
	for (struct elem *c = root.child; c && !e; c = c->next)
		tree_print(c, "", &g->out);
	ly_set_free(set, NULL);
	lyd_free_all(tree);
	return e ? ERR_INVALID : OK;
}

/* -- the operations
 * ------------------------------------------------------------------------- */

static struct nc_server_reply *
make_reply(struct get *g)
{
	struct lyd_node *data = NULL;
	char *text = strdup(buf_text(&g->out));
	if (!text || lyd_dup_single(g->rq->rpc, NULL, 0, &data) ||
	    lyd_new_any(data, NULL, "data", text, 1, LYD_ANYDATA_XML, 1, NULL)) {
		lyd_free_all(data);
		fault_set(&g->rq->fault, NC_ERR_OP_FAILED, "no reply can be made");
		return NULL;
	}
	return nc_server_reply_data(data, NC_WD_EXPLICIT, NC_PARAMTYPE_FREE);
}

static struct nc_server_reply *
run(struct get *g)
{
	struct nc_server_reply *reply = NULL;
	g->root = (struct elem){.name = "", .ns = ""};
	buf_init(&g->out, g->rq->gw->conf->max_reply + 4096);
	enum err e = read_filter(g);
	if (!e && !g->config_only)
		e = read_state(g);
	if (!e && !g->config_only)
		read_own(g);
	if (!e)
		e = print_all(g);
	if (!e && g->select)
		e = evaluate(g);
	if (!e)
		reply = make_reply(g);
	buf_fini(&g->out);
	zset_fini(&g->changes);
	return reply;
}

struct nc_server_reply *
get_get(struct request *rq)
{
	struct get g = {.rq = rq};
	return run(&g);
}

struct nc_server_reply *
get_config(struct request *rq)
{
	struct get g = {.rq = rq, .config_only = true};
	switch (datastore_of(rq->rpc, "source")) {
	case DATASTORE_RUNNING: break;
	case DATASTORE_CANDIDATE:
		g.from_candidate = true;
		candidate_copy(rq->gw->candidate, &g.changes);
		break;
	case DATASTORE_INLINE:
	case DATASTORE_OTHER:
		fault_element(&rq->fault, NC_ERR_BAD_ELEM, "source",
		    "no such datastore");
		return NULL;
	}
	return run(&g);
}
