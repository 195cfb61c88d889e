/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/tree.h"

#include <stdint.h>
#include <string.h>

#include <libyang/libyang.h>

/* -- making --------------------------------------------------------------- */

struct elem *
tree_add(struct pool *pool, struct elem *parent, const char *ns, const char *name,
    const char *value)
{
	struct elem *e = pool_zalloc(pool, sizeof(*e));
	e->name = name;
	e->ns = ns ? ns : parent ? parent->ns : "";
	e->value = value;
	e->parent = parent;
	if (!parent)
		return e;
	if (parent->last)
		parent->last->next = e;
	else
		parent->child = e;
	parent->last = e;
	return e;
}

struct elem *
tree_leaf(struct pool *pool, struct elem *parent, const char *name, const char *value)
{
	return value ? tree_add(pool, parent, NULL, name, pool_strdup(pool, value))
		     : NULL;
}

struct elem *
tree_key(struct pool *pool, struct elem *parent, const char *name, const char *value)
{
	struct elem *e = tree_leaf(pool, parent, name, value);
	if (e)
		e->is_key = true;
	return e;
}

struct elem *
tree_find(const struct elem *parent, const char *name)
{
	for (struct elem *e = parent->child; e; e = e->next)
		if (strcmp(e->name, name) == 0)
			return e;
	return NULL;
}

/* -- from libyang --------------------------------------------------------- */

static bool
is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

/* Blanks around a value of a node that the schema does not know are layout. */
static const char *
trimmed(struct pool *pool, const char *text)
{
	size_t n;
	text += strspn(text, " \t\r\n");
	for (n = strlen(text); n > 0 && strchr(" \t\r\n", text[n - 1]);)
		n--;
	char *copy = pool_dup(pool, text, n + 1);
	copy[n] = '\0';
	return copy;
}

static void
take_unknown(struct pool *pool, struct elem *parent, const struct lyd_node *node)
{
	const struct lyd_node_opaq *o =
	    (const struct lyd_node_opaq *)(const void *)node;
	const char *ns = o->name.module_ns ? o->name.module_ns : "";
	struct elem *e = tree_add(pool, parent, pool_strdup(pool, ns),
	    pool_strdup(pool, o->name.name), NULL);
	if (!o->child && o->value && !is_blank(o->value))
		e->value = trimmed(pool, o->value);
	for (const struct lyd_attr *a = o->attr; a; a = a->next) {
		e->has_attrs = true;
		if (strcmp(a->name.name, "operation") == 0 && a->name.module_ns &&
		    strcmp(a->name.module_ns,
			"urn:ietf:params:xml:ns:netconf:base:1.0") == 0)
			e->op = pool_strdup(pool, a->value);
	}
	tree_take(pool, e, o->child);
}

const char *
tree_name(const struct lyd_node *node)
{
	const struct lyd_node_opaq *o =
	    (const struct lyd_node_opaq *)(const void *)node;
	return node->schema ? node->schema->name : o->name.name;
}

const struct lyd_node *
tree_child(const struct lyd_node *node, const char *name)
{
	for (const struct lyd_node *c = lyd_child(node); c; c = c->next)
		if (strcmp(tree_name(c), name) == 0)
			return c;
	return NULL;
}

const char *
tree_input(const struct lyd_node *node, const char *name)
{
	for (const struct lyd_node *c = lyd_child(node); c; c = c->next)
		if (c->schema && strcmp(c->schema->name, name) == 0)
			return lyd_get_value(c);
	return NULL;
}

/* Identities have a prefix that must be declared where they stand. */
static void
declare_prefix(struct pool *pool, struct elem *e, const struct lyd_node *node)
{
	const struct lyd_node_term *t =
	    (const struct lyd_node_term *)(const void *)node;
	struct buf text;
	if (t->value.realtype->basetype != LY_TYPE_IDENT)
		return;
	const struct lys_module *m = t->value.ident->module;
	buf_init(&text, 0);
	buf_printf(&text, " xmlns:%s=\"%s\"", m->name, m->ns);
	e->attrs = pool_strdup(pool, buf_text(&text));
	buf_fini(&text);
}

static void
take_known(struct pool *pool, struct elem *parent, const struct lyd_node *node)
{
	const struct lysc_node *schema = node->schema;
	struct elem *e = tree_add(pool, parent, pool_strdup(pool, schema->module->ns),
	    pool_strdup(pool, schema->name), NULL);
	for (const struct lyd_meta *m = node->meta; m; m = m->next) {
		e->has_attrs = true;
		if (strcmp(m->name, "operation") == 0)
			e->op = pool_strdup(pool, lyd_get_meta_value(m));
	}
	if (schema->nodetype & LYD_NODE_TERM) {
		const char *value = lyd_get_value(node);
		e->value = pool_strdup(pool, value ? value : "");
		e->is_key = lysc_is_key(schema);
		declare_prefix(pool, e, node);
	} else if (!(schema->nodetype & LYD_NODE_ANY)) {
		tree_take(pool, e, lyd_child(node));
	}
	e->mark = (unsigned char)(uintptr_t)node->priv; /* of who put marks there */
}

void
tree_take(struct pool *pool, struct elem *parent, const struct lyd_node *first)
{
	for (const struct lyd_node *n = first; n; n = n->next)
		if (n->schema)
			take_known(pool, parent, n);
		else
			take_unknown(pool, parent, n);
}

/* -- printing ------------------------------------------------------------- */

/* Octets of the character at the start, of UTF-8 and more than ASCII, that XML has
 * room for (XML 1.0 section 2.2); 0: it is none. */
static size_t
wide_size(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n == 0 || p[0] > 0xf4)
		return 0;
	unsigned long c = p[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	bool shortest = c >= (n == 2 ? 0x80 : n == 3 ? 0x800 : 0x10000);
	bool is_char =
	    c < 0xd800 || (c > 0xdfff && c < 0xfffe) || (c > 0xffff && c < 0x110000);
	return shortest && is_char ? n : 0;
}

static size_t
plain_size(const char *text)
{
	size_t n = 0;
	for (;;) {
		unsigned char c = (unsigned char)text[n];
		size_t wide = c < 0x80 ? 0 : wide_size(text + n);
		if (c < ' ' || (c < 0x80 && strchr("<>&\"", c)) || (c >= 0x80 && !wide))
			return n;
		n += wide ? wide : 1;
	}
}

char *
tree_clean(struct pool *pool, const char *text)
{
	char *copy = pool_strdup(pool, text);
	for (char *p = copy; *p;) {
		unsigned char c = (unsigned char)*p;
		size_t wide = c < 0x80 ? 1 : wide_size(p);
		if (wide == 0 || (c < ' ' && c != '\n' && c != '\t'))
			*p = '?';
		p += wide ? wide : 1;
	}
	return copy;
}

void
tree_escape(const char *text, struct buf *out)
{
	for (;;) {
		size_t n = plain_size(text);
		buf_put(out, text, n);
		text += n;
		switch (*text++) {
		case '\0': return;
		case '<': buf_puts(out, "&lt;"); break;
		case '>': buf_puts(out, "&gt;"); break;
		case '&': buf_puts(out, "&amp;"); break;
		case '"': buf_puts(out, "&quot;"); break;
		case '\n': buf_puts(out, "\n"); break;
		case '\t': buf_puts(out, "\t"); break;
		default: buf_puts(out, "?"); break;
		}
	}
}

static void
print(const struct elem *e, const char *outer_ns, bool whole, struct buf *out)
{
	whole = whole || e->mark == TREE_WHOLE;
	buf_printf(out, "<%s", e->name);
	if (strcmp(e->ns, outer_ns) != 0)
		buf_printf(out, " xmlns=\"%s\"", e->ns);
	if (e->attrs)
		buf_puts(out, e->attrs);
	if (!e->child && (!e->value || !*e->value)) {
		buf_puts(out, "/>");
		return;
	}
	buf_puts(out, ">");
	if (e->value)
		tree_escape(e->value, out);
	for (const struct elem *c = e->child; c && !out->err; c = c->next)
		if (whole || c->mark || c->is_key)
			print(c, e->ns, whole, out);
	buf_printf(out, "</%s>", e->name);
}

void
tree_print(const struct elem *e, const char *outer_ns, struct buf *out)
{
	if (e->mark)
		print(e, outer_ns, false, out);
}
