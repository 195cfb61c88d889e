/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/filter.h"

#include <ctype.h>
#include <string.h>

#include <libyang/libyang.h>

/* mark of a filter's element that only compares: a predicate of XPath */
enum { FILTER_SILENT = 1 };

static bool
is_match(const struct elem *f)
{
	return f->value && *f->value;
}

/* One of no namespace is of any (RFC 6241 section 6.2.1). */
static bool
fits(const struct elem *f, const char *ns, const char *name)
{
	return strcmp(f->name, name) == 0 && (!*f->ns || strcmp(f->ns, ns) == 0) &&
	       !f->has_attrs;
}

/* -- marking -------------------------------------------------------------- */

static bool
has_equal_child(const struct elem *data, const struct elem *match)
{
	for (const struct elem *d = data->child; d; d = d->next)
		if (fits(match, d->ns, d->name) && d->value &&
		    strcmp(d->value, match->value) == 0)
			return true;
	return false;
}

static void
mark_whole(struct elem *data)
{
	data->mark = TREE_WHOLE;
}

static bool mark_by(const struct elem *f, struct elem *data);

/* Content match nodes hold, and what else is there is looked at. */
static bool
mark_inside(const struct elem *f, struct elem *data)
{
	bool selects = false, loud = false, some = false;
	for (const struct elem *c = f->child; c; c = c->next) {
		if (is_match(c) && !has_equal_child(data, c))
			return false;
		selects = selects || !is_match(c);
		loud = loud || (is_match(c) && c->mark != FILTER_SILENT);
	}
	if (!selects) {
		mark_whole(data);
		return true;
	}
	for (const struct elem *c = f->child; c; c = c->next)
		for (struct elem *d = data->child; d; d = d->next)
			if (c->mark != FILTER_SILENT && mark_by(c, d))
				some = true;
	if ((some || loud) && data->mark == TREE_UNMARKED)
		data->mark = TREE_PARTLY;
	return some || loud;
}

/* Does the filter select the data, or something in it? */
static bool
mark_by(const struct elem *f, struct elem *data)
{
	if (!fits(f, data->ns, data->name))
		return false;
	if (is_match(f)) {
		if (!data->value || strcmp(data->value, f->value) != 0)
			return false;
		mark_whole(data);
		return true;
	}
	if (!f->child) {
		mark_whole(data);
		return true;
	}
	return data->child ? mark_inside(f, data) : false;
}

void
filter_mark_one(const struct elem *const *filters, size_t n, struct elem *data)
{
	for (size_t i = 0; i < n; i++)
		mark_by(filters[i], data);
}

void
filter_mark(const struct filter *f, struct elem *root)
{
	for (struct elem *d = root->child; d; d = d->next) {
		if (f->all)
			mark_whole(d);
		for (const struct elem *c = f->root.child; c; c = c->next)
			mark_by(c, d);
	}
}

/* -- planning ------------------------------------------------------------- */

/* Containers have no values: one that a filter compares with is not there. */
static bool
can_pass(const struct elem *f)
{
	for (const struct elem *c = f->child; c; c = c->next)
		if (is_match(c))
			return false;
	return true;
}

static size_t
look_at(const struct elem *f, const char *ns, const char *const *path, size_t n_path,
    const struct elem **found, size_t room, bool *whole)
{
	size_t n = 0;
	if (!fits(f, ns, path[0]) || is_match(f))
		return 0;
	if (!f->child) {
		*whole = true;
		return 0;
	}
	if (n_path == 1) {
		if (room > 0)
			*found = f;
		return 1;
	}
	for (const struct elem *c = f->child; c && can_pass(f); c = c->next)
		n += look_at(c, ns, path + 1, n_path - 1, found + (n < room ? n : room),
		    n < room ? room - n : 0, whole);
	return n;
}

size_t
filter_at(const struct filter *f, const char *ns, const char *const *path,
    size_t n_path, const struct elem **found, size_t room, bool *whole)
{
	size_t n = 0;
	*whole = f->all;
	for (const struct elem *c = f->root.child; c; c = c->next)
		n += look_at(c, ns, path, n_path, found + (n < room ? n : room),
		    n < room ? room - n : 0, whole);
	return n;
}

bool
filter_may_ask(const struct elem *entry, const char *ns, const char *name)
{
	bool selects = false;
	for (const struct elem *c = entry->child; c; c = c->next) {
		if (fits(c, ns, name))
			return true;
		selects = selects || !is_match(c);
	}
	return !selects;
}

const char *
filter_match(const struct elem *entry, const char *ns, const char *name)
{
	for (const struct elem *c = entry->child; c; c = c->next)
		if (fits(c, ns, name) && is_match(c))
			return c->value;
	return NULL;
}

/* -- XPath ---------------------------------------------------------------- */

struct parser {
	const char *at;
	struct pool *pool;
	filter_ns_fn *ns_of;
	void *arg;
	enum err err;
};

static void
skip_blanks(struct parser *p)
{
	p->at += strspn(p->at, " \t\r\n");
}

static bool
take_char(struct parser *p, char c)
{
	skip_blanks(p);
	if (p->err || *p->at != c)
		return false;
	p->at++;
	return true;
}

static size_t
name_size(const char *text)
{
	size_t n = 0;
	while (isalnum((unsigned char)text[n]) || text[n] == '_' ||
	       (n > 0 && text[n] && strchr("-.", text[n])))
		n++;
	return n;
}

/* [PREFIX:]NAME as a new child. Without a prefix it is in the parent's namespace. */
static struct elem *
take_name(struct parser *p, struct elem *parent)
{
	const char *ns = parent->ns;
	skip_blanks(p);
	size_t n = name_size(p->at);
	if (n > 0 && p->at[n] == ':' && p->at[n + 1] != ':') {
		ns = p->ns_of(p->arg, p->at, n);
		if (!ns)
			p->err = ERR_FORM;
		p->at += n + 1;
		n = name_size(p->at);
	}
	/* "name(" is a function, "name::" an axis */
	if (n == 0 || p->at[n] == '(' || p->at[n] == ':' || !ns || !*ns) {
		p->err = p->err ? p->err : ERR_UNSUPPORTED;
		return NULL;
	}
	char *name = pool_dup(p->pool, p->at, n + 1);
	name[n] = '\0';
	p->at += n;
	return tree_add(p->pool, parent, ns, name, NULL);
}

/* NAME = "TEXT" */
static void
take_predicate(struct parser *p, struct elem *step)
{
	struct elem *e = take_name(p, step);
	if (p->err)
		return;
	if (!take_char(p, '=')) {
		p->err = ERR_UNSUPPORTED;
		return;
	}
	skip_blanks(p);
	char quote = *p->at;
	const char *end =
	    quote == '\'' || quote == '"' ? strchr(p->at + 1, quote) : NULL;
	if (!end || end == p->at + 1) {
		p->err = ERR_UNSUPPORTED;
		return;
	}
	size_t n = (size_t)(end - p->at - 1);
	char *value = pool_dup(p->pool, p->at + 1, n + 1);
	value[n] = '\0';
	e->value = value;
	e->mark = FILTER_SILENT;
	p->at = end + 1;
	if (!take_char(p, ']'))
		p->err = ERR_UNSUPPORTED;
}

static void
take_path(struct parser *p, struct elem *root)
{
	struct elem *at = root;
	while (!p->err && take_char(p, '/')) {
		at = take_name(p, at);
		while (!p->err && take_char(p, '['))
			take_predicate(p, at);
	}
	if (at == root && !p->err)
		p->err = ERR_UNSUPPORTED;
}

enum err
filter_from_xpath(struct pool *pool, const char *select, filter_ns_fn *ns_of, void *arg,
    struct filter *f)
{
	struct parser p = {.at = select, .pool = pool, .ns_of = ns_of, .arg = arg};
	*f = (struct filter){.root = {.name = "", .ns = ""}};
	do {
		take_path(&p, &f->root);
	} while (take_char(&p, '|'));
	skip_blanks(&p);
	if (!p.err && *p.at)
		p.err = ERR_UNSUPPORTED;
	return p.err;
}

/* -- of an operation ------------------------------------------------------ */

static const char *
attribute(const struct lyd_node *node, const char *name)
{
	for (const struct lyd_meta *m = node->meta; m; m = m->next)
		if (strcmp(m->name, name) == 0)
			return lyd_get_meta_value(m);
	return NULL;
}

bool
filter_of(const struct lyd_node *rpc, struct pool *pool, struct filter *f,
    const char **select)
{
	const struct lyd_node *node = tree_child(rpc, "filter");
	*f = (struct filter){.all = !node, .root = {.name = "", .ns = ""}};
	if (!node || !node->schema)
		return false;
	const char *type = attribute(node, "type");
	*select = attribute(node, "select");
	if (type && strcmp(type, "xpath") == 0)
		return true;
	const struct lyd_node_any *any =
	    (const struct lyd_node_any *)(const void *)node;
	if (any->value_type == LYD_ANYDATA_DATATREE)
		tree_take(pool, &f->root, any->value.tree);
	return false;
}
