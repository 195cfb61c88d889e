/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/datastore.h"

#include <string.h>

#include <libyang/libyang.h>

#include "netconf/act.h"
#include "netconf/candidate.h"
#include "netconf/edit.h"
#include "netconf/locks.h"
#include "netconf/schema.h"

/* -- what the client sent ------------------------------------------------- */

enum datastore
datastore_of(const struct lyd_node *rpc, const char *name)
{
	const struct lyd_node *which = tree_child(rpc, name);
	if (tree_child(which, "running"))
		return DATASTORE_RUNNING;
	if (tree_child(which, "candidate"))
		return DATASTORE_CANDIDATE;
	if (tree_child(which, "config"))
		return DATASTORE_INLINE;
	return DATASTORE_OTHER;
}

/* The configuration below a node, as elements. ERR_INVALID and the fault. */
static enum err
read_config(struct request *rq, const struct lyd_node *parent, struct elem **config)
{
	const struct lyd_node *node = tree_child(parent, "config");
	*config = tree_add(&rq->pool, NULL, "", "config", NULL);
	if (!node)
		return fault_element(&rq->fault, NC_ERR_MISSING_ELEM, "config",
		    "no configuration");
	if (!node->schema) {
		tree_take(&rq->pool, *config, lyd_child(node));
		return OK;
	}
	const struct lyd_node_any *any =
	    (const struct lyd_node_any *)(const void *)node;
	if (any->value_type == LYD_ANYDATA_DATATREE)
		tree_take(&rq->pool, *config, any->value.tree);
	else if (any->value.str && *any->value.str)
		return fault_element(&rq->fault, NC_ERR_BAD_ELEM, "config",
		    "not a configuration");
	return OK;
}

static enum edit_op
default_op(const struct lyd_node *rpc)
{
	const char *text = tree_input(rpc, "default-operation");
	if (text && strcmp(text, "replace") == 0)
		return EDIT_REPLACE;
	if (text && strcmp(text, "none") == 0)
		return EDIT_NONE;
	return EDIT_MERGE;
}

static bool
is_value(const struct lyd_node *rpc, const char *name, const char *wanted)
{
	const char *text = tree_input(rpc, name);
	return text && strcmp(text, wanted) == 0;
}

static enum err
no_such(struct request *rq, const char *name)
{
	return fault_element(&rq->fault, NC_ERR_BAD_ELEM, name,
	    "that is not a %s for this operation", name);
}

/* -- changing a datastore ------------------------------------------------- */

static enum err
apply(struct request *rq, struct edit *edit, enum datastore target, bool test_only)
{
	struct session *s = NULL;
	enum err e = locks_check(rq,
	    target == DATASTORE_RUNNING ? LOCKS_RUNNING : LOCKS_CANDIDATE);
	if (!e && target == DATASTORE_CANDIDATE)
		e = act_check_update(rq);
	if (!e)
		s = request_agent(rq);
	if (!s)
		return ERR_INVALID;
	/* Tested against running: the candidate is valid as long as running is. */
	if (target == DATASTORE_RUNNING || test_only)
		return candidate_edit_running(edit, s, test_only, &rq->fault);
	return candidate_edit(rq->gw->candidate, edit, s, &rq->fault);
}

struct nc_server_reply *
datastore_edit(struct request *rq)
{
	struct elem *config;
	enum datastore target = datastore_of(rq->rpc, "target");
	if (target != DATASTORE_RUNNING && target != DATASTORE_CANDIDATE) {
		no_such(rq, "target");
		return NULL;
	}
	if (is_value(rq->rpc, "error-option", "continue-on-error")) {
		fault_set(&rq->fault, NC_ERR_OP_NOT_SUPPORTED,
		    "continue-on-error: all of an edit is done here, or nothing");
		return NULL;
	}
	if (read_config(rq, rq->rpc, &config))
		return NULL;
	struct edit edit = {.config = config, .default_op = default_op(rq->rpc)};
	enum err e =
	    apply(rq, &edit, target, is_value(rq->rpc, "test-option", "test-only"));
	return e ? NULL : nc_server_reply_ok();
}

static enum err
commit(struct request *rq)
{
	enum err e = locks_check(rq, LOCKS_RUNNING);
	if (!e)
		e = locks_check(rq, LOCKS_CANDIDATE);
	struct session *s = e ? NULL : request_agent(rq);
	return s ? candidate_commit(rq->gw->candidate, s, &rq->fault) : ERR_INVALID;
}

struct nc_server_reply *
datastore_commit(struct request *rq)
{
	return commit(rq) ? NULL : nc_server_reply_ok();
}

static enum err
discard(struct request *rq)
{
	enum err e = locks_check(rq, LOCKS_CANDIDATE);
	if (!e)
		e = act_check_update(rq);
	if (!e)
		candidate_discard(rq->gw->candidate);
	return e;
}

struct nc_server_reply *
datastore_discard(struct request *rq)
{
	return discard(rq) ? NULL : nc_server_reply_ok();
}

/* A whole configuration in place of what is there. */
static enum err
replace(struct request *rq, enum datastore target)
{
	struct elem *config;
	enum err e = read_config(rq, tree_child(rq->rpc, "source"), &config);
	if (e)
		return e;
	struct edit edit = {.config = config, .default_op = EDIT_REPLACE};
	if (!config->child) /* an empty one: all zones go */
		tree_add(&rq->pool, config, SCHEMA_NS, "dns-server", NULL);
	return apply(rq, &edit, target, false);
}

struct nc_server_reply *
datastore_copy(struct request *rq)
{
	enum datastore source = datastore_of(rq->rpc, "source"),
		       target = datastore_of(rq->rpc, "target");
	enum err e = ERR_INVALID;
	if (target != DATASTORE_RUNNING && target != DATASTORE_CANDIDATE)
		no_such(rq, "target");
	else if (source == DATASTORE_OTHER)
		no_such(rq, "source");
	else if (source == target)
		fault_set(&rq->fault, NC_ERR_INVALID_VALUE,
		    "source and target are the same");
	else if (source == DATASTORE_INLINE)
		e = replace(rq, target);
	else if (target == DATASTORE_CANDIDATE)
		e = discard(rq);
	else
		e = commit(rq);
	return e ? NULL : nc_server_reply_ok();
}

struct nc_server_reply *
datastore_delete(struct request *rq)
{
	fault_set(&rq->fault, NC_ERR_OP_NOT_SUPPORTED,
	    "no datastore here can be deleted");
	return NULL;
}

struct nc_server_reply *
datastore_validate(struct request *rq)
{
	struct elem *config;
	struct zset set;
	enum datastore source = datastore_of(rq->rpc, "source");
	enum err e = OK;
	if (source == DATASTORE_OTHER) {
		no_such(rq, "source");
		return NULL;
	}
	/* Running and candidate are held to the module as they are changed. */
	if (source != DATASTORE_INLINE)
		return nc_server_reply_ok();
	if (read_config(rq, tree_child(rq->rpc, "source"), &config))
		return NULL;
	struct edit edit = {.config = config, .default_op = EDIT_MERGE};
	zset_init(&set);
	e = edit_scan(&edit, &set, &rq->fault);
	if (!e)
		e = edit_apply(&edit, &set, &rq->fault);
	zset_fini(&set);
	return e ? NULL : nc_server_reply_ok();
}
