/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/edit.h"

#include <string.h>

#include "netconf/edit_zone.h"
#include "netconf/schema.h"

/* -- elements ------------------------------------------------------------- */

static const char *const path_of[] = {"/nsherd:dns-server",
    "/nsherd:dns-server/nsherd:zones"};

/* State is read, not edited. */
static bool
is_state(const char *name, unsigned depth)
{
	static const char *const names[] = {"patterns", "backends", "catalogs",
	    "audit"};
	for (size_t i = 0; depth == 1 && i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static enum err
refuse_unknown(const struct elem *e, unsigned depth, struct fault *fault)
{
	if (depth > 0)
		fault_path(fault, "%s", path_of[depth - 1]);
	if (strcmp(e->ns, SCHEMA_NS) != 0) {
		fault_element(fault, NC_ERR_UNKNOWN_NS, e->name,
		    "nothing of that namespace can be configured here");
		strncpy(fault->ns, e->ns, sizeof(fault->ns) - 1);
		return ERR_INVALID;
	}
	if (is_state(e->name, depth))
		return fault_element(fault, NC_ERR_UNKNOWN_ELEM, e->name,
		    "%s is state, and not configured", e->name);
	return fault_element(fault, NC_ERR_UNKNOWN_ELEM, e->name,
	    "there is no %s to be configured here", e->name);
}

/* The names of what is configured: dns-server, zones, zone. */
static bool
is_level(const struct elem *e, unsigned depth)
{
	static const char *const names[] = {"dns-server", "zones", "zone"};
	return strcmp(e->ns, SCHEMA_NS) == 0 && strcmp(e->name, names[depth]) == 0;
}

/* -- which zones ---------------------------------------------------------- */

struct walk {
	struct edit *edit;
	struct zset *set;
	struct fault *fault;
	bool apply;
};

static enum err
scan_zone(struct walk *w, const struct elem *e)
{
	struct dname zone;
	enum err err = edit_zone_name(e, &zone, w->fault);
	if (!err)
		zset_add(w->set, &zone);
	return err;
}

static enum err
apply_zone(struct walk *w, const struct elem *e, enum edit_op op)
{
	struct dname zone;
	enum err err = edit_zone_name(e, &zone, w->fault);
	if (err)
		return err;
	struct zone_edit *z = zset_find(w->set, &zone);
	return edit_zone_apply(e, op, z, &w->set->pool, w->fault);
}

static void
remove_all(struct walk *w)
{
	for (size_t i = 0; i < w->set->n; i++)
		w->set->items[i].has = false;
}

/* A container on the way to the zones: what its operation means for all of them. */
static enum err
take_container(struct walk *w, enum edit_op op)
{
	bool empties = op == EDIT_REPLACE || op == EDIT_DELETE || op == EDIT_REMOVE;
	if (empties && !w->apply)
		w->edit->whole = true;
	if (empties && w->apply)
		remove_all(w);
	return OK;
}

static enum err
walk_level(struct walk *w, const struct elem *parent, enum edit_op outer,
    unsigned depth)
{
	for (const struct elem *e = parent->child; e; e = e->next) {
		enum edit_op op = outer;
		enum err err = OK;
		if (!is_level(e, depth))
			return refuse_unknown(e, depth, w->fault);
		if (edit_zone_op(e, &op, w->fault))
			return ERR_INVALID;
		if (depth == 2) {
			err = w->apply ? apply_zone(w, e, op) : scan_zone(w, e);
		} else {
			err = take_container(w, op);
			if (!err && op != EDIT_DELETE && op != EDIT_REMOVE)
				/* What it had is gone: its content is new. */
				err = walk_level(w, e,
				    op == EDIT_REPLACE ? EDIT_MERGE : op, depth + 1);
		}
		if (err)
			return err;
	}
	return OK;
}

enum err
edit_scan(struct edit *edit, struct zset *set, struct fault *fault)
{
	struct walk w = {.edit = edit, .set = set, .fault = fault};
	edit->whole = false;
	enum err e = walk_level(&w, edit->config, edit->default_op, 0);
	/* The default operation is about the top, too (RFC 6241 section 7.2). */
	if (edit->default_op == EDIT_REPLACE && edit->config->child)
		edit->whole = true;
	zset_sort(set);
	return e;
}

enum err
edit_apply(const struct edit *edit, struct zset *set, struct fault *fault)
{
	struct edit copy = *edit;
	struct walk w = {.edit = &copy, .set = set, .fault = fault, .apply = true};
	return walk_level(&w, edit->config, edit->default_op, 0);
}
