/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/edit_zone.h"

#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "netconf/schema.h"
#include "netconf/text.h"

/* The module's max-elements, and more records than the agent has room for in one zone:
 * what is to be compared with all the others must be few. */
enum { PATTERN_MAX = 255, LIST_MAX = 1000, RECORDS_MAX = 4000 };

/* One zone as it is being changed. */
struct work {
	struct zone_edit *z;
	struct pool *pool;
	struct fault *fault;
	char zone[DNAME_TEXT_MAX];
};

/* -- operations ----------------------------------------------------------- */

enum err
edit_zone_op(const struct elem *e, enum edit_op *op, struct fault *fault)
{
	static const char *const names[] = {[EDIT_MERGE] = "merge",
	    [EDIT_REPLACE] = "replace",
	    [EDIT_CREATE] = "create",
	    [EDIT_DELETE] = "delete",
	    [EDIT_REMOVE] = "remove"};
	if (!e->op)
		return OK;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(e->op, names[i]) == 0) {
			*op = (enum edit_op)i;
			return OK;
		}
	fault_element(fault, NC_ERR_BAD_ATTR, e->name, "\"%.80s\" is no operation",
	    e->op);
	snprintf(fault->attr, sizeof(fault->attr), "operation");
	return ERR_INVALID;
}

static bool
takes_away(enum edit_op op)
{
	return op == EDIT_DELETE || op == EDIT_REMOVE;
}

/*
 * What an operation means for something that is there or is not. ERR_INVALID with the
 * fault's tag set; else *keep says whether it is there afterwards.
 */
static enum err
decide(enum edit_op op, bool exists, bool *keep, const char *what, struct fault *fault)
{
	*keep = !takes_away(op);
	if (op == EDIT_CREATE && exists)
		return fault_set(fault, NC_ERR_DATA_EXISTS, "%s is there already",
		    what);
	if (op == EDIT_DELETE && !exists)
		return fault_set(fault, NC_ERR_DATA_MISSING,
		    "%s is not there, so it cannot be deleted", what);
	if (op == EDIT_NONE && !exists)
		return fault_set(fault, NC_ERR_DATA_MISSING, "%s is not there", what);
	return OK;
}

/* -- faults --------------------------------------------------------------- */

static enum err
refuse_child(const struct work *w, const struct elem *e, const char *below)
{
	static const char *const state[] = {"member-id", "backend-state"};
	fault_path(w->fault, SCHEMA_ZONE "[nsherd:domain='%s']%s", w->zone, below);
	if (strcmp(e->ns, SCHEMA_NS) != 0) {
		fault_element(w->fault, NC_ERR_UNKNOWN_NS, e->name,
		    "nothing of that namespace can be configured here");
		snprintf(w->fault->ns, sizeof(w->fault->ns), "%s", e->ns);
		return ERR_INVALID;
	}
	for (size_t i = 0; !*below && i < sizeof(state) / sizeof(*state); i++)
		if (strcmp(e->name, state[i]) == 0)
			return fault_element(w->fault, NC_ERR_UNKNOWN_ELEM, e->name,
			    "%s is state, and not configured", e->name);
	return fault_element(w->fault, NC_ERR_UNKNOWN_ELEM, e->name,
	    "there is no %s here", e->name);
}

static enum err
bad_value(const struct work *w, const struct elem *e, const char *below,
    const char *why)
{
	fault_path(w->fault, SCHEMA_ZONE "[nsherd:domain='%s']%s/nsherd:%s", w->zone,
	    below, e->name);
	return fault_set(w->fault, NC_ERR_INVALID_VALUE, "%s: %s", e->name, why);
}

static bool
is_ours(const struct elem *e, const char *name)
{
	return strcmp(e->ns, SCHEMA_NS) == 0 && strcmp(e->name, name) == 0;
}

/* -- the key -------------------------------------------------------------- */

enum err
edit_zone_name(const struct elem *e, struct dname *zone, struct fault *fault)
{
	const struct elem *key = tree_find(e, "domain");
	char canonical[DNAME_TEXT_MAX];
	if (!key || strcmp(key->ns, SCHEMA_NS) != 0) {
		fault_path(fault, SCHEMA_ZONE);
		return fault_element(fault, NC_ERR_MISSING_ELEM, "domain",
		    "a zone without its domain");
	}
	enum err err = text_zone(key->value ? key->value : "", zone);
	if (!err && zone->size > 1)
		return OK;
	fault_path(fault, SCHEMA_ZONE "/nsherd:domain");
	if (err == ERR_INVALID)
		return fault_set(fault, NC_ERR_INVALID_VALUE,
		    "domain: \"%.300s\" is to be written %.300s", key->value,
		    dname_print_short(zone, canonical));
	return fault_set(fault, NC_ERR_INVALID_VALUE,
	    err ? "domain: \"%.300s\" is no name of a zone"
		: "domain: \"%.300s\" cannot be provisioned",
	    key->value ? key->value : "");
}

/* -- patterns ------------------------------------------------------------- */

static struct props_group **
find_group(struct props *props, const struct buf *text)
{
	struct props_group **at = &props->groups;
	while (*at && ((*at)->size != text->size ||
			  memcmp((*at)->data, text->data, text->size) != 0))
		at = &(*at)->next;
	return at;
}

static enum err
apply_pattern(struct work *w, const struct elem *e, enum edit_op op)
{
	struct buf text;
	char what[400];
	bool keep;
	buf_init(&text, PATTERN_MAX);
	enum err err = text_decode(e->value ? e->value : "", &text);
	if (err || text.size == 0) {
		buf_fini(&text);
		return bad_value(w, e, "",
		    "1 to 255 octets of printable ASCII, others as "
		    "\\DDD");
	}
	struct props_group **at = find_group(&w->z->is, &text);
	snprintf(what, sizeof(what), "%.300s: pattern %.80s", w->zone, e->value);
	err = decide(op, *at != NULL, &keep, what, w->fault);
	if (err)
		fault_path(w->fault,
		    SCHEMA_ZONE "[nsherd:domain='%s']/nsherd:pattern[.='%s']", w->zone,
		    e->value);
	else if (keep && !*at && op != EDIT_NONE) {
		*at = pool_zalloc(w->pool, sizeof(**at));
		(*at)->data = pool_dup(w->pool, text.data, text.size);
		(*at)->size = text.size;
	} else if (!keep && *at)
		*at = (*at)->next;
	buf_fini(&text);
	return err;
}

/* -- parameters ----------------------------------------------------------- */

static struct props_param **
find_param(struct props *props, const struct label *name, const struct buf *value)
{
	struct props_param **at = &props->params;
	while (*at &&
	       (!label_equal(&(*at)->name, name) ||
		   (value && ((*at)->size != value->size ||
				 memcmp((*at)->value, value->data, value->size) != 0))))
		at = &(*at)->next;
	return at;
}

static void
remove_param(struct props *props, const struct label *name)
{
	struct props_param **at;
	while (*(at = find_param(props, name, NULL)))
		*at = (*at)->next;
}

static enum err
apply_value(struct work *w, const struct label *name, const char *param,
    const struct elem *e, enum edit_op op)
{
	struct buf value;
	char what[400], below[120];
	bool keep;
	const char *why;
	snprintf(below, sizeof(below), "/nsherd:parameter[nsherd:name='%s']", param);
	buf_init(&value, PROPS_VALUE_MAX);
	enum err err = text_decode(e->value ? e->value : "", &value);
	if (err || value.size == 0) {
		buf_fini(&value);
		return bad_value(w, e, below,
		    "1 to 8192 octets of printable ASCII, others "
		    "as \\DDD");
	}
	struct props_param **at = find_param(&w->z->is, name, &value);
	snprintf(what, sizeof(what), "%.300s: the value of %.63s", w->zone, param);
	err = decide(op, *at != NULL, &keep, what, w->fault);
	if (err)
		fault_path(w->fault, SCHEMA_ZONE "[nsherd:domain='%s']%s/nsherd:value",
		    w->zone, below);
	else if (keep && !*at && op != EDIT_NONE)
		err = props_add_param(param, strlen(param), value.data, value.size,
		    w->pool, &w->z->is, &why);
	else if (!keep && *at)
		*at = (*at)->next;
	buf_fini(&value);
	return err;
}

/* The label of a parameter; its characters are those of the module. */
static bool
read_param_name(const char *text, struct label *name)
{
	size_t n = text ? strlen(text) : 0;
	if (n == 0 || n > DNAME_LABEL_MAX ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") != n)
		return false;
	name->size = (uint8_t)n;
	memcpy(name->data, text, n);
	return true;
}

static enum err
apply_values(struct work *w, const struct label *name, const char *param,
    const struct elem *e, enum edit_op op)
{
	for (const struct elem *c = e->child; c; c = c->next) {
		enum edit_op own = op;
		if (is_ours(c, "name"))
			continue;
		if (!is_ours(c, "value"))
			return refuse_child(w, c, "/nsherd:parameter");
		if (edit_zone_op(c, &own, w->fault))
			return ERR_INVALID;
		enum err err = apply_value(w, name, param, c, own);
		if (err)
			return err;
	}
	return OK;
}

static enum err
apply_param(struct work *w, const struct elem *e, enum edit_op op)
{
	const struct elem *key = tree_find(e, "name");
	struct label name;
	char what[DNAME_TEXT_MAX + 100];
	bool keep;
	if (!key) {
		fault_path(w->fault,
		    SCHEMA_ZONE "[nsherd:domain='%s']/nsherd:parameter", w->zone);
		return fault_element(w->fault, NC_ERR_MISSING_ELEM, "name",
		    "a parameter without its name");
	}
	if (!read_param_name(key->value, &name))
		return bad_value(w, key, "/nsherd:parameter",
		    "1 to 63 of a-z, 0-9, - and _");
	bool exists = *find_param(&w->z->is, &name, NULL) != NULL;
	snprintf(what, sizeof(what), "%s: parameter %s", w->zone, key->value);
	enum err err = decide(op, exists, &keep, what, w->fault);
	if (err) {
		fault_path(w->fault,
		    SCHEMA_ZONE
		    "[nsherd:domain='%s']/nsherd:parameter[nsherd:name='%s']",
		    w->zone, key->value);
		return err;
	}
	if (!keep || op == EDIT_REPLACE)
		remove_param(&w->z->is, &name);
	if (!keep)
		return OK;
	bool anew = op == EDIT_REPLACE || op == EDIT_CREATE;
	err = apply_values(w, &name, key->value, e, anew ? EDIT_MERGE : op);
	if (err || *find_param(&w->z->is, &name, NULL))
		return err;
	fault_path(w->fault,
	    SCHEMA_ZONE "[nsherd:domain='%s']/nsherd:parameter[nsherd:name='%s']",
	    w->zone, key->value);
	w->fault->app_tag = "too-few-elements"; /* RFC 7950 section 15.3 */
	return fault_set(w->fault, NC_ERR_OP_FAILED, "%s: parameter %s has no value",
	    w->zone, key->value);
}

/* -- a zone --------------------------------------------------------------- */

static enum err
apply_children(struct work *w, const struct elem *e, enum edit_op op)
{
	for (const struct elem *c = e->child; c; c = c->next) {
		enum edit_op own = op;
		enum err err = OK;
		if (is_ours(c, "domain"))
			continue;
		if (edit_zone_op(c, &own, w->fault))
			return ERR_INVALID;
		if (is_ours(c, "pattern"))
			err = apply_pattern(w, c, own);
		else if (is_ours(c, "parameter"))
			err = apply_param(w, c, own);
		else
			err = refuse_child(w, c, "");
		if (err)
			return err;
	}
	return OK;
}

static enum err
refuse_many(const struct work *w, const char *what)
{
	fault_path(w->fault, SCHEMA_ZONE "[nsherd:domain='%s']%s", w->zone, what);
	w->fault->app_tag = "too-many-elements"; /* RFC 7950 section 15.2 */
	return fault_set(w->fault, NC_ERR_OP_FAILED, "%s: too many of them", w->zone);
}

static enum err
check_sizes(const struct work *w)
{
	size_t n_groups = 0, n_values = 0, n_params = 0;
	const struct props *is = &w->z->is;
	for (const struct props_group *g = is->groups; g; g = g->next)
		n_groups++;
	for (const struct props_param *p = is->params, *last = NULL; p; p = p->next) {
		n_values =
		    last && label_equal(&last->name, &p->name) ? n_values + 1 : 1;
		n_params++;
		last = p;
		if (n_values > LIST_MAX)
			return refuse_many(w, "/nsherd:parameter/nsherd:value");
	}
	if (n_groups > LIST_MAX)
		return refuse_many(w, "/nsherd:pattern");
	return n_params > RECORDS_MAX ? refuse_many(w, "/nsherd:parameter") : OK;
}

/* Before any is looked for among those that are there. */
static enum err
check_elements(const struct work *w, const struct elem *e)
{
	size_t n = 0;
	for (const struct elem *c = e->child; c; c = c->next) {
		n++;
		for (const struct elem *v = c->child; v; v = v->next)
			n++;
	}
	return n > 4 * RECORDS_MAX ? refuse_many(w, "") : OK;
}

enum err
edit_zone_apply(const struct elem *e, enum edit_op op, struct zone_edit *z,
    struct pool *pool, struct fault *fault)
{
	struct work w = {.z = z, .pool = pool, .fault = fault};
	bool keep = false;
	dname_print_short(&z->zone, w.zone);
	enum err err;
	/* What is new there is for the agent to permit or to refuse. */
	if (z->hidden && !z->has && (takes_away(op) || op == EDIT_NONE))
		err = fault_set(fault, NC_ERR_ACCESS_DENIED,
		    "%s: this key may not know whether it is there", w.zone);
	else
		err = decide(op, z->has, &keep, w.zone, fault);
	if (err) {
		fault_zone(fault, &z->zone);
		return err;
	}
	if (!keep || op == EDIT_REPLACE || !z->has)
		z->is = (struct props){.has_groups = true};
	z->has = keep;
	if (!keep)
		return OK;
	bool anew = op == EDIT_REPLACE || op == EDIT_CREATE;
	err = check_elements(&w, e);
	if (!err)
		err = apply_children(&w, e, anew ? EDIT_MERGE : op);
	props_sort(&z->is);
	z->is.has_groups = true;
	return err ? err : check_sizes(&w);
}
